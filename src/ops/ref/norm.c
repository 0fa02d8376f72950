/* The norms and the gates fused to them: RMSNorm, gate_norm, SwiGLU (MODEL 1, 2, 3.3). */
#include "ops/ref/ref.h"

#include <math.h>

double REF(standardise)(double *xh, const double *z, size_t n)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++)
        mean += z[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (z[i] - mean) * (z[i] - mean) / (double)n;
    double sigma = sqrt(var + 1e-6);
    for (size_t i = 0; i < n; i++)
        xh[i] = (z[i] - mean) / sigma;
    return sigma;
}

void REF(project)(double *out, const double *a, const double *xh, size_t n)
{
    double mean = 0, slope = REF(dot)(a, xh, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        mean += a[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] - mean - xh[i] * slope;
}

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

/* The output of the TTT layer: LayerNorm, gate and RMSNorm.
 * xh = (o - mean) / sigma;  p = w xh + b;  y = gelu(z) p;  yq = quantise(y rms sub),
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

/* The SwiGLU gate with its RMSNorm.
 * y = silu(gate) up;  rstd = 1 / sqrt(mean(y^2) + eps);  hq = quantise(y rstd w) */
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
