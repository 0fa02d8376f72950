/* The depthwise causal convolution over time (MODEL 3.1). */
#include "ops/ref/ref.h"

#include <string.h>

/* u[b,t-j,c], of the tail before t = 0 */
static double past(const BL_REAL *u, const BL_REAL *tail, size_t b, size_t t, size_t j, size_t c,
                   size_t T, size_t D, size_t K)
{
    if (j <= t)
        return (double)u[(b * T + t - j) * D + c];
    return tail ? (double)tail[(b * (K - 1) + K - 1 + t - j) * D + c] : 0;
}

/* y[b,t,c] = bias[c] + sum_{j<K} w[c,K-1-j] u[b,t-j,c] */
void REF(conv_fwd)(bl_dev *d, bl_act *y_, const bl_act *u_, const bl_act *tail_, const bl_param *w_,
                   const bl_param *bias_, size_t B, size_t T, size_t D, size_t K)
{
    (void)d;
    BL_REAL *y = (void *)y_;
    const BL_REAL *u = (const void *)u_, *tail = (const void *)tail_;
    const BL_REAL *w = (const void *)w_, *bias = (const void *)bias_;
    for (size_t b = 0; b < B; b++)
        for (size_t t = 0; t < T; t++)
            for (size_t c = 0; c < D; c++) {
                double sum = (double)bias[c];
                for (size_t j = 0; j < K; j++)
                    sum += (double)w[c * K + K - 1 - j] * past(u, tail, b, t, j, c, T, D, K);
                y[(b * T + t) * D + c] = (BL_REAL)sum;
            }
}

/* tail = the last K-1 rows of (tail, u).  Row i comes from row T + i, which lies after it, so the
 * rows move in ascending order. */
void REF(conv_tail)(bl_dev *d, bl_act *tail_, const bl_act *u_, size_t B, size_t T, size_t D,
                    size_t K)
{
    (void)d;
    BL_REAL *tail = (void *)tail_;
    const BL_REAL *u = (const void *)u_;
    for (size_t b = 0; b < B; b++)
        for (size_t i = 0; i < K - 1; i++) {
            const BL_REAL *from = T + i < K - 1 ? tail + (b * (K - 1) + T + i) * D
                                                : u + (b * T + T + i - (K - 1)) * D;
            memcpy(tail + (b * (K - 1) + i) * D, from, D * sizeof *tail);
        }
}

void REF(conv_reset)(bl_dev *d, bl_act *tail_, const bl_dev_flag *fresh_, size_t B, size_t D,
                     size_t K)
{
    (void)d;
    BL_REAL *tail = (void *)tail_;
    const int32_t *fresh = (const void *)fresh_;
    for (size_t b = 0; b < B; b++)
        for (size_t i = 0; fresh[b] && i < (K - 1) * D; i++)
            tail[b * (K - 1) * D + i] = 0;
}

/* du[b,s,c] += sum_{j<K, s+j<T} w[c,K-1-j] dy[b,s+j,c];
 * dw[c,K-1-j] += sum_{b,t} dy[b,t,c] u[b,t-j,c];  dbias[c] += sum dy[b,t,c] */
void REF(conv_bwd)(bl_dev *d, bl_act *du_, bl_param *dw_, bl_param *dbias_, const bl_act *dy_,
                   const bl_act *u_, const bl_act *tail_, const bl_param *w_, int accumulate,
                   size_t B, size_t T, size_t D, size_t K)
{
    (void)d;
    BL_REAL *du = (void *)du_, *dw = (void *)dw_, *dbias = (void *)dbias_;
    const BL_REAL *dy = (const void *)dy_, *u = (const void *)u_, *w = (const void *)w_;
    const BL_REAL *tail = (const void *)tail_;
    for (size_t b = 0; b < B; b++)
        for (size_t s = 0; s < T; s++)
            for (size_t c = 0; c < D; c++) {
                double sum = accumulate ? (double)du[(b * T + s) * D + c] : 0;
                for (size_t j = 0; j < K && s + j < T; j++)
                    sum += (double)w[c * K + K - 1 - j] * (double)dy[(b * T + s + j) * D + c];
                du[(b * T + s) * D + c] = (BL_REAL)sum;
            }
    for (size_t c = 0; c < D; c++) {
        for (size_t j = 0; j < K; j++) {
            double sum = 0;
            for (size_t b = 0; b < B; b++)
                for (size_t t = tail ? 0 : j; t < T; t++)
                    sum += (double)dy[(b * T + t) * D + c] * past(u, tail, b, t, j, c, T, D, K);
            dw[c * K + K - 1 - j] = (BL_REAL)((double)dw[c * K + K - 1 - j] + sum);
        }
        double sum = 0;
        for (size_t n = 0; n < B * T; n++)
            sum += (double)dy[n * D + c];
        dbias[c] = (BL_REAL)((double)dbias[c] + sum);
    }
}
