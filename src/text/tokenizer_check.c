/* Reading tokenizer.json: what its parts are checked against, and read with. */
#include "text/tokenizer_json.h"

#include <string.h>

enum { MOST_NESTING = 16 };

bl_status bl_json_check(const json_t *object, const char *where, const bl_json_field *all,
                        size_t count, const char *path, bl_error *err)
{
    const char *field;
    json_t *value;
    char text[BL_JSON_QUOTE];
    json_object_foreach ((json_t *)object, field, value) {
        size_t i = 0;
        while (i < count && strcmp(all[i].field, field) != 0)
            i++;
        if (i == count)
            return bl_fail(err, BL_EUNSUPPORTED, "%s: unknown field in %s: %s", path, where,
                           bl_json_quote(object, text));
        if (all[i].value ? strcmp(all[i].value, "*") != 0 &&
                               strcmp(all[i].value, bl_json_quote(value, text)) != 0
                         : !json_is_boolean(value))
            return bl_fail(err, BL_EUNSUPPORTED, "%s: %s.%s is %s; only %s is supported", path,
                           where, all[i].field, bl_json_quote(value, text),
                           all[i].value ? all[i].value : "true or false");
    }
    for (size_t i = 0; i < count; i++)
        if (all[i].required && !json_object_get(object, all[i].field))
            return bl_fail(err, BL_EFORMAT, "%s: field %s.%s is missing", path, where,
                           all[i].field);
    return BL_OK;
}

int bl_json_has_type(const json_t *object, const char *type)
{
    const char *found = json_string_value(json_object_get(object, "type"));
    return found && strcmp(found, type) == 0;
}

bl_status bl_json_refuse_type(const json_t *object, const char *where, const char *known,
                              const char *path, bl_error *err)
{
    char text[BL_JSON_QUOTE];
    if (!json_is_object(object))
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: %s is no object: this is not a byte-level BPE tokenizer.json", path,
                       where);
    const json_t *type = json_object_get(object, "type");
    return bl_fail(err, BL_EUNSUPPORTED, "%s: %s.type is %s; only %s is supported", path, where,
                   type ? bl_json_quote(type, text) : "missing", known);
}

bl_status bl_json_check_byte_level(const json_t *object, const char *where, const char *path,
                                   bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "\"ByteLevel\"", 1},
                                           {"add_prefix_space", NULL, 1},
                                           {"trim_offsets", NULL, 0},
                                           {"use_regex", NULL, 0}};
    return bl_json_check(object, where, fields, sizeof fields / sizeof fields[0], path, err);
}

static bl_status flatten(bl_json_list *parts, const json_t *value, const char *where,
                         const char *list, int depth, const char *path, bl_error *err)
{
    const bl_json_field fields[] = {{"type", "*", 1}, {list, "*", 1}};
    if (!bl_json_has_type(value, "Sequence")) {
        if (parts->count == BL_JSON_PARTS)
            return bl_fail(err, BL_EUNSUPPORTED, "%s: %s has more than %d parts", path, where,
                           BL_JSON_PARTS);
        parts->part[parts->count++] = value;
        return BL_OK;
    }
    const json_t *members = json_object_get(value, list), *member;
    size_t i;
    BL_TRY(bl_json_check(value, where, fields, 2, path, err));
    if (!json_is_array(members))
        return bl_fail(err, BL_EFORMAT, "%s: %s.%s is no array", path, where, list);
    if (depth == MOST_NESTING)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: %s has more than %d Sequences in one another",
                       path, where, MOST_NESTING);
    json_array_foreach (members, i, member)
        BL_TRY(flatten(parts, member, where, list, depth + 1, path, err));
    return BL_OK;
}

bl_status bl_json_flatten(bl_json_list *parts, const json_t *value, const char *where,
                          const char *list, const char *path, bl_error *err)
{
    parts->count = 0;
    return !value || json_is_null(value) ? BL_OK : flatten(parts, value, where, list, 0, path, err);
}
