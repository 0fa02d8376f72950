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

static bl_status no_token(bl_error *err)
{
    return bl_fail(err, BL_EUNSUPPORTED,
                   "no token can go on with the text by the grammar: the vocabulary lacks what "
                   "must follow, a bias forbids it, or rules nest more than 1,024 deep");
}

/* The candidates that the grammar allows, in the sampler; *count 0: none among the best. */
static bl_status leave(bl_sequence *s, const bl_drawing *d, bl_token_limit *limit, size_t *count,
                       bl_error *err)
{
    bl_sampler *sampler = &s->sampler;
    int any;
    *count = 0;
    if (!bl_sampler_leaves_all(sampler)) {
        *count = d->best ? bl_sampler_leave_of(sampler, d->best, d->count)
                         : bl_sampler_leave(sampler, d->logits, NULL);
        BL_TRY(bl_constraint_keep(s->constraint, limit, sampler->candidate, count, err));
    }
    if (*count || d->best)
        return BL_OK;
    BL_TRY(bl_constraint_mask(s->constraint, limit, s->mask, sampler->V, &any, err));
    if (!any && limit->left) { /* what leads to the end is not there in single bytes */
        limit->left = 0;
        BL_TRY(bl_constraint_mask(s->constraint, limit, s->mask, sampler->V, &any, err));
    }
    *count = any ? bl_sampler_leave(sampler, d->logits, s->mask) : 0;
    return *count ? BL_OK : no_token(err);
}

bl_status bl_sequence_draw(bl_sequence *s, const bl_drawing *d, int32_t *id, bl_error *err)
{
    bl_sampler *sampler = &s->sampler;
    size_t count;
    *id = BL_NO_TOKEN;
    if (!s->constraint) {
        *id = d->best ? bl_sampler_next_of(sampler, d->best, d->count)
                      : bl_sampler_next(sampler, d->logits);
        return BL_OK;
    }
    bl_token_limit limit = {
        .end = d->end, .drop = d->drops_space && !s->decoder.started, .left = d->left};
    BL_TRY(leave(s, d, &limit, &count, err));
    if (!count)
        return BL_OK;
    if (sampler->bias_count && sampler->candidate[0].logit == -INFINITY)
        return d->best ? BL_OK : no_token(err);
    int32_t drawn = bl_sampler_choose(sampler, count);
    if (drawn == d->end)
        bl_sequence_unconstrain(s);
    else
        BL_TRY(bl_constraint_accept(s->constraint, &limit, drawn, err));
    *id = drawn;
    return BL_OK;
}
