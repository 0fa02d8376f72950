/* Loops that measure limits, for AVX2 and FMA.
 *
 * The loops of products are written out, because a compiler would compute once what is the same in
 * every turn: twelve chains of them hide the latency of any. */
#include "kern/limit.h"

#include <immintrin.h>

enum { CHAINS = 12, AHEAD = 2048 / sizeof(uint64_t) };

static inline __attribute__((always_inline)) uint64_t read_lines(const uint64_t *p, size_t n,
                                                                 int ahead)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 16) {
        if (ahead) {
            _mm_prefetch((const char *)(p + i + AHEAD), _MM_HINT_T0);
            _mm_prefetch((const char *)(p + i + 8 + AHEAD), _MM_HINT_T0);
        }
        const __m256i *at = (const __m256i *)(const void *)(p + i);
        a = _mm256_xor_si256(a, _mm256_loadu_si256(at));
        b = _mm256_xor_si256(b, _mm256_loadu_si256(at + 1));
        c = _mm256_xor_si256(c, _mm256_loadu_si256(at + 2));
        d = _mm256_xor_si256(d, _mm256_loadu_si256(at + 3));
    }
    a = _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d));
    __m128i half = _mm_xor_si128(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return (uint64_t)_mm_cvtsi128_si64(half) ^ (uint64_t)_mm_extract_epi64(half, 1);
}

static uint64_t read_plain(const uint64_t *p, size_t n)
{
    return read_lines(p, n, 0);
}

static uint64_t read_ahead(const uint64_t *p, size_t n)
{
    return read_lines(p, n, 1);
}

/* X(register) of each chain; 0 is the factor, and 1 .. 3 take what is between. */
/* clang-format off */
#define ALL_CHAINS(X)                                                                              \
    X("4", "1") X("5", "2") X("6", "3") X("7", "1") X("8", "2") X("9", "3")                        \
    X("10", "1") X("11", "2") X("12", "3") X("13", "1") X("14", "2") X("15", "3")
/* clang-format on */
#define CHANGED                                                                                    \
    "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define BEGIN(to, between) "vmovaps %%ymm0, %%ymm" to "\n\t"

/* 32 products to 16 sums of two in int16, which are added up. */
static double int8_products(size_t turns)
{
    const int factor = 0x01010101;
    double done = 2.0 * 32 * CHAINS * (double)turns;
#define STEP(to, between)                                                                          \
    "vpmaddubsw %%ymm0, %%ymm0, %%ymm" between "\n\t"                                              \
    "vpaddw %%ymm" between ", %%ymm" to ", %%ymm" to "\n\t"
    __asm__ volatile(
        "vpbroadcastd %1, %%ymm0\n\t" ALL_CHAINS(BEGIN) "1:\n\t" ALL_CHAINS(STEP) "dec %0\n\t"
                                                                                  "jnz 1b\n\t"
                                                                                  "vzeroupper"
        : "+r"(turns)
        : "m"(factor)
        : CHANGED);
#undef STEP
    return done;
}

static double f32_products(size_t turns)
{
    const float factor = 0.5f; /* x = x / 2 + 1 / 2 stays finite */
    double done = 2.0 * 8 * CHAINS * (double)turns;
#define STEP(to, between) "vfmadd213ps %%ymm0, %%ymm0, %%ymm" to "\n\t"
    __asm__ volatile(
        "vbroadcastss %1, %%ymm0\n\t" ALL_CHAINS(BEGIN) "1:\n\t" ALL_CHAINS(STEP) "dec %0\n\t"
                                                                                  "jnz 1b\n\t"
                                                                                  "vzeroupper"
        : "+r"(turns)
        : "m"(factor)
        : CHANGED);
#undef STEP
    return done;
}

void bl_limit_loops_avx2(bl_limit_loops *l)
{
    l->read = read_plain;
    l->read_ahead = read_ahead;
    l->int8 = int8_products;
    l->f32 = f32_products;
}
