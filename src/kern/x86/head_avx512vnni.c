/* The kernels of the head for AVX-512; bounds of logits with VNNI, where a lane is a row. */
#define BL_KERN_FILL   bl_kern_head_avx512vnni
#define BL_COARSE_PAYS 1
#define BL_COARSE_OWN
#include "kern/body/head.h"
#include "kern/x86/lanes_avx512.h"

static inline __m512i four(const int8_t *q)
{
    int32_t bits;
    memcpy(&bits, q, sizeof bits);
    return _mm512_set1_epi32(bits);
}

/* Inline assembly, because gcc 12, given the intrinsic, copies every accumulator around it. */
#define DOT(acc, bytes, four_bytes)                                                                \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(bytes), "v"(four_bytes))

enum { AHEAD = 2048 };

/* Groups of four inputs in turn have accumulators of their own, so that eight products are under
 * way. */
#define ZERO(j) __m512i h##j = _mm512_setzero_si512(), l##j = h##j;
#define STEP(j)                                                                                    \
    q = _mm512_loadu_si512(at + 64 * (j));                                                         \
    _mm_prefetch(at + 64 * (j) + AHEAD, _MM_HINT_T0);                                              \
    DOT(h##j, q, four(x->high + i + 4 * (j)));                                                     \
    DOT(l##j, q, four(x->low + i + 4 * (j)));
#define SUM(s) _mm512_add_epi32(_mm512_add_epi32(s##0, s##1), _mm512_add_epi32(s##2, s##3))

static void coarse_bounds(float *upper, float *lower, const uint8_t *panels, const bl_coarse_x *x,
                          size_t rows, size_t D)
{
    size_t ins = bl_coarse_ins(D), bytes = bl_coarse_panel_bytes(D);
    const __m512i high = _mm512_set1_epi32(-128 * x->high_sum);
    const __m512i low = _mm512_set1_epi32(-128 * x->low_sum);
    const __m512 length = _mm512_set1_ps(x->length), rest = _mm512_set1_ps(x->rest);
    const __m512 step = _mm512_set1_ps(x->step);
    __m512 most = _mm512_set1_ps(-INFINITY);
    for (size_t n = 0; n < rows; n += BL_COARSE_ROWS, panels += bytes) {
        const uint8_t *at = panels;
        const float *floats = bl_coarse_floats(panels, ins);
        __m512i q;
        ZERO(0)
        ZERO(1)
        ZERO(2)
        ZERO(3)
        for (size_t i = 0; i < ins; i += 16, at += 256) {
            STEP(0) STEP(1) STEP(2) STEP(3)
        }
        __m512 h = _mm512_cvtepi32_ps(_mm512_add_epi32(SUM(h), high));
        __m512 l = _mm512_cvtepi32_ps(_mm512_add_epi32(SUM(l), low));
        __m512 value = _mm512_fmadd_ps(h, _mm512_set1_ps(128), l);
        value = _mm512_mul_ps(_mm512_mul_ps(value, _mm512_loadu_ps(floats)), step);
        __m512 error = _mm512_mul_ps(_mm512_loadu_ps(floats + BL_COARSE_ROWS), length);
        error = _mm512_fmadd_ps(_mm512_loadu_ps(floats + 2 * BL_COARSE_ROWS), rest, error);
        __mmask16 live = lanes16(rows - n);
        _mm512_mask_storeu_ps(upper + n, live, _mm512_add_ps(value, error));
        most = _mm512_mask_max_ps(most, live, most, _mm512_sub_ps(value, error));
    }
    _mm512_storeu_ps(lower, most);
}
