/* Element-wise kernels, softmax, convolution rows and dot products; BL_KERN_FILL names the function
 * that puts this level into the table. */
#include "kern/kern.h"
#include "kern/vec.h"

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        v8_put(x + i, n - i, v8_add(v8_get(x + i, n - i), v8_get(y + i, n - i)));
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

/* log sum exp(x) = m + log sum exp(x - m), m = max x; the sum is divided out of p afterwards. */
static float logsumexp(float *p, const float *x, float scale, size_t n)
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

    v8 c0 = v8_zero(), c1 = v8_zero();
    v8 top = v8_set(m);
    for (i = 0; i + 16 <= n; i += 16) {
        v8 e0 = v8_exp(v8_sub(v8_load(x + i), top)), e1 = v8_exp(v8_sub(v8_load(x + i + 8), top));
        c0 = v8_add(c0, e0);
        c1 = v8_add(c1, e1);
        if (p) {
            v8_store(p + i, e0);
            v8_store(p + i + 8, e1);
        }
    }
    float sum = v8_sum(v8_add(c0, c1));
    for (; i < n; i += 8) {
        float e[8];
        v8_store(e, v8_exp(v8_sub(v8_get(x + i, n - i), top)));
        size_t lanes = n - i < 8 ? n - i : 8;
        for (size_t j = 0; j < lanes; j++)
            sum += e[j];
        if (p)
            memcpy(p + i, e, lanes * sizeof *p);
    }
    v8 inv = v8_set(scale / sum);
    if (p)
        for (i = 0; i < n; i += 8)
            v8_put(p + i, n - i, v8_mul(v8_get(p + i, n - i), inv));
    return m + logf(sum);
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

/* A block of R rows of a against S rows of b: R S chains of eight lanes each. */
#define BL_DOTS_BLOCK(R, S)                                                                        \
    static void dots_##R##x##S(float *c, size_t ldc, const float *a, size_t lda, const float *b,   \
                               size_t ldb, size_t K)                                               \
    {                                                                                              \
        v8 acc[R][S];                                                                              \
        for (int i = 0; i < R; i++)                                                                \
            for (int j = 0; j < S; j++)                                                            \
                acc[i][j] = v8_zero();                                                             \
        for (size_t k = 0; k < K; k += 8) {                                                        \
            v8 y[S];                                                                               \
            for (int j = 0; j < S; j++)                                                            \
                y[j] = v8_get(b + (size_t)j * ldb + k, K - k);                                     \
            for (int i = 0; i < R; i++) {                                                          \
                v8 x = v8_get(a + (size_t)i * lda + k, K - k);                                     \
                for (int j = 0; j < S; j++)                                                        \
                    acc[i][j] = v8_fma(x, y[j], acc[i][j]);                                        \
            }                                                                                      \
        }                                                                                          \
        for (int i = 0; i < R; i++)                                                                \
            for (int j = 0; j < S; j++)                                                            \
                c[(size_t)i * ldc + (size_t)j] = v8_sum(acc[i][j]);                                \
    }
BL_DOTS_BLOCK(2, 4)
BL_DOTS_BLOCK(1, 4)
BL_DOTS_BLOCK(2, 1)
BL_DOTS_BLOCK(1, 1)
#undef BL_DOTS_BLOCK

static void dots(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                 size_t M, size_t N, size_t K)
{
    for (size_t j = 0; j < N;) {
        size_t wide = N - j >= 4 ? 4 : 1;
        const float *bj = b + j * ldb;
        for (size_t i = 0; i < M;) {
            size_t tall = M - i >= 2 ? 2 : 1;
            float *cij = c + i * ldc + j;
            const float *ai = a + i * lda;
            if (tall == 2)
                (wide == 4 ? dots_2x4 : dots_2x1)(cij, ldc, ai, lda, bj, ldb, K);
            else
                (wide == 4 ? dots_1x4 : dots_1x1)(cij, ldc, ai, lda, bj, ldb, K);
            i += tall;
        }
        j += wide;
    }
}

void BL_KERN_FILL(bl_kern *k)
{
    k->add = add;
    k->axpy = axpy;
    k->sumsq = sumsq;
    k->adamw = adamw;
    k->sigmoid = sigmoid;
    k->logsumexp = logsumexp;
    k->conv_row = conv_row;
    k->conv_bwd_row = conv_bwd_row;
    k->dots = dots;
}
