/* Loops that measure limits, for AMX: products of tiles of zeros, bfloat16 where permitted. */
#include "kern/limit.h"
#include "core/tiles.h"
#include "kern/x86/tiles_amx.h"

enum { CHAINS = 6, DOT = 2 * TILE_ROWS * TILE_ROWS * TILE_BYTES }; /* operations of bytes */

#define ALL_TILES(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define ZERO(t)      TILE_ZERO(t);
#define STEP(t)      TILE_DOT(t, 6, 7);
#define STEP_BF16(t) __asm__ volatile("tdpbf16ps %%tmm7, %%tmm6, %%tmm" #t : :);
#define LOOP(x)                                                                                    \
    tiles_configure(TILE_ROWS);                                                                    \
    ALL_TILES(ZERO)                                                                                \
    for (size_t i = 0; i < turns; i++) {                                                           \
        x(0) x(1) x(2) x(3) x(4) x(5)                                                              \
    }                                                                                              \
    TILES_RELEASE()

static double int8_products(size_t turns)
{
    LOOP(STEP);
    return (double)DOT * CHAINS * (double)turns;
}

static double bf16_products(size_t turns)
{
    LOOP(STEP_BF16);
    return (double)DOT / 2 * CHAINS * (double)turns;
}

void bl_limit_loops_amx(bl_limit_loops *l)
{
    l->int8 = int8_products;
    if (!bl_tiles_missing(BL_TILES_BF16))
        l->bf16 = bf16_products;
}
