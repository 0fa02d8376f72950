/* Encoding: added tokens cut out, segments into words, words into ids through a cache. */
#include "core/alloc.h"
#include "text/bytechars.h"
#include "text/merge.h"
#include "text/text.h"

#include <string.h>

enum {
    CACHED_WORD = 64,     /* longer words are rare and are not kept */
    CACHED_IDS = 1 << 20, /* the cache is emptied when it holds this many ids */
};

struct bl_word_cache {
    uint64_t owner; /* the tag of the tokenizer whose ids these are */
    bl_split_work split;
    bl_merge_work merge;
    bl_strtab words;
    bl_buf spelled; /* a word in byte characters */
    int32_t *ids;   /* of all words, one after the other */
    size_t ids_count, ids_cap;
    size_t *start; /* [words + 1] */
    size_t start_cap;
};

/* One call of bl_tokenizer_append. */
typedef struct encoding {
    const bl_tokenizer *t;
    bl_word_cache *cache;
    unsigned flags;
    int32_t **ids;
    size_t *cap, count;
} encoding;

bl_status bl_word_cache_open(bl_word_cache **c, bl_error *err)
{
    *c = bl_calloc(1, sizeof **c);
    if (!*c)
        return bl_fail(err, BL_ENOMEM, "out of memory for a word cache");
    bl_merge_work_init(&(*c)->merge);
    bl_status status = bl_split_work_init(&(*c)->split, err);
    if (status != BL_OK) {
        bl_word_cache_close(*c);
        *c = NULL;
    }
    return status;
}

void bl_word_cache_close(bl_word_cache *c)
{
    if (!c)
        return;
    bl_split_work_release(&c->split);
    bl_merge_work_release(&c->merge);
    bl_strtab_release(&c->words);
    bl_buf_release(&c->spelled);
    bl_free(c->ids);
    bl_free(c->start);
    bl_free(c);
}

static void forget_words(bl_word_cache *c)
{
    bl_strtab_release(&c->words);
    c->ids_count = 0;
}

static bl_status emit(encoding *e, const int32_t *ids, size_t n, bl_error *err)
{
    if (n == 0)
        return BL_OK;
    BL_TRY(bl_grow(e->ids, e->cap, e->count + n, sizeof **e->ids, err));
    memcpy(*e->ids + e->count, ids, n * sizeof *ids);
    e->count += n;
    return BL_OK;
}

/* The vocabulary's token that a whole word is, or BL_TOKEN_NONE. */
static uint32_t token_of(encoding *e, const char *word, size_t bytes)
{
    const bl_tokenizer *t = e->t;
    bl_buf *spelled = &e->cache->spelled;
    if (bytes > t->longest)
        return BL_TOKEN_NONE;
    bl_buf_clear(spelled);
    bl_bytechar_spell(spelled, word, bytes);
    size_t number =
        spelled->failed ? BL_STRTAB_NONE : bl_strtab_find(&t->tokens, spelled->data, spelled->len);
    if (number >= t->vocab_count)
        return BL_TOKEN_NONE;
    return t->id_of ? t->id_of[number] : (uint32_t)number;
}

static bl_status encode_word(void *user, const char *word, size_t bytes, bl_error *err)
{
    encoding *e = user;
    bl_word_cache *c = e->cache;
    size_t number = bytes <= CACHED_WORD ? bl_strtab_find(&c->words, word, bytes) : BL_STRTAB_NONE;
    if (number != BL_STRTAB_NONE)
        return emit(e, c->ids + c->start[number], c->start[number + 1] - c->start[number], err);

    size_t count;
    uint32_t whole = e->t->ignore_merges ? token_of(e, word, bytes) : BL_TOKEN_NONE;
    if (whole != BL_TOKEN_NONE)
        BL_TRY(bl_merge_set(&c->merge, whole, &count, err));
    else
        BL_TRY(bl_merge_word(e->t, &c->merge, word, bytes, &count, err));
    BL_TRY(bl_grow(e->ids, e->cap, e->count + count, sizeof **e->ids, err));
    int32_t *ids = *e->ids + e->count;
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)c->merge.symbol[i].id;
    e->count += count;
    if (bytes > CACHED_WORD)
        return BL_OK;

    if (c->ids_count + count > CACHED_IDS)
        forget_words(c);
    BL_TRY(bl_grow(&c->ids, &c->ids_cap, c->ids_count + count, sizeof *c->ids, err));
    BL_TRY(bl_grow(&c->start, &c->start_cap, c->words.count + 2, sizeof *c->start, err));
    BL_TRY(bl_strtab_add(&c->words, word, bytes, &number, err));
    if (count)
        memcpy(c->ids + c->ids_count, ids, count * sizeof *ids);
    c->start[number] = c->ids_count;
    c->ids_count += count;
    c->start[number + 1] = c->ids_count;
    return BL_OK;
}

/* Cuts the added tokens out: those not normalized, then in each piece that is left the normalized
 * ones; the rest is split into words. */
static bl_status encode_piece(encoding *e, int pass, const char *text, size_t bytes, bl_error *err)
{
    if (pass == 2)
        return bl_splitter_run(e->t->splitter, &e->cache->split, text, bytes,
                               !e->t->no_prefix_space, encode_word, e, err);
    bl_added_scan scan = {.index = &e->t->index[pass],
                          .text = text,
                          .bytes = bytes,
                          .no_special = e->flags & BL_ENCODE_NO_SPECIAL};
    size_t from = 0, first, last;
    for (const bl_added *a; (a = bl_added_next(&scan, &first, &last)) != NULL; from = last) {
        int32_t id = (int32_t)a->id;
        if (from < first)
            BL_TRY(encode_piece(e, pass + 1, text + from, first - from, err));
        BL_TRY(emit(e, &id, 1, err));
    }
    return from < bytes ? encode_piece(e, pass + 1, text + from, bytes - from, err) : BL_OK;
}

bl_status bl_tokenizer_append(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                              size_t bytes, unsigned flags, int32_t **ids, size_t *count,
                              size_t *cap, bl_error *err)
{
    size_t invalid = bl_utf8_invalid(text, bytes);
    if (invalid < bytes)
        return bl_fail(err, BL_EFORMAT, "the text is not UTF-8 at byte %zu", invalid);
    if (cache->owner != t->tag)
        forget_words(cache);
    cache->owner = t->tag;
    encoding e = {t, cache, flags, ids, cap, *count};
    const int32_t *template = flags & BL_ENCODE_TEMPLATE ? (const int32_t *)t->template : NULL;
    if (template)
        BL_TRY(emit(&e, template, t->template_before, err));
    BL_TRY(encode_piece(&e, 0, text, bytes, err));
    if (template)
        BL_TRY(
            emit(&e, template + t->template_before, t->template_count - t->template_before, err));
    *count = e.count;
    return BL_OK;
}

bl_status bl_tokenizer_encode(const bl_tokenizer *t, const char *text, size_t bytes, unsigned flags,
                              int32_t *ids, size_t cap, size_t *count, bl_error *err)
{
    int32_t *all = NULL;
    size_t all_count = 0, all_cap = 0;
    bl_word_cache *cache;
    *count = 0;
    BL_TRY(bl_word_cache_open(&cache, err));
    bl_status status =
        bl_tokenizer_append(t, cache, text, bytes, flags, &all, &all_count, &all_cap, err);
    if (status == BL_OK) {
        size_t n = all_count < cap ? all_count : cap;
        if (n)
            memcpy(ids, all, n * sizeof *ids);
        *count = all_count;
    }
    bl_word_cache_close(cache);
    bl_free(all);
    return status;
}
