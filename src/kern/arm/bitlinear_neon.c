/* Quantised rows and packed ternary matrices for NEON of every 64-bit ARM processor: products exact
 * in int32.
 *
 * smlal multiplies the codes w + 1 (0, 1, 2) by the int8 activations and adds the products to int16
 * lanes: at most 2 * 127 = 254 each, so 128 of them fit before they are widened.  The +1 is taken
 * back at the end: minus the row's sum of activations. */
#include "kern/arm/tern_neon.h"
#include "kern/body/bitlinear.h"

enum { FIELDS = 4, LANE_TILES = 128 / FIELDS }; /* as many tiles as an int16 lane holds */

/* |w| 2^32 <= 2^40 is exact in double, and rounded to an integer half to even. */
static int64x2_t fixed2(float32x2_t a)
{
    return vcvtnq_s64_f64(vmulq_n_f64(vcvt_f64_f32(a), 4294967296.0));
}

static int64_t absmean_sum(const float *w, size_t n)
{
    int64x2_t sum = vdupq_n_s64(0);
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t a = n - i >= 4 ? vld1q_f32(w + i) : vec_load_part4(w + i, n - i);
        a = vec_min4(vabsq_f32(a), vdupq_n_f32(256.0f));
        sum = vaddq_s64(sum, vaddq_s64(fixed2(vget_low_f32(a)), fixed2(vget_high_f32(a))));
    }
    return vaddvq_s64(sum);
}

static void dequantise(float *x, const int8_t *q, float s, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t v = vmovl_s8(vld1_s8(q + i));
        float32x4_t lo = vcvtq_f32_s32(vmovl_s16(vget_low_s16(v)));
        float32x4_t hi = vcvtq_f32_s32(vmovl_high_s16(v));
        v8_store(x + i, (v8){vdivq_f32(lo, vdupq_n_f32(s)), vdivq_f32(hi, vdupq_n_f32(s))});
    }
    for (; i < n; i++)
        x[i] = (float)q[i] / s;
}

/* ---- products ---- */

/* Four int32 sums of the int16 lanes of 4 outputs. */
static inline int32x4_t widen(int16x8_t low, int16x8_t high)
{
    return vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
}

/* The four activations of field f in all lanes. */
#define FOUR(q, f) vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(q), f))

/* low and high, the halves of 4 outputs, += codes . activations. */
#define DOT(low, high, codes, x)                                                                   \
    __asm__ volatile("smlal %0.8h, %1.8b, %2.8b" : "+w"(low) : "w"(codes), "w"(x));                \
    __asm__ volatile("smlal2 %0.8h, %1.16b, %2.16b" : "+w"(high) : "w"(codes), "w"(x));

/* One row: the packed bytes are read once, in order.  The accumulators have names of their own
 * because gcc keeps an array of them in memory. */
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define ZERO(j)  int16x8_t a##j = vdupq_n_s16(0), b##j = a##j;
#define STEP(j)                                                                                    \
    w = vld1q_u8(packed + 16 * (j));                                                               \
    DOT(a##j, b##j, low_field(w), x0)                                                              \
    DOT(a##j, b##j, low_field(vshrq_n_u8(w, 2)), x1)                                               \
    DOT(a##j, b##j, low_field(vshrq_n_u8(w, 4)), x2)                                               \
    DOT(a##j, b##j, vshrq_n_u8(w, 6), x3)
#define WIDEN(j) vst1q_s32(sums + 4 * (j), vaddq_s32(vld1q_s32(sums + 4 * (j)), widen(a##j, b##j)));

static void gemv_part(int32_t *sums, const uint8_t *packed, const int8_t *q, size_t tiles)
{
    EIGHT(ZERO)
    for (const int8_t *end = q + tiles * BL_TERN_INS; q < end; q += BL_TERN_INS) {
        int8x16_t x = vld1q_s8(q), x0 = FOUR(x, 0), x1 = FOUR(x, 1), x2 = FOUR(x, 2);
        int8x16_t x3 = FOUR(x, 3);
        uint8x16_t w;
        EIGHT(STEP)
        packed += BL_TERN_TILE;
    }
    EIGHT(WIDEN)
}

static void gemv(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                 size_t outs, size_t tiles, int accumulate)
{
    int32_t sums[BL_TERN_ROWS] = {0};
    for (size_t t = 0; t < tiles; t += LANE_TILES)
        gemv_part(sums, packed + t * BL_TERN_TILE, x->q + n * x->ld + t * BL_TERN_INS,
                  tiles - t < LANE_TILES ? tiles - t : LANE_TILES);
    store_row(y, sums, g, x, n, outs, accumulate);
}

/* Field by field. */
static void unpack(uint8_t *to, uint8x16_t low, uint8x16_t high)
{
    for (size_t f = 0; f < FIELDS; f++) {
        vst1q_u8(to + 32 * f, low_field(low));
        vst1q_u8(to + 32 * f + 16, low_field(high));
        low = vshrq_n_u8(low, 2);
        high = vshrq_n_u8(high, 2);
    }
}

/* 8 outputs of 4 rows: row r has the lanes a and b of the outputs 0 .. 3, c and d of 4 .. 7. */
#define ROWS(X)     X(0) X(1) X(2) X(3)
#define ZERO_ROW(r) int16x8_t a##r = vdupq_n_s16(0), b##r = a##r, c##r = a##r, d##r = a##r;
#define LOAD_ROW(r) int8x16_t q##r = vld1q_s8(q + (r)*ld);
#define STEP_ROW(r, f)                                                                             \
    x = FOUR(q##r, f);                                                                             \
    DOT(a##r, b##r, low, x)                                                                        \
    DOT(c##r, d##r, high, x)
#define STEP_FIELD(f)                                                                              \
    low = vld1q_u8(codes + 32 * (f));                                                              \
    high = vld1q_u8(codes + 32 * (f) + 16);                                                        \
    STEP_ROW(0, f) STEP_ROW(1, f) STEP_ROW(2, f) STEP_ROW(3, f)
#define WIDEN_ROW(r)                                                                               \
    to = sums + (r)*BL_TERN_ROWS;                                                                  \
    vst1q_s32(to, vaddq_s32(vld1q_s32(to), widen(a##r, b##r)));                                    \
    vst1q_s32(to + 4, vaddq_s32(vld1q_s32(to + 4), widen(c##r, d##r)));

static void group(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t tiles)
{
    int32_t *to;
    ROWS(ZERO_ROW)
    for (const uint8_t *end = codes + tiles * GROUP_TILE; codes < end; codes += GROUP_TILE) {
        ROWS(LOAD_ROW)
        uint8x16_t low, high;
        int8x16_t x;
        STEP_FIELD(0)
        STEP_FIELD(1)
        STEP_FIELD(2)
        STEP_FIELD(3)
        q += BL_TERN_INS;
    }
    ROWS(WIDEN_ROW)
}

static void block(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld, size_t groups,
                  size_t tiles)
{
    for (size_t i = 0; i < groups; i++)
        group(sums + i * GROUP, codes + i * BLOCK_GROUP, q, ld, tiles);
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    static const tern_way way = {4, unpack, block};
    size_t tiles = (in + BL_TERN_INS - 1) / BL_TERN_INS, n = 0;
    for (size_t rows; (rows = (x->rows - n) / way.step * way.step) > 0; n += rows) {
        rows = rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
        many_rows(&way, y + n * ldy, ldy, packed, g, x, n, rows, outs, tiles, accumulate);
    }
    for (; n < x->rows; n++)
        gemv(y + n * ldy, packed, g, x, n, outs, tiles, accumulate);
}

/* ---- packing ---- */

/* The codes of four weights: 0, 1 or 2 in lanes of 32 bits. */
static inline uint32x4_t codes_of(float32x4_t w, float32x4_t g)
{
    float32x4_t a = vabsq_f32(w);
    uint32x4_t big = vcgtq_f32(vaddq_f32(a, a), g);
    int32x4_t up = vorrq_s32(vshrq_n_s32(vreinterpretq_s32_f32(w), 31), vdupq_n_s32(1));
    return vreinterpretq_u32_s32(
        vaddq_s32(vdupq_n_s32(1), vandq_s32(up, vreinterpretq_s32_u32(big))));
}

/* The four bytes of a row in a tile, from the codes of its four fields. */
static inline void put_tile(uint8_t *to, uint32x4_t c0, uint32x4_t c1, uint32x4_t c2, uint32x4_t c3)
{
    uint32x4_t t = vsliq_n_u32(vsliq_n_u32(vsliq_n_u32(c0, c1, 2), c2, 4), c3, 6);
    uint16x4_t narrow = vmovn_u32(t);
    uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(narrow, narrow))), 0);
    memcpy(to, &bytes, sizeof bytes);
}

/* The last tile, whose padding is 0. */
static void pack_part(uint8_t *to, const float *w, float32x4_t g, size_t n)
{
    uint32_t code[BL_TERN_INS];
    float padded[BL_TERN_INS] = {0};
    memcpy(padded, w, n * sizeof *w);
    for (size_t f = 0; f < FIELDS; f++)
        vst1q_u32(code + 4 * f, codes_of(vld1q_f32(padded + 4 * f), g));
    memset(code + n, 0, (BL_TERN_INS - n) * sizeof *code);
    put_tile(to, vld1q_u32(code), vld1q_u32(code + 4), vld1q_u32(code + 8), vld1q_u32(code + 12));
}

static void tern_pack(uint8_t *packed, const float *w, float g, size_t rows, size_t in)
{
    const float32x4_t bound = vdupq_n_f32(g);
    memset(packed, 0, bl_tern_panel_bytes(in));
    for (size_t r = 0; r < rows; r++, w += in) {
        uint8_t *to = packed + 4 * r;
        size_t i = 0;
        for (; i + BL_TERN_INS <= in; i += BL_TERN_INS, to += BL_TERN_TILE)
            put_tile(to, codes_of(vld1q_f32(w + i), bound), codes_of(vld1q_f32(w + i + 4), bound),
                     codes_of(vld1q_f32(w + i + 8), bound), codes_of(vld1q_f32(w + i + 12), bound));
        if (i < in)
            pack_part(to, w + i, bound, in - i);
    }
}

/* A tile of one row back to 16 floats. */
static inline void expand_tile(float *w, const uint8_t *from, float g)
{
    uint32_t bits;
    memcpy(&bits, from, sizeof bits);
    uint16x4_t narrow = vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(bits))));
    int32x4_t b = vreinterpretq_s32_u32(vmovl_u16(narrow));
    for (size_t f = 0; f < FIELDS; f++, b = vshrq_n_s32(b, 2)) {
        int32x4_t c = vsubq_s32(vandq_s32(b, vdupq_n_s32(3)), vdupq_n_s32(1));
        vst1q_f32(w + 4 * f, vmulq_n_f32(vcvtq_f32_s32(c), g));
    }
}

static void tern_expand(float *w, const uint8_t *packed, float g, size_t rows, size_t in)
{
    for (size_t r = 0; r < rows; r++, w += in) {
        const uint8_t *from = packed + 4 * r;
        size_t i = 0;
        for (; i + BL_TERN_INS <= in; i += BL_TERN_INS, from += BL_TERN_TILE)
            expand_tile(w + i, from, g);
        if (i < in) {
            float padded[BL_TERN_INS];
            expand_tile(padded, from, g);
            memcpy(w + i, padded, (in - i) * sizeof *w);
        }
    }
}

void bl_kern_bitlinear_neon(bl_kern *k)
{
    k->quantise = quantise;
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
    k->tern_pack = tern_pack;
    k->tern_expand = tern_expand;
    k->tern_matmul = tern_matmul;
}
