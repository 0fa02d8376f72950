/* Quantisation, absmean and dequantisation for AVX-512. */
#include "kern/kern.h"
#include "kern/x86/lanes_avx512.h"

static inline __m512i round16(int8_t *q, __m512 x, __m512 s)
{
    __m512i r = _mm512_cvtps_epi32(_mm512_mul_ps(x, s));
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtsepi32_epi8(r));
    return r;
}

/* s = 127 / max(max|x|, 1e-5), q = rint(x s).  The row is padded to 32: what a vector writes behind
 * n is 0. */
static float quantise(int8_t *q, int32_t *sum, const float *x, size_t n)
{
    __m512 most = _mm512_setzero_ps(), part = most;
    size_t whole = n / 16 * 16, i = 0;
    if (whole < n)
        part = _mm512_maskz_loadu_ps(lanes16(n - whole), x + whole);
    most = _mm512_abs_ps(part);
    for (; i < whole; i += 16)
        most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_loadu_ps(x + i)));
    float largest = _mm512_reduce_max_ps(most), s = 127.0f / (largest > 1e-5f ? largest : 1e-5f);
    const __m512 scale = _mm512_set1_ps(s);
    __m512i total = _mm512_setzero_si512();
    for (i = 0; i < whole; i += 16)
        total = _mm512_add_epi32(total, round16(q + i, _mm512_loadu_ps(x + i), scale));
    if (whole < n) {
        total = _mm512_add_epi32(total, round16(q + i, part, scale));
        i += 16;
    }
    if (i < bl_q8_stride(n)) /* a half of the padding at most */
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm_setzero_si128());
    *sum = _mm512_reduce_add_epi32(total);
    return s;
}

/* |w| 2^32 <= 2^40 is exact in double, and rounded to an integer half to even. */
static int64_t absmean_sum(const float *w, size_t n)
{
    const __m512d scale = _mm512_set1_pd(4294967296.0);
    const __m256 most = _mm256_set1_ps(256.0f), sign = _mm256_set1_ps(-0.0f);
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 8) {
        __mmask8 live = lanes8(n - i);
        __m256 a = _mm256_andnot_ps(sign, _mm256_maskz_loadu_ps(live, w + i));
        __m512d x = _mm512_mul_pd(_mm512_cvtps_pd(_mm256_min_ps(a, most)), scale);
        sum = _mm512_add_epi64(sum, _mm512_cvtpd_epi64(x));
    }
    return _mm512_reduce_add_epi64(sum);
}

static void dequantise(float *x, const int8_t *q, float s, size_t n)
{
    const __m512 d = _mm512_set1_ps(s);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 live = lanes16(n - i);
        __m512i v = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(live, q + i));
        _mm512_mask_storeu_ps(x + i, live, _mm512_div_ps(_mm512_cvtepi32_ps(v), d));
    }
}

void bl_kern_quant_avx512vnni(bl_kern *k)
{
    k->quantise = quantise;
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
}
