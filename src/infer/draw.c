/* Drawing a token, of those that a grammar allows when there is one. */
#include "core/alloc.h"
#include "infer/sequence.h"

#include <math.h>

static void replace(bl_sequence *s, bl_constraint *c, uint64_t *mask)
{
    bl_constraint_close(s->constraint);
    bl_free(s->mask);
    s->constraint = c;
    s->mask = mask;
    s->sampler.restricted = c != NULL;
}

static bl_status set(bl_sequence *s, bl_grammar *g, const bl_constraint *from, bl_error *err)
{
    bl_constraint *c = NULL;
    uint64_t *mask = NULL;
    if (g || from) {
        mask = bl_calloc((s->sampler.V + 63) / 64, sizeof *mask);
        if (!mask)
            return bl_fail(err, BL_ENOMEM, "out of memory for a mask of %zu tokens", s->sampler.V);
        bl_status status = g ? bl_constraint_open(&c, g, err) : bl_constraint_copy(&c, from, err);
        if (status != BL_OK) {
            bl_free(mask);
            return status;
        }
    }
    replace(s, c, mask);
    return BL_OK;
}

void bl_sequence_unconstrain(bl_sequence *s)
{
    replace(s, NULL, NULL);
}

bl_status bl_sequence_constrain(bl_sequence *s, bl_grammar *g, bl_error *err)
{
    return set(s, g, NULL, err);
}

bl_status bl_sequence_constrain_as(bl_sequence *s, const bl_sequence *other, bl_error *err)
{
    return set(s, NULL, other->constraint, err);
}

static bl_status no_token(int masked, bl_error *err)
{
    return bl_fail(err, BL_EUNSUPPORTED,
                   masked ? "no token may be drawn: the mask has none that grammar and biases leave"
                          : "no token can go on with the text by the grammar: the vocabulary lacks "
                            "what must follow, a bias forbids it, or rules nest more than 1,024 "
                            "deep");
}

/* From the candidates that top-k leaves, those that the grammar allows; *id is left when it allows
 * none of them. */
static bl_status draw_left(bl_sequence *s, const bl_drawing *d, const bl_token_limit *limit,
                           int32_t *id, bl_error *err)
{
    bl_sampling *sampler = &s->sampler;
    size_t count = d->best ? bl_sampling_leave_of(sampler, d->best, d->count)
                           : bl_sampling_leave(sampler, d->logits, d->mask);
    BL_TRY(bl_constraint_keep(s->constraint, limit, sampler->candidate, &count, err));
    if (count && !(sampler->bias_count && sampler->candidate[0].logit == -INFINITY))
        *id = bl_sampling_choose(sampler, count);
    return BL_OK;
}

/* The only token in a mask, which is drawn whatever its logit; BL_NO_TOKEN: there are others. */
static int32_t only_one(const uint64_t *mask, size_t V)
{
    size_t first = bl_allowed_next(mask, V, 0);
    int one = first < V && bl_allowed_next(mask, V, first + 1) == V;
    return one ? (int32_t)first : BL_NO_TOKEN;
}

/* Of the tokens that the grammar allows those in the caller's mask; whether there are any. */
static int meet(uint64_t *allowed, const uint64_t *mask, size_t V)
{
    uint64_t any = 0;
    for (size_t w = 0; mask && w < (V + 63) / 64; w++)
        any |= allowed[w] &= mask[w];
    return !mask || any;
}

/* What the grammar allows, to s->mask; *id when it is a single token. */
static bl_status find_allowed(bl_sequence *s, const bl_drawing *d, bl_token_limit *limit,
                              int32_t *id, bl_error *err)
{
    int any;
    size_t V = s->sampler.V;
    BL_TRY(bl_constraint_mask(s->constraint, limit, s->mask, V, &any, err));
    any = any && meet(s->mask, d->mask, V);
    if (!any && limit->left) { /* what leads to the end is not there in single bytes */
        limit->left = 0;
        BL_TRY(bl_constraint_mask(s->constraint, limit, s->mask, V, &any, err));
        (void)meet(s->mask, d->mask, V);
    }
    if (!s->sampler.bias_count)
        *id = only_one(s->mask, V);
    return BL_OK;
}

/* The tokens in a mask, rising, when there are at most so many; how many there are, or more. */
static size_t list_mask(int32_t *ids, size_t most, const uint64_t *mask, size_t V)
{
    size_t n = 0;
    for (size_t i = bl_allowed_next(mask, V, 0); i < V; i = bl_allowed_next(mask, V, i + 1)) {
        if (n == most)
            return most + 1;
        ids[n++] = (int32_t)i;
    }
    return n;
}

bl_status bl_sequence_fetch_some(const bl_sequence *s, bl_reader *r, bl_drawing *d, size_t most,
                                 int *there, bl_error *err)
{
    size_t n = list_mask(r->some_ids, r->some, s->mask, s->sampler.V);
    *there = 0;
    if (n <= r->some && d->count)
        BL_TRY(bl_reader_best_of(r, &s->state, n, d->count, there, err));
    d->found = 1;
    d->best = *there ? r->best : NULL;
    d->logits = r->host;
    if (*there || n > most || n > r->some / 2)
        return BL_OK;
    *there = 1;
    return bl_reader_some(r, &s->state, n, err);
}

bl_status bl_sequence_fetch(const bl_sequence *s, bl_reader *r, bl_drawing *d, bl_error *err)
{
    int there;
    BL_TRY(bl_sequence_fetch_some(s, r, d, SIZE_MAX, &there, err));
    if (there)
        return BL_OK;
    BL_TRY(bl_reader_logits(r, &s->state, err));
    return bl_reader_get(r, 0, r->host, err);
}

static bl_token_limit limit_of(const bl_sequence *s, const bl_drawing *d)
{
    return (bl_token_limit){
        .end = d->end, .drop = d->drops_space && !s->decoder.started, .left = d->left};
}

bl_status bl_sequence_only(bl_sequence *s, const bl_drawing *d, int32_t *id, bl_error *err)
{
    bl_token_limit limit = limit_of(s, d);
    *id = BL_NO_TOKEN;
    if (!s->constraint || s->sampler.bias_count)
        return BL_OK;
    return bl_constraint_only(s->constraint, &limit, s->sampler.V, id, err);
}

bl_status bl_sequence_allow(bl_sequence *s, const bl_drawing *d, int32_t *id, bl_error *err)
{
    bl_token_limit limit = limit_of(s, d);
    *id = BL_NO_TOKEN;
    return find_allowed(s, d, &limit, id, err);
}

bl_status bl_sequence_take(bl_sequence *s, const bl_drawing *d, int32_t id, bl_error *err)
{
    bl_token_limit limit = limit_of(s, d);
    if (id != d->end)
        return bl_constraint_accept(s->constraint, &limit, id, err);
    bl_sequence_unconstrain(s);
    return BL_OK;
}

bl_status bl_sequence_draw(bl_sequence *s, const bl_drawing *d, int32_t *id, bl_error *err)
{
    bl_sampling *sampler = &s->sampler;
    *id = BL_NO_TOKEN;
    if (!s->constraint) {
        *id = d->best ? bl_sampling_next_of(sampler, d->best, d->count)
                      : bl_sampling_next(sampler, d->logits, d->mask);
        return *id != BL_NO_TOKEN ? BL_OK : no_token(1, err);
    }
    bl_token_limit limit = limit_of(s, d);
    if (!d->found && !bl_sampling_leaves_all(sampler))
        BL_TRY(draw_left(s, d, &limit, id, err));
    if (!d->found && *id == BL_NO_TOKEN)
        BL_TRY(find_allowed(s, d, &limit, id, err));
    if (*id == BL_NO_TOKEN && (d->found || !d->best)) {
        *id = d->best ? bl_sampling_next_of(sampler, d->best, d->count)
                      : bl_sampling_next(sampler, d->logits, s->mask);
        if (*id == BL_NO_TOKEN)
            return no_token(d->mask != NULL, err);
    }
    return *id != BL_NO_TOKEN ? bl_sequence_take(s, d, *id, err) : BL_OK;
}
