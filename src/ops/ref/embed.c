/* The embedding and its gradient. */
#include "ops/ref/ref.h"

#include <string.h>

size_t REF(narrow_tables)(bl_dev *d)
{
    (void)d;
    return 0;
}

/* x[n] = E[ids[n]] */
void REF(embed_fwd)(bl_dev *d, bl_act *x_, const bl_param *E_, const bl_dev_id *ids_, size_t N,
                    size_t D)
{
    (void)d;
    BL_REAL *x = (void *)x_;
    const int32_t *ids = (const void *)ids_;
    const BL_REAL *E = (const void *)E_;
    for (size_t n = 0; n < N; n++)
        memcpy(x + n * D, E + (size_t)ids[n] * D, D * sizeof *x);
}

/* dE[ids[n]] += dx[n], ascending n */
void REF(embed_bwd)(bl_dev *d, bl_param *dE_, const bl_act *dx_, const bl_dev_id *ids_, size_t N,
                    size_t D, size_t V)
{
    (void)d, (void)V;
    BL_REAL *dE = (void *)dE_;
    const int32_t *ids = (const void *)ids_;
    const BL_REAL *dx = (const void *)dx_;
    for (size_t n = 0; n < N; n++)
        for (size_t i = 0; i < D; i++)
            dE[(size_t)ids[n] * D + i] += dx[n * D + i];
}
