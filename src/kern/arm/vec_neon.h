/* Eight float lanes as two NEON registers. */
#ifndef BL_KERN_ARM_VEC_NEON_H
#define BL_KERN_ARM_VEC_NEON_H

#include <arm_neon.h>

typedef struct {
    float32x4_t lo, hi;
} v8;

/* The same done to both halves. */
#define BL_HALVES(expr_lo, expr_hi)                                                                \
    return (v8)                                                                                    \
    {                                                                                              \
        expr_lo, expr_hi                                                                           \
    }

static inline v8 v8_load(const float *p)
{
    BL_HALVES(vld1q_f32(p), vld1q_f32(p + 4));
}
static inline void v8_store(float *p, v8 x)
{
    vst1q_f32(p, x.lo);
    vst1q_f32(p + 4, x.hi);
}

/* The first n < 4 of four lanes, zero in the others; and back. */
static inline float32x4_t vec_load_part4(const float *p, size_t n)
{
    float32x4_t x = vdupq_n_f32(0.0f);
    if (n & 2)
        x = vcombine_f32(vld1_f32(p), vget_low_f32(x));
    if (n == 3)
        x = vld1q_lane_f32(p + 2, x, 2);
    if (n == 1)
        x = vld1q_lane_f32(p, x, 0);
    return x;
}
static inline void vec_store_part4(float *p, size_t n, float32x4_t x)
{
    if (n & 2)
        vst1_f32(p, vget_low_f32(x));
    if (n == 3)
        vst1q_lane_f32(p + 2, x, 2);
    if (n == 1)
        vst1q_lane_f32(p, x, 0);
}
static inline v8 v8_load_part(const float *p, size_t n)
{
    if (n >= 4)
        BL_HALVES(vld1q_f32(p), vec_load_part4(p + 4, n - 4));
    BL_HALVES(vec_load_part4(p, n), vdupq_n_f32(0.0f));
}
static inline void v8_store_part(float *p, size_t n, v8 x)
{
    if (n >= 4) {
        vst1q_f32(p, x.lo);
        vec_store_part4(p + 4, n - 4, x.hi);
    } else {
        vec_store_part4(p, n, x.lo);
    }
}
static inline v8 v8_set(float a)
{
    BL_HALVES(vdupq_n_f32(a), vdupq_n_f32(a));
}
static inline v8 v8_zero(void)
{
    return v8_set(0.0f);
}
static inline v8 v8_add(v8 a, v8 b)
{
    BL_HALVES(vaddq_f32(a.lo, b.lo), vaddq_f32(a.hi, b.hi));
}
static inline v8 v8_sub(v8 a, v8 b)
{
    BL_HALVES(vsubq_f32(a.lo, b.lo), vsubq_f32(a.hi, b.hi));
}
static inline v8 v8_mul(v8 a, v8 b)
{
    BL_HALVES(vmulq_f32(a.lo, b.lo), vmulq_f32(a.hi, b.hi));
}
static inline v8 v8_div(v8 a, v8 b)
{
    BL_HALVES(vdivq_f32(a.lo, b.lo), vdivq_f32(a.hi, b.hi));
}

/* Compared and chosen, as in C: the instructions of their own do otherwise with a NaN. */
static inline float32x4_t vec_max4(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline float32x4_t vec_min4(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline v8 v8_max(v8 a, v8 b)
{
    BL_HALVES(vec_max4(a.lo, b.lo), vec_max4(a.hi, b.hi));
}
static inline v8 v8_min(v8 a, v8 b)
{
    BL_HALVES(vec_min4(a.lo, b.lo), vec_min4(a.hi, b.hi));
}
static inline v8 v8_sqrt(v8 a)
{
    BL_HALVES(vsqrtq_f32(a.lo), vsqrtq_f32(a.hi));
}
static inline v8 v8_fma(v8 a, v8 b, v8 c)
{
    BL_HALVES(vfmaq_f32(c.lo, a.lo, b.lo), vfmaq_f32(c.hi, a.hi, b.hi));
} /* a b + c */
static inline v8 v8_fnma(v8 a, v8 b, v8 c)
{
    BL_HALVES(vfmsq_f32(c.lo, a.lo, b.lo), vfmsq_f32(c.hi, a.hi, b.hi));
} /* c - a b */
static inline v8 v8_swap(v8 x)
{
    BL_HALVES(vrev64q_f32(x.lo), vrev64q_f32(x.hi));
} /* 1 0 3 2 5 4 7 6 */
static inline v8 v8_round(v8 x)
{
    BL_HALVES(vrndnq_f32(x.lo), vrndnq_f32(x.hi));
}

/* x 2^n for integral n in -126..128 and a finite product, in two steps so that 2^128 never
 * forms. */
static inline float32x4_t vec_scale4(float32x4_t x, float32x4_t n)
{
    int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), one = vdupq_n_s32(127);
    int32x4_t rest = vsubq_s32(i, half);
    x = vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, one), 23)));
    return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, one), 23)));
}
static inline v8 v8_scale2(v8 x, v8 n)
{
    BL_HALVES(vec_scale4(x.lo, n.lo), vec_scale4(x.hi, n.hi));
}

static inline float v8_sum(v8 x)
{
    float32x4_t a = vaddq_f32(x.lo, x.hi);
    return vpadds_f32(vadd_f32(vget_low_f32(a), vget_high_f32(a)));
}

/* The upper halves of two registers onto the lower ones. */
static inline float32x4_t vec_fold2(float32x4_t a, float32x4_t b)
{
    float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);
    return vaddq_f32(vreinterpretq_f32_f64(vtrn1q_f64(x, y)),
                     vreinterpretq_f32_f64(vtrn2q_f64(x, y)));
}

/* Four sums at once, each over the same tree as v8_sum. */
static inline void v8_sum4(float *to, v8 a, v8 b, v8 c, v8 d)
{
    float32x4_t ab = vec_fold2(vaddq_f32(a.lo, a.hi), vaddq_f32(b.lo, b.hi));
    float32x4_t cd = vec_fold2(vaddq_f32(c.lo, c.hi), vaddq_f32(d.lo, d.hi));
    vst1q_f32(to, vpaddq_f32(ab, cd));
}

static inline float v8_hmax(v8 x)
{
    return vmaxnmvq_f32(vec_max4(x.lo, x.hi));
}

typedef int32x4_t v8_isum;
static inline v8_isum v8_isum_zero(void)
{
    return vdupq_n_s32(0);
}
/* q = rint(x), |x| <= 127, 0 for a NaN; both conversions do that by themselves. */
static inline v8_isum v8_isum_quantise(v8_isum sum, int8_t *q, v8 x)
{
    int16x4_t lo = vqmovn_s32(vcvtnq_s32_f32(x.lo)), hi = vqmovn_s32(vcvtnq_s32_f32(x.hi));
    int8x8_t i = vqmovn_s16(vcombine_s16(lo, hi));
    vst1_s8(q, i);
    return vaddw_s16(sum, vpaddl_s8(i));
}
static inline int32_t v8_isum_total(v8_isum s)
{
    return vaddvq_s32(s);
}

#undef BL_HALVES

#endif
