/* Reading tokenizer.json: pre-tokenizer, post-processor, decoder and the model's settings. */
#include "core/alloc.h"
#include "text/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PATTERNS = 16, MOST_TEMPLATE = 1024 };

const char *const bl_part_names[BL_TOKENIZER_PARTS] = {"normalizer",
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

/* A field that must have one value, or with value NULL a true or false. */
typedef struct wanted {
    const char *field, *value;
    int required;
} wanted;

/* Holds an object against what is wanted of it: no other field, none missing, no other value. */
static bl_status check(const json_t *object, const char *where, const wanted *all, size_t count,
                       const char *path, bl_error *err)
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

static int has_type(const json_t *object, const char *type)
{
    const char *found = json_string_value(json_object_get(object, "type"));
    return found && strcmp(found, type) == 0;
}

static bl_status refuse_type(const json_t *object, const char *where, const char *known,
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

static bl_status check_byte_level(const json_t *object, const char *where, const char *path,
                                  bl_error *err)
{
    static const wanted fields[] = {{"type", "\"ByteLevel\"", 1},
                                    {"add_prefix_space", NULL, 1},
                                    {"trim_offsets", NULL, 0},
                                    {"use_regex", NULL, 0}};
    return check(object, where, fields, sizeof fields / sizeof fields[0], path, err);
}

static bl_status add_pattern(bl_tokenizer *t, const char *pattern, const char *path, bl_error *err)
{
    t->patterns[t->pattern_count] = bl_strdup(pattern);
    if (!t->patterns[t->pattern_count])
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    t->pattern_count++;
    return BL_OK;
}

static bl_status read_split(bl_tokenizer *t, const json_t *split, const char *path, bl_error *err)
{
    static const wanted fields[] = {{"type", "\"Split\"", 1},
                                    {"pattern", "*", 1},
                                    {"behavior", "\"Isolated\"", 1},
                                    {"invert", "false", 1}};
    char text[BL_JSON_QUOTE];
    BL_TRY(
        check(split, "pre_tokenizer Split", fields, sizeof fields / sizeof fields[0], path, err));
    const json_t *pattern = json_object_get(split, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    if (!regex || json_object_size(pattern) != 1)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer Split.pattern is %s; only a Regex is supported", path,
                       bl_json_quote(pattern, text));
    return add_pattern(t, regex, path, err);
}

/* ByteLevel, alone or behind any number of Splits. */
static bl_status read_pre_tokenizer(bl_tokenizer *t, const json_t *value, const char *path,
                                    bl_error *err)
{
    static const wanted fields[] = {{"type", "\"Sequence\"", 1}, {"pretokenizers", "*", 1}};
    const json_t *list = json_object_get(value, "pretokenizers"), *last = value;
    size_t splits = 0;
    if (has_type(value, "Sequence")) {
        BL_TRY(check(value, "pre_tokenizer", fields, 2, path, err));
        size_t count = json_array_size(list);
        if (count == 0 || count > MOST_PATTERNS)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: pre_tokenizer.pretokenizers has %zu members; 1 to %d are supported",
                           path, count, MOST_PATTERNS);
        splits = count - 1;
        last = json_array_get(list, splits);
    }
    t->patterns = bl_calloc(splits + 1, sizeof *t->patterns);
    if (!t->patterns)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < splits; i++) {
        const json_t *split = json_array_get(list, i);
        if (!has_type(split, "Split"))
            return refuse_type(split, "pre_tokenizer", "Split before a ByteLevel", path, err);
        BL_TRY(read_split(t, split, path, err));
    }
    if (!has_type(last, "ByteLevel"))
        return refuse_type(last, "pre_tokenizer", "ByteLevel, or Splits and then ByteLevel,", path,
                           err);
    BL_TRY(check_byte_level(last, "pre_tokenizer", path, err));
    t->no_prefix_space = json_is_false(json_object_get(last, "add_prefix_space"));
    t->own_patterns = 1;
    if (splits && !t->no_prefix_space)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: add_prefix_space is true behind a Split; only false is "
                       "supported",
                       path);
    if (!json_is_false(json_object_get(last, "use_regex")))
        BL_TRY(add_pattern(t, bl_pattern_gpt2, path, err));
    return BL_OK;
}

static bl_status add_template_ids(bl_tokenizer *t, const json_t *ids, const char *path,
                                  bl_error *err)
{
    size_t count = json_array_size(ids);
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > INT32_MAX || t->template_count == MOST_TEMPLATE)
            return bl_fail(err, BL_EFORMAT,
                           "%s: post_processor: special_tokens have ids that are none", path);
        t->template[t->template_count++] = (uint32_t)json_integer_value(id);
    }
    return BL_OK;
}

/* The ids before and behind the one sequence of the template for single texts. */
static bl_status read_template(bl_tokenizer *t, const json_t *value, const char *path,
                               bl_error *err)
{
    static const wanted fields[] = {
        {"type", "*", 1}, {"single", "*", 1}, {"pair", "*", 1}, {"special_tokens", "*", 1}};
    BL_TRY(check(value, "post_processor", fields, 4, path, err));
    const json_t *single = json_object_get(value, "single"), *piece;
    const json_t *specials = json_object_get(value, "special_tokens");
    size_t i, sequences = 0;
    if (t->template)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: post_processor: two templates", path);
    t->template = bl_calloc(MOST_TEMPLATE, sizeof *t->template);
    if (!t->template)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
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
        BL_TRY(add_template_ids(t, ids, path, err));
    }
    if (sequences != 1)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: post_processor.single has %zu sequences; only one is supported", path,
                       sequences);
    return BL_OK;
}

static bl_status read_post_processor(bl_tokenizer *t, const json_t *value, const char *path,
                                     bl_error *err)
{
    static const char known[] = "ByteLevel, TemplateProcessing or a Sequence of these";
    static const wanted fields[] = {{"type", "*", 1}, {"processors", "*", 1}};
    const json_t *list = json_object_get(value, "processors");
    size_t count = 1;
    int sequence = has_type(value, "Sequence");
    if (!value || json_is_null(value))
        return BL_OK;
    if (sequence) {
        BL_TRY(check(value, "post_processor", fields, 2, path, err));
        count = json_array_size(list);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *one = sequence ? json_array_get(list, i) : value;
        if (has_type(one, "ByteLevel")) /* it changes offsets only */
            BL_TRY(check_byte_level(one, "post_processor", path, err));
        else if (has_type(one, "TemplateProcessing"))
            BL_TRY(read_template(t, one, path, err));
        else
            return refuse_type(one, "post_processor", known, path, err);
    }
    return BL_OK;
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
    const json_t *model = json_object_get(root, "model"),
                 *decoder = json_object_get(root, "decoder");
    BL_TRY(read_pre_tokenizer(t, json_object_get(root, "pre_tokenizer"), path, err));
    BL_TRY(read_post_processor(t, json_object_get(root, "post_processor"), path, err));
    if (!has_type(decoder, "ByteLevel"))
        return refuse_type(decoder, "decoder", "ByteLevel", path, err);
    BL_TRY(check_byte_level(decoder, "decoder", path, err));
    t->composed = json_is_object(json_object_get(root, "normalizer"));
    t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    for (size_t i = 0; i < BL_TOKENIZER_PARTS; i++) {
        const json_t *value =
            json_object_get(i >= BL_PART_DROPOUT ? model : root, bl_part_names[i]);
        if (value)
            BL_TRY(keep(t, i, value, path, err));
    }
    return BL_OK;
}
