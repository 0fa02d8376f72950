/* Element by element: sums, products, sigmoid and gelu; BL_KERN_FILL names the function that puts
 * this level into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(x + i, n - i, v8_add(v8_get(x + i, n - i), v8_get(y + i, n - i)));
}

static void mul(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(y + i, n - i, v8_mul(v8_get(a + i, n - i), v8_get(b + i, n - i)));
}

/* y = z S, S = sigmoid(w), w = 2u of MODEL 3.3.  With P = S (1 - S):
 *   y' = S + z P w'
 *   y'' = P (2 w' + z ((1 - 2 S) w'^2 + w'')) */
static void gelu(float *y, float *slope, float *curve, const float *x, size_t n)
{
    const float a = 2.0f * 0.79788456f, b = 3.0f * 0.044715f;
    const v8 one = v8_set(1.0f), two = v8_set(2.0f);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        size_t left = n - i;
        v8 z = v8_get(x + i, left), S = v8_gelu_gate(z);
        v8_put(y + i, left, v8_mul(z, S));
        if (slope)
            v8_put(slope + i, left, v8_gelu_grad(z, S));
        if (!curve)
            continue;
        v8 dw = v8_fma(v8_mul(z, z), v8_set(a * b), v8_set(a)), ddw = v8_mul(z, v8_set(2 * a * b));
        v8 t = v8_fma(v8_fnma(two, S, one), v8_mul(dw, dw), ddw);
        v8 P = v8_mul(S, v8_sub(one, S));
        v8_put(curve + i, left, v8_mul(P, v8_fma(z, t, v8_mul(two, dw))));
    }
}

static void axpy(float *y, float a, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(y + i, n - i, v8_fma(v8_set(a), v8_get(x + i, n - i), v8_get(y + i, n - i)));
}

static void sigmoid(float *y, const float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(y + i, n - i, v8_mul(v8_set(a), v8_sigmoid(v8_get(x + i, n - i))));
}

static void scale(float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES)
        v8_put(x + i, n - i, v8_mul(v8_get(x + i, n - i), v8_set(a)));
}

/* Loops that every compiler makes vectors of. */
static void widen_bf16(float *x, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(x + i, &bits, sizeof bits);
    }
}

static void widen_int8(float *x, const int8_t *q, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = s * (float)q[i];
}

void BL_KERN_FILL(bl_kern *k)
{
    k->add = add;
    k->mul = mul;
    k->gelu = gelu;
    k->axpy = axpy;
    k->sigmoid = sigmoid;
    k->scale = scale;
    k->widen_bf16 = widen_bf16;
    k->widen_int8 = widen_int8;
}
