/* RMSNorm and its adjoint (MODEL 1). */
#include "ops/ref/ref.h"

#include <math.h>

/* rstd = 1 / sqrt(mean(x^2) + eps);  y = x rstd w;  yq = quantise(y) */
void REF(rmsnorm_fwd)(bl_dev *d, bl_act *y_, bl_q8 *yq, bl_real *rstd_, const bl_act *x_,
                      const bl_param *w_, float eps, size_t N, size_t D)
{
    BL_REAL *y = (void *)y_, *rstd = (void *)rstd_;
    const BL_REAL *x = (const void *)x_, *w = (const void *)w_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    BL_REAL *row = REF(reals)(scratch, D);

    for (size_t n = 0; n < N; n++) {
        double square = 0;
        for (size_t i = 0; i < D; i++)
            square += (double)x[n * D + i] * (double)x[n * D + i];
        double r = 1 / sqrt(square / (double)D + (double)eps);
        rstd[n] = (BL_REAL)r;
        for (size_t i = 0; i < D; i++)
            row[i] = (BL_REAL)((double)x[n * D + i] * r * (double)w[i]);
        if (y)
            for (size_t i = 0; i < D; i++)
                y[n * D + i] = row[i];
        if (yq)
            REF(quantise_row)(d, yq, n, row, D);
    }
    bl_arena_rewind(scratch, mark);
}

/* With xh = x rstd and a = dy w:  dx += rstd (a - xh mean(a xh));  dw += sum_n dy xh */
void REF(rmsnorm_bwd)(bl_dev *d, bl_act *dx_, bl_param *dw_, const bl_act *dy_, const bl_act *x_,
                      const bl_real *rstd_, const bl_param *w_, size_t N, size_t D)
{
    (void)d;
    BL_REAL *dx = (void *)dx_, *dw = (void *)dw_;
    const BL_REAL *dy = (const void *)dy_, *x = (const void *)x_;
    const BL_REAL *rstd = (const void *)rstd_, *w = (const void *)w_;

    for (size_t n = 0; n < N; n++) {
        double r = (double)rstd[n], slope = 0;
        for (size_t i = 0; i < D; i++) {
            double a = (double)dy[n * D + i] * (double)w[i], xh = (double)x[n * D + i] * r;
            slope += a * xh / (double)D;
        }
        for (size_t i = 0; i < D; i++) {
            double a = (double)dy[n * D + i] * (double)w[i], xh = (double)x[n * D + i] * r;
            dx[n * D + i] = (BL_REAL)((double)dx[n * D + i] + r * (a - xh * slope));
        }
    }
    for (size_t i = 0; i < D; i++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            sum += (double)dy[n * D + i] * (double)x[n * D + i] * (double)rstd[n];
        dw[i] = (BL_REAL)((double)dw[i] + sum);
    }
}
