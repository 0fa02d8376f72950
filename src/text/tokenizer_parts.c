/* Reading tokenizer.json: its parts except the pre-tokenizer. */
#include "core/alloc.h"
#include "text/tokenizer_json.h"

#include <stdlib.h>

enum { MOST_TEMPLATE = 1024 };

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

/* The ids before and after the one sequence of the template for single texts. */
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

/* One ByteLevel, and any number of Fuse after it: only one text is left to fuse. */
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

/* Meant for whoever feeds a model, not for a tokenizer: kept, and not applied. */
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

/* A value as it stands in the saved file: every line after the first is indented further. */
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
