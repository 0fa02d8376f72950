/* The gradient norm and AdamW with decoupled weight decay (MODEL 6). */
#include "ops/ref/ref.h"

#include <math.h>

/* grad_norm = |g|;  grad_scale = clip / max(|g|, clip);  skip when |g| is not finite */
void REF(grad_norm)(bl_dev *d, bl_dev_step *step_, const bl_param *g_, size_t n)
{
    (void)d;
    bl_step *step = (void *)step_;
    const BL_REAL *g = (const void *)g_;
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += (double)g[i] * (double)g[i];
    step->grad_norm = (float)sqrt(square);
    step->skip = isfinite(step->grad_norm) ? 0u : 1u;
    step->grad_scale = 1;
    if (step->clip > 0 && !step->skip)
        step->grad_scale = step->clip / fmaxf(step->grad_norm, step->clip);
}

/* g' = g grad_scale;  m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g'^2;
 * p -= lr ( (m / bias1) / (sqrt(v / bias2) + eps) + wd p );  g = 0;  of tables lr is lr table_rate
 *
 * A skipped step leaves p, m and v as they are; g is zeroed all the same, because a gradient that
 * is not finite would spoil every later sum. */
void REF(adamw)(bl_dev *d, bl_param *p_, bl_param *g_, bl_param *m_, bl_param *v_, size_t n,
                int decay, const bl_dev_step *step_)
{
    (void)d;
    const bl_step *step = (const void *)step_;
    BL_REAL *p = (void *)p_, *g = (void *)g_, *m = (void *)m_, *v = (void *)v_;
    double b1 = (double)step->beta1, b2 = (double)step->beta2, eps = (double)step->adam_eps;
    double wd = decay ? (double)step->weight_decay : 0, lr = (double)step->lr;
    if (decay == BL_ADAMW_TABLE)
        lr *= (double)step->table_rate;
    for (size_t i = 0; i < n; i++) {
        double gi = (double)g[i] * (double)step->grad_scale;
        g[i] = 0;
        if (step->skip)
            continue;
        double mi = b1 * (double)m[i] + (1 - b1) * gi;
        double vi = b2 * (double)v[i] + (1 - b2) * gi * gi;
        double mhat = mi / (double)step->bias1, vhat = vi / (double)step->bias2;
        double pi = (double)p[i];
        p[i] = (BL_REAL)(pi - lr * (mhat / (sqrt(vhat) + eps) + wd * pi));
        m[i] = (BL_REAL)mi;
        v[i] = (BL_REAL)vi;
    }
}
