/* Small float matrix products for AVX2: register tiles of 6 rows x 16 columns.
 *
 * Twelve accumulators hide the latency of the fused multiply-add (4 to 5 cycles, two a cycle); each
 * starts from c and runs over ascending k, so the bits do not depend on the tile an element is in.
 * The accumulators have names of their own: gcc keeps an array of them in memory (a third of the
 * speed). */
#include "kern/kern.h"
#include "kern/vec.h"

/* clang-format off */
#define TIMES_1(X) X(0)
#define TIMES_2(X) TIMES_1(X) X(1)
#define TIMES_3(X) TIMES_2(X) X(2)
#define TIMES_4(X) TIMES_3(X) X(3)
#define TIMES_5(X) TIMES_4(X) X(4)
#define TIMES_6(X) TIMES_5(X) X(5)
#define TIMES_8(X) TIMES_6(X) X(6) X(7)
/* clang-format on */

/* M rows x 16 columns: row i has the accumulators lo and hi. */
#define LOAD_ROW(i)                                                                                \
    __m256 lo##i = _mm256_loadu_ps(c + i * ldc), hi##i = _mm256_loadu_ps(c + i * ldc + 8);
#define STEP_ROW(i)                                                                                \
    x = _mm256_broadcast_ss(a + i * a_row);                                                        \
    lo##i = _mm256_fmadd_ps(x, b0, lo##i);                                                         \
    hi##i = _mm256_fmadd_ps(x, b1, hi##i);
#define STORE_ROW(i)                                                                               \
    _mm256_storeu_ps(c + i * ldc, lo##i);                                                          \
    _mm256_storeu_ps(c + i * ldc + 8, hi##i);

/* The last n < 16 columns, eight at a time. */
#define LOAD_PART(i)  __m256 acc##i = v8_get(c + i * ldc, n);
#define STEP_PART(i)  acc##i = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i * a_row), b0, acc##i);
#define STORE_PART(i) v8_put(c + i * ldc, n, acc##i);

#define TILE(M)                                                                                    \
    static void tile_##M##x16(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,    \
                              const float *b, size_t ldb, size_t K)                                \
    {                                                                                              \
        TIMES_##M(LOAD_ROW);                                                                       \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8), x;                        \
            TIMES_##M(STEP_ROW);                                                                   \
        }                                                                                          \
        TIMES_##M(STORE_ROW);                                                                      \
    }                                                                                              \
    static void tile_##M##x8(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,     \
                             const float *b, size_t ldb, size_t n, size_t K)                       \
    {                                                                                              \
        TIMES_##M(LOAD_PART);                                                                      \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m256 b0 = v8_get(b, n);                                                              \
            TIMES_##M(STEP_PART);                                                                  \
        }                                                                                          \
        TIMES_##M(STORE_PART);                                                                     \
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
TILE(6)
TILE(5)
TILE(4)
TILE(3)
TILE(2)
TILE(1)

/* One row x 64 columns, for decoding: eight accumulators where the tile above has two. */
#define LOAD_COLUMN(j)  __m256 acc##j = _mm256_loadu_ps(c + 8 * j);
#define STEP_COLUMN(j)  acc##j = _mm256_fmadd_ps(x, _mm256_loadu_ps(b + 8 * j), acc##j);
#define STORE_COLUMN(j) _mm256_storeu_ps(c + 8 * j, acc##j);

static void tile_1x64(float *c, const float *a, size_t a_col, const float *b, size_t ldb, size_t K)
{
    TIMES_8(LOAD_COLUMN);
    for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {
        __m256 x = _mm256_broadcast_ss(a);
        TIMES_8(STEP_COLUMN);
    }
    TIMES_8(STORE_COLUMN);
}

static void one_row(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, size_t N, size_t K)
{
    size_t j = 0;
    for (; j + 64 <= N; j += 64)
        tile_1x64(c + j, a, a_col, b + j, ldb, K);
    rows_1(c + j, ldc, a, a_row, a_col, b + j, ldb, N - j, K);
}

static void matmul(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,
                   size_t ldb, size_t M, size_t N, size_t K)
{
    static void (*const rows[])(float *, size_t, const float *, size_t, size_t, const float *,
                                size_t, size_t,
                                size_t) = {NULL, one_row, rows_2, rows_3, rows_4, rows_5, rows_6};
    for (size_t i = 0; i < M;) {
        size_t m = M - i < 6 ? M - i : 6;
        rows[m](c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, N, K);
        i += m;
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
    k->tile_rows = 6;
    k->tile_cols = 16;
}
