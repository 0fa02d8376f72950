/* The best logits of each row. */
#include "ops/ref/ref.h"

#include <math.h>

/* Logits are ranked as floats, which is what the host would get. */
static bl_candidate candidate_of(const BL_REAL *logit, size_t v)
{
    float x = (float)logit[v];
    return (bl_candidate){isnan(x) ? -INFINITY : x + 0.0f, (int32_t)v};
}

/* best[i] = the best of those that best[i-1] is better than */
void REF(head_top)(bl_dev *d, bl_dev_candidate *best_, const bl_real *logits_, size_t N, size_t V,
                   size_t k)
{
    (void)d;
    for (size_t n = 0; n < N; n++) {
        const BL_REAL *logit = (const BL_REAL *)(const void *)logits_ + n * V;
        bl_candidate *best = (bl_candidate *)(void *)best_ + n * (k + 1);
        for (size_t i = 0; i < k; i++) {
            best[i] = (bl_candidate){-INFINITY, INT32_MAX};
            for (size_t v = 0; v < V; v++) {
                bl_candidate c = candidate_of(logit, v);
                if ((i == 0 || bl_candidate_better(&best[i - 1], &c)) &&
                    bl_candidate_better(&c, &best[i]))
                    best[i] = c;
            }
        }
        size_t odd = 0;
        while (odd < V && isfinite((float)logit[odd]))
            odd++;
        best[k] = (bl_candidate){0, (int32_t)odd};
    }
}

size_t REF(head_coarse_bytes)(bl_dev *d, size_t V, size_t D)
{
    (void)d, (void)V, (void)D;
    return 0;
}

void REF(head_coarse)(bl_dev *d, bl_coarse *coarse, const bl_param *E, size_t V, size_t D)
{
    (void)d, (void)coarse, (void)E, (void)V, (void)D;
}

void REF(head_best)(bl_dev *d, bl_dev_candidate *best, bl_real *room, const bl_act *x,
                    const bl_param *E, const bl_coarse *coarse, size_t N, size_t D, size_t V,
                    size_t k)
{
    (void)coarse;
    REF(head_logits)(d, room, x, E, N, D, V);
    REF(head_top)(d, best, room, N, V, k);
}
