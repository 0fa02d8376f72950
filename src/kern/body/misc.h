/* Element-wise kernels, softmax, convolution rows and dot products; BL_KERN_FILL names the function
 * that puts this level into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        v8_put(x + i, n - i, v8_add(v8_get(x + i, n - i), v8_get(y + i, n - i)));
}

static void mul(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        v8_put(y + i, n - i, v8_mul(v8_get(a + i, n - i), v8_get(b + i, n - i)));
}

/* y = z S, S = sigmoid(w), w = 2u of MODEL 3.3.  With P = S (1 - S):
 *   y' = S + z P w'
 *   y'' = P (2 w' + z ((1 - 2 S) w'^2 + w'')) */
static void gelu(float *y, float *slope, float *curve, const float *x, size_t n)
{
    const float a = 2.0f * 0.79788456f, b = 3.0f * 0.044715f;
    const v8 one = v8_set(1.0f), two = v8_set(2.0f);
    for (size_t i = 0; i < n; i += 8) {
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
    for (size_t i = 0; i < n; i += 8)
        v8_put(y + i, n - i, v8_fma(v8_set(a), v8_get(x + i, n - i), v8_get(y + i, n - i)));
}

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
    for (size_t i = 0; i < n; i += 8) {
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

static void sigmoid(float *y, const float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        v8_put(y + i, n - i, v8_mul(v8_set(a), v8_sigmoid(v8_get(x + i, n - i))));
}

static void scale(float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        v8_put(x + i, n - i, v8_mul(v8_get(x + i, n - i), v8_set(a)));
}

static float max_of(const float *x, size_t n)
{
    float m = x[0];
    size_t i = 0;
    if (n >= 8) {
        v8 top = v8_load(x);
        for (; i + 8 <= n; i += 8)
            top = v8_max(top, v8_load(x + i));
        m = v8_hmax(top);
    }
    for (; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

static float exp_row(float *p, float *sum, const float *x, size_t n)
{
    float m = max_of(x, n);
    v8 c0 = v8_zero(), c1 = v8_zero(), top = v8_set(m);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v8 e0 = v8_exp(v8_sub(v8_load(x + i), top)), e1 = v8_exp(v8_sub(v8_load(x + i + 8), top));
        c0 = v8_add(c0, e0);
        c1 = v8_add(c1, e1);
        if (p) {
            v8_store(p + i, e0);
            v8_store(p + i + 8, e1);
        }
    }
    float total = v8_sum(v8_add(c0, c1));
    for (; i < n; i += 8) {
        float e[8];
        v8_store(e, v8_exp(v8_sub(v8_get(x + i, n - i), top)));
        size_t lanes = n - i < 8 ? n - i : 8;
        for (size_t j = 0; j < lanes; j++)
            total += e[j];
        if (p)
            memcpy(p + i, e, lanes * sizeof *p);
    }
    *sum = total;
    return m;
}

static void conv_row(float *y, const float *const *u, const float *wt, const float *bias, size_t K,
                     size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        v8 acc = v8_get(bias + i, n - i);
        for (size_t j = 0; j < K; j++)
            if (u[j])
                acc = v8_fma(v8_get(wt + j * n + i, n - i), v8_get(u[j] + i, n - i), acc);
        v8_put(y + i, n - i, acc);
    }
}

static void conv_bwd_row(float *du, float *dwt, float *dbias, const float *const *dy,
                         const float *u, const float *wt, size_t K, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
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

/* Two rows of a, or one, against four of b, or one; a chain of eight lanes for each pair.  The step
 * is written once for whole vectors and once for the last part of one. */
#define WHOLE(p) v8_load(p)
#define PART(p)  v8_load_part(p, K - k)
#define STEP_COLUMN_2(get, j)                                                                      \
    w = get(b + j * ldb + k);                                                                      \
    p##j = v8_fma(x, w, p##j);                                                                     \
    q##j = v8_fma(y, w, q##j);
#define STEP_2x4(get)                                                                              \
    {                                                                                              \
        v8 x = get(a + k), y = get(a + lda + k), w;                                                \
        STEP_COLUMN_2(get, 0)                                                                      \
        STEP_COLUMN_2(get, 1)                                                                      \
        STEP_COLUMN_2(get, 2)                                                                      \
        STEP_COLUMN_2(get, 3)                                                                      \
    }
#define STEP_1x4(get)                                                                              \
    {                                                                                              \
        v8 x = get(a + k);                                                                         \
        p0 = v8_fma(x, get(b + k), p0);                                                            \
        p1 = v8_fma(x, get(b + ldb + k), p1);                                                      \
        p2 = v8_fma(x, get(b + 2 * ldb + k), p2);                                                  \
        p3 = v8_fma(x, get(b + 3 * ldb + k), p3);                                                  \
    }

static void dots_2x4(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                     size_t K)
{
    v8 p0 = v8_zero(), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
    size_t k = 0;
    for (; k + 8 <= K; k += 8)
        STEP_2x4(WHOLE);
    if (k < K)
        STEP_2x4(PART);
    v8_sum4(c, p0, p1, p2, p3);
    v8_sum4(c + ldc, q0, q1, q2, q3);
}

static void dots_1x4(float *c, const float *a, const float *b, size_t ldb, size_t K)
{
    v8 p0 = v8_zero(), p1 = p0, p2 = p0, p3 = p0;
    size_t k = 0;
    for (; k + 8 <= K; k += 8)
        STEP_1x4(WHOLE);
    if (k < K)
        STEP_1x4(PART);
    v8_sum4(c, p0, p1, p2, p3);
}

static float dot(const float *a, const float *b, size_t K)
{
    v8 p = v8_zero();
    for (size_t k = 0; k < K; k += 8)
        p = v8_fma(v8_get(a + k, K - k), v8_get(b + k, K - k), p);
    return v8_sum(p);
}

static void dots(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                 size_t M, size_t N, size_t K)
{
    size_t j = 0;
    for (; j + 4 <= N; j += 4) {
        size_t i = 0;
        for (; i + 2 <= M; i += 2)
            dots_2x4(c + i * ldc + j, ldc, a + i * lda, lda, b + j * ldb, ldb, K);
        if (i < M)
            dots_1x4(c + i * ldc + j, a + i * lda, b + j * ldb, ldb, K);
    }
    for (; j < N; j++)
        for (size_t i = 0; i < M; i++)
            c[i * ldc + j] = dot(a + i * lda, b + j * ldb, K);
}

void BL_KERN_FILL(bl_kern *k)
{
    k->add = add;
    k->mul = mul;
    k->gelu = gelu;
    k->axpy = axpy;
    k->sumsq = sumsq;
    k->adamw = adamw;
    k->sigmoid = sigmoid;
    k->exp_row = exp_row;
    k->scale = scale;
    k->conv_row = conv_row;
    k->conv_bwd_row = conv_bwd_row;
    k->dots = dots;
}
