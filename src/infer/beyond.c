/* Drawing without the head where a grammar allows only what the model would hardly write. */
#include "infer/beyond.h"

#include <math.h>
#include <string.h>

void bl_beyond_hit(bl_beyond *b)
{
    b->count = 0;
}

void bl_beyond_missed(bl_beyond *b, const bl_reader *r, const bl_candidate *best, size_t count)
{
    b->count = count < BL_READER_ROWS ? count : BL_READER_ROWS;
    if (b->count > r->some / 2) /* no logits of some tokens alone */
        b->count = 0;
    for (size_t i = 0; i < b->count; i++)
        b->likely[i] = best[i].id;
}

int bl_beyond_tries(bl_beyond *b, const bl_sequence *s)
{
    if (!b->count || !s->constraint || bl_sampling_beyond(&s->sampler) > b->count)
        return 0;
    if (!b->wait)
        return 1;
    b->wait--;
    return 0;
}

/* The best of what is allowed, whose logits are those of the drawing; 0: one is not a number. */
static int find_best(const bl_sequence *s, const bl_drawing *d, bl_candidate *best)
{
    size_t V = s->sampler.V;
    if (d->best) {
        *best = d->best[0];
        return (size_t)d->best[d->count].id == V;
    }
    *best = (bl_candidate){-INFINITY, (int32_t)V};
    for (size_t i = bl_allowed_next(s->mask, V, 0); i < V; i = bl_allowed_next(s->mask, V, i + 1)) {
        const bl_candidate c = {d->logits[i], (int32_t)i};
        if (!isfinite(c.logit))
            return 0;
        if (bl_candidate_better(&c, best))
            *best = c;
    }
    return (size_t)best->id < V;
}

/* How many of the likely tokens are better. */
static bl_status count_better(const bl_beyond *b, const bl_sequence *s, bl_reader *r,
                              const bl_candidate *best, size_t *better, bl_error *err)
{
    *better = 0;
    memcpy(r->some_ids, b->likely, b->count * sizeof *b->likely);
    BL_TRY(bl_reader_some(r, &s->state, b->count, err));
    for (size_t i = 0; i < b->count; i++) {
        const bl_candidate c = {r->host[b->likely[i]], b->likely[i]};
        *better += isfinite(c.logit) && bl_candidate_better(&c, best);
    }
    return BL_OK;
}

/* Less often when it was in vain. */
static void fail(bl_beyond *b)
{
    enum { MOST = 63 };
    b->waited = 2 * b->waited + 1 < MOST ? 2 * b->waited + 1 : MOST;
    b->wait = b->waited;
}

bl_status bl_beyond_draw(bl_beyond *b, bl_sequence *s, bl_reader *r, bl_drawing *d, int32_t *id,
                         bl_error *err)
{
    size_t better = 0, needed = bl_sampling_beyond(&s->sampler);
    bl_candidate best;
    int there = 0;
    BL_TRY(bl_sequence_allow(s, d, id, err));
    if (*id != BL_NO_TOKEN)
        return bl_sequence_take(s, d, *id, err);
    BL_TRY(bl_sequence_fetch_some(s, r, d, BL_READER_ROWS, &there, err));
    if (there && find_best(s, d, &best)) {
        if (needed)
            BL_TRY(count_better(b, s, r, &best, &better, err));
        if (better >= needed) {
            b->waited = 0;
            return bl_sequence_draw(s, d, id, err);
        }
    }
    fail(b);
    return BL_OK;
}
