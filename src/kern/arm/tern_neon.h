/* What the ternary products of all ARM levels share: outputs made of int32 sums, and many rows at a
 * time.
 *
 * For many rows a block of a panel, 512 inputs, is unpacked once: the four fields of its bytes
 * become bytes of their own, in groups of 8 outputs, and stay in the first cache while all rows
 * pass over them. */
#ifndef BL_KERN_ARM_TERN_NEON_H
#define BL_KERN_ARM_TERN_NEON_H

#include "kern/kern.h"

#include <arm_neon.h>
#include <string.h>

enum {
    GROUP = 8,                                            /* outputs */
    GROUP_TILE = 4 * BL_TERN_TILE * GROUP / BL_TERN_ROWS, /* bytes of 16 unpacked inputs of them */
    BLOCK_INS = 512,
    BLOCK_TILES = BLOCK_INS / BL_TERN_INS,
    BLOCK_GROUP = BLOCK_TILES * GROUP_TILE,
    BLOCK_ROWS = 32
};

/* How a level goes over many rows, `step` at a time: in what order it unpacks 8 outputs x 16 inputs
 * to 128 bytes, and sums[step][BL_TERN_ROWS] += their products over a block. */
typedef struct tern_way {
    size_t step;
    void (*unpack)(uint8_t *to, uint8x16_t low, uint8x16_t high);
    void (*block)(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t groups,
                  size_t tiles);
} tern_way;

/* y of row n of x from its int32 sums over the codes. */
static inline void store_row(float *y, const int32_t *sums, float g, const bl_q8_rows *x, size_t n,
                             size_t outs, int accumulate)
{
    const int32x4_t sum = vdupq_n_s32(x->sum[n]);
    float scale = g / x->scale[n];
    size_t o = 0;
    for (; o + 4 <= outs; o += 4) {
        int32x4_t acc = vsubq_s32(vld1q_s32(sums + o), sum);
        float32x4_t v = vmulq_n_f32(vcvtq_f32_s32(acc), scale);
        vst1q_f32(y + o, accumulate ? vaddq_f32(vld1q_f32(y + o), v) : v);
    }
    for (; o < outs; o++) {
        float v = (float)(sums[o] - x->sum[n]) * scale;
        y[o] = accumulate ? y[o] + v : v;
    }
}

static inline uint8x16_t low_field(uint8x16_t w)
{
    return vandq_u8(w, vdupq_n_u8(3));
}

/* Rows first .. first + rows - 1, at most BLOCK_ROWS and a multiple of way->step. */
static inline void many_rows(const tern_way *way, float *y, size_t ldy, const uint8_t *packed,
                             float g, const bl_q8_rows *x, size_t first, size_t rows, size_t outs,
                             size_t tiles, int accumulate)
{
    _Alignas(64) uint8_t codes[BL_TERN_ROWS / GROUP * BLOCK_GROUP];
    _Alignas(64) int32_t sums[BLOCK_ROWS * BL_TERN_ROWS];
    size_t groups = (outs + GROUP - 1) / GROUP;
    memset(sums, 0, rows * BL_TERN_ROWS * sizeof *sums);
    for (size_t t = 0; t < tiles; t += BLOCK_TILES) {
        size_t some = tiles - t < BLOCK_TILES ? tiles - t : BLOCK_TILES;
        for (size_t i = 0; i < groups; i++) {
            const uint8_t *w = packed + t * BL_TERN_TILE + 4 * GROUP * i;
            uint8_t *to = codes + i * BLOCK_GROUP, *end = to + some * GROUP_TILE;
            for (; to < end; to += GROUP_TILE, w += BL_TERN_TILE)
                way->unpack(to, vld1q_u8(w), vld1q_u8(w + 16));
        }
        for (size_t n = 0; n < rows; n += way->step)
            way->block(sums + n * BL_TERN_ROWS, codes, x->q + (first + n) * x->ld + t * BL_TERN_INS,
                       x->ld, groups, some);
    }
    for (size_t n = 0; n < rows; n++)
        store_row(y + n * ldy, sums + n * BL_TERN_ROWS, g, x, first + n, outs, accumulate);
}

#endif
