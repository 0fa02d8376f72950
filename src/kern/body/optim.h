/* The sum of squares of a gradient, and AdamW; BL_KERN_FILL names the function that puts this level
 * into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

/* Squares of float32 are exact in double. */
static double sumsq(const float *x, size_t n)
{
    double c[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            c[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
    for (; i < n; i++)
        c[0] += (double)x[i] * (double)x[i];
    return (c[0] + c[2]) + (c[1] + c[3]);
}

/* m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
 * p -= lr (m / bias1 / (sqrt(v / bias2) + eps) + decay p) */
static void adamw(float *p, float *g, float *m, float *v, const bl_adamw_step *a, size_t n)
{
    v8 b1 = v8_set(a->beta1), b2 = v8_set(a->beta2), lr = v8_set(a->lr);
    v8 n1 = v8_set(1.0f - a->beta1), n2 = v8_set(1.0f - a->beta2);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 gi = v8_mul(v8_get(g + i, left), v8_set(a->grad_scale));
        v8 mi = v8_fma(b1, v8_get(m + i, left), v8_mul(n1, gi));
        v8 vi = v8_fma(b2, v8_get(v + i, left), v8_mul(n2, v8_mul(gi, gi)));
        v8 root = v8_add(v8_sqrt(v8_div(vi, v8_set(a->bias2))), v8_set(a->eps));
        v8 step = v8_div(v8_div(mi, v8_set(a->bias1)), root), pi = v8_get(p + i, left);
        step = v8_fma(v8_set(a->decay), pi, step);
        v8_put(p + i, left, v8_fnma(lr, step, pi));
        v8_put(m + i, left, mi);
        v8_put(v + i, left, vi);
        v8_put(g + i, left, v8_zero());
    }
}

void BL_KERN_FILL(bl_kern *k)
{
    k->sumsq = sumsq;
    k->adamw = adamw;
}
