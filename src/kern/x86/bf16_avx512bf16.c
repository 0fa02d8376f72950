/* Products of bfloat16 by vdpbf16ps: a register is sixteen columns of c, sixteen rows at a time. */
#include "kern/kern.h"
#include "kern/x86/lanes_avx512.h"

#include <string.h>

enum { DEEP = BL_BF16_DEEP, WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE };

/* clang-format off */
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
/* clang-format on */

#define BEGIN(i) __m512 c##i = add ? _mm512_loadu_ps(c + (i)*ldc) : _mm512_setzero_ps();
#define STEP(i)                                                                                    \
    memcpy(&pair, a + (i)*DEEP, sizeof pair);                                                      \
    c##i = _mm512_dpbf16_ps(c##i, (__m512bh)_mm512_set1_epi32(pair), y);
#define END(i) _mm512_storeu_ps(c + (i)*ldc, c##i);

static void whole_tile(float *c, size_t ldc, int add, const uint16_t *a, const uint16_t *b,
                       size_t tiles)
{
    int pair;
    ROWS(BEGIN)
    for (size_t t = 0; t < tiles; t++, a += TILE - DEEP)
        for (size_t k = 0; k < DEEP; k += 2, a += 2, b += DEEP) {
            __m512bh y = (__m512bh)_mm512_loadu_si512(b);
            ROWS(STEP)
        }
    ROWS(END)
}

/* One of which m rows and n columns are stored. */
static void part_tile(float *c, size_t ldc, int add, const uint16_t *a, const uint16_t *b, size_t m,
                      size_t n, size_t tiles)
{
    float whole[WIDE * WIDE] = {0};
    for (size_t i = 0; add && i < m; i++)
        memcpy(whole + i * WIDE, c + i * ldc, n * sizeof *c);
    whole_tile(whole, WIDE, add, a, b, tiles);
    for (size_t i = 0; i < m; i++)
        memcpy(c + i * ldc, whole + i * WIDE, n * sizeof *c);
}

static void bf16_matmul(float *c, size_t ldc, int add, const uint16_t *a, size_t strip,
                        const uint16_t *b, size_t panel, size_t M, size_t N, size_t tiles)
{
    for (size_t j = 0; j < N; j += WIDE, b += panel)
        for (size_t i = 0; i < M; i += WIDE) {
            const uint16_t *rows = a + i / WIDE * strip;
            if (M - i >= WIDE && N - j >= WIDE)
                whole_tile(c + i * ldc + j, ldc, add, rows, b, tiles);
            else
                part_tile(c + i * ldc + j, ldc, add, rows, b, M - i < WIDE ? M - i : WIDE,
                          N - j < WIDE ? N - j : WIDE, tiles);
        }
}

void bl_kern_bf16_avx512bf16(bl_kern *k)
{
    k->bf16_matmul = bf16_matmul;
}
