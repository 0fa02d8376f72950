/* How a row is quantised, the same at every level: for bitlinear_*.c, and for the norms, which have
 * it fused to them. */
#ifndef BL_KERN_BODY_BITLINEAR_H
#define BL_KERN_BODY_BITLINEAR_H

#include "kern/kern.h"
#include "kern/vec.h"

/* s = 127 / max(amax, 1e-5); q = rint(y s). */
static inline float scale_of(v8 amax)
{
    float m = v8_hmax(amax);
    return 127.0f / (m > 1e-5f ? m : 1e-5f);
}

static inline void pad_q8(int8_t *q, size_t n)
{
    for (size_t i = n; i < bl_q8_stride(n); i++)
        q[i] = 0;
}

/* The row is padded to 32, so whole vectors may be written past n; the lanes there are zero. */
static inline float quantise(int8_t *q, int32_t *sum, const float *x, size_t n)
{
    v8 amax = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES)
        amax = v8_max(amax, v8_abs(v8_get(x + i, n - i)));
    float s = scale_of(amax);
    v8_isum total = v8_isum_zero();
    for (size_t i = 0; i < n; i += VEC_LANES)
        total = v8_isum_quantise(total, q + i, v8_mul(v8_get(x + i, n - i), v8_set(s)));
    *sum = v8_isum_total(total);
    pad_q8(q, n);
    return s;
}

#endif
