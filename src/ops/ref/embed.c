/* The embedding, the residual addition and dropout. */
#include "ops/ref/ref.h"
#include "core/rng.h"

#include <string.h>

/* x[n] = E[ids[n]] */
void REF(embed_fwd)(bl_dev *d, bl_act *x_, const bl_param *E_, const int32_t *ids, size_t N,
                    size_t D)
{
    (void)d;
    BL_REAL *x = (void *)x_;
    const BL_REAL *E = (const void *)E_;
    for (size_t n = 0; n < N; n++)
        memcpy(x + n * D, E + (size_t)ids[n] * D, D * sizeof *x);
}

/* dE[ids[n]] += dx[n], ascending n */
void REF(embed_bwd)(bl_dev *d, bl_param *dE_, const bl_act *dx_, const int32_t *ids, size_t N,
                    size_t D, size_t V)
{
    (void)d, (void)V;
    BL_REAL *dE = (void *)dE_;
    const BL_REAL *dx = (const void *)dx_;
    for (size_t n = 0; n < N; n++)
        for (size_t i = 0; i < D; i++)
            dE[(size_t)ids[n] * D + i] += dx[n * D + i];
}

/* x += y */
void REF(add)(bl_dev *d, bl_act *x_, const bl_act *y_, size_t n)
{
    (void)d;
    BL_REAL *x = (void *)x_;
    const BL_REAL *y = (const void *)y_;
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* x = x mask / (1 - p), mask = [u >= p 2^32] with 32 random bits u an element, four a draw */
void REF(dropout)(bl_dev *d, bl_act *x_, size_t n, uint32_t site, const bl_step *step)
{
    (void)d;
    BL_REAL *x = (void *)x_;
    double p = (double)step->dropout;
    uint64_t first = ((step->step << 16) + step->micro) << 32;
    for (size_t i = 0; i < n; i++) {
        uint32_t u[4];
        bl_philox(step->seed, BL_RNG_DROPOUT + site, first + i / 4, u);
        x[i] = (double)u[i % 4] >= p * 0x1p32 ? (BL_REAL)((double)x[i] / (1 - p)) : 0;
    }
}
