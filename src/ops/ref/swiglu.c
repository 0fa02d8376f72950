/* The SwiGLU gate with its RMSNorm (MODEL 2). */
#include "ops/ref/ref.h"

#include <math.h>

/* y = silu(gate) up;  rstd = 1 / sqrt(mean(y^2) + eps);  hq = quantise(y rstd w) */
void REF(swiglu_norm_fwd)(bl_dev *d, bl_q8 *hq, bl_real *rstd_, const bl_act *gate_,
                          const bl_act *up_, const bl_param *w_, float eps, size_t N, size_t I)
{
    BL_REAL *rstd = (void *)rstd_;
    const BL_REAL *gate = (const void *)gate_, *up = (const void *)up_, *w = (const void *)w_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    double *y = REF(doubles)(scratch, I);
    BL_REAL *row = REF(reals)(scratch, I);

    for (size_t n = 0; n < N; n++) {
        for (size_t i = 0; i < I; i++) {
            double a = (double)gate[n * I + i];
            y[i] = a * REF(sigmoid)(a) * (double)up[n * I + i];
        }
        double r = 1 / sqrt(REF(dot)(y, y, I) / (double)I + (double)eps);
        rstd[n] = (BL_REAL)r;
        for (size_t i = 0; i < I; i++)
            row[i] = (BL_REAL)(y[i] * r * (double)w[i]);
        REF(quantise_row)(d, hq, n, row, I);
    }
    bl_arena_rewind(scratch, mark);
}

/* With yh = y rstd and a = dh w:  dw += sum_n dh yh;  dy = rstd (a - yh mean(a yh));
 * dup = dy silu(gate);  dgate = dy up silu'(gate),  silu'(g) = sigma (1 + g (1 - sigma)) */
void REF(swiglu_norm_bwd)(bl_dev *d, bl_act *dgate_, bl_act *dup_, bl_param *dw_, const bl_act *dh_,
                          const bl_act *gate_, const bl_act *up_, const bl_param *w_,
                          const bl_real *rstd_, size_t N, size_t I)
{
    BL_REAL *dgate = (void *)dgate_, *dup = (void *)dup_, *dw = (void *)dw_;
    const BL_REAL *dh = (const void *)dh_, *gate = (const void *)gate_, *up = (const void *)up_;
    const BL_REAL *w = (const void *)w_, *rstd = (const void *)rstd_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    double *yh = REF(doubles)(scratch, I), *a = REF(doubles)(scratch, I);
    double *sum = REF(doubles)(scratch, I); /* of dw */

    for (size_t i = 0; i < I; i++)
        sum[i] = (double)dw[i];
    for (size_t n = 0; n < N; n++) {
        double r = (double)rstd[n];
        for (size_t i = 0; i < I; i++) {
            double g = (double)gate[n * I + i];
            yh[i] = g * REF(sigmoid)(g) * (double)up[n * I + i] * r;
            a[i] = (double)dh[n * I + i] * (double)w[i];
            sum[i] += (double)dh[n * I + i] * yh[i];
        }
        double slope = REF(dot)(a, yh, I) / (double)I;
        for (size_t i = 0; i < I; i++) {
            double g = (double)gate[n * I + i], sigma = REF(sigmoid)(g);
            double dy = r * (a[i] - yh[i] * slope);
            dup[n * I + i] = (BL_REAL)(dy * g * sigma);
            dgate[n * I + i] =
                (BL_REAL)(dy * (double)up[n * I + i] * sigma * (1 + g * (1 - sigma)));
        }
    }
    for (size_t i = 0; i < I; i++)
        dw[i] = (BL_REAL)sum[i];
    bl_arena_rewind(scratch, mark);
}
