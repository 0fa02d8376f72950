/* The kernels of the head for AVX2. */
#define BL_KERN_FILL   bl_kern_head_avx2
#define BL_COARSE_PAYS 1
#include "kern/body/head.h"

#include <immintrin.h>

static inline __m256i four(const int8_t *q)
{
    int32_t bits;
    memcpy(&bits, q, sizeof bits);
    return _mm256_set1_epi32(bits);
}

/* sum += q . p, four to a lane: |p| times q with the sign of p, pairs of which are below 2^15. */
#define DOT(sum, q, p, size)                                                                       \
    sum = _mm256_add_epi32(                                                                        \
        sum, _mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_sign_epi8(q, p)), ones))
#define STORE(to, x) _mm256_storeu_si256((__m256i *)(void *)(to), x)

/* The 16 rows of a panel in two registers. */
static void dot16(int32_t *high, int32_t *low, const uint8_t *panel, const bl_coarse_x *x,
                  size_t ins)
{
    const __m256i ones = _mm256_set1_epi16(1), sign = _mm256_set1_epi8(-128);
    __m256i h0 = _mm256_setzero_si256(), h1 = h0, l0 = h0, l1 = h0;
    for (size_t i = 0; i < ins; i += 4, panel += 4 * BL_COARSE_ROWS) {
        __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)(panel + 32));
        q = _mm256_xor_si256(q, sign); /* q + 128 as q */
        r = _mm256_xor_si256(r, sign);
        __m256i p = four(x->high + i), size = _mm256_abs_epi8(p);
        DOT(h0, q, p, size);
        DOT(h1, r, p, size);
        p = four(x->low + i);
        size = _mm256_abs_epi8(p);
        DOT(l0, q, p, size);
        DOT(l1, r, p, size);
    }
    STORE(high, h0);
    STORE(high + 8, h1);
    STORE(low, l0);
    STORE(low + 8, l1);
}
