/* Sampling: from logits to the next token. */
#ifndef BL_INFER_SAMPLER_H
#define BL_INFER_SAMPLER_H

#include "format/options.h"

/* One token that may be drawn. */
typedef struct bl_candidate {
    float logit;
    int32_t id;
} bl_candidate;

typedef struct bl_sampler {
    bl_generate_options options;
    uint64_t seed, draws; /* the n-th draw is Philox(seed, SAMPLE, n): same seed, same text */
    size_t V;
    bl_candidate *candidate; /* [V] */
    int32_t *recent;         /* ring of the last repeat_last tokens */
    size_t recent_count, recent_next;
} bl_sampler;

/* Seed -1 takes one from the system; s->seed tells it. */
bl_status bl_sampler_init(bl_sampler *s, const bl_generate_options *options, size_t V,
                          bl_error *err) BL_NODISCARD;
void bl_sampler_release(bl_sampler *s);

/* Notes a token for the repeat penalty: prompt and reply alike. */
void bl_sampler_accept(bl_sampler *s, int32_t id);

/* Draws from logits [V] in the order penalty, top-k, top-p, min-p, temperature.  Equal logits rank
 * by the smaller id.  A logit that is not a number counts as minus infinity. */
int32_t bl_sampler_next(bl_sampler *s, const float *logits);

#endif
