/* Writing tokenizer.json byte for byte as Hugging Face's Tokenizer.save does, and the
 * tokenizer_config.json that their Transformers library looks for beside it. */
#include "core/file.h"
#include "text/text.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <string.h>

/* A JSON string: quote, backslash and control characters escaped, everything else raw UTF-8. */
static void put_string(bl_buf *out, const char *s, size_t n)
{
    bl_buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            bl_buf_printf(out, "\\%c", c);
        else if (c >= 0x20)
            bl_buf_append(out, &s[i], 1);
        else if (c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t')
            bl_buf_printf(out, "\\%c", "btn\0fr"[c - '\b']);
        else
            bl_buf_printf(out, "\\u%04x", c);
    }
    bl_buf_puts(out, "\"");
}

static void put_token(bl_buf *out, const bl_tokenizer *t, size_t id)
{
    size_t n;
    const char *token = bl_tokenizer_spelling(t, id, &n);
    put_string(out, token, n);
}

static const char *truth(int flag)
{
    return flag ? "true" : "false";
}

static void put_added_tokens(bl_buf *out, const bl_tokenizer *t)
{
    bl_buf_puts(out, "  \"added_tokens\": [");
    for (size_t i = 0; i < t->added_count; i++) {
        const bl_added *a = &t->added[i];
        bl_buf_printf(out, "%s\n    {\n      \"id\": %lu,\n      \"content\": ", i ? "," : "",
                      (unsigned long)a->id);
        put_token(out, t, a->id);
        bl_buf_printf(out,
                      ",\n      \"single_word\": %s,\n      \"lstrip\": %s,\n"
                      "      \"rstrip\": %s,\n      \"normalized\": %s,\n"
                      "      \"special\": %s\n    }",
                      truth(a->single_word), truth(a->lstrip), truth(a->rstrip),
                      truth(a->normalized), truth(a->special));
    }
    bl_buf_puts(out, t->added_count ? "\n  ],\n" : "],\n");
}

/* A part as the file had it, or else as training writes it. */
static void put_part(bl_buf *out, const bl_tokenizer *t, size_t part)
{
    const char *indent = part >= BL_PART_DROPOUT ? "    " : "  ";
    const char *fallback = part >= BL_PART_FUSE_UNK ? "false" : "null";
    bl_buf_printf(out, "%s\"%s\": ", indent, bl_part_names[part]);
    if (t->parts[part])
        bl_buf_puts(out, t->parts[part]);
    else if (part == BL_PART_PRE_TOKENIZER || part == BL_PART_DECODER)
        bl_buf_printf(out,
                      "{\n    \"type\": \"ByteLevel\",\n    \"add_prefix_space\": %s,\n"
                      "    \"trim_offsets\": true,\n    \"use_regex\": true\n  }",
                      truth(part == BL_PART_DECODER || !t->no_prefix_space));
    else
        bl_buf_puts(out, fallback);
    bl_buf_puts(out, ",\n");
}

static void put_model(bl_buf *out, const bl_tokenizer *t)
{
    bl_buf_puts(out, "  \"model\": {\n    \"type\": \"BPE\",\n");
    for (size_t part = BL_PART_DROPOUT; part < BL_TOKENIZER_PARTS; part++)
        put_part(out, t, part);
    bl_buf_puts(out, "    \"vocab\": {");
    for (size_t i = 0; i < t->vocab_count; i++) {
        size_t id = t->id_of ? t->id_of[i] : i;
        bl_buf_puts(out, i ? ",\n      " : "\n      ");
        put_token(out, t, id);
        bl_buf_printf(out, ": %zu", id);
    }
    bl_buf_puts(out, t->vocab_count ? "\n    },\n    \"merges\": [" : "},\n    \"merges\": [");
    for (size_t i = 0; i < t->merge_count; i++) {
        bl_buf_puts(out, i ? ",\n      [\n        " : "\n      [\n        ");
        put_token(out, t, t->merges[i].left);
        bl_buf_puts(out, ",\n        ");
        put_token(out, t, t->merges[i].right);
        bl_buf_puts(out, "\n      ]");
    }
    bl_buf_puts(out, t->merge_count ? "\n    ]\n  }\n}" : "]\n  }\n}");
}

static bl_status replace(const char *path, bl_buf *text, bl_error *err)
{
    bl_status status = bl_buf_status(text, err);
    if (status == BL_OK)
        status = bl_file_replace(path, text->data, text->len, err);
    bl_buf_release(text);
    return status;
}

bl_status bl_tokenizer_save(const bl_tokenizer *t, const char *path, bl_error *err)
{
    bl_buf out;
    bl_buf_init(&out);
    bl_buf_puts(&out, "{\n  \"version\": \"1.0\",\n");
    put_part(&out, t, BL_PART_TRUNCATION);
    put_part(&out, t, BL_PART_PADDING);
    put_added_tokens(&out, t);
    for (size_t part = BL_PART_NORMALIZER; part < BL_PART_DROPOUT; part++)
        put_part(&out, t, part);
    put_model(&out, t);
    return replace(path, &out, err);
}

/* A line that names a token by the part it plays, where there is one. */
static void put_role(bl_buf *out, const bl_tokenizer *t, const char *role, uint32_t id)
{
    size_t bytes;
    if (!bl_tokenizer_spelling(t, id, &bytes))
        return;
    bl_buf_printf(out, "  \"%s\": ", role);
    put_token(out, t, id);
    bl_buf_puts(out, ",\n");
}

/* A text, or a list of objects of texts, as JSON. */
static void put_value(bl_buf *out, const json_t *value)
{
    size_t i;
    json_t *one;
    const char *key;
    if (json_is_array(value)) {
        bl_buf_puts(out, "[");
        json_array_foreach (value, i, one) {
            bl_buf_puts(out, i ? ", " : "");
            put_value(out, one);
        }
        bl_buf_puts(out, "]");
    } else if (json_is_object(value)) {
        i = 0;
        bl_buf_puts(out, "{");
        json_object_foreach ((json_t *)(uintptr_t)value, key, one) {
            bl_buf_puts(out, i++ ? ", " : "");
            put_string(out, key, strlen(key));
            bl_buf_puts(out, ": ");
            put_value(out, one);
        }
        bl_buf_puts(out, "}");
    } else if (json_is_string(value)) {
        put_string(out, json_string_value(value), json_string_length(value));
    } else {
        bl_buf_puts(out, "null");
    }
}

/* A line of what else there is to say, if it is said. */
static void put_more(bl_buf *out, const json_t *more, const char *key)
{
    const json_t *value = json_object_get(more, key);
    if (!value)
        return;
    bl_buf_printf(out, "  \"%s\": ", key);
    put_value(out, value);
    bl_buf_puts(out, ",\n");
}

static void put_decoder(bl_buf *out, const bl_tokenizer *t)
{
    for (size_t i = 0; i < t->added_count; i++) {
        const bl_added *a = &t->added[i];
        bl_buf_printf(out, "%s\n    \"%lu\": {\n      \"content\": ", i ? "," : "",
                      (unsigned long)a->id);
        put_token(out, t, a->id);
        bl_buf_printf(out,
                      ",\n      \"lstrip\": %s,\n      \"normalized\": %s,\n"
                      "      \"rstrip\": %s,\n      \"single_word\": %s,\n"
                      "      \"special\": %s\n    }",
                      truth(a->lstrip), truth(a->normalized), truth(a->rstrip),
                      truth(a->single_word), truth(a->special));
    }
}

bl_status bl_tokenizer_save_config(const bl_tokenizer *t, bl_token_roles roles, const json_t *more,
                                   const char *path, bl_error *err)
{
    bl_buf out;
    bl_buf_init(&out);
    bl_buf_printf(&out, "{\n  \"add_prefix_space\": %s,\n  \"added_tokens_decoder\": {",
                  truth(!t->no_prefix_space));
    put_decoder(&out, t);
    bl_buf_puts(&out, t->added_count ? "\n  },\n" : "},\n");
    put_more(&out, more, "additional_special_tokens");
    if (more)
        put_more(&out, more, "bos_token");
    else
        put_role(&out, t, "bos_token", roles.eos);
    put_more(&out, more, "chat_template");
    bl_buf_puts(&out, "  \"clean_up_tokenization_spaces\": false,\n");
    put_more(&out, more, "cls_token");
    put_role(&out, t, "eos_token", roles.eos);
    put_more(&out, more, "mask_token");
    put_role(&out, t, "pad_token", roles.pad);
    put_more(&out, more, "sep_token");
    put_more(&out, more, "unk_token");
    bl_buf_puts(&out, "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
    return replace(path, &out, err);
}
