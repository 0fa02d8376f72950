/* Absmean and dequantisation for AVX2. */
#include "kern/kern.h"

#include <immintrin.h>

/* |w| 2^32 <= 2^40 is exact in double; added to 2^52 it is rounded to an integer, half to even,
 * which then stands in the low bits of the double. */
static int64_t absmean_sum(const float *w, size_t n)
{
    const __m128 sign = _mm_set1_ps(-0.0f), most = _mm_set1_ps(256.0f);
    const __m256d scale = _mm256_set1_pd(4294967296.0), magic = _mm256_set1_pd(4503599627370496.0);
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m128 a = _mm_min_ps(_mm_andnot_ps(sign, _mm_loadu_ps(w + i)), most);
        __m256d x = _mm256_add_pd(_mm256_mul_pd(_mm256_cvtps_pd(a), scale), magic);
        __m256i bits = _mm256_castpd_si256(x);
        sum = _mm256_add_epi64(sum, _mm256_sub_epi64(bits, _mm256_castpd_si256(magic)));
    }
    int64_t lane[4];
    _mm256_storeu_si256((__m256i *)lane, sum);
    int64_t total = lane[0] + lane[1] + lane[2] + lane[3];
    for (; i < n; i++) {
        __m128 a = _mm_min_ss(_mm_andnot_ps(sign, _mm_load_ss(w + i)), most);
        double x = (double)_mm_cvtss_f32(a) * 4294967296.0;
        total += (int64_t)((x + 4503599627370496.0) - 4503599627370496.0);
    }
    return total;
}

static void dequantise(float *x, const int8_t *q, float s, size_t n)
{
    size_t i = 0;
    __m256 d = _mm256_set1_ps(s);
    for (; i + 8 <= n; i += 8) {
        __m256i v = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(q + i)));
        _mm256_storeu_ps(x + i, _mm256_div_ps(_mm256_cvtepi32_ps(v), d));
    }
    for (; i < n; i++)
        x[i] = (float)q[i] / s;
}

void bl_kern_quant_avx2(bl_kern *k)
{
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
}
