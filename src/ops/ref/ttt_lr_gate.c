/* The step size of the inner model, token by token (MODEL 3.1). */
#include "ops/ref/ref.h"

/* lambda[n,h] = scale sigmoid(X[n] . w[h] + b[h]) */
void REF(lr_gate_fwd)(bl_dev *d, bl_real *lambda_, const bl_act *x_, const bl_param *w_,
                      const bl_param *b_, float scale, size_t N, size_t D, size_t H)
{
    (void)d;
    BL_REAL *lambda = (void *)lambda_;
    const BL_REAL *x = (const void *)x_, *w = (const void *)w_, *b = (const void *)b_;
    for (size_t n = 0; n < N; n++)
        for (size_t h = 0; h < H; h++) {
            double logit = (double)b[h];
            for (size_t i = 0; i < D; i++)
                logit += (double)x[n * D + i] * (double)w[h * D + i];
            lambda[n * H + h] = (BL_REAL)((double)scale * REF(sigmoid)(logit));
        }
}

/* dlogit = dlambda lambda (1 - sigmoid), sigmoid = lambda / scale; a scale of 0 passes nothing. */
static double dlogit_of(const BL_REAL *dlambda, const BL_REAL *lambda, float scale, size_t i)
{
    if (scale <= 0)
        return 0;
    return (double)dlambda[i] * (double)lambda[i] * (1 - (double)lambda[i] / (double)scale);
}

/* dX += dlogit w;  dw += dlogit^T X;  db += sum_n dlogit */
void REF(lr_gate_bwd)(bl_dev *d, bl_act *dx_, bl_param *dw_, bl_param *db_, const bl_real *dlambda_,
                      const bl_real *lambda_, const bl_act *x_, const bl_param *w_, float scale,
                      size_t N, size_t D, size_t H)
{
    (void)d;
    BL_REAL *dx = (void *)dx_, *dw = (void *)dw_, *db = (void *)db_;
    const BL_REAL *dlambda = (const void *)dlambda_, *lambda = (const void *)lambda_;
    const BL_REAL *x = (const void *)x_, *w = (const void *)w_;
    for (size_t n = 0; n < N; n++)
        for (size_t i = 0; i < D; i++) {
            double sum = (double)dx[n * D + i];
            for (size_t h = 0; h < H; h++)
                sum += dlogit_of(dlambda, lambda, scale, n * H + h) * (double)w[h * D + i];
            dx[n * D + i] = (BL_REAL)sum;
        }
    for (size_t h = 0; h < H; h++) {
        for (size_t i = 0; i < D; i++) {
            double sum = (double)dw[h * D + i];
            for (size_t n = 0; n < N; n++)
                sum += dlogit_of(dlambda, lambda, scale, n * H + h) * (double)x[n * D + i];
            dw[h * D + i] = (BL_REAL)sum;
        }
        double sum = (double)db[h];
        for (size_t n = 0; n < N; n++)
            sum += dlogit_of(dlambda, lambda, scale, n * H + h);
        db[h] = (BL_REAL)sum;
    }
}
