/* Sixteen float lanes as one AVX-512 register: v8 at that level. */
#ifndef BL_KERN_X86_VEC_AVX512_H
#define BL_KERN_X86_VEC_AVX512_H

#include "kern/x86/lanes_avx512.h"

typedef __m512 v8;

static inline v8 v8_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void v8_store(float *p, v8 x)
{
    _mm512_storeu_ps(p, x);
}
static inline v8 v8_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes16(n), p);
}
static inline void v8_store_part(float *p, size_t n, v8 x)
{
    _mm512_mask_storeu_ps(p, lanes16(n), x);
}
static inline v8 v8_zero(void)
{
    return _mm512_setzero_ps();
}
static inline v8 v8_set(float a)
{
    return _mm512_set1_ps(a);
}
static inline v8 v8_add(v8 a, v8 b)
{
    return _mm512_add_ps(a, b);
}
static inline v8 v8_sub(v8 a, v8 b)
{
    return _mm512_sub_ps(a, b);
}
static inline v8 v8_mul(v8 a, v8 b)
{
    return _mm512_mul_ps(a, b);
}
static inline v8 v8_div(v8 a, v8 b)
{
    return _mm512_div_ps(a, b);
}
static inline v8 v8_max(v8 a, v8 b)
{
    return _mm512_max_ps(a, b);
}
static inline v8 v8_min(v8 a, v8 b)
{
    return _mm512_min_ps(a, b);
}
static inline v8 v8_sqrt(v8 a)
{
    return _mm512_sqrt_ps(a);
}
static inline v8 v8_fma(v8 a, v8 b, v8 c)
{
    return _mm512_fmadd_ps(a, b, c);
} /* a b + c */
static inline v8 v8_fnma(v8 a, v8 b, v8 c)
{
    return _mm512_fnmadd_ps(a, b, c);
} /* c - a b */
static inline v8 v8_swap(v8 x)
{
    return _mm512_permute_ps(x, 0xB1);
} /* 1 0 3 2 5 4 7 6 ... */
static inline v8 v8_round(v8 x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 1 / x to 1 ulp, for x in 1 .. 2^127: an estimate and one step of Newton take a fifth of a
 * division. */
static inline v8 v8_recip(v8 x)
{
    v8 r = _mm512_rcp14_ps(x);
    return v8_fma(r, v8_fnma(x, r, v8_set(1.0f)), r);
}

/* x 2^n for integral n in -126..128 and a finite product. */
static inline v8 v8_scale2(v8 x, v8 n)
{
    return _mm512_scalef_ps(x, n);
}

/* The lanes folded to eight, then to four. */
static inline __m128 v8_fold(v8 x)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

static inline float v8_sum(v8 x)
{
    __m128 a = v8_fold(x);
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    a = _mm_add_ss(a, _mm_movehdup_ps(a));
    return _mm_cvtss_f32(a);
}

/* Four sums at once, each over the same tree as v8_sum. */
static inline void v8_sum4(float *to, v8 a, v8 b, v8 c, v8 d)
{
    __m128 p = v8_fold(a), q = v8_fold(b), r = v8_fold(c), s = v8_fold(d);
    _MM_TRANSPOSE4_PS(p, q, r, s);
    _mm_storeu_ps(to, _mm_add_ps(_mm_add_ps(p, r), _mm_add_ps(q, s)));
}

static inline float v8_hmax(v8 x)
{
    return _mm512_reduce_max_ps(x);
}

typedef __m512i v8_isum;
static inline v8_isum v8_isum_zero(void)
{
    return _mm512_setzero_si512();
}

/* q = rint(x), |x| <= 127, 0 for a NaN; their sum is added to `sum`. */
static inline v8_isum v8_isum_quantise(v8_isum sum, int8_t *q, v8 x)
{
    __m512i i = _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x);
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtsepi32_epi8(i));
    return _mm512_add_epi32(sum, i);
}
static inline int32_t v8_isum_total(v8_isum s)
{
    return _mm512_reduce_add_epi32(s);
}

#endif
