/* Reading tokenizer.json: vocabulary, merges and added tokens. */
#include "core/alloc.h"
#include "core/log.h"
#include "text/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

const char *bl_json_quote(const json_t *value, char text[BL_JSON_QUOTE])
{
    memset(text, '.', BL_JSON_QUOTE); /* what does not fit is left out, not written in part */
    size_t n = json_dumpb(value, text, BL_JSON_QUOTE - 4,
                          JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (n > BL_JSON_QUOTE - 4) {
        memcpy(text + BL_JSON_QUOTE - 4, "...", 3);
        n = BL_JSON_QUOTE - 1;
    }
    text[n] = 0;
    return text;
}

enum { MOST_HOLES = 1 << 20 }; /* ids without a token: they cost memory */

/* model.vocab, in any order in the file.  Ids may be missing, as they are where tokens were taken
 * out of a vocabulary. */
bl_status bl_json_vocab(bl_tokenizer *t, json_t *vocab, const char *path, bl_error *err)
{
    size_t count = json_object_size(vocab), ids = count + MOST_HOLES, number = 0;
    if (!json_is_object(vocab) || count == 0 || ids > INT32_MAX)
        return bl_fail(err, BL_EFORMAT, "%s: model.vocab is no object of tokens", path);
    const char **by_id = bl_calloc(ids, sizeof *by_id);
    t->id_of = bl_calloc(count, sizeof *t->id_of);
    if (!by_id || !t->id_of) {
        bl_free(by_id);
        return bl_fail(err, BL_ENOMEM, "%s: out of memory: %zu tokens", path, count);
    }
    bl_status status = BL_OK;
    char text[BL_JSON_QUOTE];
    const char *token;
    json_t *id;
    json_object_foreach (vocab, token, id) {
        json_int_t i = json_integer_value(id);
        if (!json_is_integer(id) || i < 0 || (uint64_t)i >= ids || by_id[i] || !token[0]) {
            json_t *spelled = json_string(token);
            status = bl_fail(err, BL_EFORMAT,
                             "%s: model.vocab: token %s: the ids of %zu tokens must be from 0 to "
                             "%zu, each once at most, and no token empty",
                             path, bl_json_quote(spelled, text), count, ids - 1);
            json_decref(spelled);
            break;
        }
        by_id[i] = token;
    }
    for (size_t i = 0; i < ids && status == BL_OK; i++) {
        if (!by_id[i])
            continue;
        status = bl_strtab_add(&t->tokens, by_id[i], strlen(by_id[i]), &number, err);
        if (status == BL_OK)
            t->id_of[number] = (uint32_t)i;
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
    char text[BL_JSON_QUOTE];
    const char *half[2];
    size_t length[2];
    if (!merge_halves(merge, half, length))
        return bl_fail(err, BL_EFORMAT, "%s: model.merges %zu is no pair of tokens: %s", path,
                       number, bl_json_quote(merge, text));
    bl_buf_clear(joined);
    bl_buf_append(joined, half[0], length[0]);
    bl_buf_append(joined, half[1], length[1]);
    BL_TRY(bl_buf_status(joined, err));
    size_t left = bl_strtab_find(&t->tokens, half[0], length[0]);
    size_t right = bl_strtab_find(&t->tokens, half[1], length[1]);
    size_t result = bl_strtab_find(&t->tokens, joined->data, joined->len);
    if (left == BL_STRTAB_NONE || right == BL_STRTAB_NONE || result == BL_STRTAB_NONE)
        return bl_fail(err, BL_EFORMAT, "%s: model.merges %zu: %s: %s is not in the vocabulary",
                       path, number, bl_json_quote(merge, text),
                       left == BL_STRTAB_NONE    ? "its left half"
                       : right == BL_STRTAB_NONE ? "its right half"
                                                 : "the token it makes");
    t->merges[number] = (bl_merge){t->id_of[left], t->id_of[right], t->id_of[result]};
    return BL_OK;
}

bl_status bl_json_merges(bl_tokenizer *t, const json_t *merges, const char *path, bl_error *err)
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

/* The id of added token `content`: the vocabulary's, or else the next free one, as Hugging Face's
 * library numbers them, whatever the file says. */
static bl_status number_added(bl_tokenizer *t, size_t number, const char *content, const json_t *id,
                              int64_t *next, const char *path, bl_error *err)
{
    char text[BL_JSON_QUOTE];
    size_t known, before = t->tokens.count;
    BL_TRY(bl_strtab_add(&t->tokens, content, strlen(content), &known, err));
    json_int_t said = json_integer_value(id);
    if (known < t->vocab_count) {
        t->added[number].id = t->id_of[known];
        if (said != (json_int_t)t->added[number].id)
            return bl_fail(err, BL_EFORMAT,
                           "%s: added_tokens %zu has id %s, which is not the vocabulary's %lu",
                           path, number, bl_json_quote(id, text),
                           (unsigned long)t->added[number].id);
    } else {
        if (known < before)
            return bl_fail(err, BL_EFORMAT, "%s: added_tokens %zu is given twice", path, number);
        if (said < *next || *next > INT32_MAX - 1)
            return bl_fail(err, BL_EFORMAT,
                           "%s: added_tokens %zu has id %s, which is not the next free id %lld",
                           path, number, bl_json_quote(id, text), (long long)*next);
        if (said > *next)
            bl_log(BL_LOG_WARNING,
                   "%s: added_tokens %zu has id %s, but gets %lld as in Hugging Face's library",
                   path, number, bl_json_quote(id, text), (long long)*next);
        t->added[number].id = t->id_of[known] = (uint32_t)*next;
    }
    if ((int64_t)t->added[number].id >= *next)
        *next = (int64_t)t->added[number].id + 1;
    return BL_OK;
}

static bl_status read_added_token(bl_tokenizer *t, size_t number, const json_t *token,
                                  int64_t *next, const char *path, bl_error *err)
{
    bl_added *a = &t->added[number];
    const struct {
        const char *name;
        unsigned char *flag;
        int required;
    } flags[] = {
        {"special", &a->special, 1},         {"normalized", &a->normalized, 1},
        {"single_word", &a->single_word, 0}, {"lstrip", &a->lstrip, 0},
        {"rstrip", &a->rstrip, 0},
    };
    char text[BL_JSON_QUOTE];
    const char *content = json_string_value(json_object_get(token, "content"));
    const json_t *id = json_object_get(token, "id");
    int whole = content && content[0] && json_is_integer(id);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const json_t *value = json_object_get(token, flags[i].name);
        *flags[i].flag = json_is_true(value);
        whole = whole && (value ? json_is_boolean(value) : !flags[i].required);
    }
    if (!whole)
        return bl_fail(err, BL_EFORMAT,
                       "%s: added_tokens %zu lacks id, content, special or normalized, or has them "
                       "of another type: %s",
                       path, number, bl_json_quote(token, text));
    if (strlen(content) > BL_ADDED_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: added_tokens %zu has %zu bytes; at most %d are supported", path, number,
                       strlen(content), BL_ADDED_BYTES);
    return number_added(t, number, content, id, next, path, err);
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const bl_added *)a)->id, y = ((const bl_added *)b)->id;
    return (x > y) - (x < y);
}

/* No two strings with one id: an added token's next free id may be one that the vocabulary, having
 * gaps, uses; nor one string added twice. */
static bl_status check_ids(bl_tokenizer *t, const char *path, bl_error *err)
{
    if (t->added_count > 1)
        qsort(t->added, t->added_count, sizeof *t->added, by_id);
    for (size_t i = 1; i < t->added_count; i++)
        if (t->added[i].id == t->added[i - 1].id)
            return bl_fail(err, BL_EFORMAT, "%s: added_tokens: id %lu is given twice", path,
                           (unsigned long)t->added[i].id);
    size_t at = 0; /* in the vocabulary, whose ids rise */
    for (size_t i = t->vocab_count; i < t->tokens.count; i++) {
        while (at < t->vocab_count && t->id_of[at] < t->id_of[i])
            at++;
        if (at < t->vocab_count && t->id_of[at] == t->id_of[i])
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: added_tokens: the next free id %lu is taken by a token of "
                           "model.vocab, whose ids have gaps",
                           path, (unsigned long)t->id_of[i]);
    }
    return BL_OK;
}

bl_status bl_json_added(bl_tokenizer *t, const json_t *added, const char *path, bl_error *err)
{
    if (!json_is_array(added))
        return bl_fail(err, BL_EFORMAT, "%s: added_tokens is no array", path);
    size_t count = json_array_size(added);
    t->added = bl_calloc(count, sizeof *t->added);
    uint32_t *id_of = bl_realloc(t->id_of, t->vocab_count + count, sizeof *id_of);
    if (id_of)
        t->id_of = id_of;
    if (!t->added || !id_of)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory: %zu added tokens", path, count);
    int64_t next = (int64_t)t->vocab_count;
    t->added_count = count;
    for (size_t i = 0; i < count; i++)
        BL_TRY(read_added_token(t, i, json_array_get(added, i), &next, path, err));
    return check_ids(t, path, err);
}
