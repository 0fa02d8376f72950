/* Eight float lanes as one AVX2 register. */
#ifndef BL_KERN_X86_VEC_AVX2_H
#define BL_KERN_X86_VEC_AVX2_H

#include <immintrin.h>

typedef __m256 v8;

static const int32_t vec_mask_table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

static inline __m256i v8_mask(size_t left)
{
    return _mm256_loadu_si256((const __m256i *)(vec_mask_table + 8 - left));
}

static inline v8 v8_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void v8_store(float *p, v8 x)
{
    _mm256_storeu_ps(p, x);
}
static inline v8 v8_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, v8_mask(n));
}
static inline void v8_store_part(float *p, size_t n, v8 x)
{
    _mm256_maskstore_ps(p, v8_mask(n), x);
}
static inline v8 v8_zero(void)
{
    return _mm256_setzero_ps();
}
static inline v8 v8_set(float a)
{
    return _mm256_set1_ps(a);
}
static inline v8 v8_add(v8 a, v8 b)
{
    return _mm256_add_ps(a, b);
}
static inline v8 v8_sub(v8 a, v8 b)
{
    return _mm256_sub_ps(a, b);
}
static inline v8 v8_mul(v8 a, v8 b)
{
    return _mm256_mul_ps(a, b);
}
static inline v8 v8_div(v8 a, v8 b)
{
    return _mm256_div_ps(a, b);
}
static inline v8 v8_max(v8 a, v8 b)
{
    return _mm256_max_ps(a, b);
}
static inline v8 v8_min(v8 a, v8 b)
{
    return _mm256_min_ps(a, b);
}
static inline v8 v8_sqrt(v8 a)
{
    return _mm256_sqrt_ps(a);
}
static inline v8 v8_fma(v8 a, v8 b, v8 c)
{
    return _mm256_fmadd_ps(a, b, c);
} /* a b + c */
static inline v8 v8_fnma(v8 a, v8 b, v8 c)
{
    return _mm256_fnmadd_ps(a, b, c);
} /* c - a b */
static inline v8 v8_swap(v8 x)
{
    return _mm256_permute_ps(x, 0xB1);
} /* 1 0 3 2 5 4 7 6 */
static inline v8 v8_round(v8 x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x 2^n for integral n in -126..128 and a finite product, in two steps so that 2^128 never
 * forms. */
static inline v8 v8_scale2(v8 x, v8 n)
{
    __m256i i = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(i, 1);
    __m256i rest = _mm256_sub_epi32(i, half);
    __m256i one = _mm256_set1_epi32(127);
    x = _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23)));
    return _mm256_mul_ps(x,
                         _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, one), 23)));
}

static inline float v8_sum(v8 x)
{
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    a = _mm_add_ss(a, _mm_movehdup_ps(a));
    return _mm_cvtss_f32(a);
}

/* Four sums at once, each over the same tree as v8_sum. */
static inline void v8_sum4(float *to, v8 a, v8 b, v8 c, v8 d)
{
    __m128 p = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 r = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(d), _mm256_extractf128_ps(d, 1));
    _MM_TRANSPOSE4_PS(p, q, r, s);
    _mm_storeu_ps(to, _mm_add_ps(_mm_add_ps(p, r), _mm_add_ps(q, s)));
}

static inline float v8_hmax(v8 x)
{
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    a = _mm_max_ss(a, _mm_movehdup_ps(a));
    return _mm_cvtss_f32(a);
}

/* q = rint(x), |x| <= 127, 0 for a NaN; returns the eight as int32. */
static inline __m256i v8_to_i8(int8_t *q, v8 x)
{
    __m256i i = _mm256_cvtps_epi32(_mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q)));
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)q, _mm_packs_epi16(w, w));
    return i;
}

typedef __m256i v8_isum;
static inline v8_isum v8_isum_zero(void)
{
    return _mm256_setzero_si256();
}
static inline v8_isum v8_isum_quantise(v8_isum sum, int8_t *q, v8 x)
{
    return _mm256_add_epi32(sum, v8_to_i8(q, x));
}
static inline int32_t v8_isum_total(v8_isum s)
{
    __m128i a = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xB1));
    return _mm_cvtsi128_si32(a);
}

#endif
