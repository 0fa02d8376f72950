/* Dot products of the rows of a and b, the same at every level; matmul_*.c put it in the table. */
#include "kern/kern.h"
#include "kern/vec.h"

/* Two rows of a, or one, against four of b, or one; a chain of eight lanes for each pair.  The step
 * is written once for whole vectors and once for the last part of one. */
#define WHOLE(p) v8_load(p)
#define LEFT(p)  v8_load_part(p, K - k)
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
        p0 = v8_fma(x, get(b0 + k), p0);                                                           \
        p1 = v8_fma(x, get(b1 + k), p1);                                                           \
        p2 = v8_fma(x, get(b2 + k), p2);                                                           \
        p3 = v8_fma(x, get(b3 + k), p3);                                                           \
    }

static void dots_2x4(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                     size_t K)
{
    v8 p0 = v8_zero(), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
    size_t k = 0;
    for (; k + VEC_LANES <= K; k += VEC_LANES)
        STEP_2x4(WHOLE);
    if (k < K)
        STEP_2x4(LEFT);
    v8_sum4(c, p0, p1, p2, p3);
    v8_sum4(c + ldc, q0, q1, q2, q3);
}

static void dots_1x4(float *c, const float *a, const float *b0, const float *b1, const float *b2,
                     const float *b3, size_t K)
{
    v8 p0 = v8_zero(), p1 = p0, p2 = p0, p3 = p0;
    size_t k = 0;
    for (; k + VEC_LANES <= K; k += VEC_LANES)
        STEP_1x4(WHOLE);
    if (k < K)
        STEP_1x4(LEFT);
    v8_sum4(c, p0, p1, p2, p3);
}

static float dot(const float *a, const float *b, size_t K)
{
    v8 p = v8_zero();
    for (size_t k = 0; k < K; k += VEC_LANES)
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
            dots_1x4(c + i * ldc + j, a + i * lda, b + j * ldb, b + (j + 1) * ldb,
                     b + (j + 2) * ldb, b + (j + 3) * ldb, K);
    }
    for (; j < N; j++)
        for (size_t i = 0; i < M; i++)
            c[i * ldc + j] = dot(a + i * lda, b + j * ldb, K);
}

static void dots_at(float *c, const float *a, const float *b, size_t ldb, const int32_t *at,
                    size_t N, size_t K)
{
#define ROW(j) (b + (size_t)at[j] * ldb)
    size_t j = 0;
    for (; j + 4 <= N; j += 4)
        dots_1x4(c + j, a, ROW(j), ROW(j + 1), ROW(j + 2), ROW(j + 3), K);
    for (; j < N; j++)
        c[j] = dot(a, ROW(j), K);
#undef ROW
}
