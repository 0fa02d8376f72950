/* Ternary products for ARM processors with smmla (FEAT_I8MM): tern_dotprod.h, and eight rows at a
 * time.
 *
 * smmla multiplies 2 x 8 bytes by 2 x 8 bytes and adds the 2 x 2 sums of eight products to int32
 * lanes: two rows by two outputs. */
#include "kern/arm/tern_dotprod.h"

/* The lanes of 32 bits of w are four outputs, with four inputs in every field.  Two fields side by
 * side are eight inputs of two outputs: w beside w >> 2 is that for fields 0 and 1, and shifted by 4
 * for 2 and 3. */
static void unpack4(uint8_t *to, uint8x16_t w)
{
    uint32x4_t even = vreinterpretq_u32_u8(w), odd = vreinterpretq_u32_u8(vshrq_n_u8(w, 2));
    uint8x16_t low = vreinterpretq_u8_u32(vzip1q_u32(even, odd));
    uint8x16_t high = vreinterpretq_u8_u32(vzip2q_u32(even, odd));
    vst1q_u8(to, low_field(low));
    vst1q_u8(to + 16, low_field(high));
    vst1q_u8(to + 64, low_field(vshrq_n_u8(low, 4)));
    vst1q_u8(to + 80, low_field(vshrq_n_u8(high, 4)));
}

static void unpack(uint8_t *to, uint8x16_t low, uint8x16_t high)
{
    unpack4(to, low);
    unpack4(to + 32, high);
}

/* Eight rows as four pairs: to[input / 8][pair][row][8]. */
static void pair_rows(int8_t *to, const int8_t *q, size_t ld, size_t tiles)
{
    for (size_t p = 0; p < 4; p++, q += 2 * ld)
        for (size_t t = 0; t < tiles; t++) {
            int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(q + t * BL_TERN_INS));
            int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(q + ld + t * BL_TERN_INS));
            vst1q_s8(to + t * 128 + p * 16, vreinterpretq_s8_s64(vtrn1q_s64(a, b)));
            vst1q_s8(to + t * 128 + 64 + p * 16, vreinterpretq_s8_s64(vtrn2q_s64(a, b)));
        }
}

/* 8 outputs of 8 rows: s##p##o of the pairs p of rows and o of outputs. */
#define PAIRS(X, p)    X(p, 0) X(p, 1) X(p, 2) X(p, 3)
#define ALL(X)         PAIRS(X, 0) PAIRS(X, 1) PAIRS(X, 2) PAIRS(X, 3)
#define ZERO_2x2(p, o) int32x4_t s##p##o = vdupq_n_s32(0);
#define STEP_2x2(p, o)                                                                             \
    __asm__ volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(s##p##o) : "w"(x##p), "w"(w##o));
#define STEP_8(at)                                                                                 \
    x0 = vld1q_s8(q + (at)), x1 = vld1q_s8(q + (at) + 16);                                         \
    x2 = vld1q_s8(q + (at) + 32), x3 = vld1q_s8(q + (at) + 48);                                    \
    w0 = vld1q_s8(w + (at)), w1 = vld1q_s8(w + (at) + 16);                                         \
    w2 = vld1q_s8(w + (at) + 32), w3 = vld1q_s8(w + (at) + 48);                                    \
    ALL(STEP_2x2)
#define ADD_PAIR(p)                                                                                \
    add4(sums + 2 * (p)*BL_TERN_ROWS, s##p##0, s##p##1);                                           \
    add4(sums + 2 * (p)*BL_TERN_ROWS + 4, s##p##2, s##p##3);

/* Four outputs of two rows. */
static inline void add4(int32_t *sums, int32x4_t a, int32x4_t b)
{
    int64x2_t x = vreinterpretq_s64_s32(a), y = vreinterpretq_s64_s32(b);
    int32x4_t first = vreinterpretq_s32_s64(vtrn1q_s64(x, y));
    int32x4_t second = vreinterpretq_s32_s64(vtrn2q_s64(x, y));
    vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), first));
    sums += BL_TERN_ROWS;
    vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), second));
}

static void group(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t tiles)
{
    ALL(ZERO_2x2)
    const int8_t *w = (const int8_t *)codes;
    for (const int8_t *end = w + tiles * GROUP_TILE; w < end; w += GROUP_TILE, q += 128) {
        int8x16_t x0, x1, x2, x3, w0, w1, w2, w3;
        STEP_8(0)
        STEP_8(64)
    }
    ADD_PAIR(0)
    ADD_PAIR(1)
    ADD_PAIR(2)
    ADD_PAIR(3)
}

static void block(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t groups,
                  size_t tiles)
{
    _Alignas(64) int8_t pairs[8 * BLOCK_INS];
    pair_rows(pairs, q, ld, tiles);
    for (size_t i = 0; i < groups; i++)
        group(sums + i * GROUP, codes + i * BLOCK_GROUP, pairs, tiles);
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    static const tern_way way = {8, unpack, block};
    all_rows(&way, y, ldy, packed, g, x, outs, in, accumulate);
}

void bl_kern_bitlinear_i8mm(bl_kern *k)
{
    k->tern_matmul = tern_matmul;
}
