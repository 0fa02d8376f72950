/* The best logits of each row. */
#include "cpu/cpu_impl.h"

#include <math.h>

typedef struct top_op {
    bl_candidate *best;
    const float *logits;
    size_t V, k;
} top_op;

/* Whether all of AT_ONCE numbers are finite, without a branch. */
enum { AT_ONCE = 256 };
static int all_finite(const float *x)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        odd |= (bits & 0x7F800000) == 0x7F800000;
    }
    return !odd;
}

/* The first of x[n] that is not finite, or n. */
static size_t first_odd(const float *x, size_t n)
{
    size_t i = 0;
    while (n - i >= AT_ONCE && all_finite(x + i))
        i += AT_ONCE;
    while (i < n && isfinite(x[i]))
        i++;
    return i;
}

static void top_rows(void *user, size_t first, size_t last, size_t member)
{
    const top_op *a = user;
    (void)member;
    for (size_t n = first; n < last; n++) {
        bl_candidate *best = a->best + n * (a->k + 1);
        const float *x = a->logits + n * a->V;
        bl_best_of(best, a->k, x, a->V);
        best[a->k] = (bl_candidate){0, (int32_t)first_odd(x, a->V)};
    }
}

void bl_cpu_head_top(bl_dev *d, bl_dev_candidate *best, const bl_real *logits, size_t N, size_t V,
                     size_t k)
{
    top_op a = {(bl_candidate *)(void *)best, (const float *)logits, V, k};
    bl_cpu_run(bl_cpu_of(d), N * V, N, top_rows, &a);
}
