/* Byte pair encoding of one word.
 *
 * Short words, nearly all, are searched for their lowest rank again after each merge: quadratic,
 * but over a few cache lines.  In long ones the symbols whose pairs have one rank are a queue, and
 * bits say which queues are not empty: the time is linear.
 *
 * A queue is in the order of places, without sorting.  What a token is made of is always merged in
 * the same way, so of two equal tokens both halves of the left one are there first, if both queues
 * of the halves were in order; and bytes are queued from left to right. */
#include "text/merge.h"
#include "core/alloc.h"

#include <string.h>

enum { SHORT_WORD = 32 };

#define NONE BL_PAIRMAP_NONE

void bl_merge_work_init(bl_merge_work *w)
{
    memset(w, 0, sizeof *w);
}

void bl_merge_work_release(bl_merge_work *w)
{
    bl_free(w->symbol);
    bl_free(w->link);
    bl_free(w->queue);
    for (size_t i = 0; i < BL_MERGE_LEVELS; i++)
        bl_free(w->level[i]);
    bl_merge_work_init(w);
}

static size_t merge_short(const bl_tokenizer *t, bl_symbol *s, size_t count)
{
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (s[i].rank < s[best].rank)
                best = i;
        if (s[best].rank == NONE)
            return count;
        s[best].id = t->merges[s[best].rank].result;
        memmove(&s[best + 1], &s[best + 2], (count - best - 2) * sizeof *s);
        count--;
        s[best].rank =
            best + 1 < count ? bl_pairmap_get(&t->ranks, s[best].id, s[best + 1].id) : NONE;
        if (best > 0)
            s[best - 1].rank = bl_pairmap_get(&t->ranks, s[best - 1].id, s[best].id);
    }
}

/* ---- long words ---- */

/* Empty queues for as many ranks. */
static bl_status make_queues(bl_merge_work *w, size_t ranks, bl_error *err)
{
    if (w->ranks && ranks <= w->ranks)
        return BL_OK;
    w->ranks = 0;
    bl_free(w->queue);
    ranks = ranks ? ranks : 1;
    w->queue = bl_calloc(ranks, sizeof *w->queue);
    int failed = !w->queue;
    for (size_t i = 0, words = ranks; i < BL_MERGE_LEVELS; i++) {
        words = words / 64 + 1;
        bl_free(w->level[i]);
        w->level[i] = bl_calloc(words, sizeof **w->level);
        failed |= !w->level[i];
    }
    if (failed)
        return bl_fail(err, BL_ENOMEM, "out of memory: the ranks of %zu merges", ranks);
    memset(w->queue, 0xFF, ranks * sizeof *w->queue);
    w->ranks = ranks;
    return BL_OK;
}

/* The lowest rank whose queue is not empty, or NONE. */
static uint32_t lowest(const bl_merge_work *w)
{
    size_t at = 0;
    for (size_t i = BL_MERGE_LEVELS; i-- > 0;) {
        uint64_t bits = w->level[i][at];
        if (bits == 0) /* of the top only */
            return NONE;
        at = at * 64 + (size_t)__builtin_ctzll(bits);
    }
    return (uint32_t)at;
}

static void mark(bl_merge_work *w, size_t rank)
{
    for (size_t i = 0; i < BL_MERGE_LEVELS; i++, rank /= 64) {
        uint64_t bit = 1ULL << rank % 64, *word = &w->level[i][rank / 64];
        if (*word & bit)
            return;
        *word |= bit;
    }
}

static void unmark(bl_merge_work *w, size_t rank)
{
    for (size_t i = 0; i < BL_MERGE_LEVELS; i++, rank /= 64) {
        uint64_t *word = &w->level[i][rank / 64];
        *word &= ~(1ULL << rank % 64);
        if (*word)
            return;
    }
}

/* Puts symbol `at` at the end of the queue of its rank. */
static void list(bl_merge_work *w, uint32_t at)
{
    uint32_t rank = w->symbol[at].rank;
    bl_merge_queue *q = &w->queue[rank];
    w->link[at] = (bl_merge_link){q->last, NONE};
    if (q->last == NONE) {
        *q = (bl_merge_queue){at, at};
        mark(w, rank);
        return;
    }
    w->link[q->last].next = at;
    q->last = at;
}

static void unlist(bl_merge_work *w, uint32_t at)
{
    uint32_t rank = w->symbol[at].rank;
    bl_merge_queue *q = &w->queue[rank];
    const bl_merge_link l = w->link[at];
    *(l.prev == NONE ? &q->first : &w->link[l.prev].next) = l.next;
    *(l.next == NONE ? &q->last : &w->link[l.next].prev) = l.prev;
    if (q->first == NONE)
        unmark(w, rank);
}

/* Ranks again the pair that begins at symbol `at`. */
static void rank_pair(const bl_tokenizer *t, bl_merge_work *w, uint32_t at)
{
    bl_symbol *s = &w->symbol[at];
    if (s->rank != NONE)
        unlist(w, at);
    s->rank = s->next == NONE ? NONE : bl_pairmap_get(&t->ranks, s->id, w->symbol[s->next].id);
    if (s->rank != NONE)
        list(w, at);
}

/* Merges the first pair of a queue. */
static void merge_first(const bl_tokenizer *t, bl_merge_work *w, uint32_t rank)
{
    uint32_t at = w->queue[rank].first;
    bl_symbol *s = &w->symbol[at], *gone = &w->symbol[s->next];
    if (gone->rank != NONE)
        unlist(w, s->next);
    gone->rank = NONE;
    s->id = t->merges[rank].result;
    s->next = gone->next;
    if (s->next != NONE)
        w->symbol[s->next].prev = at;
    rank_pair(t, w, at);
    if (s->prev != NONE)
        rank_pair(t, w, s->prev);
}

static bl_status merge_long(const bl_tokenizer *t, bl_merge_work *w, size_t *count, bl_error *err)
{
    bl_symbol *symbol = w->symbol;
    BL_TRY(make_queues(w, t->merge_count, err));
    BL_TRY(bl_grow(&w->link, &w->link_cap, *count, sizeof *w->link, err));
    for (size_t i = 0; i < *count; i++) {
        symbol[i].prev = i ? (uint32_t)(i - 1) : NONE;
        symbol[i].next = i + 1 < *count ? (uint32_t)(i + 1) : NONE;
        symbol[i].rank = NONE;
    }
    for (size_t i = 0; i < *count; i++)
        rank_pair(t, w, (uint32_t)i);
    for (uint32_t rank; (rank = lowest(w)) != NONE;)
        merge_first(t, w, rank);
    size_t left = 0; /* the first symbol is never merged away: follow the chain and close ranks */
    for (uint32_t at = 0; at != NONE; at = symbol[at].next)
        symbol[left++].id = symbol[at].id;
    *count = left;
    return BL_OK;
}

bl_status bl_merge_word(const bl_tokenizer *t, bl_merge_work *w, const char *word, size_t bytes,
                        size_t *count, bl_error *err)
{
    if (bytes >= NONE)
        return bl_fail(err, BL_EUNSUPPORTED, "a word of %zu bytes is too long", bytes);
    BL_TRY(bl_grow(&w->symbol, &w->cap, bytes, sizeof *w->symbol, err));
    size_t kept = 0;
    for (size_t i = 0; i < bytes; i++) {
        w->symbol[kept].id = t->byte_id[(unsigned char)word[i]];
        kept += w->symbol[kept].id != BL_NO_BYTE_ID;
    }
    bytes = *count = kept;
    if (bytes == 0)
        return BL_OK;
    if (bytes > SHORT_WORD)
        return merge_long(t, w, count, err);
    for (size_t i = 0; i < bytes; i++)
        w->symbol[i].rank =
            i + 1 < bytes ? bl_pairmap_get(&t->ranks, w->symbol[i].id, w->symbol[i + 1].id) : NONE;
    *count = merge_short(t, w->symbol, bytes);
    return BL_OK;
}

bl_status bl_merge_set(bl_merge_work *w, uint32_t id, size_t *count, bl_error *err)
{
    BL_TRY(bl_grow(&w->symbol, &w->cap, 1, sizeof *w->symbol, err));
    w->symbol[0].id = id;
    *count = 1;
    return BL_OK;
}
