/* Quantised rows and packed ternary matrices in plain C: the definition of the layout drawn in
 * kern.h. */
#include "kern/body/bitlinear.h"

#include <math.h>
#include <string.h>

/* |w| 2^32 is exact in double; below 2^52 adding 2^52 rounds it to an integer, half to even. */
static int64_t absmean_sum(const float *w, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(w[i]);
        double x = (double)(a < 256.0f ? a : 256.0f) * 4294967296.0;
        sum += (int64_t)((x + 4503599627370496.0) - 4503599627370496.0);
    }
    return sum;
}

static void dequantise(float *x, const int8_t *q, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)q[i] / s;
}

/* The byte of row r, input i within a panel, and where its two bits begin. */
static size_t byte_of(size_t r, size_t i)
{
    return i / BL_TERN_INS * BL_TERN_TILE + 4 * r + i % 4;
}

static unsigned shift_of(size_t i)
{
    return (unsigned)(i % BL_TERN_INS / 4 * 2);
}

static int code(const uint8_t *packed, size_t r, size_t i)
{
    return (packed[byte_of(r, i)] >> shift_of(i) & 3) - 1;
}

static void tern_pack(uint8_t *packed, const float *w, float g, size_t rows, size_t in)
{
    memset(packed, 0, bl_tern_panel_bytes(in));
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i++) {
            float x = w[r * in + i];
            unsigned c = 2.0f * fabsf(x) > g ? (x > 0.0f ? 2u : 0u) : 1u;
            packed[byte_of(r, i)] = (uint8_t)(packed[byte_of(r, i)] | c << shift_of(i));
        }
}

static void tern_expand(float *w, const uint8_t *packed, float g, size_t rows, size_t in)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i++)
            w[r * in + i] = g * (float)code(packed, r, i);
}

enum { BLOCK_INS = 16 * BL_TERN_INS, BLOCK_ROWS = 8 };

/* The codes of row r from tile `from` to `to`, for many rows of activations. */
static void unpack_codes(int16_t *codes, const uint8_t *packed, size_t r, size_t from, size_t to)
{
    for (size_t t = from; t < to; t++, codes += BL_TERN_INS) {
        const uint8_t *at = packed + t * BL_TERN_TILE + 4 * r;
        for (size_t i = 0; i < BL_TERN_INS; i++)
            codes[i] = at[i % 4] >> i / 4 * 2 & 3;
    }
}

static int32_t dot_codes(const int16_t *codes, const int8_t *q, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += codes[i] * (int16_t)q[i];
    return sum;
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    size_t tiles = (in + BL_TERN_INS - 1) / BL_TERN_INS, step = BLOCK_INS / BL_TERN_INS;
    for (size_t n = 0; n < x->rows; n += BLOCK_ROWS) {
        size_t rows = x->rows - n < BLOCK_ROWS ? x->rows - n : BLOCK_ROWS;
        for (size_t o = 0; o < outs; o++) {
            int32_t sum[BLOCK_ROWS] = {0};
            int16_t codes[BLOCK_INS];
            for (size_t t = 0; t < tiles; t += step) {
                size_t to = tiles - t < step ? tiles : t + step;
                size_t left = in - t * BL_TERN_INS;
                unpack_codes(codes, packed, o, t, to);
                for (size_t k = 0; k < rows; k++)
                    sum[k] += dot_codes(codes, x->q + (n + k) * x->ld + t * BL_TERN_INS,
                                        left < BLOCK_INS ? left : BLOCK_INS);
            }
            for (size_t k = 0; k < rows; k++) {
                float v = (float)(sum[k] - x->sum[n + k]) * (g / x->scale[n + k]);
                float *out = y + (n + k) * ldy + o;
                *out = accumulate ? *out + v : v;
            }
        }
    }
}

void bl_kern_bitlinear_c(bl_kern *k)
{
    k->quantise = quantise;
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
    k->tern_pack = tern_pack;
    k->tern_expand = tern_expand;
    k->tern_matmul = tern_matmul;
}
