/* Quantised rows and packed ternary matrices for AVX2: products exact in int32.
 *
 * vpmaddubsw multiplies the unsigned codes w + 1 (0, 1, 2) by the int8 activations and adds pairs:
 * at most 2 * 2 * 127 = 508 a lane, so 64 of them fit an int16 lane before vpmaddwd widens it (what
 * others get wrong: a sum over a whole row does not fit).  The +1 is taken back at the end: minus
 * the row's sum of activations. */
#include "kern/body/bitlinear.h"

#include <immintrin.h>
#include <string.h>

enum {
    BLOCK_INS = 256, /* 64 products of 4 inputs: as many as an int16 lane holds */
    BLOCK_STEPS = BLOCK_INS / 4,
    BLOCK_ROWS = 32
};

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

/* y of 8 outputs of one row from their int32 sums over the codes. */
static void store8(float *y, __m256i acc, int32_t sum, float scale, size_t outs, int accumulate)
{
    __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(acc, _mm256_set1_epi32(sum))),
                             _mm256_set1_ps(scale));
    if (outs >= 8) {
        _mm256_storeu_ps(y, accumulate ? _mm256_add_ps(_mm256_loadu_ps(y), v) : v);
        return;
    }
    float lane[8];
    _mm256_storeu_ps(lane, v);
    for (size_t j = 0; j < outs; j++)
        y[j] = accumulate ? y[j] + lane[j] : lane[j];
}

static inline __m256i four(const int8_t *q)
{
    int32_t bits;
    memcpy(&bits, q, sizeof bits);
    return _mm256_set1_epi32(bits);
}

/* Half a panel (16 outputs) by one row.  Fields 0 and 2 keep the weight 1, fields 1 and 3 stay 4
 * times too large, which saves two shifts of three; 8 tiles keep 16 * 4 * 508 within int16. */
static inline void dot16(__m256i acc[2], const uint8_t *w, const int8_t *q, size_t tiles,
                         size_t ahead, int fetch)
{
    const __m256i low = _mm256_set1_epi8(0x03), high = _mm256_set1_epi8(0x0c);
    const __m256i ones = _mm256_set1_epi16(1), fours = _mm256_set1_epi16(4);
    __m256i sum0 = _mm256_setzero_si256(), sum1 = sum0;
    for (size_t t = 0; t < tiles;) {
        size_t end = tiles - t > 8 ? t + 8 : tiles;
        __m256i a0 = _mm256_setzero_si256(), a1 = a0, b0 = a0, b1 = a0;
        for (; t < end; t++, w += BL_TERN_TILE, q += BL_TERN_INS) {
            if (fetch)
                _mm_prefetch((const char *)w + ahead, _MM_HINT_T0);
            __m256i w0 = _mm256_loadu_si256((const __m256i *)w);
            __m256i w1 = _mm256_loadu_si256((const __m256i *)(w + 32));
            __m256i x = four(q);
            a0 = _mm256_add_epi16(a0, _mm256_maddubs_epi16(_mm256_and_si256(w0, low), x));
            a1 = _mm256_add_epi16(a1, _mm256_maddubs_epi16(_mm256_and_si256(w1, low), x));
            x = four(q + 4);
            b0 = _mm256_add_epi16(b0, _mm256_maddubs_epi16(_mm256_and_si256(w0, high), x));
            b1 = _mm256_add_epi16(b1, _mm256_maddubs_epi16(_mm256_and_si256(w1, high), x));
            w0 = _mm256_srli_epi16(w0, 4);
            w1 = _mm256_srli_epi16(w1, 4);
            x = four(q + 8);
            a0 = _mm256_add_epi16(a0, _mm256_maddubs_epi16(_mm256_and_si256(w0, low), x));
            a1 = _mm256_add_epi16(a1, _mm256_maddubs_epi16(_mm256_and_si256(w1, low), x));
            x = four(q + 12);
            b0 = _mm256_add_epi16(b0, _mm256_maddubs_epi16(_mm256_and_si256(w0, high), x));
            b1 = _mm256_add_epi16(b1, _mm256_maddubs_epi16(_mm256_and_si256(w1, high), x));
        }
        sum0 = _mm256_add_epi32(
            sum0, _mm256_add_epi32(_mm256_madd_epi16(a0, fours), _mm256_madd_epi16(b0, ones)));
        sum1 = _mm256_add_epi32(
            sum1, _mm256_add_epi32(_mm256_madd_epi16(a1, fours), _mm256_madd_epi16(b1, ones)));
    }
    acc[0] = _mm256_srai_epi32(sum0, 2); /* exact: every term is a multiple of 4 */
    acc[1] = _mm256_srai_epi32(sum1, 2);
}

/* One row: the packed bytes are read once, in order. */
static inline void gemv(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                        size_t outs, size_t tiles, int accumulate, int fetch)
{
    float scale = g / x->scale[n];
    for (size_t o = 0; o < outs; o += 16) {
        __m256i acc[2];
        dot16(acc, packed + 4 * o, x->q + n * x->ld, tiles, x->ahead, fetch);
        store8(y + o, acc[0], x->sum[n], scale, outs - o, accumulate);
        if (outs - o > 8)
            store8(y + o + 8, acc[1], x->sum[n], scale, outs - o - 8, accumulate);
    }
}

static void gemv_near(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                      size_t outs, size_t tiles, int accumulate)
{
    gemv(y, packed, g, x, n, outs, tiles, accumulate, 0);
}

static void gemv_far(float *y, const uint8_t *packed, float g, const bl_q8_rows *x, size_t n,
                     size_t outs, size_t tiles, int accumulate)
{
    gemv(y, packed, g, x, n, outs, tiles, accumulate, 1);
}

/* Codes of up to 16 tiles as bytes: step 4 t + f holds 32 rows x 4 inputs. */
static void unpack(uint8_t *codes, const uint8_t *packed, size_t tiles, size_t ahead)
{
    const __m256i low = _mm256_set1_epi8(0x03);
    for (size_t t = 0; t < tiles; t++) {
        _mm_prefetch((const char *)packed + t * BL_TERN_TILE + ahead, _MM_HINT_T0);
        _mm_prefetch((const char *)packed + t * BL_TERN_TILE + ahead + 64, _MM_HINT_T0);
        for (size_t j = 0; j < 4; j++) {
            __m256i w = _mm256_load_si256((const __m256i *)(packed + t * BL_TERN_TILE + 32 * j));
            uint8_t *to = codes + t * 4 * BL_TERN_TILE + 32 * j;
            for (size_t f = 0; f < 4; f++, w = _mm256_srli_epi16(w, 2))
                _mm256_store_si256((__m256i *)(to + f * BL_TERN_TILE), _mm256_and_si256(w, low));
        }
    }
}

/* sums[rows][32] += 16 outputs of 4 rows, or of 1, over one block of inputs.  The accumulators have
 * names of their own because gcc copies, and spills, an array of them in every step. */
#define ZERO_ROW(r) __m256i lo##r = _mm256_setzero_si256(), hi##r = lo##r;
#define STEP_ROW(r)                                                                                \
    x = four(q + r * ld);                                                                          \
    lo##r = _mm256_add_epi16(lo##r, _mm256_maddubs_epi16(w0, x));                                  \
    hi##r = _mm256_add_epi16(hi##r, _mm256_maddubs_epi16(w1, x));
#define WIDEN_ROW(r)                                                                               \
    to = (__m256i *)(sums + r * BL_TERN_ROWS);                                                     \
    to[0] = _mm256_add_epi32(to[0], _mm256_madd_epi16(lo##r, ones));                               \
    to[1] = _mm256_add_epi32(to[1], _mm256_madd_epi16(hi##r, ones));
#define ROWS_1(X) X(0)
#define ROWS_4(X) X(0) X(1) X(2) X(3)

#define BLOCK(R)                                                                                   \
    static void block_##R(int32_t *sums, const uint8_t *codes, const int8_t *q, size_t ld,         \
                          size_t steps)                                                            \
    {                                                                                              \
        const __m256i ones = _mm256_set1_epi16(1);                                                 \
        __m256i *to;                                                                               \
        ROWS_##R(ZERO_ROW);                                                                        \
        for (const uint8_t *end = codes + steps * BL_TERN_TILE; codes < end;                       \
             codes += BL_TERN_TILE, q += 4) {                                                      \
            __m256i w0 = _mm256_load_si256((const __m256i *)codes), x;                             \
            __m256i w1 = _mm256_load_si256((const __m256i *)(codes + 32));                         \
            ROWS_##R(STEP_ROW);                                                                    \
        }                                                                                          \
        ROWS_##R(WIDEN_ROW);                                                                       \
        (void)ld;                                                                                  \
    }
BLOCK(4)
BLOCK(1)

/* Up to BLOCK_ROWS rows: 256 inputs of the panel are unpacked once for all of them. */
static void gemm(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                 size_t first, size_t rows, size_t outs, size_t tiles, int accumulate)
{
    _Alignas(32) uint8_t codes[BLOCK_STEPS * BL_TERN_TILE];
    _Alignas(32) int32_t sums[BLOCK_ROWS * BL_TERN_ROWS];
    memset(sums, 0, rows * BL_TERN_ROWS * sizeof *sums);
    const int8_t *q = x->q + first * x->ld;
    for (size_t t = 0; t < tiles; t += BLOCK_INS / BL_TERN_INS) {
        size_t some = tiles - t < BLOCK_INS / BL_TERN_INS ? tiles - t : BLOCK_INS / BL_TERN_INS;
        unpack(codes, packed + t * BL_TERN_TILE, some, x->ahead);
        for (size_t o = 0; o < outs; o += 16)
            for (size_t n = 0; n < rows;) {
                const int8_t *qn = q + n * x->ld + t * BL_TERN_INS;
                int32_t *to = sums + n * BL_TERN_ROWS + o;
                if (rows - n >= 4) {
                    block_4(to, codes + 4 * o, qn, x->ld, 4 * some);
                    n += 4;
                } else {
                    block_1(to, codes + 4 * o, qn, x->ld, 4 * some);
                    n++;
                }
            }
    }
    for (size_t n = 0; n < rows; n++) {
        float scale = g / x->scale[first + n];
        for (size_t o = 0; o < outs; o += 8) {
            __m256i acc = _mm256_load_si256((const __m256i *)(sums + n * BL_TERN_ROWS + o));
            store8(y + n * ldy + o, acc, x->sum[first + n], scale, outs - o, accumulate);
        }
    }
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    size_t tiles = (in + BL_TERN_INS - 1) / BL_TERN_INS;
    for (size_t n = 0; n < x->rows;) {
        size_t rows = x->rows - n < BLOCK_ROWS ? x->rows - n : BLOCK_ROWS;
        if (rows < 4) {
            (x->ahead ? gemv_far : gemv_near)(y + n * ldy, packed, g, x, n, outs, tiles,
                                              accumulate);
            rows = 1;
        } else {
            gemm(y + n * ldy, ldy, packed, g, x, n, rows, outs, tiles, accumulate);
        }
        n += rows;
    }
}

/* Four bytes of four rows' codes at once: bit masks of "too small" and "positive". */
static void tern_pack(uint8_t *packed, const float *w, float g, size_t rows, size_t in)
{
    const __m256 sign = _mm256_set1_ps(-0.0f), bound = _mm256_set1_ps(g);
    const __m256i one = _mm256_set1_epi32(1);
    memset(packed, 0, bl_tern_panel_bytes(in));
    for (size_t r = 0; r < rows; r++) {
        const float *row = w + r * in;
        uint8_t *to = packed + 4 * r;
        for (size_t i = 0; i < in; i += 8) {
            _Alignas(32) int32_t lane[8] = {0};
            float part[8] = {0};
            const float *from = row + i;
            if (in - i < 8) {
                memcpy(part, from, (in - i) * sizeof *part);
                from = part;
            }
            __m256 x = _mm256_loadu_ps(from);
            __m256 a = _mm256_andnot_ps(sign, x);
            __m256i big =
                _mm256_castps_si256(_mm256_cmp_ps(_mm256_add_ps(a, a), bound, _CMP_GT_OQ));
            __m256i up = _mm256_or_si256(_mm256_srai_epi32(_mm256_castps_si256(x), 31), one);
            __m256i code = _mm256_add_epi32(one, _mm256_and_si256(big, up));
            _mm256_store_si256((__m256i *)lane, code);
            uint8_t *tile = to + i / BL_TERN_INS * BL_TERN_TILE;
            unsigned shift = (unsigned)(i % BL_TERN_INS / 2);
            size_t some = in - i < 8 ? in - i : 8;
            for (size_t j = 0; j < some; j++)
                tile[j % 4] =
                    (uint8_t)(tile[j % 4] | (uint32_t)lane[j] << (shift + (j < 4 ? 0 : 2)));
        }
    }
}

static void tern_expand(float *w, const uint8_t *packed, float g, size_t rows, size_t in)
{
    const __m128i three = _mm_set1_epi32(3);
    const __m256 scale = _mm256_set1_ps(g);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i += 8) {
            const uint8_t *from = packed + i / BL_TERN_INS * BL_TERN_TILE + 4 * r;
            int32_t bits;
            memcpy(&bits, from, sizeof bits);
            __m128i b = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bits));
            b = _mm_srli_epi32(b, (int)(i % BL_TERN_INS / 2));
            __m128i lo = _mm_and_si128(b, three), hi = _mm_and_si128(_mm_srli_epi32(b, 2), three);
            __m256i c = _mm256_sub_epi32(_mm256_set_m128i(hi, lo), _mm256_set1_epi32(1));
            __m256 v = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(c));
            if (in - i >= 8) {
                _mm256_storeu_ps(w + r * in + i, v);
            } else {
                float lane[8];
                _mm256_storeu_ps(lane, v);
                memcpy(w + r * in + i, lane, (in - i) * sizeof *lane);
            }
        }
}

void bl_kern_bitlinear_avx2(bl_kern *k)
{
    k->quantise = quantise;
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
    k->tern_pack = tern_pack;
    k->tern_expand = tern_expand;
    k->tern_matmul = tern_matmul;
}
