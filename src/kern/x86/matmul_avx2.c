/* Small float matrix products for AVX2: register tiles of 6 rows x 16 columns.
 *
 * Twelve accumulators hide the latency of the fused multiply-add (4 to 5 cycles, two a cycle); each
 * starts from c and runs over ascending k, so the bits do not depend on the tile an element is in.
 */
#include "kern/kern.h"
#include "kern/vec.h"

#define BL_TILE(M)                                                                                 \
    static void tile_##M##x16(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,    \
                              const float *b, size_t ldb, size_t K)                                \
    {                                                                                              \
        __m256 lo[M], hi[M];                                                                       \
        for (int i = 0; i < M; i++) {                                                              \
            lo[i] = _mm256_loadu_ps(c + (size_t)i * ldc);                                          \
            hi[i] = _mm256_loadu_ps(c + (size_t)i * ldc + 8);                                      \
        }                                                                                          \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);                           \
            for (int i = 0; i < M; i++) {                                                          \
                __m256 x = _mm256_broadcast_ss(a + (size_t)i * a_row);                             \
                lo[i] = _mm256_fmadd_ps(x, b0, lo[i]);                                             \
                hi[i] = _mm256_fmadd_ps(x, b1, hi[i]);                                             \
            }                                                                                      \
        }                                                                                          \
        for (int i = 0; i < M; i++) {                                                              \
            _mm256_storeu_ps(c + (size_t)i * ldc, lo[i]);                                          \
            _mm256_storeu_ps(c + (size_t)i * ldc + 8, hi[i]);                                      \
        }                                                                                          \
    }                                                                                              \
    static void tile_##M##x8(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,     \
                             const float *b, size_t ldb, size_t n, size_t K)                       \
    {                                                                                              \
        __m256 acc[M];                                                                             \
        for (int i = 0; i < M; i++)                                                                \
            acc[i] = v8_get(c + (size_t)i * ldc, n);                                               \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m256 b0 = v8_get(b, n);                                                              \
            for (int i = 0; i < M; i++)                                                            \
                acc[i] = _mm256_fmadd_ps(_mm256_broadcast_ss(a + (size_t)i * a_row), b0, acc[i]);  \
        }                                                                                          \
        for (int i = 0; i < M; i++)                                                                \
            v8_put(c + (size_t)i * ldc, n, acc[i]);                                                \
    }                                                                                              \
    static void rows_##M(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,         \
                         const float *b, size_t ldb, size_t N, size_t K)                           \
    {                                                                                              \
        size_t j = 0;                                                                              \
        for (; j + 16 <= N; j += 16)                                                               \
            tile_##M##x16(c + j, ldc, a, a_row, a_col, b + j, ldb, K);                             \
        for (; j < N; j += 8)                                                                      \
            tile_##M##x8(c + j, ldc, a, a_row, a_col, b + j, ldb, N - j, K);                       \
    }
BL_TILE(6)
BL_TILE(5)
BL_TILE(4)
BL_TILE(3)
BL_TILE(2)
BL_TILE(1)
#undef BL_TILE

static void matmul(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,
                   size_t ldb, size_t M, size_t N, size_t K)
{
    for (size_t i = 0; i < M;) {
        float *ci = c + i * ldc;
        const float *ai = a + i * a_row;
        switch (M - i) {
        case 1:
            rows_1(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            return;
        case 2:
            rows_2(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            return;
        case 3:
            rows_3(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            return;
        case 4:
            rows_4(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            return;
        case 5:
            rows_5(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            return;
        default:
            rows_6(ci, ldc, ai, a_row, a_col, b, ldb, N, K);
            i += 6;
        }
    }
}

/* One 8 x 8 block: rows are interleaved by ones, then by twos, then halves change places. */
static void transpose8(float *t, size_t ldt, const float *a, size_t lda)
{
    __m256 r[8], s[8];
    for (size_t i = 0; i < 8; i++)
        r[i] = _mm256_loadu_ps(a + i * lda);
    for (size_t i = 0; i < 4; i++) {
        s[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        s[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) {
            r[4 * i + 2 * j] = _mm256_shuffle_ps(s[4 * i + j], s[4 * i + j + 2], 0x44);
            r[4 * i + 2 * j + 1] = _mm256_shuffle_ps(s[4 * i + j], s[4 * i + j + 2], 0xEE);
        }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(t + i * ldt, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(t + (i + 4) * ldt, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

static void transpose(float *t, size_t ldt, const float *a, size_t lda, size_t M, size_t N)
{
    size_t M8 = M / 8 * 8, N8 = N / 8 * 8;
    for (size_t i = 0; i < M8; i += 8)
        for (size_t j = 0; j < N8; j += 8)
            transpose8(t + j * ldt + i, ldt, a + i * lda + j, lda);
    for (size_t i = 0; i < M; i++)
        for (size_t j = i < M8 ? N8 : 0; j < N; j++)
            t[j * ldt + i] = a[i * lda + j];
}

void bl_kern_matmul_avx2(bl_kern *k)
{
    k->transpose = transpose;
    k->matmul = matmul;
}
