/* The output of the TTT layer: LayerNorm, gate and RMSNorm (MODEL 3.3). */
#include "ops/ref/ref.h"

#include <math.h>

/* xh = (o - mean) / sigma;  p = w xh + b;  y = gelu(z) p;  yq = quantise(y rms sub),
 * rms = 1 / sqrt(mean(y^2) + eps) */
void REF(gate_norm_fwd)(bl_dev *d, bl_q8 *yq, bl_real *stats_, const bl_act *o_, const bl_act *z_,
                        const bl_param *w_, const bl_param *b_, const bl_param *sub_, float eps,
                        size_t N, size_t D)
{
    BL_REAL *stats = (void *)stats_;
    const BL_REAL *o = (const void *)o_, *z = (const void *)z_;
    const BL_REAL *w = (const void *)w_, *b = (const void *)b_, *sub = (const void *)sub_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    double *xh = REF(doubles)(scratch, D), *y = REF(doubles)(scratch, D);
    BL_REAL *row = REF(reals)(scratch, D);

    for (size_t n = 0; n < N; n++) {
        double mean = 0;
        for (size_t i = 0; i < D; i++) {
            xh[i] = (double)o[n * D + i];
            mean += xh[i] / (double)D;
        }
        double sigma = REF(standardise)(xh, xh, D);
        for (size_t i = 0; i < D; i++) {
            double gate = z ? REF(gelu)((double)z[n * D + i]) : 1;
            y[i] = gate * ((double)w[i] * xh[i] + (double)b[i]);
        }
        double rms = 1 / sqrt(REF(dot)(y, y, D) / (double)D + (double)eps);
        for (size_t i = 0; i < D; i++)
            row[i] = (BL_REAL)(y[i] * rms * (double)sub[i]);
        REF(quantise_row)(d, yq, n, row, D);
        stats[n * 3 + 0] = (BL_REAL)mean;
        stats[n * 3 + 1] = (BL_REAL)(1 / sigma);
        stats[n * 3 + 2] = (BL_REAL)rms;
    }
    bl_arena_rewind(scratch, mark);
}

/* With yh = y rms and a = dy sub:  dsub += sum_n dy yh;  a' = rms (a - yh mean(a yh));
 * dz = a' p gelu'(z);  dp = a' gelu(z);  dw += sum_n dp xh;  db += sum_n dp;
 * dout = P(dp w; xh) / sigma */
void REF(gate_norm_bwd)(bl_dev *d, bl_act *dout_, bl_act *dz_, bl_param *dw_, bl_param *db_,
                        bl_param *dsub_, const bl_act *dy_, const bl_act *o_, const bl_act *z_,
                        const bl_param *w_, const bl_param *b_, const bl_param *sub_,
                        const bl_real *stats_, size_t N, size_t D)
{
    BL_REAL *dout = (void *)dout_, *dz = (void *)dz_;
    BL_REAL *dw = (void *)dw_, *db = (void *)db_, *dsub = (void *)dsub_;
    const BL_REAL *dy = (const void *)dy_, *o = (const void *)o_, *z = (const void *)z_;
    const BL_REAL *w = (const void *)w_, *b = (const void *)b_, *sub = (const void *)sub_;
    const BL_REAL *stats = (const void *)stats_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    double *xh = REF(doubles)(scratch, D), *yh = REF(doubles)(scratch, D);
    double *a = REF(doubles)(scratch, D), *da = REF(doubles)(scratch, D);
    double *sum_w = REF(doubles)(scratch, D), *sum_b = REF(doubles)(scratch, D);
    double *sum_sub = REF(doubles)(scratch, D);

    for (size_t i = 0; i < D; i++)
        sum_w[i] = sum_b[i] = sum_sub[i] = 0;
    for (size_t n = 0; n < N; n++) {
        double mean = (double)stats[n * 3], rstd = (double)stats[n * 3 + 1];
        double rms = (double)stats[n * 3 + 2];
        for (size_t i = 0; i < D; i++) {
            double gate = z ? REF(gelu)((double)z[n * D + i]) : 1;
            xh[i] = ((double)o[n * D + i] - mean) * rstd;
            yh[i] = gate * ((double)w[i] * xh[i] + (double)b[i]) * rms;
            a[i] = (double)dy[n * D + i] * (double)sub[i];
            sum_sub[i] += (double)dy[n * D + i] * yh[i];
        }
        double slope = REF(dot)(a, yh, D) / (double)D;
        for (size_t i = 0; i < D; i++) {
            double p = (double)w[i] * xh[i] + (double)b[i], dp = rms * (a[i] - yh[i] * slope);
            if (z) {
                double zi = (double)z[n * D + i];
                dz[n * D + i] = (BL_REAL)(dp * p * REF(gelu_slope)(zi));
                dp *= REF(gelu)(zi);
            }
            sum_w[i] += dp * xh[i];
            sum_b[i] += dp;
            da[i] = dp * (double)w[i];
        }
        REF(project)(da, da, xh, D);
        for (size_t i = 0; i < D; i++)
            dout[n * D + i] = (BL_REAL)(da[i] * rstd);
    }
    for (size_t i = 0; i < D; i++) {
        dw[i] = (BL_REAL)((double)dw[i] + sum_w[i]);
        db[i] = (BL_REAL)((double)db[i] + sum_b[i]);
        dsub[i] = (BL_REAL)((double)dsub[i] + sum_sub[i]);
    }
    bl_arena_rewind(scratch, mark);
}
