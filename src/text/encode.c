/* Encoding: added tokens cut out, segments split into words, words into ids through a cache. */
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"
#include "text/bytechars.h"
#include "text/merge.h"
#include "text/text.h"

#include <string.h>

enum {
    CACHED_WORD = 64,     /* longer words are rare and are not kept */
    CACHED_IDS = 1 << 20, /* the cache is emptied when it holds this many ids */
    POLL_BYTES = 1 << 16, /* of text between two looks at the watch */
};

struct bl_word_cache {
    uint64_t owner; /* the tag of the tokenizer whose ids these are */
    bl_split_work split;
    bl_merge_work merge;
    bl_nfc_work nfc;
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
    const char *text;
    unsigned flags;
    const unsigned char *typed; /* [bytes] of the text, or NULL: where special tokens are text */
    unsigned typed_mask;
    bl_id_list *out;
    const char *piece;  /* between exact added tokens, normalised: its changes are in cache->nfc */
    size_t piece_start; /* in the text */
    size_t segment;     /* in the piece: what is cut into words */
    size_t bytes, seen; /* of the text; of its words so far, */
    size_t polled;      /* and when the watch was last told */
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
    bl_nfc_work_release(&c->nfc);
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

void bl_id_list_release(bl_id_list *tokens)
{
    bl_free(tokens->ids);
    bl_free(tokens->offsets);
    *tokens = (bl_id_list){0};
}

/* Room for `more` tokens. */
static bl_status reserve(encoding *e, size_t more, bl_error *err)
{
    bl_id_list *out = e->out;
    BL_TRY(bl_grow(&out->ids, &out->ids_cap, out->count + more, sizeof *out->ids, err));
    return e->flags & BL_ENCODE_OFFSETS ? bl_grow(&out->offsets, &out->offsets_cap,
                                                  out->count + more, sizeof *out->offsets, err)
                                        : BL_OK;
}

/* What piece[start] .. piece[end - 1] comes from. */
static bl_offset source(const encoding *e, size_t start, size_t end)
{
    const bl_nfc_work *nfc = &e->cache->nfc;
    return (bl_offset){e->piece_start + bl_nfc_source(nfc, start, 0),
                       e->piece_start + bl_nfc_source(nfc, end, end > start)};
}

/* A token that does not come from a word. */
static bl_status emit(encoding *e, int32_t id, bl_offset offset, bl_error *err)
{
    BL_TRY(reserve(e, 1, err));
    if (e->flags & BL_ENCODE_OFFSETS)
        e->out->offsets[e->out->count] = offset;
    e->out->ids[e->out->count++] = id;
    return BL_OK;
}

/* Where the `count` tokens after those of `out` come from, which spell a word. */
static void place(encoding *e, const bl_split_word *word, size_t count)
{
    const bl_tokenizer *t = e->t;
    size_t to = 0, at = e->segment + word->at, prefix = word->prefixed ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        size_t id = (size_t)e->out->ids[e->out->count + i];
        while (t->some_bytes && t->byte_id[(unsigned char)word->text[to]] == BL_NO_BYTE_ID)
            to++;
        size_t from = to;
        to += t->bytes_start[id + 1] - t->bytes_start[id];
        e->out->offsets[e->out->count + i] =
            source(e, at + (from - (from ? prefix : 0)), at + (to - prefix));
    }
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

/* Keeps the ids of a short word for the next time it occurs. */
static bl_status remember(bl_word_cache *c, const char *word, size_t bytes, const int32_t *ids,
                          size_t count, bl_error *err)
{
    size_t number;
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

/* The ids of a word that is not in the cache, appended to those of `out`. */
static bl_status merge_word(encoding *e, const char *word, size_t bytes, size_t *count,
                            bl_error *err)
{
    bl_merge_work *merge = &e->cache->merge;
    uint32_t whole = e->t->ignore_merges ? token_of(e, word, bytes) : BL_TOKEN_NONE;
    if (whole != BL_TOKEN_NONE)
        BL_TRY(bl_merge_set(merge, whole, count, err));
    else
        BL_TRY(bl_merge_word(e->t, merge, word, bytes, count, err));
    BL_TRY(reserve(e, *count, err));
    int32_t *ids = e->out->ids + e->out->count;
    for (size_t i = 0; i < *count; i++)
        ids[i] = (int32_t)merge->symbol[i].id;
    return bytes <= CACHED_WORD ? remember(e->cache, word, bytes, ids, *count, err) : BL_OK;
}

static bl_status poll(encoding *e, size_t bytes, bl_error *err)
{
    e->seen += bytes;
    if (e->seen - e->polled < POLL_BYTES)
        return BL_OK;
    e->polled = e->seen;
    return bl_watch_poll(e->seen < e->bytes ? e->seen : e->bytes, e->bytes, err);
}

static bl_status encode_word(void *user, const bl_split_word *w, bl_error *err)
{
    encoding *e = user;
    bl_word_cache *c = e->cache;
    const char *word = w->text;
    BL_TRY(poll(e, w->bytes, err));
    size_t count,
        bytes = w->bytes,
        number = bytes <= CACHED_WORD ? bl_strtab_find(&c->words, word, bytes) : BL_STRTAB_NONE;
    if (number == BL_STRTAB_NONE) {
        BL_TRY(merge_word(e, word, bytes, &count, err));
    } else {
        count = c->start[number + 1] - c->start[number];
        BL_TRY(reserve(e, count, err));
        if (count)
            memcpy(e->out->ids + e->out->count, c->ids + c->start[number], count * sizeof *c->ids);
    }
    if (e->flags & BL_ENCODE_OFFSETS)
        place(e, w, count);
    e->out->count += count;
    return BL_OK;
}

static bl_status encode_words(encoding *e, const char *text, size_t bytes, bl_error *err)
{
    e->segment = (size_t)(text - e->piece);
    return bl_splitter_run(e->t->splitter, &e->cache->split, text, bytes, encode_word, e, err);
}

/* A piece as it is normalised. */
static bl_status normalise(encoding *e, const char **text, size_t *bytes, bl_error *err)
{
    bl_nfc_work *nfc = &e->cache->nfc;
    e->piece_start = (size_t)(*text - e->text);
    nfc->count = 0;
    if (e->t->nfc)
        BL_TRY(bl_nfc_run(e->t->nfc, nfc, *text, *bytes, err));
    if (nfc->count) {
        *text = nfc->text.data;
        *bytes = nfc->text.len;
    }
    e->piece = *text;
    return BL_OK;
}

/* A piece in which added tokens are looked for. */
typedef struct added_piece {
    const encoding *e;
    const char *text;
    int normalised;
} added_piece;

/* Was any byte of a token typed by somebody? */
static int is_typed(void *user, size_t first, size_t last)
{
    const added_piece *p = user;
    const encoding *e = p->e;
    bl_offset at = {(size_t)(p->text - e->text) + first, (size_t)(p->text - e->text) + last};
    if (p->normalised) {
        size_t from = (size_t)(p->text - e->piece);
        at = source(e, from + first, from + last);
    }
    for (size_t i = at.start; i < at.end; i++)
        if (e->typed[i] & e->typed_mask)
            return 1;
    return 0;
}

/* Cuts the added tokens out: those not normalized, then in each remaining piece, once it is
 * normalised, the others; the rest is split into words. */
static bl_status encode_piece(encoding *e, int pass, const char *text, size_t bytes, bl_error *err)
{
    if (pass == 2)
        return encode_words(e, text, bytes, err);
    if (pass == 1)
        BL_TRY(normalise(e, &text, &bytes, err));
    bl_added_scan scan = {.index = &e->t->index[pass],
                          .text = text,
                          .bytes = bytes,
                          .take_special = e->flags & BL_ENCODE_SPECIAL,
                          .is_text = e->typed ? is_typed : NULL,
                          .user = &(added_piece){e, text, pass == 1}};
    size_t from = 0, first, last;
    for (const bl_added *a; (a = bl_added_next(&scan, &first, &last)) != NULL; from = last) {
        if (from < first)
            BL_TRY(encode_piece(e, pass + 1, text + from, first - from, err));
        BL_TRY(emit(e, (int32_t)a->id,
                    pass == 0 ? (bl_offset){first, last} : source(e, first, last), err));
    }
    return from < bytes ? encode_piece(e, pass + 1, text + from, bytes - from, err) : BL_OK;
}

/* Tokens of the template, from one to another, which stand at a place of the text. */
static bl_status emit_template(encoding *e, size_t from, size_t to, size_t at, bl_error *err)
{
    const uint32_t *ids = e->t->template;
    for (size_t i = from; i < to && (e->flags & BL_ENCODE_TEMPLATE); i++)
        BL_TRY(emit(e, (int32_t)ids[i], (bl_offset){at, at}, err));
    return BL_OK;
}

bl_status bl_tokenizer_append_typed(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                                    size_t bytes, const unsigned char *typed, unsigned mask,
                                    unsigned flags, bl_id_list *tokens, bl_error *err)
{
    size_t invalid = bl_utf8_invalid(text, bytes), count = tokens->count;
    if (invalid < bytes)
        return bl_fail(err, BL_EFORMAT, "the text is not UTF-8 at byte %zu", invalid);
    if (cache->owner != t->tag)
        forget_words(cache);
    cache->owner = t->tag;
    encoding e = {.t = t,
                  .cache = cache,
                  .text = text,
                  .flags = flags,
                  .typed = typed,
                  .typed_mask = mask,
                  .out = tokens,
                  .bytes = bytes};
    bl_status status = emit_template(&e, 0, t->template_before, 0, err);
    if (status == BL_OK)
        status = encode_piece(&e, 0, text, bytes, err);
    if (status == BL_OK)
        status = emit_template(&e, t->template_before, t->template_count, bytes, err);
    if (status != BL_OK)
        tokens->count = count;
    return status;
}

bl_status bl_tokenizer_append(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                              size_t bytes, unsigned flags, bl_id_list *tokens, bl_error *err)
{
    return bl_tokenizer_append_typed(t, cache, text, bytes, NULL, 0, flags, tokens, err);
}

static bl_status encode_once(const bl_tokenizer *t, const char *text, size_t bytes, unsigned flags,
                             int32_t *ids, bl_offset *offsets, size_t cap, size_t *count,
                             bl_error *err)
{
    bl_id_list all = {0};
    bl_word_cache *cache;
    flags = offsets ? flags | BL_ENCODE_OFFSETS : flags & ~(unsigned)BL_ENCODE_OFFSETS;
    BL_TRY(bl_word_cache_open(&cache, err));
    bl_watch watch;
    bl_watch_begin(&watch, "encoding", "B", bytes);
    bl_status status = bl_tokenizer_append(t, cache, text, bytes, flags, &all, err);
    bl_watch_end(&watch);
    if (status == BL_OK) {
        size_t n = all.count < cap ? all.count : cap;
        if (n)
            memcpy(ids, all.ids, n * sizeof *ids);
        if (n && offsets)
            memcpy(offsets, all.offsets, n * sizeof *offsets);
        *count = all.count;
    }
    bl_word_cache_close(cache);
    bl_id_list_release(&all);
    return status;
}

bl_status bl_tokenizer_encode_offsets(const bl_tokenizer *t, const char *text, size_t bytes,
                                      unsigned flags, int32_t *ids, bl_offset *offsets, size_t cap,
                                      size_t *count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, count);
    *count = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, bytes, text);
    BL_NOT_NULL_IF(err, cap, ids);
    bl_call_begin(&call, err);
    return bl_call_end(&call, encode_once(t, text, bytes, flags, ids, offsets, cap, count, err),
                       err);
}

bl_status bl_tokenizer_encode(const bl_tokenizer *t, const char *text, size_t bytes, unsigned flags,
                              int32_t *ids, size_t cap, size_t *count, bl_error *err)
{
    return bl_tokenizer_encode_offsets(t, text, bytes, flags, ids, NULL, cap, count, err);
}
