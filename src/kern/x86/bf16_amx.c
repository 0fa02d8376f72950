/* Products of bfloat16 by AMX: four tiles of c are sums, two of a and two of b are multiplied, so
 * four products need four loads, which is what the unit takes. */
#include "kern/kern.h"
#include "kern/x86/tiles_amx.h"

enum { WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE };

/* c is 2 x 2 tiles, of rows ldc apart; a1 and b1 are the second strip and panel. */
static void square(float *c, size_t ldc, int add, const uint16_t *a, const uint16_t *a1,
                   const uint16_t *b, const uint16_t *b1, size_t tiles)
{
    size_t bytes = ldc * sizeof *c;
    float *below = c + WIDE * ldc;
    if (add) {
        TILE_LOAD(0, c, bytes);
        TILE_LOAD(1, c + WIDE, bytes);
        TILE_LOAD(2, below, bytes);
        TILE_LOAD(3, below + WIDE, bytes);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (size_t t = 0; t < tiles * TILE; t += TILE) {
        TILE_LOAD(4, a + t, TILE_BYTES);
        TILE_LOAD(6, b + t, TILE_BYTES);
        TILE_LOAD(7, b1 + t, TILE_BYTES);
        TILE_DOT_BF16(0, 4, 6);
        TILE_LOAD(5, a1 + t, TILE_BYTES);
        TILE_DOT_BF16(1, 4, 7);
        TILE_DOT_BF16(2, 5, 6);
        TILE_DOT_BF16(3, 5, 7);
    }
    TILE_STORE(0, c, bytes);
    TILE_STORE(1, c + WIDE, bytes);
    TILE_STORE(2, below, bytes);
    TILE_STORE(3, below + WIDE, bytes);
}

/* One of which m rows and n columns are stored; a strip or panel that is not there is the first. */
static void part_square(float *c, size_t ldc, int add, const uint16_t *a, const uint16_t *a1,
                        const uint16_t *b, const uint16_t *b1, size_t m, size_t n, size_t tiles)
{
    float whole[4 * WIDE * WIDE] = {0};
    for (size_t i = 0; add && i < m; i++)
        memcpy(whole + i * 2 * WIDE, c + i * ldc, n * sizeof *c);
    square(whole, 2 * WIDE, add, a, m > WIDE ? a1 : a, b, n > WIDE ? b1 : b, tiles);
    for (size_t i = 0; i < m; i++)
        memcpy(c + i * ldc, whole + i * 2 * WIDE, n * sizeof *c);
}

static void bf16_matmul(float *c, size_t ldc, int add, const uint16_t *a, size_t strip,
                        const uint16_t *b, size_t panel, size_t M, size_t N, size_t tiles)
{
    tiles_configure(TILE_ROWS);
    for (size_t j = 0; j < N; j += 2 * WIDE, b += 2 * panel)
        for (size_t i = 0; i < M; i += 2 * WIDE) {
            const uint16_t *rows = a + i / WIDE * strip;
            size_t m = M - i, n = N - j;
            if (m >= 2 * WIDE && n >= 2 * WIDE)
                square(c + i * ldc + j, ldc, add, rows, rows + strip, b, b + panel, tiles);
            else
                part_square(c + i * ldc + j, ldc, add, rows, rows + strip, b, b + panel,
                            m < 2 * WIDE ? m : 2 * WIDE, n < 2 * WIDE ? n : 2 * WIDE, tiles);
        }
    TILES_RELEASE();
}

void bl_kern_bf16_amx(bl_kern *k)
{
    k->bf16_matmul = bf16_matmul;
}
