/* Ternary products for ARM processors with sdot: tern_dotprod.h, and eight rows at a time. */
#include "kern/arm/tern_dotprod.h"

/* Field by field, 8 outputs each. */
static void unpack(uint8_t *to, uint8x16_t low, uint8x16_t high)
{
    for (size_t f = 0; f < 4; f++) {
        vst1q_u8(to + 32 * f, low_field(low));
        vst1q_u8(to + 32 * f + 16, low_field(high));
        low = vshrq_n_u8(low, 2);
        high = vshrq_n_u8(high, 2);
    }
}

#define EIGHT_ROWS(X) EIGHT(X)
#define ZERO_ROW(r)   int32x4_t a##r = vdupq_n_s32(0), b##r = a##r;
#define LOAD_ROW(r)   int8x16_t q##r = vld1q_s8(q + (r)*ld);
#define STEP_ROW(r, f)                                                                             \
    DOT(a##r, low, q##r, f);                                                                       \
    DOT(b##r, high, q##r, f);
#define STEP_FIELD(f)                                                                              \
    low = vld1q_u8(codes + 32 * (f));                                                              \
    high = vld1q_u8(codes + 32 * (f) + 16);                                                        \
    STEP_ROW(0, f)                                                                                 \
    STEP_ROW(1, f)                                                                                 \
    STEP_ROW(2, f) STEP_ROW(3, f) STEP_ROW(4, f) STEP_ROW(5, f) STEP_ROW(6, f) STEP_ROW(7, f)
#define ADD_ROW(r)                                                                                 \
    to = sums + (r)*BL_TERN_ROWS;                                                                  \
    vst1q_s32(to, vaddq_s32(vld1q_s32(to), a##r));                                                 \
    vst1q_s32(to + 4, vaddq_s32(vld1q_s32(to + 4), b##r));

static void group(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t tiles)
{
    int32_t *to;
    EIGHT_ROWS(ZERO_ROW)
    for (const uint8_t *end = codes + tiles * GROUP_TILE; codes < end; codes += GROUP_TILE) {
        EIGHT_ROWS(LOAD_ROW)
        uint8x16_t low, high;
        STEP_FIELD(0)
        STEP_FIELD(1)
        STEP_FIELD(2)
        STEP_FIELD(3)
        q += BL_TERN_INS;
    }
    EIGHT_ROWS(ADD_ROW)
}

static void block(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t groups,
                  size_t tiles)
{
    for (size_t i = 0; i < groups; i++)
        group(sums + i * GROUP, codes + i * BLOCK_GROUP, q, ld, tiles);
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    static const tern_way way = {8, unpack, block};
    all_rows(&way, y, ldy, packed, g, x, outs, in, accumulate);
}

void bl_kern_bitlinear_dotprod(bl_kern *k)
{
    k->tern_matmul = tern_matmul;
}
