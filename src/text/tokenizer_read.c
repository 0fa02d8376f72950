/* Reading tokenizer.json: strictly, since the file may come from anywhere.
 *
 * Whatever the file says beyond vocabulary, merges and added tokens must be what this tokenizer
 * does; a field with another value is refused by name instead of being encoded wrongly. */
#include "core/alloc.h"
#include "core/file.h"
#include "format/json.h"
#include "format/other_file.h"
#include "text/tokenizer_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The one value that is supported, as compact JSON, or "one or another"; "*" stands for any.  An
 * absent field has the first value unless it is required. */
typedef struct rule {
    const char *object, *field, *value;
    int required;
} rule;

static const rule rules[] = {
    {NULL, "version", "\"1.0\"", 1},
    {NULL, "truncation", "*", 0},
    {NULL, "padding", "*", 0},
    {NULL, "added_tokens", "*", 1},
    {NULL, "normalizer", "*", 0},
    {NULL, "pre_tokenizer", "*", 1},
    {NULL, "post_processor", "*", 0},
    {NULL, "decoder", "*", 1},
    {NULL, "model", "*", 1},
    {"model", "type", "\"BPE\"", 0}, /* old files lack it */
    {"model", "dropout", "null or 0.0", 0},
    {"model", "unk_token", "*", 0}, /* never used where all bytes have tokens */
    {"model", "continuing_subword_prefix", "null or \"\"", 0},
    {"model", "end_of_word_suffix", "null or \"\"", 0},
    {"model", "fuse_unk", "*", 0},
    {"model", "byte_fallback", "*", 0},
    {"model", "ignore_merges", "true or false", 0},
    {"model", "vocab", "*", 1},
    {"model", "merges", "*", 1},
};

static const char *dotted(const rule *r, char text[BL_JSON_QUOTE])
{
    (void)snprintf(text, BL_JSON_QUOTE, "%s%s%s", r->object ? r->object : "", r->object ? "." : "",
                   r->field);
    return text;
}

/* Is the value the text, or a side of its " or "? */
static int one_of(const char *values, const char *value)
{
    const char *other = strstr(values, " or ");
    if (!other)
        return strcmp(values, value) == 0;
    return strcmp(other + 4, value) == 0 ||
           (strlen(value) == (size_t)(other - values) && memcmp(values, value, strlen(value)) == 0);
}

static const rule *rule_of(const char *object, const char *field)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *o = rules[i].object;
        if ((o == object || (o && object && strcmp(o, object) == 0)) &&
            strcmp(rules[i].field, field) == 0)
            return &rules[i];
    }
    return NULL;
}

/* Checks one object against its rules: no field without a rule, none missing, no other value. */
static bl_status check_object(json_t *root, const char *name, const char *path, bl_error *err)
{
    char text[BL_JSON_QUOTE], where[BL_JSON_QUOTE];
    json_t *object = name ? json_object_get(root, name) : root;
    if (!json_is_object(object))
        return bl_fail(err, name ? BL_EUNSUPPORTED : BL_EFORMAT,
                       "%s: %s is no object: this is not a byte-level BPE tokenizer.json", path,
                       name ? name : "the file");
    const char *field;
    json_t *value;
    json_object_foreach (object, field, value) {
        const rule *r = rule_of(name, field);
        if (!r) {
            json_t *spelled = json_string(field);
            bl_json_quote(spelled, text);
            json_decref(spelled);
            return bl_fail(err, BL_EUNSUPPORTED, "%s: unknown field %s%s%s", path, name ? name : "",
                           name ? "." : "", text);
        }
        if (strcmp(r->value, "*") != 0 && !one_of(r->value, bl_json_quote(value, text)))
            return bl_fail(err, BL_EUNSUPPORTED, "%s: %s is %s; only %s is supported", path,
                           dotted(r, where), text, r->value);
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].required && rule_of(name, rules[i].field) == &rules[i] &&
            !json_object_get(object, rules[i].field))
            return bl_fail(err, BL_EFORMAT, "%s: field %s is missing", path,
                           dotted(&rules[i], where));
    return BL_OK;
}

/* Another JSON file of a model's folder in the place of tokenizer.json. */
static bl_status check_file(const json_t *root, const char *path, bl_error *err)
{
    static const struct {
        const char *field, *file;
    } others[] = {{"model_type", "a config.json"},
                  {"tokenizer_class", "a tokenizer_config.json"},
                  {"weight_map", "an index of weights"},
                  {"transformers_version", "a generation_config.json"}};
    for (size_t i = 0; !json_object_get(root, "model") && i < sizeof others / sizeof *others; i++)
        if (json_object_get(root, others[i].field))
            return bl_fail(err, BL_EFORMAT, "%s: %s; the tokenizer is read from tokenizer.json",
                           path, others[i].file);
    return BL_OK;
}

static bl_status read_root(bl_tokenizer *t, json_t *root, const char *path, bl_error *err)
{
    BL_TRY(check_file(root, path, err));
    BL_TRY(check_object(root, NULL, path, err));
    BL_TRY(check_object(root, "model", path, err));
    BL_TRY(bl_json_parts(t, root, path, err));
    const json_t *model = json_object_get(root, "model");
    BL_TRY(bl_json_vocab(t, json_object_get(model, "vocab"), path, err));
    BL_TRY(bl_json_merges(t, json_object_get(model, "merges"), path, err));
    return bl_json_added(t, json_object_get(root, "added_tokens"), path, err);
}

bl_status bl_tokenizer_read(bl_tokenizer *t, const char *path, bl_error *err)
{
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    json_error_t wrong;
    json_t *root = bl_json_parse((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &wrong);
    bl_status status;
    if (root) {
        errno = 0; /* a rule that could not be spelled out for want of memory holds for no value */
        status = read_root(t, root, path, err);
        if (status != BL_OK && errno == ENOMEM)
            status = bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    } else {
        for (char *c = wrong.text; *c; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E)
                *c = '?';
        status = bl_fail(err, bl_json_failure(&wrong), "%s: not valid JSON, line %d column %d: %s",
                         path, wrong.line, wrong.column, wrong.text);
        status = bl_other_explain(status, BL_PLACE_JSON, path, map.data, map.size, err);
    }
    json_decref(root);
    bl_map_close(&map);
    return status;
}
