/* The kernels of the head for NEON. */
#define BL_KERN_FILL   bl_kern_head_neon
#define BL_COARSE_PAYS 1
#include "kern/body/head.h"

/* Eight inputs of 4 rows: two products fit an int16 lane, whose neighbours are then added to int32
 * lanes.  The bytes are q + 128, which with its sign turned is q. */
#define ADD_8(sum0, sum1, q, r, p0, p1)                                                            \
    t = vmlal_s8(vmull_s8(vget_low_s8(q), vget_low_s8(p0)), vget_low_s8(r), vget_low_s8(p1));      \
    sum0 = vpadalq_s16(sum0, t);                                                                   \
    t = vmlal_high_s8(vmull_high_s8(q, p0), r, p1);                                                \
    sum1 = vpadalq_s16(sum1, t);
#define FOUR(p, f) vreinterpretq_s8_s32(vdupq_lane_s32(vreinterpret_s32_s8(p), f))
#define ROWS(X)    X(0) X(1) X(2) X(3)
#define ZERO(j)    int32x4_t g##j = vdupq_n_s32(0), h##j = g##j, k##j = g##j, l##j = g##j;
#define STEP(j)                                                                                    \
    q = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(panel + 16 * (j)), sign));                           \
    r = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(panel + 64 + 16 * (j)), sign));                      \
    ADD_8(g##j, h##j, q, r, a0, a1)                                                                \
    ADD_8(k##j, l##j, q, r, b0, b1)
#define STORE(j)                                                                                   \
    vst1q_s32(high + 4 * (j), vpaddq_s32(g##j, h##j));                                             \
    vst1q_s32(low + 4 * (j), vpaddq_s32(k##j, l##j));

/* The 16 rows of a panel. */
static void dot16(int32_t *high, int32_t *low, const uint8_t *panel, const bl_coarse_x *x,
                  size_t ins)
{
    const uint8x16_t sign = vdupq_n_u8(128);
    ROWS(ZERO)
    for (size_t i = 0; i < ins; i += 8, panel += 8 * BL_COARSE_ROWS) {
        int8x8_t a = vld1_s8(x->high + i), b = vld1_s8(x->low + i);
        int8x16_t a0 = FOUR(a, 0), a1 = FOUR(a, 1), b0 = FOUR(b, 0), b1 = FOUR(b, 1), q, r;
        int16x8_t t;
        ROWS(STEP)
    }
    ROWS(STORE)
}
