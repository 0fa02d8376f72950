/* Reading tokenizer.json: its parts but the pre-tokenizer's, and what they are read with. */
#include "core/alloc.h"
#include "text/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_TEMPLATE = 1024, MOST_NESTING = 16 };

const char *const bl_part_names[BL_TOKENIZER_PARTS] = {"truncation",
                                                       "padding",
                                                       "normalizer",
                                                       "pre_tokenizer",
                                                       "post_processor",
                                                       "decoder",
                                                       "dropout",
                                                       "unk_token",
                                                       "continuing_subword_prefix",
                                                       "end_of_word_suffix",
                                                       "fuse_unk",
                                                       "byte_fallback",
                                                       "ignore_merges"};

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

static bl_status begin_template(bl_tokenizer *t, const char *path, bl_error *err)
{
    if (t->template)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: post_processor: two templates", path);
    t->template = bl_calloc(MOST_TEMPLATE, sizeof *t->template);
    return t->template ? BL_OK : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
}

static bl_status add_template_id(bl_tokenizer *t, const json_t *id, const char *path, bl_error *err)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX ||
        t->template_count == MOST_TEMPLATE)
        return bl_fail(err, BL_EFORMAT, "%s: post_processor: special tokens have ids that are none",
                       path);
    t->template[t->template_count++] = (uint32_t)json_integer_value(id);
    return BL_OK;
}

/* The ids before and behind the one sequence of the template for single texts. */
static bl_status read_template(bl_tokenizer *t, const json_t *value, const char *path,
                               bl_error *err)
{
    static const bl_json_field fields[] = {
        {"type", "*", 1}, {"single", "*", 1}, {"pair", "*", 1}, {"special_tokens", "*", 1}};
    BL_TRY(bl_json_check(value, "post_processor", fields, 4, path, err));
    const json_t *single = json_object_get(value, "single"), *piece;
    const json_t *specials = json_object_get(value, "special_tokens");
    size_t i, sequences = 0;
    BL_TRY(begin_template(t, path, err));
    json_array_foreach (single, i, piece) {
        const json_t *special = json_object_get(piece, "SpecialToken");
        const char *name = json_string_value(json_object_get(special, "id"));
        if (json_object_get(piece, "Sequence")) {
            sequences++;
            t->template_before = t->template_count;
            continue;
        }
        const json_t *ids = name ? json_object_get(json_object_get(specials, name), "ids") : NULL;
        if (!json_is_array(ids))
            return bl_fail(err, BL_EFORMAT,
                           "%s: post_processor.single %zu is no sequence and no special token with "
                           "ids",
                           path, i);
        for (size_t k = 0; k < json_array_size(ids); k++)
            BL_TRY(add_template_id(t, json_array_get(ids, k), path, err));
    }
    if (sequences != 1)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: post_processor.single has %zu sequences; only one is supported", path,
                       sequences);
    return BL_OK;
}

/* cls and sep, each a token and its id, around the text. */
static bl_status read_classifier(bl_tokenizer *t, const json_t *value, const char *path,
                                 bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1},
                                           {"sep", "*", 1},
                                           {"cls", "*", 1},
                                           {"trim_offsets", NULL, 0},
                                           {"add_prefix_space", NULL, 0}};
    static const char *const around[] = {"cls", "sep"};
    int roberta = bl_json_has_type(value, "RobertaProcessing");
    BL_TRY(bl_json_check(value, "post_processor", fields, roberta ? 5 : 3, path, err));
    BL_TRY(begin_template(t, path, err));
    for (size_t i = 0; i < 2; i++) {
        const json_t *pair = json_object_get(value, around[i]);
        char text[BL_JSON_QUOTE];
        if (json_array_size(pair) != 2 || !json_is_string(json_array_get(pair, 0)))
            return bl_fail(err, BL_EFORMAT, "%s: post_processor.%s is %s, not a token and its id",
                           path, around[i], bl_json_quote(pair, text));
        BL_TRY(add_template_id(t, json_array_get(pair, 1), path, err));
        if (i == 0)
            t->template_before = t->template_count;
    }
    return BL_OK;
}

static bl_status read_post_processor(bl_tokenizer *t, const json_t *value, const char *path,
                                     bl_error *err)
{
    static const char known[] = "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing "
                                "or a Sequence of these";
    bl_json_list parts = {0};
    BL_TRY(bl_json_flatten(&parts, value, "post_processor", "processors", path, err));
    for (size_t i = 0; i < parts.count; i++) {
        const json_t *one = parts.part[i];
        if (bl_json_has_type(one, "ByteLevel")) /* it changes offsets only */
            BL_TRY(bl_json_check_byte_level(one, "post_processor", path, err));
        else if (bl_json_has_type(one, "TemplateProcessing"))
            BL_TRY(read_template(t, one, path, err));
        else if (bl_json_has_type(one, "RobertaProcessing") ||
                 bl_json_has_type(one, "BertProcessing"))
            BL_TRY(read_classifier(t, one, path, err));
        else
            return bl_json_refuse_type(one, "post_processor", known, path, err);
    }
    return BL_OK;
}

static bl_status read_normalizer(bl_tokenizer *t, const json_t *value, const char *path,
                                 bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1}};
    bl_json_list parts = {0};
    BL_TRY(bl_json_flatten(&parts, value, "normalizer", "normalizers", path, err));
    for (size_t i = 0; i < parts.count; i++) {
        if (!bl_json_has_type(parts.part[i], "NFC"))
            return bl_json_refuse_type(parts.part[i], "normalizer", "NFC or a Sequence of it", path,
                                       err);
        BL_TRY(bl_json_check(parts.part[i], "normalizer", fields, 1, path, err));
    }
    t->composed = parts.count > 0; /* what is composed stays so */
    return BL_OK;
}

/* One ByteLevel, and any number of Fuse behind it: there is but one text left to fuse. */
static bl_status read_decoder(const json_t *value, const char *path, bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1}};
    static const char known[] = "ByteLevel, or a Sequence of it and then Fuse";
    bl_json_list parts = {0};
    BL_TRY(bl_json_flatten(&parts, value, "decoder", "decoders", path, err));
    if (parts.count == 0)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: decoder has no ByteLevel: this is not a byte-level BPE tokenizer.json",
                       path);
    if (!bl_json_has_type(parts.part[0], "ByteLevel"))
        return bl_json_refuse_type(parts.part[0], "decoder", known, path, err);
    BL_TRY(bl_json_check_byte_level(parts.part[0], "decoder", path, err));
    for (size_t i = 1; i < parts.count; i++) {
        if (!bl_json_has_type(parts.part[i], "Fuse"))
            return bl_json_refuse_type(parts.part[i], "decoder", known, path, err);
        BL_TRY(bl_json_check(parts.part[i], "decoder", fields, 1, path, err));
    }
    return BL_OK;
}

/* What is asked of whoever feeds a model, not of a tokenizer: kept, and not applied. */
static bl_status check_length_rule(const json_t *root, const char *name, const char *path,
                                   bl_error *err)
{
    const json_t *value = json_object_get(root, name);
    char text[BL_JSON_QUOTE];
    return !value || json_is_null(value) || json_is_object(value)
               ? BL_OK
               : bl_fail(err, BL_EFORMAT, "%s: %s is %s, neither null nor an object", path, name,
                         bl_json_quote(value, text));
}

/* A value as it stands in the saved file: every line behind the first further in. */
static bl_status keep(bl_tokenizer *t, size_t part, const json_t *value, const char *path,
                      bl_error *err)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    const char *indent = part >= BL_PART_DROPOUT ? "    " : "  ";
    bl_buf out;
    bl_buf_init(&out);
    for (const char *p = text; p && *p; p++) {
        bl_buf_append(&out, p, 1);
        if (*p == '\n')
            bl_buf_puts(&out, indent);
    }
    free(text);
    bl_status status = bl_buf_status(&out, err);
    if (status == BL_OK && text)
        t->parts[part] = bl_strdup(out.data);
    if (status == BL_OK && !t->parts[part])
        status = bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    bl_buf_release(&out);
    return status;
}

bl_status bl_json_parts(bl_tokenizer *t, json_t *root, const char *path, bl_error *err)
{
    const json_t *model = json_object_get(root, "model");
    BL_TRY(check_length_rule(root, "truncation", path, err));
    BL_TRY(check_length_rule(root, "padding", path, err));
    BL_TRY(read_normalizer(t, json_object_get(root, "normalizer"), path, err));
    BL_TRY(bl_json_rules(t, json_object_get(root, "pre_tokenizer"), path, err));
    BL_TRY(read_post_processor(t, json_object_get(root, "post_processor"), path, err));
    BL_TRY(read_decoder(json_object_get(root, "decoder"), path, err));
    t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    for (size_t i = 0; i < BL_TOKENIZER_PARTS; i++) {
        const json_t *value =
            json_object_get(i >= BL_PART_DROPOUT ? model : root, bl_part_names[i]);
        if (value)
            BL_TRY(keep(t, i, value, path, err));
    }
    return BL_OK;
}
