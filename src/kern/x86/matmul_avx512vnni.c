/* Small float matrix products for AVX-512: register tiles of 8 rows x 32 columns.
 *
 * Every element is one chain of fused multiply-adds from c over ascending k, as at the level below:
 * the same bits, whatever the tile. */
#include "kern/kern.h"
#include "kern/x86/lanes_avx512.h"

/* clang-format off */
#define TIMES_1(X) X(0)
#define TIMES_2(X) TIMES_1(X) X(1)
#define TIMES_3(X) TIMES_2(X) X(2)
#define TIMES_4(X) TIMES_3(X) X(3)
#define TIMES_5(X) TIMES_4(X) X(4)
#define TIMES_6(X) TIMES_5(X) X(5)
#define TIMES_7(X) TIMES_6(X) X(6)
#define TIMES_8(X) TIMES_7(X) X(7)
/* clang-format on */

/* M rows x 32 columns: row i has the accumulators lo and hi. */
#define LOAD_ROW(i)                                                                                \
    __m512 lo##i = _mm512_loadu_ps(c + i * ldc), hi##i = _mm512_loadu_ps(c + i * ldc + 16);
#define STEP_ROW(i)                                                                                \
    x = _mm512_set1_ps(a[i * a_row]);                                                              \
    lo##i = _mm512_fmadd_ps(x, b0, lo##i);                                                         \
    hi##i = _mm512_fmadd_ps(x, b1, hi##i);
#define STORE_ROW(i)                                                                               \
    _mm512_storeu_ps(c + i * ldc, lo##i);                                                          \
    _mm512_storeu_ps(c + i * ldc + 16, hi##i);

/* The last n < 32 columns, sixteen at a time. */
#define LOAD_PART(i)  __m512 acc##i = _mm512_maskz_loadu_ps(live, c + i * ldc);
#define STEP_PART(i)  acc##i = _mm512_fmadd_ps(_mm512_set1_ps(a[i * a_row]), b0, acc##i);
#define STORE_PART(i) _mm512_mask_storeu_ps(c + i * ldc, live, acc##i);

#define TILE(M)                                                                                    \
    static void tile_##M##x32(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,    \
                              const float *b, size_t ldb, size_t K)                                \
    {                                                                                              \
        TIMES_##M(LOAD_ROW);                                                                       \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16), x;                       \
            TIMES_##M(STEP_ROW);                                                                   \
        }                                                                                          \
        TIMES_##M(STORE_ROW);                                                                      \
    }                                                                                              \
    static void tile_##M##x16(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,    \
                              const float *b, size_t ldb, __mmask16 live, size_t K)                \
    {                                                                                              \
        TIMES_##M(LOAD_PART);                                                                      \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m512 b0 = _mm512_maskz_loadu_ps(live, b);                                            \
            TIMES_##M(STEP_PART);                                                                  \
        }                                                                                          \
        TIMES_##M(STORE_PART);                                                                     \
    }                                                                                              \
    static void rows_##M(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,         \
                         const float *b, size_t ldb, size_t N, size_t K)                           \
    {                                                                                              \
        size_t j = 0;                                                                              \
        for (; j + 32 <= N; j += 32)                                                               \
            tile_##M##x32(c + j, ldc, a, a_row, a_col, b + j, ldb, K);                             \
        for (; j < N; j += 16)                                                                     \
            tile_##M##x16(c + j, ldc, a, a_row, a_col, b + j, ldb, lanes16(N - j), K);             \
    }
TILE(8)
TILE(7)
TILE(6)
TILE(5)
TILE(4)
TILE(3)
TILE(2)
TILE(1)

/* One row x 128 columns, for decoding: eight accumulators where the tile above has two. */
#define LOAD_COLUMN(j)  __m512 acc##j = _mm512_loadu_ps(c + 16 * j);
#define STEP_COLUMN(j)  acc##j = _mm512_fmadd_ps(x, _mm512_loadu_ps(b + 16 * j), acc##j);
#define STORE_COLUMN(j) _mm512_storeu_ps(c + 16 * j, acc##j);

#define ROW(name, TIMES)                                                                           \
    static void name(float *c, const float *a, size_t a_col, const float *b, size_t ldb, size_t K) \
    {                                                                                              \
        TIMES(LOAD_COLUMN);                                                                        \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            __m512 x = _mm512_set1_ps(*a);                                                         \
            TIMES(STEP_COLUMN);                                                                    \
        }                                                                                          \
        TIMES(STORE_COLUMN);                                                                       \
    }
ROW(row_128, TIMES_8)
ROW(row_64, TIMES_4)

static void one_row(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, size_t N, size_t K)
{
    size_t j = 0;
    for (; j + 128 <= N; j += 128)
        row_128(c + j, a, a_col, b + j, ldb, K);
    for (; j + 64 <= N; j += 64)
        row_64(c + j, a, a_col, b + j, ldb, K);
    rows_1(c + j, ldc, a, a_row, a_col, b + j, ldb, N - j, K);
}

static void matmul(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,
                   size_t ldb, size_t M, size_t N, size_t K)
{
    static void (*const rows[])(float *, size_t, const float *, size_t, size_t, const float *,
                                size_t, size_t, size_t) = {NULL,   one_row, rows_2, rows_3, rows_4,
                                                           rows_5, rows_6,  rows_7, rows_8};
    for (size_t i = 0; i < M;) {
        size_t m = M - i < 8 ? M - i : 8;
        rows[m](c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, N, K);
        i += m;
    }
}

void bl_kern_matmul_avx512vnni(bl_kern *k)
{
    k->matmul = matmul;
    k->tile_rows = 8;
    k->tile_cols = 32;
}
