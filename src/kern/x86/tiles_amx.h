/* The instructions of AMX that kernels use, by tile number 0 to 7.
 *
 * A kernel configures its tiles first and releases them last: whatever another library configured
 * on this thread is gone, and threads without tiles have small signal frames and cheap switches.
 * Inline assembly, because the intrinsics of gcc 12 do not tell the compiler that they touch memory.
 * A test that defines BL_TILES_EMULATED gets the same in plain C (tests/tiles). */
#ifndef BL_KERN_X86_TILES_AMX_H
#define BL_KERN_X86_TILES_AMX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TILE_ROWS = 16, TILE_BYTES = 64, TILES = 8 };

/* Palette 1, as ldtilecfg reads it. */
typedef struct tiles_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tiles_config;

#if defined(BL_TILES_EMULATED)
#include "tiles_emulated.h"
#else

#define TILES_CONFIGURE(config) __asm__ volatile("ldtilecfg %0" : : "m"(*(config)) : "memory")
#define TILES_RELEASE()         __asm__ volatile("tilerelease" : : : "memory")
#define TILE_ZERO(t)            __asm__ volatile("tilezero %%tmm" #t : :)

/* Rows of TILE_BYTES, `stride` bytes apart. */
#define TILE_LOAD(t, from, stride)                                                                 \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t                                               \
                     :                                                                             \
                     : "r"(from), "r"((size_t)(stride))                                            \
                     : "memory")
#define TILE_STORE(t, to, stride)                                                                  \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)"                                           \
                     :                                                                             \
                     : "r"(to), "r"((size_t)(stride))                                              \
                     : "memory")

/* c[m,n] += sum over k and i of a[m,4k+i] b[k,4n+i]: a of int8, b of uint8, c of int32. */
#define TILE_DOT(c, a, b)      __asm__ volatile("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #c : :)

/* c[m,n] += sum over k and i of a[m,2k+i] b[k,2n+i]: a and b of bfloat16, c of float. */
#define TILE_DOT_BF16(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c : :)

#endif

/* Tiles of so many rows, but 6 and 7, second operands, which are whole. */
static inline void tiles_configure(size_t rows)
{
    tiles_config all = {.palette = 1};
    for (int t = 0; t < TILES; t++) {
        all.rows[t] = (uint8_t)(t < 6 ? rows : TILE_ROWS);
        all.row_bytes[t] = TILE_BYTES;
    }
    TILES_CONFIGURE(&all);
}

#endif
