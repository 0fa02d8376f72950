/* Row kernels of the TTT inner model (MODEL 3.2, 3.5): one token of one head, n = F values;
 * BL_KERN_FILL names the function that puts this level into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

enum { F_MOST = 128 }; /* the widest head (MODEL 5) */

/* xh = (z - mean(z)) / sigma, sigma^2 = var + 1e-6; returns 1/sigma.  Lanes past n are zero. */
static inline float layer_hat(float *xh, const float *z, size_t n)
{
    v8 sum = v8_zero(), ss = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES)
        sum = v8_add(sum, v8_get(z + i, n - i));
    v8 mean = v8_set(v8_sum(sum) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8_put(xh + i, n - i, v8_sub(v8_get(z + i, n - i), mean));
        v8 d = v8_get(xh + i, n - i);
        ss = v8_fma(d, d, ss);
    }
    float rstd = 1.0f / sqrtf(v8_sum(ss) / (float)n + 1e-6f);
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(xh + i, n - i, v8_mul(v8_get(xh + i, n - i), v8_set(rstd)));
    return rstd;
}

/* e = gamma xh + beta - (v - k);  a = gamma e;  G = (a - mean(a) - xh mean(a xh)) / sigma */
static inline float ttt_inner_of(float *h, float *G, float *xh, const float *z, const float *k,
                                 const float *v, const float *gamma, const float *beta,
                                 float lambda, size_t n)
{
    float hat[F_MOST], a[F_MOST];
    if (!xh)
        xh = hat;
    float rstd = layer_hat(xh, z, n);
    v8 sum = v8_zero(), dot = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 x = v8_get(xh + i, left), g = v8_get(gamma + i, left);
        v8 e = v8_sub(v8_fma(g, x, v8_get(beta + i, left)),
                      v8_sub(v8_get(v + i, left), v8_get(k + i, left)));
        v8 ai = v8_mul(g, e);
        sum = v8_add(sum, ai);
        dot = v8_fma(ai, x, dot);
        v8_put(a + i, left, ai);
    }
    v8 mean = v8_set(v8_sum(sum) / (float)n), meanx = v8_set(v8_sum(dot) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 d = v8_sub(v8_get(a + i, left), mean);
        v8 Gi = v8_mul(v8_fnma(v8_get(xh + i, left), meanx, d), v8_set(rstd));
        if (G)
            v8_put(G + i, left, Gi);
        v8_put(h + i, left, v8_mul(v8_set(lambda), Gi));
    }
    return rstd;
}

static inline void ttt_out_of(float *o, const float *q, const float *zb, const float *gamma,
                              const float *beta, size_t n)
{
    float hat[F_MOST];
    layer_hat(hat, zb, n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 y = v8_fma(v8_get(gamma + i, left), v8_get(hat + i, left), v8_get(beta + i, left));
        v8_put(o + i, left, v8_add(v8_get(q + i, left), y));
    }
}

/* y = P(a; xh) scale = (a - mean(a) - xh mean(a xh)) scale */
static inline void project(float *y, const float *a, const float *xh, float scale, size_t n)
{
    v8 sum = v8_zero(), dot = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 ai = v8_get(a + i, n - i);
        sum = v8_add(sum, ai);
        dot = v8_fma(ai, v8_get(xh + i, n - i), dot);
    }
    v8 mean = v8_set(v8_sum(sum) / (float)n), meanx = v8_set(v8_sum(dot) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 d = v8_sub(v8_get(a + i, n - i), mean);
        v8_put(y + i, n - i, v8_mul(v8_fnma(v8_get(xh + i, n - i), meanx, d), v8_set(scale)));
    }
}

/* dzb = P(gamma dO; xo) / sigma_o;  dgamma += dO xo;  dbeta += dO */
static inline void ttt_out_bwd_of(float *dzb, float *dgamma, float *dbeta, const float *dout,
                                  const float *zb, const float *gamma, size_t n)
{
    float xo[F_MOST], a[F_MOST];
    float rstd = layer_hat(xo, zb, n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 d = v8_get(dout + i, left);
        v8_put(a + i, left, v8_mul(v8_get(gamma + i, left), d));
        v8_put(dgamma + i, left, v8_fma(d, v8_get(xo + i, left), v8_get(dgamma + i, left)));
        v8_put(dbeta + i, left, v8_add(d, v8_get(dbeta + i, left)));
    }
    project(dzb, a, xo, rstd, n);
}

/* The block "inner" of MODEL 3.5:
 *   u = dG / sigma;  da = P(u; xh);  de = gamma da;  dsig = -sum(dG G) / sigma
 *   dxh = -(u mean(a xh) + a mean(u xh)) + gamma de;  dz = P(dxh; xh) / sigma + dsig xh / n */
static inline void ttt_inner_bwd_of(float *dz, float *de, float *dgamma, float *dbeta,
                                    const float *dG, const float *G, const float *xh, float rstd,
                                    const float *k, const float *v, const float *gamma,
                                    const float *beta, size_t n)
{
    float a[F_MOST], dxh[F_MOST] = {0};
    v8 sum_u = v8_zero(), dot_u = v8_zero(), dot_a = v8_zero(), dot_G = v8_zero();
    v8 r = v8_set(rstd);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 x = v8_get(xh + i, left), g = v8_get(gamma + i, left), d = v8_get(dG + i, left);
        v8 e = v8_sub(v8_fma(g, x, v8_get(beta + i, left)),
                      v8_sub(v8_get(v + i, left), v8_get(k + i, left)));
        v8 ai = v8_mul(g, e), u = v8_mul(d, r);
        v8_put(a + i, left, ai);
        v8_put(de + i, left, e);
        sum_u = v8_add(sum_u, u);
        dot_u = v8_fma(u, x, dot_u);
        dot_a = v8_fma(ai, x, dot_a);
        dot_G = v8_fma(d, v8_get(G + i, left), dot_G);
    }
    float inv = 1.0f / (float)n, dsig = -v8_sum(dot_G) * rstd;
    v8 mu = v8_set(v8_sum(sum_u) * inv), mux = v8_set(v8_sum(dot_u) * inv);
    v8 max = v8_set(v8_sum(dot_a) * inv);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 x = v8_get(xh + i, left), g = v8_get(gamma + i, left), e = v8_get(de + i, left);
        v8 u = v8_mul(v8_get(dG + i, left), r);
        v8 da = v8_fnma(x, mux, v8_sub(u, mu)), dei = v8_mul(g, da);
        v8 t = v8_fma(u, max, v8_mul(v8_get(a + i, left), mux));
        v8_put(dxh + i, left, v8_fma(g, dei, v8_sub(v8_zero(), t)));
        v8 dg = v8_fma(da, e, v8_mul(dei, x));
        v8_put(dgamma + i, left, v8_add(dg, v8_get(dgamma + i, left)));
        v8_put(dbeta + i, left, v8_add(dei, v8_get(dbeta + i, left)));
        v8_put(de + i, left, dei);
    }
    project(dz, dxh, xh, rstd, n);
    v8 c = v8_set(dsig * inv);
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(dz + i, n - i, v8_fma(c, v8_get(xh + i, n - i), v8_get(dz + i, n - i)));
}

/* Rows of the usual width have loops of a known length, so they stay in registers. */
#define WIDTHS(call)                                                                               \
    if (n == 64) {                                                                                 \
        size_t width = 64;                                                                         \
        call;                                                                                      \
    } else {                                                                                       \
        size_t width = n;                                                                          \
        call;                                                                                      \
    }

static float ttt_inner(float *h, float *G, float *xh, const float *z, const float *k,
                       const float *v, const float *gamma, const float *beta, float lambda,
                       size_t n)
{
    WIDTHS(return ttt_inner_of(h, G, xh, z, k, v, gamma, beta, lambda, width))
}

static void ttt_out(float *o, const float *q, const float *zb, const float *gamma,
                    const float *beta, size_t n)
{
    WIDTHS(ttt_out_of(o, q, zb, gamma, beta, width))
}

static void ttt_out_bwd(float *dzb, float *dgamma, float *dbeta, const float *dout, const float *zb,
                        const float *gamma, size_t n)
{
    WIDTHS(ttt_out_bwd_of(dzb, dgamma, dbeta, dout, zb, gamma, width))
}

static void ttt_inner_bwd(float *dz, float *de, float *dgamma, float *dbeta, const float *dG,
                          const float *G, const float *xh, float rstd, const float *k,
                          const float *v, const float *gamma, const float *beta, size_t n)
{
    WIDTHS(ttt_inner_bwd_of(dz, de, dgamma, dbeta, dG, G, xh, rstd, k, v, gamma, beta, width))
}

/* cs holds cos a twice per pair, sn holds -sin a, +sin a: (x0 cos - x1 sin, x1 cos + x0 sin). */
static void rope(float *y, const float *x, const float *cs, const float *sn, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_get(x + i, n - i);
        v8 t = v8_mul(v8_swap(v), v8_get(sn + i, n - i));
        v8_put(y + i, n - i, v8_fma(v, v8_get(cs + i, n - i), t));
    }
}

static void forget(float *w, const float *w0, float rho, size_t n)
{
    v8 r = v8_set(rho);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 start = v8_get(w0 + i, n - i);
        v8_put(w + i, n - i, v8_fma(r, v8_sub(v8_get(w + i, n - i), start), start));
    }
}

/* One vector of forget_bwd; its dot product is in two chains. */
static inline v8 forget_bwd1(float *dw, float *sum, const float *w, const float *w0, v8 rho, v8 dot,
                             size_t left)
{
    v8 d = v8_get(dw, left);
    v8_put(sum, left, v8_add(v8_get(sum, left), d));
    v8_put(dw, left, v8_mul(d, rho));
    return v8_fma(d, v8_sub(v8_get(w, left), v8_get(w0, left)), dot);
}

static float forget_bwd(float *dw, float *sum, const float *w, const float *w0, float rho, size_t n)
{
    v8 r = v8_set(rho), even = v8_zero(), odd = v8_zero();
    for (size_t i = 0; i < n; i += 2 * VEC_LANES) {
        size_t j = i + VEC_LANES;
        even = forget_bwd1(dw + i, sum + i, w + i, w0 + i, r, even, n - i);
        if (j < n)
            odd = forget_bwd1(dw + j, sum + j, w + j, w0 + j, r, odd, n - j);
    }
    return v8_sum(v8_add(even, odd));
}

void BL_KERN_FILL(bl_kern *k)
{
    k->forget = forget;
    k->forget_bwd = forget_bwd;
    k->ttt_inner = ttt_inner;
    k->ttt_out = ttt_out;
    k->ttt_out_bwd = ttt_out_bwd;
    k->ttt_inner_bwd = ttt_inner_bwd;
    k->rope = rope;
}
