/* Small float matrix products for AVX2: register tiles of 6 rows x 16 columns, and dot products. */
#include "kern/vec.h"

enum { LANES = 8, TILE_ROWS = 6, TRANSPOSE_ROWS = 8, TRANSPOSE_COLS = 8 };

/* clang-format off */
#define VEC                     v8
#define ONE                     v8
#define LOAD(p)                 v8_load(p)
#define STORE(p, x)             v8_store(p, x)
#define SPLAT(p)                _mm256_broadcast_ss(p)
#define FMA(a, b, c)            v8_fma(a, b, c)
#define PART                    size_t
#define PART_OF(n)              (n)
#define LOAD_PART(p, part)      v8_get(p, part)
#define STORE_PART(p, part, x)  v8_put(p, part, x)
#define SEVERAL(X)              X(2) X(3) X(4) X(5) X(6)
#define LONG_ROWS(X)            X(8)
/* clang-format on */
#include "kern/body/matmul_dots.h"
#include "kern/body/matmul_tile.h"

/* One 8 x 8 block: rows are interleaved by ones, then by twos, then halves change places. */
static void transpose_block(float *t, size_t ldt, const float *a, size_t lda)
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

#include "kern/body/matmul_transpose.h"

void bl_kern_matmul_avx2(bl_kern *k)
{
    k->transpose = transpose;
    k->matmul = matmul;
    k->dots = dots;
    k->dots_at = dots_at;
    k->tile_rows = TILE_ROWS;
    k->tile_cols = 2 * LANES;
}
