/* JSON files and the option tables as JSON objects. */
#include "format/json.h"
#include "core/buf.h"
#include "core/os.h"

#include <stdlib.h>
#include <string.h>

bl_status bl_json_load(json_t **root, const char *path, bl_error *err)
{
    *root = NULL;
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    json_error_t why;
    json_t *value = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &why);
    bl_map_close(&map);
    if (!value)
        return bl_fail(err, BL_EFORMAT, "%s: line %d: %s", path, why.line, why.text);
    if (!json_is_object(value)) {
        bl_status status = bl_fail(err, BL_EFORMAT, "%s: expected a JSON object, found %s", path,
                                   bl_json_type_name(value));
        json_decref(value);
        return status;
    }
    *root = value;
    return BL_OK;
}

/* The text with the fewest digits at which every number reads back as it is: 1e-06, not
 * 9.9999999999999995e-07.  NULL: out of memory. */
static char *shortest_text(const json_t *root)
{
    for (size_t digits = 6;; digits++) {
        char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
        json_t *again = text && digits < 17 ? json_loads(text, 0, NULL) : NULL;
        int same = digits == 17 || json_equal(root, again);
        json_decref(again);
        if (!text || same)
            return text;
        free(text); /* jansson's own malloc, here and below */
    }
}

bl_status bl_json_save(const json_t *root, const char *path, bl_error *err)
{
    bl_buf file;
    bl_buf_init(&file);
    char *text = shortest_text(root);
    bl_buf_printf(&file, "%s\n", text ? text : "");
    bl_status status = text ? bl_buf_status(&file, err)
                            : bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path);
    if (status == BL_OK)
        status = bl_file_replace(path, file.data, file.len, err);
    free(text);
    bl_buf_release(&file);
    return status;
}

const char *bl_json_type_name(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a point";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

json_t *bl_field_to_json(const bl_field *field, const void *fields)
{
    char text[BL_TEXT_MAX];
    switch (field->kind) {
    case BL_FIELD_size:
        return json_integer((json_int_t)bl_field_size(field, fields));
    case BL_FIELD_real:
        return json_real(bl_field_real(field, fields));
    case BL_FIELD_flag:
        return json_boolean(bl_field_flag(field, fields));
    case BL_FIELD_choice:
    case BL_FIELD_text:
        if (bl_field_write(field, fields, text, sizeof text, NULL) != BL_OK)
            return NULL;
        return json_string(text);
    }
    return NULL;
}

bl_status bl_field_from_json(const bl_field *field, void *fields, const json_t *value,
                             const char *name, bl_error *err)
{
    const char *wanted = NULL;
    switch (field->kind) {
    case BL_FIELD_size:
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            return bl_field_put_size(field, fields, (uint64_t)json_integer_value(value), name,
                                     BL_EFORMAT, err);
        wanted = "a whole number";
        break;
    case BL_FIELD_real:
        if (json_is_number(value))
            return bl_field_put_real(field, fields, json_number_value(value), name, BL_EFORMAT,
                                     err);
        wanted = "a number";
        break;
    case BL_FIELD_flag:
        if (json_is_boolean(value)) {
            bl_field_put_flag(field, fields, json_is_true(value));
            return BL_OK;
        }
        wanted = "true or false";
        break;
    case BL_FIELD_choice:
    case BL_FIELD_text:
        if (json_is_boolean(value) && bl_field_is_switch(&field->info)) {
            bl_field_put_flag(field, fields, json_is_true(value)); /* it was a flag once */
            return BL_OK;
        }
        if (json_is_string(value))
            return bl_field_read(field, fields, json_string_value(value), name, BL_EFORMAT, err);
        wanted = "text";
        break;
    }
    int negative = field->kind == BL_FIELD_size && json_is_integer(value);
    return bl_fail(err, BL_EFORMAT, "%s: %s is %s, found %s", name, field->info.name, wanted,
                   negative ? "a negative number" : bl_json_type_name(value));
}

void *bl_options_to_json(bl_options_kind kind, const void *fields)
{
    const bl_field_table *table = bl_fields(kind);
    json_t *object = json_object();
    for (size_t i = 0; object && i < table->count; i++) {
        const bl_field *field = &table->fields[i];
        if (json_object_set_new(object, field->info.name, bl_field_to_json(field, fields)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

bl_status bl_options_from_json(bl_options_kind kind, void *fields, const void *json,
                               const char *name, bl_error *err)
{
    const bl_field_table *table = bl_fields(kind);
    const json_t *object = json;
    if (!json_is_object(object))
        return bl_fail(err, BL_EFORMAT, "%s: the %s options are %s, expected an object", name,
                       table->noun, bl_json_type_name(object));
    bl_options_defaults(kind, fields);
    for (size_t i = 0; i < table->count; i++) {
        const json_t *value = json_object_get(object, table->fields[i].info.name);
        if (value)
            BL_TRY(bl_field_from_json(&table->fields[i], fields, value, name, err));
    }
    return BL_OK;
}
