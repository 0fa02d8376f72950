/* Quantised rows and packed ternary matrices for AVX-512 VNNI: products exact in int32.
 *
 * vpdpbusd multiplies the unsigned codes w + 1 (0, 1, 2) by the int8 activations and adds four
 * products to an int32 lane, which is one output.  A tile is two registers of 16 rows; the four
 * 2-bit fields of a byte belong to four groups of four inputs.  For one row the fields are not
 * shifted down: masked in place they are 1, 4, 16 and 64 times too large, each has its own
 * accumulator, and the factors are divided out at the end, exactly.  (On Zen 4 and 5 an AND is free
 * next to vpdpbusd and a shift is not.)  The largest field adds at most 4 * 128 * 127 a tile, so an
 * int32 lasts for 33,000 tiles: 528,000 inputs, four times what a config allows.
 *
 * The +1 of the codes is undone at the end: minus the row's sum of activations. */
#include "kern/kern.h"
#include "kern/x86/lanes_avx512.h"
#include "kern/x86/tern_avx512.h"

#include <string.h>

enum { HALF = 16 };

static inline __m512i round16(int8_t *q, __m512 x, __m512 s)
{
    __m512i r = _mm512_cvtps_epi32(_mm512_mul_ps(x, s));
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtsepi32_epi8(r));
    return r;
}

/* s = 127 / max(max|x|, 1e-5), q = rint(x s).  The row is padded to 32: what a vector writes past n
 * is 0. */
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

/* Keeps x in its register instead of reading it from memory again: gcc would fold the load into
 * every AND, and load it four times. */
#define KEEP(x) __asm__("" : "+v"(x))

/* acc += codes . activations, four to a lane.  Inline assembly, because gcc 12, given the
 * intrinsic, copies every accumulator around it. */
#define DOT(acc, codes, four_bytes)                                                                \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(codes), "v"(four_bytes))

static inline __m512i four(const int8_t *q)
{
    int32_t bits;
    memcpy(&bits, q, sizeof bits);
    return _mm512_set1_epi32(bits);
}

/* y of 16 outputs of one row from their int32 sums over the codes. */
static inline void store16(float *y, __m512i acc, int32_t sum, float scale, size_t outs,
                           int accumulate)
{
    __mmask16 live = lanes16(outs);
    __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(acc, _mm512_set1_epi32(sum))),
                             _mm512_set1_ps(scale));
    if (accumulate)
        v = _mm512_add_ps(_mm512_maskz_loadu_ps(live, y), v);
    _mm512_mask_storeu_ps(y, live, v);
}

/* acc0 + acc1 / 4 + acc2 / 16 + acc3 / 64: every term is a multiple of its divisor */
static inline __m512i fold(__m512i a0, __m512i a1, __m512i a2, __m512i a3)
{
    __m512i low = _mm512_add_epi32(a0, _mm512_srai_epi32(a1, 2));
    __m512i high = _mm512_add_epi32(_mm512_srai_epi32(a2, 4), _mm512_srai_epi32(a3, 6));
    return _mm512_add_epi32(low, high);
}

/* How weights are asked for before they are used. */
enum {
    FETCH_NONE,
    FETCH_L1,
    FETCH_L2_L1 /* from memory: L1 has few places for lines that are on their way */
};

/* A line of weights while those before it are used; an address behind the matrix does nothing.
 * Compiled in or not at all, because even a hint takes the place of a load. */
#define FETCH(p)                                                                                   \
    if (fetch == FETCH_L2_L1)                                                                      \
        _mm_prefetch((const char *)(p) + far, _MM_HINT_T1);                                        \
    if (fetch)                                                                                     \
    _mm_prefetch((const char *)(p) + ahead, _MM_HINT_T0)

/* One row: the packed bytes are read once, in order.  Two tiles a turn have accumulators of their
 * own, so that sixteen products are under way: vpdpbusd takes four to five cycles, two start in
 * one. */
#define ZERO_FIELD(t, f) __m512i a##t##f = _mm512_setzero_si512(), b##t##f = a##t##f;
#define ZERO_TILE(t)     ZERO_FIELD(t, 0) ZERO_FIELD(t, 1) ZERO_FIELD(t, 2) ZERO_FIELD(t, 3)
#define STEP_GROUP(t, f)                                                                           \
    c = four(q + BL_TERN_INS * (t) + 4 * (f));                                                     \
    DOT(a##t##f, _mm512_and_si512(w, m##f), c);                                                    \
    DOT(b##t##f, _mm512_and_si512(v, m##f), c);
#define STEP_TILE(t)                                                                               \
    FETCH(packed + BL_TERN_TILE * (t));                                                            \
    FETCH(packed + BL_TERN_TILE * (t) + 64);                                                       \
    w = _mm512_loadu_si512(packed + BL_TERN_TILE * (t));                                           \
    v = _mm512_loadu_si512(packed + BL_TERN_TILE * (t) + 64);                                      \
    KEEP(w);                                                                                       \
    KEEP(v);                                                                                       \
    STEP_GROUP(t, 0) STEP_GROUP(t, 1) STEP_GROUP(t, 2) STEP_GROUP(t, 3)
#define SUM_TILES(s, f) _mm512_add_epi32(s##0##f, s##1##f)

static inline void gemv(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                        size_t outs, size_t tiles, int accumulate, int fetch)
{
    const size_t ahead = x->ahead, far = x->far;
    const __m512i m0 = _mm512_set1_epi8(0x03), m1 = _mm512_set1_epi8(0x0c);
    const __m512i m2 = _mm512_set1_epi8(0x30), m3 = _mm512_set1_epi8((char)0xc0);
    const int8_t *q = x->q + n * x->ld;
    __m512i w, v, c;
    ZERO_TILE(0)
    ZERO_TILE(1)
    for (size_t t = 0; t + 2 <= tiles; t += 2) {
        STEP_TILE(0)
        STEP_TILE(1)
        packed += 2 * BL_TERN_TILE;
        q += 2 * BL_TERN_INS;
    }
    if (tiles % 2) {
        STEP_TILE(0)
    }
    float scale = g / x->scale[n];
    c = fold(SUM_TILES(a, 0), SUM_TILES(a, 1), SUM_TILES(a, 2), SUM_TILES(a, 3));
    store16(y, c, x->sum[n], scale, outs, accumulate);
    if (outs <= HALF)
        return;
    c = fold(SUM_TILES(b, 0), SUM_TILES(b, 1), SUM_TILES(b, 2), SUM_TILES(b, 3));
    store16(y + HALF, c, x->sum[n], scale, outs - HALF, accumulate);
}

#define GEMV(name, fetch)                                                                          \
    static void name(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,      \
                     size_t outs, size_t tiles, int accumulate)                                    \
    {                                                                                              \
        gemv(y, packed, g, x, n, outs, tiles, accumulate, fetch);                                  \
    }
GEMV(gemv_near, FETCH_NONE)
GEMV(gemv_L3, FETCH_L1)
GEMV(gemv_memory, FETCH_L2_L1)

/* R rows: a tile is unpacked once, to bytes of 0, 1, 2 in eight registers, for all of them.  The
 * accumulators have names of their own: gcc copies an array of them around every instruction.  A
 * hint for so many rows costs nothing, not even one for the line at hand. */
#define ZERO_ROW(r) __m512i lo##r = _mm512_setzero_si512(), hi##r = lo##r;
#define STEP_ROW(r)                                                                                \
    c = four(q + (r)*ld);                                                                          \
    DOT(lo##r, w, c);                                                                              \
    DOT(hi##r, v, c);
#define STORE_ROW(r)                                                                               \
    scale = g / x->scale[n + (r)];                                                                 \
    store16(y + (r)*ldy, lo##r, x->sum[n + (r)], scale, outs, accumulate);                         \
    if (outs > HALF)                                                                               \
        store16(y + (r)*ldy + HALF, hi##r, x->sum[n + (r)], scale, outs - HALF, accumulate);
#define ROWS_4(X) X(0) X(1) X(2) X(3)
#define ROWS_8(X) ROWS_4(X) X(4) X(5) X(6) X(7)

/* The field of the current tile, 4 inputs of 32 rows, shifted down and masked; or, with GFNI, both
 * in one instruction: a multiplication by a matrix of bits. */
#define MASKED(f, x) _mm512_and_si512((f) ? _mm512_srli_epi16(x, 2 * (f)) : (x), low)
#define GFNI(f, x)   _mm512_gf2p8affine_epi64_epi8(x, _mm512_set1_epi64(TERN_FIELD(f)), 0)
#define STEP_FIELD(R, field, f)                                                                    \
    w = field(f, w0);                                                                              \
    v = field(f, v0);                                                                              \
    ROWS_##R(STEP_ROW) q += 4;

#define GEMM(name, R, field, isa)                                                                  \
    isa static void name(float *y, size_t ldy, const uint8_t *packed, float g,                     \
                         const bl_q8_rows *x, size_t n, size_t outs, size_t tiles, int accumulate) \
    {                                                                                              \
        const __m512i low = _mm512_set1_epi8(0x03);                                                \
        const int8_t *q = x->q + n * x->ld;                                                        \
        size_t ld = x->ld, ahead = x->ahead;                                                       \
        float scale;                                                                               \
        (void)low;                                                                                 \
        ROWS_##R(ZERO_ROW) for (const uint8_t *end = packed + tiles * BL_TERN_TILE; packed < end;  \
                                packed += BL_TERN_TILE)                                            \
        {                                                                                          \
            __m512i w0 = _mm512_loadu_si512(packed), v0 = _mm512_loadu_si512(packed + 64);         \
            __m512i w, v, c;                                                                       \
            _mm_prefetch((const char *)packed + ahead, _MM_HINT_T0);                               \
            _mm_prefetch((const char *)packed + ahead + 64, _MM_HINT_T0);                          \
            KEEP(w0);                                                                              \
            KEEP(v0);                                                                              \
            STEP_FIELD(R, field, 0)                                                                \
            STEP_FIELD(R, field, 1)                                                                \
            STEP_FIELD(R, field, 2)                                                                \
            STEP_FIELD(R, field, 3)                                                                \
        }                                                                                          \
        ROWS_##R(STORE_ROW)                                                                        \
    }
#define ANY
#define WITH_GFNI __attribute__((target("gfni")))
GEMM(gemm_8, 8, MASKED, ANY)
GEMM(gemm_4, 4, MASKED, ANY)
GEMM(gemm_8_gfni, 8, GFNI, WITH_GFNI)
GEMM(gemm_4_gfni, 4, GFNI, WITH_GFNI)

#define MATMUL(name, eight, four)                                                                  \
    void name(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,           \
              size_t outs, size_t in, int accumulate)                                              \
    {                                                                                              \
        size_t tiles = (in + BL_TERN_INS - 1) / BL_TERN_INS, n = 0;                                \
        for (; n + 8 <= x->rows; n += 8)                                                           \
            eight(y + n * ldy, ldy, packed, g, x, n, outs, tiles, accumulate);                     \
        if (n + 4 <= x->rows) {                                                                    \
            four(y + n * ldy, ldy, packed, g, x, n, outs, tiles, accumulate);                      \
            n += 4;                                                                                \
        }                                                                                          \
        for (; n < x->rows; n++)                                                                   \
            (!x->ahead ? gemv_near                                                                 \
             : x->far  ? gemv_memory                                                               \
                       : gemv_L3)(y + n * ldy, packed, g, x, n, outs, tiles, accumulate);           \
    }
MATMUL(bl_tern_matmul_masked, gemm_8, gemm_4)
MATMUL(bl_tern_matmul_gfni, gemm_8_gfni, gemm_4_gfni)

/* One tile of one row: codes of 16 inputs become bytes, and the four groups of four are laid over
 * one another. */
static void tern_pack(uint8_t *packed, const float *w, float g, size_t rows, size_t in)
{
    const __m512 bound = _mm512_set1_ps(g);
    const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
    memset(packed, 0, bl_tern_panel_bytes(in));
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i += BL_TERN_INS) {
            __mmask16 live = lanes16(in - i);
            __m512 x = _mm512_maskz_loadu_ps(live, w + r * in + i);
            __m512 a = _mm512_abs_ps(x);
            __mmask16 big = _mm512_cmp_ps_mask(_mm512_add_ps(a, a), bound, _CMP_GT_OQ);
            __mmask16 up = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
            __m512i code = _mm512_mask_blend_epi32(big, one, zero);
            code = _mm512_mask_blend_epi32((__mmask16)(big & up), code, _mm512_set1_epi32(2));
            code = _mm512_maskz_mov_epi32(live, code); /* padding is 0 */
            uint32_t group[4], tile;
            _mm_storeu_si128((__m128i *)(void *)group, _mm512_cvtepi32_epi8(code));
            tile = group[0] | group[1] << 2 | group[2] << 4 | group[3] << 6;
            memcpy(packed + i / BL_TERN_INS * BL_TERN_TILE + 4 * r, &tile, sizeof tile);
        }
}

static void tern_expand(float *w, const uint8_t *packed, float g, size_t rows, size_t in)
{
    const __m512 scale = _mm512_set1_ps(g);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i += BL_TERN_INS) {
            uint32_t tile, low = 0x03030303u;
            memcpy(&tile, packed + i / BL_TERN_INS * BL_TERN_TILE + 4 * r, sizeof tile);
            __m128i bytes = _mm_set_epi32((int)(tile >> 6 & low), (int)(tile >> 4 & low),
                                          (int)(tile >> 2 & low), (int)(tile & low));
            __m512i code = _mm512_sub_epi32(_mm512_cvtepu8_epi32(bytes), _mm512_set1_epi32(1));
            _mm512_mask_storeu_ps(w + r * in + i, lanes16(in - i),
                                  _mm512_mul_ps(scale, _mm512_cvtepi32_ps(code)));
        }
}

void bl_kern_bitlinear_avx512vnni(bl_kern *k)
{
    k->quantise = quantise;
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
    k->tern_pack = tern_pack;
    k->tern_expand = tern_expand;
    k->tern_matmul = __builtin_cpu_supports("gfni") ? bl_tern_matmul_gfni : bl_tern_matmul_masked;
}
