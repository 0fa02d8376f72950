/* Row kernels of the normalisations and what is fused with them: one row of n; BL_KERN_FILL names
 * the function that puts this level into the table.  Each tensor is read and written once;
 * statistics are in float32 over as many chains as a vector has lanes. */
#include "kern/body/bitlinear.h"

static float rstd_of(v8 sumsq, float eps, size_t n)
{
    return 1.0f / sqrtf(v8_sum(sumsq) / (float)n + eps);
}

/* Without room for y the product is computed again for the second pass: the same bits, no store. */
static float rmsnorm_fwd(float *y, int8_t *q, int32_t *sum, float *s, const float *x,
                         const float *w, float eps, size_t n)
{
    v8 ss = v8_zero(), amax = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_get(x + i, n - i);
        ss = v8_fma(v, v, ss);
    }
    float rstd = rstd_of(ss, eps, n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_mul(v8_mul(v8_get(x + i, n - i), v8_set(rstd)), v8_get(w + i, n - i));
        amax = v8_max(amax, v8_abs(v));
        if (y)
            v8_put(y + i, n - i, v);
    }
    if (!q)
        return rstd;
    *s = scale_of(amax);
    v8_isum total = v8_isum_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_mul(v8_mul(v8_get(x + i, n - i), v8_set(rstd)), v8_get(w + i, n - i));
        total = v8_isum_quantise(total, q + i, v8_mul(v, v8_set(*s)));
    }
    *sum = v8_isum_total(total);
    pad_q8(q, n);
    return rstd;
}

/* y = xh w, xh = x rstd:  dw += dy xh;  dx += rstd (dy w - xh mean(dy w xh)). */
static void rmsnorm_bwd(float *dx, float *dw, const float *dy, const float *x, const float *w,
                        float rstd, size_t n)
{
    v8 dot = v8_zero(), r = v8_set(rstd);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 xh = v8_mul(v8_get(x + i, n - i), r), g = v8_get(dy + i, n - i);
        v8_put(dw + i, n - i, v8_fma(g, xh, v8_get(dw + i, n - i)));
        dot = v8_fma(v8_mul(g, v8_get(w + i, n - i)), xh, dot);
    }
    v8 mean = v8_set(v8_sum(dot) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 xh = v8_mul(v8_get(x + i, n - i), r);
        v8 g = v8_mul(v8_get(dy + i, n - i), v8_get(w + i, n - i));
        v8_put(dx + i, n - i, v8_fma(r, v8_fnma(xh, mean, g), v8_get(dx + i, n - i)));
    }
}

/* y (n values, their sum of squares known) becomes y rstd w and is quantised. */
static float scale_and_quantise(float *y, int8_t *q, int32_t *sum, float *s, v8 ss, const float *w,
                                float eps, size_t n)
{
    float rstd = rstd_of(ss, eps, n);
    v8 amax = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_mul(v8_mul(v8_get(y + i, n - i), v8_set(rstd)), v8_get(w + i, n - i));
        amax = v8_max(amax, v8_abs(v));
        v8_put(y + i, n - i, v);
    }
    if (!q)
        return rstd;
    *s = scale_of(amax);
    v8_isum total = v8_isum_zero();
    for (size_t i = 0; i < n; i += VEC_LANES)
        total = v8_isum_quantise(total, q + i, v8_mul(v8_get(y + i, n - i), v8_set(*s)));
    *sum = v8_isum_total(total);
    pad_q8(q, n);
    return rstd;
}

/* Mean, then the sum of squared distances from it: lanes past n must not count. */
static void layer_stats(float stats[2], const float *x, size_t n)
{
    v8 sum = v8_zero(), ss = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES)
        sum = v8_add(sum, v8_get(x + i, n - i));
    float mean = v8_sum(sum) / (float)n;
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        v8 v = v8_sub(v8_load(x + i), v8_set(mean));
        ss = v8_fma(v, v, ss);
    }
    float total = v8_sum(ss);
    for (; i < n; i++)
        total = bl_madd(x[i] - mean, x[i] - mean, total);
    stats[0] = mean;
    stats[1] = 1.0f / sqrtf(total / (float)n + 1e-6f);
}

/* xh = (o - mean) rstd, from lanes that exist. */
static v8 xhat(const float *o, const float *stats, size_t left)
{
    return v8_mul(v8_sub(v8_get(o, left), v8_set(stats[0])), v8_set(stats[1]));
}

static void gate_norm_fwd(float *y, int8_t *q, int32_t *sum, float *s, float *stats, const float *o,
                          const float *z, const float *w, const float *b, const float *sub,
                          float eps, size_t n)
{
    layer_stats(stats, o, n);
    v8 ss = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 v = v8_fma(xhat(o + i, stats, n - i), v8_get(w + i, n - i), v8_get(b + i, n - i));
        if (z) {
            v8 gate = v8_get(z + i, n - i);
            v = v8_mul(v8_mul(gate, v8_gelu_gate(gate)), v);
        }
        ss = v8_fma(v, v, ss);
        v8_put(y + i, n - i, v);
    }
    stats[2] = scale_and_quantise(y, q, sum, s, ss, sub, eps, n);
}

/* With y = gelu(z) p, p = xh w + b, r = y rms sub:
 *   dy = rms (dr sub - yh mean(dr sub yh)), yh = y rms;   dz = dy p gelu'(z);   dp = dy gelu(z)
 *   do = rstd (dp w - mean(dp w) - xh mean(dp w xh))                                          */
static void gate_norm_bwd(float *dout, float *dz, float *dw, float *db, float *dsub, float *tmp,
                          const float *dy, const float *o, const float *z, const float *w,
                          const float *b, const float *sub, const float *stats, size_t n)
{
    v8 dot = v8_zero(), rms = v8_set(stats[2]);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 gate = v8_set(1.0f);
        if (z) {
            v8 v = v8_get(z + i, left), S = v8_gelu_gate(v);
            v8_put(tmp + i, left, S);
            gate = v8_mul(v, S);
        }
        v8 p = v8_fma(xhat(o + i, stats, left), v8_get(w + i, left), v8_get(b + i, left));
        v8 yh = v8_mul(v8_mul(gate, p), rms), g = v8_get(dy + i, left);
        v8_put(dsub + i, left, v8_fma(g, yh, v8_get(dsub + i, left)));
        dot = v8_fma(v8_mul(g, v8_get(sub + i, left)), yh, dot);
    }
    v8 mean = v8_set(v8_sum(dot) / (float)n);
    v8 sum = v8_zero(), sumx = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 xh = xhat(o + i, stats, left), wi = v8_get(w + i, left);
        v8 p = v8_fma(xh, wi, v8_get(b + i, left));
        v8 g = v8_mul(v8_get(dy + i, left), v8_get(sub + i, left)), gate = v8_set(1.0f);
        v8 v = v8_zero(), S = v8_zero();
        if (z) {
            v = v8_get(z + i, left);
            S = v8_get(tmp + i, left);
            gate = v8_mul(v, S);
        }
        v8 dyi = v8_mul(rms, v8_fnma(v8_mul(v8_mul(gate, p), rms), mean, g));
        if (z)
            v8_put(dz + i, left, v8_mul(v8_mul(dyi, p), v8_gelu_grad(v, S)));
        v8 dp = v8_mul(dyi, gate);
        v8_put(dw + i, left, v8_fma(dp, xh, v8_get(dw + i, left)));
        v8_put(db + i, left, v8_add(dp, v8_get(db + i, left)));
        v8 dxh = v8_mul(dp, wi);
        sum = v8_add(sum, dxh);
        sumx = v8_fma(dxh, xh, sumx);
        v8_put(dout + i, left, dxh);
    }
    v8 m = v8_set(v8_sum(sum) / (float)n), mx = v8_set(v8_sum(sumx) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 dxh = v8_sub(v8_get(dout + i, n - i), m);
        v8 xh = xhat(o + i, stats, n - i);
        v8_put(dout + i, n - i, v8_mul(v8_set(stats[1]), v8_fnma(xh, mx, dxh)));
    }
}

static float swiglu_norm_fwd(float *y, int8_t *q, int32_t *sum, float *s, const float *gate,
                             const float *up, const float *w, float eps, size_t n)
{
    v8 ss = v8_zero();
    for (size_t i = 0; i < n; i += VEC_LANES) {
        v8 g = v8_get(gate + i, n - i);
        v8 v = v8_mul(v8_mul(g, v8_sigmoid(g)), v8_get(up + i, n - i));
        ss = v8_fma(v, v, ss);
        v8_put(y + i, n - i, v);
    }
    return scale_and_quantise(y, q, sum, s, ss, w, eps, n);
}

/* y = silu(g) u, silu'(g) = S (1 + g (1 - S)); the norm as above. */
static void swiglu_norm_bwd(float *dgate, float *dup, float *dw, float *tmp, const float *dh,
                            const float *gate, const float *up, const float *w, float rstd,
                            size_t n)
{
    v8 dot = v8_zero(), r = v8_set(rstd), one = v8_set(1.0f);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 g = v8_get(gate + i, left), S = v8_sigmoid(g), d = v8_get(dh + i, left);
        v8_put(tmp + i, left, S);
        v8 yh = v8_mul(v8_mul(v8_mul(g, S), v8_get(up + i, left)), r);
        v8_put(dw + i, left, v8_fma(d, yh, v8_get(dw + i, left)));
        dot = v8_fma(v8_mul(d, v8_get(w + i, left)), yh, dot);
    }
    v8 mean = v8_set(v8_sum(dot) / (float)n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 g = v8_get(gate + i, left), S = v8_get(tmp + i, left), u = v8_get(up + i, left);
        v8 silu = v8_mul(g, S), d = v8_mul(v8_get(dh + i, left), v8_get(w + i, left));
        v8 dy = v8_mul(r, v8_fnma(v8_mul(v8_mul(silu, u), r), mean, d));
        v8_put(dup + i, left, v8_mul(dy, silu));
        v8 slope = v8_mul(S, v8_fma(g, v8_sub(one, S), one));
        v8_put(dgate + i, left, v8_mul(v8_mul(dy, u), slope));
    }
}

void BL_KERN_FILL(bl_kern *k)
{
    k->rmsnorm_fwd = rmsnorm_fwd;
    k->rmsnorm_bwd = rmsnorm_bwd;
    k->gate_norm_fwd = gate_norm_fwd;
    k->gate_norm_bwd = gate_norm_bwd;
    k->swiglu_norm_fwd = swiglu_norm_fwd;
    k->swiglu_norm_bwd = swiglu_norm_bwd;
}
