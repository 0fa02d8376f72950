/* Byte pair encoding of one word.
 *
 * Short words, nearly all, are searched for their lowest rank again after each merge: quadratic,
 * but over a few cache lines.  Long ones keep their pairs in a heap, O(n log n). */
#include "text/merge.h"
#include "core/alloc.h"

#include <string.h>

enum { SHORT_WORD = 32 };

/* A pair in the heap: stale when the symbol at `at` meanwhile forms another pair or is gone. */
typedef struct candidate {
    uint32_t rank, at;
} candidate;

static int before(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->rank != y->rank ? x->rank < y->rank : x->at < y->at;
}

void bl_merge_work_init(bl_merge_work *w)
{
    memset(w, 0, sizeof *w);
    bl_heap_init(&w->heap, sizeof(candidate), before);
}

void bl_merge_work_release(bl_merge_work *w)
{
    bl_free(w->symbol);
    bl_heap_release(&w->heap);
    bl_merge_work_init(w);
}

static size_t merge_short(const bl_tokenizer *t, bl_symbol *s, size_t count)
{
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (s[i].rank < s[best].rank)
                best = i;
        if (s[best].rank == BL_PAIRMAP_NONE)
            return count;
        s[best].id = t->merges[s[best].rank].result;
        memmove(&s[best + 1], &s[best + 2], (count - best - 2) * sizeof *s);
        count--;
        s[best].rank = best + 1 < count ? bl_pairmap_get(&t->ranks, s[best].id, s[best + 1].id)
                                        : BL_PAIRMAP_NONE;
        if (best > 0)
            s[best - 1].rank = bl_pairmap_get(&t->ranks, s[best - 1].id, s[best].id);
    }
}

/* Ranks the pair that begins at symbol `at` anew and queues it. */
static bl_status queue_pair(const bl_tokenizer *t, bl_merge_work *w, uint32_t at, bl_error *err)
{
    bl_symbol *s = &w->symbol[at];
    s->rank = s->next == BL_PAIRMAP_NONE ? BL_PAIRMAP_NONE
                                         : bl_pairmap_get(&t->ranks, s->id, w->symbol[s->next].id);
    if (s->rank == BL_PAIRMAP_NONE)
        return BL_OK;
    candidate c = {s->rank, at};
    return bl_heap_push(&w->heap, &c, err);
}

static bl_status merge_long(const bl_tokenizer *t, bl_merge_work *w, size_t *count, bl_error *err)
{
    bl_symbol *symbol = w->symbol;
    w->heap.count = 0;
    for (size_t i = 0; i < *count; i++) {
        symbol[i].prev = i ? (uint32_t)(i - 1) : BL_PAIRMAP_NONE;
        symbol[i].next = i + 1 < *count ? (uint32_t)(i + 1) : BL_PAIRMAP_NONE;
    }
    for (size_t i = 0; i < *count; i++)
        BL_TRY(queue_pair(t, w, (uint32_t)i, err));
    candidate c;
    while (bl_heap_pop(&w->heap, &c)) {
        bl_symbol *s = &symbol[c.at];
        if (s->rank != c.rank)
            continue;
        bl_symbol *gone = &symbol[s->next];
        gone->rank = BL_PAIRMAP_NONE;
        s->id = t->merges[c.rank].result;
        s->next = gone->next;
        if (s->next != BL_PAIRMAP_NONE)
            symbol[s->next].prev = c.at;
        BL_TRY(queue_pair(t, w, c.at, err));
        if (s->prev != BL_PAIRMAP_NONE)
            BL_TRY(queue_pair(t, w, s->prev, err));
    }
    size_t left = 0; /* the first symbol is never merged away: follow the chain and close ranks */
    for (uint32_t at = 0; at != BL_PAIRMAP_NONE; at = symbol[at].next)
        symbol[left++].id = symbol[at].id;
    *count = left;
    return BL_OK;
}

bl_status bl_merge_word(const bl_tokenizer *t, bl_merge_work *w, const char *word, size_t bytes,
                        size_t *count, bl_error *err)
{
    if (bytes >= BL_PAIRMAP_NONE)
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
        w->symbol[i].rank = i + 1 < bytes
                                ? bl_pairmap_get(&t->ranks, w->symbol[i].id, w->symbol[i + 1].id)
                                : BL_PAIRMAP_NONE;
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
