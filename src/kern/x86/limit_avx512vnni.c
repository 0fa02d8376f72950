/* Loops that measure limits, for AVX-512 VNNI, and bfloat16 where the processor has it. */
#include "kern/limit.h"

#include <cpuid.h>
#include <immintrin.h>

enum { CHAINS = 12, AHEAD = 2048 / sizeof(uint64_t) };

static inline __attribute__((always_inline)) uint64_t read_lines(const uint64_t *p, size_t n,
                                                                 int ahead)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 32) {
        for (size_t k = 0; ahead && k < 32; k += 8)
            _mm_prefetch((const char *)(p + i + k + AHEAD), _MM_HINT_T0);
        a = _mm512_xor_si512(a, _mm512_loadu_si512(p + i));
        b = _mm512_xor_si512(b, _mm512_loadu_si512(p + i + 8));
        c = _mm512_xor_si512(c, _mm512_loadu_si512(p + i + 16));
        d = _mm512_xor_si512(d, _mm512_loadu_si512(p + i + 24));
    }
    uint64_t lanes[8], sum = 0;
    _mm512_storeu_si512(lanes, _mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d)));
    for (size_t k = 0; k < 8; k++)
        sum ^= lanes[k];
    return sum;
}

static uint64_t read_plain(const uint64_t *p, size_t n)
{
    return read_lines(p, n, 0);
}

static uint64_t read_ahead(const uint64_t *p, size_t n)
{
    return read_lines(p, n, 1);
}

/* x(register) of each chain; 0 is the factor. */
#define ALL_CHAINS(x)                                                                              \
    x("4") x("5") x("6") x("7") x("8") x("9") x("10") x("11") x("12") x("13") x("14") x("15")
#define BEGIN(to) "vmovaps %%zmm0, %%zmm" to "\n\t"
#define LOOP(STEP)                                                                                 \
    __asm__ volatile(                                                                              \
        "vpbroadcastd %1, %%zmm0\n\t" ALL_CHAINS(BEGIN) "1:\n\t" ALL_CHAINS(STEP) "dec %0\n\t"     \
                                                                                  "jnz 1b\n\t"     \
                                                                                  "vzeroupper"     \
        : "+r"(turns)                                                                              \
        : "m"(factor)                                                                              \
        : "cc", "xmm0", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
          "xmm13", "xmm14", "xmm15")

static double int8_products(size_t turns)
{
    const int factor = 0x01010101;
    double done = 2.0 * 64 * CHAINS * (double)turns;
#define STEP(to) "vpdpbusd %%zmm0, %%zmm0, %%zmm" to "\n\t"
    LOOP(STEP);
#undef STEP
    return done;
}

static double f32_products(size_t turns)
{
    const float factor = 0.5f; /* x = x / 2 + 1 / 2 stays finite */
    double done = 2.0 * 16 * CHAINS * (double)turns;
#define STEP(to) "vfmadd213ps %%zmm0, %%zmm0, %%zmm" to "\n\t"
    LOOP(STEP);
#undef STEP
    return done;
}

static __attribute__((target("avx512bf16"))) double bf16_products(size_t turns)
{
    const int factor = 0x00003f00; /* 0.5 and 0: the sums grow slowly */
    double done = 2.0 * 32 * CHAINS * (double)turns;
#define STEP(to) "vdpbf16ps %%zmm0, %%zmm0, %%zmm" to "\n\t"
    LOOP(STEP);
#undef STEP
    return done;
}

/* AVX512_BF16, which not every compiler's __builtin_cpu_supports() knows. */
static int has_bf16(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

void bl_limit_loops_avx512vnni(bl_limit_loops *l)
{
    l->read = read_plain;
    l->read_ahead = read_ahead;
    l->int8 = int8_products;
    l->f32 = f32_products;
    l->bf16 = has_bf16() ? bf16_products : NULL;
}
