/* The k best of many numbers. */
#ifndef BL_CORE_BEST_H
#define BL_CORE_BEST_H

#include <stddef.h>
#include <stdint.h>

/* One token that may be drawn, or another number that has an id.  The larger logit is better, of
 * equal ones the smaller id; a logit is never NaN. */
typedef struct bl_candidate {
    float logit;
    int32_t id;
} bl_candidate;

static inline int bl_candidate_better(const bl_candidate *a, const bl_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

/* The k best of c[n] to its front, best first; 1 <= k <= n.  The others may be lost. */
void bl_best_keep(bl_candidate *c, size_t n, size_t k);

/* list[n], best first, becomes list[n + 1] with c where it belongs. */
void bl_best_insert(bl_candidate *list, size_t n, bl_candidate c);

/* The k best of x[n] to best[k], best first; the id is the place in x.  A NaN counts as minus
 * infinity, -0 as 0.  1 <= k <= n, BL_BEST_MOST.  Allocates nothing. */
enum { BL_BEST_MOST = 256 };
void bl_best_of(bl_candidate *best, size_t k, const float *x, size_t n);

#endif
