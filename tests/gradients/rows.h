/* Rows into the quantiser of a device and out again, by its op table alone. */
#ifndef BL_TESTS_ROWS_H
#define BL_TESTS_ROWS_H

#include "../unit/whole.h"

/* Device memory of n elements of a kind, to be freed by the op. */
static inline void *rows_room(bl_dev *d, bl_kind kind, size_t n)
{
    bl_error err;
    void *p;
    whole_must(BL_OP(d, alloc, &p, n * bl_kind_bytes(d, kind), &err), &err);
    return p;
}

/* xq = quantise(x), x [N,K] in device memory, without a change on the way: with eps = 2^60, which
 * swallows the mean of squares, RMSNorm multiplies by 2^-30, and its weight is 2^30. */
static inline void rows_quantise(bl_dev *d, bl_q8 *xq, const bl_act *x, size_t N, size_t K)
{
    bl_error err;
    bl_param *w = rows_room(d, BL_KIND_param, K);
    bl_real *rstd = rows_room(d, BL_KIND_real, N);
    float *thirty = bl_calloc(K, sizeof *thirty);
    for (size_t i = 0; i < K; i++)
        thirty[i] = 0x1p30f;
    whole_must(bl_put_param(d, w, thirty, K, &err), &err);
    BL_OP(d, rmsnorm_fwd, NULL, xq, rstd, x, w, 0x1p60f, N, K);
    BL_OP(d, free, w);
    BL_OP(d, free, rstd);
    bl_free(thirty);
}

/* What entered a product: xi / s (or the unrounded row) of each row, [N,K], by a product with the unit
 * matrix.  In device memory, to be freed by the op; the device is reserved for K x K. */
static inline bl_act *rows_of(bl_dev *d, const bl_q8 *xq, size_t N, size_t K)
{
    bl_error err;
    bl_act *x = rows_room(d, BL_KIND_act, N * K);
    bl_tern *unit;
    whole_must(BL_OP(d, alloc, (void **)&unit, BL_OP(d, tern_bytes, K, K), &err), &err);
    if (d->ternary) {
        int8_t *codes = bl_calloc(K * K, 1);
        for (size_t i = 0; i < K; i++)
            codes[i * K + i] = 1;
        whole_must(BL_OP(d, tern_put, unit, codes, 1.0f, K, K, &err), &err);
        bl_free(codes);
    } else {
        float *ones = bl_calloc(K * K, sizeof *ones);
        for (size_t i = 0; i < K; i++)
            ones[i * K + i] = 1;
        bl_param *w = rows_room(d, BL_KIND_param, K * K);
        whole_must(bl_put_param(d, w, ones, K * K, &err), &err);
        BL_OP(d, ternarise, &(bl_latents){&(bl_latent){unit, w, K, K}, 1});
        BL_OP(d, free, w);
        bl_free(ones);
    }
    BL_OP(d, bitlinear_fwd, x, xq, unit, N, K, K);
    BL_OP(d, free, unit);
    return x;
}

#endif
