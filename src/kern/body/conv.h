/* A row of the causal convolution and its adjoint; BL_KERN_FILL names the function that puts this
 * level into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

/* Inlined with K known and all rows there, the taps are no loop. */
static inline void taps_of(float *y, const float *const *u, const float *wt, const float *bias,
                           size_t K, size_t n, int all)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 acc = v8_get(bias + i, n - i);
        for (size_t j = 0; j < K; j++)
            if (all || u[j])
                acc = v8_fma(v8_get(wt + j * n + i, n - i), v8_get(u[j] + i, n - i), acc);
        v8_put(y + i, n - i, acc);
    }
}

static void conv_row(float *y, const float *const *u, const float *wt, const float *bias, size_t K,
                     size_t n)
{
    if (K == 4 && u[1] && u[2] && u[3]) /* as in every preset */
        taps_of(y, u, wt, bias, 4, n, 1);
    else
        taps_of(y, u, wt, bias, K, n, 0);
}

static void conv_bwd_row(float *du, float *dwt, float *dbias, const float *const *dy,
                         const float *u, const float *wt, size_t K, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 acc = v8_get(du + i, left), x = v8_get(u + i, left);
        for (size_t j = 0; j < K; j++) {
            if (!dy[j])
                continue;
            v8 g = v8_get(dy[j] + i, left);
            acc = v8_fma(v8_get(wt + j * n + i, left), g, acc);
            v8_put(dwt + j * n + i, left, v8_fma(g, x, v8_get(dwt + j * n + i, left)));
        }
        v8_put(du + i, left, acc);
        v8_put(dbias + i, left, v8_add(v8_get(dy[0] + i, left), v8_get(dbias + i, left)));
    }
}

void BL_KERN_FILL(bl_kern *k)
{
    k->conv_row = conv_row;
    k->conv_bwd_row = conv_bwd_row;
}
