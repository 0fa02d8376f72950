/* Reading tokenizer.json: strict, for the file may come from anywhere.
 *
 * What the file says beyond vocabulary, merges and added tokens must be what this tokenizer does;
 * a field with another value is refused by name instead of being encoded wrongly. */
#include "core/alloc.h"
#include "core/os.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The one value that is supported, as compact JSON; "*" stands for any.  An absent field has that
 * value too unless it is required. */
typedef struct rule {
    const char *object, *field, *value;
    int required;
} rule;

static const rule rules[] = {
    {NULL, "version", "\"1.0\"", 1},
    {NULL, "truncation", "null", 0},
    {NULL, "padding", "null", 0},
    {NULL, "added_tokens", "*", 1},
    {NULL, "normalizer", "null", 0},
    {NULL, "pre_tokenizer", "*", 1},
    {NULL, "post_processor", "null", 0},
    {NULL, "decoder", "*", 1},
    {NULL, "model", "*", 1},
    {"pre_tokenizer", "type", "\"ByteLevel\"", 1},
    {"pre_tokenizer", "add_prefix_space", "*", 1},
    {"pre_tokenizer", "trim_offsets", "*", 0},
    {"pre_tokenizer", "use_regex", "true", 0},
    {"decoder", "type", "\"ByteLevel\"", 1},
    {"decoder", "add_prefix_space", "*", 0},
    {"decoder", "trim_offsets", "*", 0},
    {"decoder", "use_regex", "*", 0},
    {"model", "type", "\"BPE\"", 1},
    {"model", "dropout", "null", 0},
    {"model", "unk_token", "null", 0},
    {"model", "continuing_subword_prefix", "null", 0},
    {"model", "end_of_word_suffix", "null", 0},
    {"model", "fuse_unk", "*", 0},
    {"model", "byte_fallback", "false", 0},
    {"model", "ignore_merges", "false", 0},
    {"model", "vocab", "*", 1},
    {"model", "merges", "*", 1},
};

enum { QUOTE = 48 };

/* A value as a short piece of JSON for messages: printable ASCII, cut off when long. */
static const char *quote(const json_t *value, char text[QUOTE])
{
    size_t n =
        json_dumpb(value, text, QUOTE - 4, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (n > QUOTE - 4) {
        memcpy(text + QUOTE - 4, "...", 3);
        n = QUOTE - 1;
    }
    text[n] = 0;
    return text;
}

static const char *dotted(const rule *r, char text[QUOTE])
{
    (void)snprintf(text, QUOTE, "%s%s%s", r->object ? r->object : "", r->object ? "." : "",
                   r->field);
    return text;
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

/* Holds one object against its rules: no field without a rule, none missing, no other value. */
static bl_status check_object(json_t *root, const char *name, const char *path, bl_error *err)
{
    char text[QUOTE], where[QUOTE];
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
            quote(spelled, text);
            json_decref(spelled);
            return bl_fail(err, BL_EUNSUPPORTED, "%s: unknown field %s%s%s", path, name ? name : "",
                           name ? "." : "", text);
        }
        if (strcmp(r->value, "*") != 0 && strcmp(r->value, quote(value, text)) != 0)
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

/* model.vocab: ids 0, 1, 2, ... each once, in any order in the file. */
static bl_status read_vocab(bl_tokenizer *t, json_t *vocab, const char *path, bl_error *err)
{
    size_t count = json_object_size(vocab);
    if (!json_is_object(vocab) || count == 0 || count > INT32_MAX)
        return bl_fail(err, BL_EFORMAT, "%s: model.vocab is no object of tokens", path);
    const char **by_id = bl_calloc(count, sizeof *by_id);
    if (!by_id)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory: %zu tokens", path, count);
    bl_status status = BL_OK;
    char text[QUOTE];
    const char *token;
    json_t *id;
    json_object_foreach (vocab, token, id) {
        json_int_t i = json_integer_value(id);
        if (!json_is_integer(id) || i < 0 || (uint64_t)i >= count || by_id[i] || !token[0]) {
            json_t *spelled = json_string(token);
            status = bl_fail(err, BL_EFORMAT,
                             "%s: model.vocab: token %s: the ids of %zu tokens must be 0 to %zu, "
                             "each once, and no token empty",
                             path, quote(spelled, text), count, count - 1);
            json_decref(spelled);
            break;
        }
        by_id[i] = token;
    }
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        size_t number;
        status = bl_strtab_add(&t->tokens, by_id[i], strlen(by_id[i]), &number, err);
    }
    t->vocab_count = count;
    bl_free(by_id);
    return status;
}

/* The two halves of a merge: ["a", "b"], or in older files "a b". */
static int merge_halves(const json_t *merge, const char *half[2], size_t length[2])
{
    if (json_is_string(merge)) {
        half[0] = json_string_value(merge);
        const char *space = strchr(half[0], ' ');
        if (!space || strchr(space + 1, ' '))
            return 0;
        half[1] = space + 1;
        length[0] = (size_t)(space - half[0]);
        length[1] = strlen(half[1]);
        return 1;
    }
    if (json_array_size(merge) != 2)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        half[i] = json_string_value(json_array_get(merge, i));
        if (!half[i])
            return 0;
        length[i] = strlen(half[i]);
    }
    return 1;
}

static bl_status read_merge(bl_tokenizer *t, size_t number, const json_t *merge, bl_buf *joined,
                            const char *path, bl_error *err)
{
    char text[QUOTE];
    const char *half[2];
    size_t length[2];
    if (!merge_halves(merge, half, length))
        return bl_fail(err, BL_EFORMAT, "%s: model.merges %zu is no pair of tokens: %s", path,
                       number, quote(merge, text));
    bl_buf_clear(joined);
    bl_buf_append(joined, half[0], length[0]);
    bl_buf_append(joined, half[1], length[1]);
    BL_TRY(bl_buf_status(joined, err));
    size_t left = bl_strtab_find(&t->tokens, half[0], length[0]);
    size_t right = bl_strtab_find(&t->tokens, half[1], length[1]);
    size_t result = bl_strtab_find(&t->tokens, joined->data, joined->len);
    if (left == BL_STRTAB_NONE || right == BL_STRTAB_NONE || result == BL_STRTAB_NONE)
        return bl_fail(err, BL_EFORMAT, "%s: model.merges %zu: %s: %s is not in the vocabulary",
                       path, number, quote(merge, text),
                       left == BL_STRTAB_NONE    ? "its left half"
                       : right == BL_STRTAB_NONE ? "its right half"
                                                 : "the token it makes");
    t->merges[number] = (bl_merge){(uint32_t)left, (uint32_t)right, (uint32_t)result};
    return BL_OK;
}

static bl_status read_merges(bl_tokenizer *t, const json_t *merges, const char *path, bl_error *err)
{
    if (!json_is_array(merges) || json_array_size(merges) >= INT32_MAX)
        return bl_fail(err, BL_EFORMAT, "%s: model.merges is no array of pairs", path);
    t->merge_count = json_array_size(merges);
    t->merges = bl_calloc(t->merge_count, sizeof *t->merges);
    if (!t->merges)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory: %zu merges", path, t->merge_count);
    bl_buf joined;
    bl_buf_init(&joined);
    bl_status status = BL_OK;
    for (size_t i = 0; i < t->merge_count && status == BL_OK; i++)
        status = read_merge(t, i, json_array_get(merges, i), &joined, path, err);
    bl_buf_release(&joined);
    return status;
}

/* An added token is in model.vocab with the same id, or takes the next id after all others. */
static bl_status read_added_token(bl_tokenizer *t, size_t number, const json_t *token,
                                  const char *path, bl_error *err)
{
    static const char *const unsupported[] = {"single_word", "lstrip", "rstrip"};
    char text[QUOTE];
    const char *content = json_string_value(json_object_get(token, "content"));
    const json_t *id = json_object_get(token, "id");
    const json_t *special = json_object_get(token, "special");
    const json_t *normalized = json_object_get(token, "normalized");
    if (!content || !content[0] || !json_is_integer(id) || !json_is_boolean(special) ||
        !json_is_boolean(normalized))
        return bl_fail(err, BL_EFORMAT,
                       "%s: added_tokens %zu lacks id, content, special or normalized: %s", path,
                       number, quote(token, text));
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        const json_t *flag = json_object_get(token, unsupported[i]);
        if (flag && !json_is_false(flag))
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: added_tokens %zu: %s is %s; only false is supported", path, number,
                           unsupported[i], quote(flag, text));
    }
    size_t known, before = t->tokens.count;
    BL_TRY(bl_strtab_add(&t->tokens, content, strlen(content), &known, err));
    json_int_t last = number ? (json_int_t)t->added[number - 1].id : -1;
    if (json_integer_value(id) != (json_int_t)known || (json_int_t)known <= last)
        return bl_fail(err, BL_EFORMAT, "%s: added_tokens %zu has id %s, which is not %s %zu%s",
                       path, number, quote(id, text),
                       known < before ? "the vocabulary's" : "the next free id", known,
                       (json_int_t)known <= last ? " in rising order" : "");
    t->added[number] = (bl_added){(uint32_t)known, json_is_true(special), json_is_true(normalized)};
    return BL_OK;
}

static bl_status read_added(bl_tokenizer *t, const json_t *added, const char *path, bl_error *err)
{
    if (!json_is_array(added))
        return bl_fail(err, BL_EFORMAT, "%s: added_tokens is no array", path);
    t->added_count = json_array_size(added);
    t->added = bl_calloc(t->added_count, sizeof *t->added);
    if (!t->added)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory: %zu added tokens", path, t->added_count);
    for (size_t i = 0; i < t->added_count; i++)
        BL_TRY(read_added_token(t, i, json_array_get(added, i), path, err));
    return BL_OK;
}

static bl_status read_root(bl_tokenizer *t, json_t *root, const char *path, bl_error *err)
{
    BL_TRY(check_object(root, NULL, path, err));
    BL_TRY(check_object(root, "model", path, err));
    BL_TRY(check_object(root, "pre_tokenizer", path, err));
    BL_TRY(check_object(root, "decoder", path, err));
    const json_t *prefix =
        json_object_get(json_object_get(root, "pre_tokenizer"), "add_prefix_space");
    if (!json_is_boolean(prefix))
        return bl_fail(err, BL_EFORMAT,
                       "%s: pre_tokenizer.add_prefix_space is neither true nor false", path);
    t->no_prefix_space = json_is_false(prefix);
    const json_t *model = json_object_get(root, "model");
    BL_TRY(read_vocab(t, json_object_get(model, "vocab"), path, err));
    BL_TRY(read_merges(t, json_object_get(model, "merges"), path, err));
    return read_added(t, json_object_get(root, "added_tokens"), path, err);
}

bl_status bl_tokenizer_read(bl_tokenizer *t, const char *path, bl_error *err)
{
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    json_error_t wrong;
    json_t *root = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &wrong);
    bl_status status;
    if (root) {
        status = read_root(t, root, path, err);
    } else {
        for (char *c = wrong.text; *c; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E)
                *c = '?';
        status = bl_fail(err, BL_EFORMAT, "%s: not valid JSON, line %d column %d: %s", path,
                         wrong.line, wrong.column, wrong.text);
    }
    json_decref(root);
    bl_map_close(&map);
    return status;
}
