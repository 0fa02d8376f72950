/* Ternary products of one row and of four for ARM processors with sdot (FEAT_DotProd), for the files
 * of the levels that have it.
 *
 * sdot multiplies the codes w + 1 (0, 1, 2) by the int8 activations and adds four products to an
 * int32 lane, which is one output; the four activations come from a lane of a register with 16.
 * For one row the fields 1 and 2 are not shifted down: masked in place they are 4 and 16 times too
 * large, have accumulators of their own, and the factors are divided out at the end, exactly.
 * Field 3 in place would be negative, and shifted down it needs no mask.  The largest adds
 * 4 * 32 * 127 a tile, so an int32 lasts for 132,000 tiles: 2,110,000 inputs, sixteen times what a
 * config allows. */
#ifndef BL_KERN_ARM_TERN_DOTPROD_H
#define BL_KERN_ARM_TERN_DOTPROD_H

#include "kern/arm/tern_neon.h"

/* acc += codes . the four activations of field f.  Inline assembly in its order, because gcc and clang,
 * given the intrinsic, look so far ahead that accumulators go to memory. */
#define DOT(acc, codes, q, f)                                                                      \
    __asm__ volatile("sdot %0.4s, %1.16b, %2.4b[" #f "]" : "+w"(acc) : "w"(codes), "w"(q))

#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define ZERO(j)  int32x4_t a##j = vdupq_n_s32(0), b##j = a##j, c##j = a##j;
#define STEP(j)                                                                                    \
    w = vld1q_u8(packed + 16 * (j));                                                               \
    DOT(a##j, vandq_u8(w, m0), q16, 0);                                                            \
    DOT(b##j, vandq_u8(w, m1), q16, 1);                                                            \
    DOT(c##j, vandq_u8(w, m2), q16, 2);                                                            \
    DOT(a##j, vshrq_n_u8(w, 6), q16, 3);
#define FOLD(j)                                                                                    \
    vst1q_s32(sums + 4 * (j),                                                                      \
              vaddq_s32(a##j, vaddq_s32(vshrq_n_s32(b##j, 2), vshrq_n_s32(c##j, 4))));

/* One row: the packed bytes are read once, in order. */
static inline void one_row(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                           size_t outs, size_t tiles, int accumulate)
{
    const uint8x16_t m0 = vdupq_n_u8(0x03), m1 = vdupq_n_u8(0x0c), m2 = vdupq_n_u8(0x30);
    const int8_t *q = x->q + n * x->ld;
    int32_t sums[BL_TERN_ROWS];
    EIGHT(ZERO)
    for (const uint8_t *end = packed + tiles * BL_TERN_TILE; packed < end; packed += BL_TERN_TILE) {
        int8x16_t q16 = vld1q_s8(q);
        uint8x16_t w;
        EIGHT(STEP)
        q += BL_TERN_INS;
    }
    EIGHT(FOLD)
    store_row(y, sums, g, x, n, outs, accumulate);
}

/* Four rows, unpacked on the way; 16 outputs at a time, of which register j holds four. */
#define ROWS(X, j)   X(0, j) X(1, j) X(2, j) X(3, j)
#define HALF(X)      ROWS(X, 0) ROWS(X, 1) ROWS(X, 2) ROWS(X, 3)
#define ZERO_4(r, j) int32x4_t s##r##j = vdupq_n_s32(0);
#define FIELD_4(j, f, codes)                                                                       \
    c = codes;                                                                                     \
    DOT(s0##j, c, q0, f);                                                                          \
    DOT(s1##j, c, q1, f);                                                                          \
    DOT(s2##j, c, q2, f);                                                                          \
    DOT(s3##j, c, q3, f);
#define STEP_4(j)                                                                                  \
    w = vld1q_u8(at + 16 * (j));                                                                   \
    FIELD_4(j, 0, low_field(w))                                                                    \
    FIELD_4(j, 1, low_field(vshrq_n_u8(w, 2)))                                                     \
    FIELD_4(j, 2, low_field(vshrq_n_u8(w, 4)))                                                     \
    FIELD_4(j, 3, vshrq_n_u8(w, 6))
#define SUMS_4(r, j) vst1q_s32(sums + (r)*BL_TERN_ROWS + o + 4 * (j), s##r##j);

static inline void four_rows(float *y, size_t ldy, const uint8_t *packed, float g,
                             const bl_q8_rows *x, size_t n, size_t outs, size_t tiles,
                             int accumulate)
{
    int32_t sums[4 * BL_TERN_ROWS];
    size_t ld = x->ld;
    for (size_t o = 0; o < outs; o += 16) {
        const int8_t *q = x->q + n * ld;
        const uint8_t *at = packed + 4 * o;
        HALF(ZERO_4)
        for (size_t t = 0; t < tiles; t++, at += BL_TERN_TILE, q += BL_TERN_INS) {
            int8x16_t q0 = vld1q_s8(q), q1 = vld1q_s8(q + ld), q2 = vld1q_s8(q + 2 * ld);
            int8x16_t q3 = vld1q_s8(q + 3 * ld);
            uint8x16_t w, c;
            STEP_4(0)
            STEP_4(1)
            STEP_4(2)
            STEP_4(3)
        }
        HALF(SUMS_4)
    }
    for (size_t r = 0; r < 4; r++)
        store_row(y + r * ldy, sums + r * BL_TERN_ROWS, g, x, n + r, outs, accumulate);
}

/* All rows of x: eight and more as the level does it, then four, then one by one. */
static inline void all_rows(const tern_way *way, float *y, size_t ldy, const uint8_t *packed,
                            float g, const bl_q8_rows *x, size_t outs, size_t in, int accumulate)
{
    size_t tiles = (in + BL_TERN_INS - 1) / BL_TERN_INS, n = 0;
    for (size_t rows; (rows = (x->rows - n) / way->step * way->step) > 0; n += rows) {
        rows = rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
        many_rows(way, y + n * ldy, ldy, packed, g, x, n, rows, outs, tiles, accumulate);
    }
    if (n + 4 <= x->rows) {
        four_rows(y + n * ldy, ldy, packed, g, x, n, outs, tiles, accumulate);
        n += 4;
    }
    for (; n < x->rows; n++)
        one_row(y + n * ldy, packed, g, x, n, outs, tiles, accumulate);
}

#endif
