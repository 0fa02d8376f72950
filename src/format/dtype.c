/* Element types of safetensors files: names, sizes, and widening to float32. */
#include "format/dtype.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* X(dtype, bytes); the order is that of bl_dtype. */
#define DTYPES(X)                                                                                  \
    X(U8, 1) X(I8, 1) X(U16, 2) X(I32, 4) X(I64, 8) X(F16, 2) X(BF16, 2) X(F32, 4) X(F64, 8)

static const struct {
    const char *name;
    size_t bytes;
} dtypes[BL_DTYPES] = {
#define X(dtype, size) [BL_##dtype] = {#dtype, size},
    DTYPES(X)
#undef X
};

size_t bl_dtype_bytes(bl_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *bl_dtype_name(bl_dtype dtype)
{
    return dtypes[dtype].name;
}

int bl_dtype_find(const char *name, bl_dtype *dtype)
{
    for (size_t i = 0; i < BL_DTYPES; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (bl_dtype)i;
            return 1;
        }
    }
    return 0;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16: sign 1, exponent 5 (bias 15), fraction 10. */
static float widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 31) /* infinity, or a NaN with its payload */
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) { /* zero and subnormals: fraction 2^-24, exact in float32 */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

void bl_dtype_widen(bl_dtype dtype, const void *data, size_t count, float *out)
{
    const unsigned char *bytes = data;
    assert(dtype == BL_F32 || dtype == BL_BF16 || dtype == BL_F16);
    if (dtype == BL_F32) {
        if (count)
            memcpy(out, data, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        out[i] = dtype == BL_F16 ? widen_half(half) : float_of_bits((uint32_t)half << 16);
    }
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The upper bits of x with the rest rounded away, ties to even; a carry may reach the exponent. */
static uint32_t round_bits(uint32_t x, unsigned drop)
{
    uint32_t half = 1u << (drop - 1), odd = x >> drop & 1u;
    return (x + half - 1 + odd) >> drop;
}

static uint16_t narrow_brain(float value)
{
    uint32_t bits = bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* NaN: keep it one */
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)round_bits(bits, 16);
}

static uint16_t narrow_half(float value)
{
    uint32_t bits = bits_of_float(value), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (size >= 0x477ff000u) /* 65,520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (size < 0x38800000u) { /* below 2^-14: units of 2^-24, exact product, rounded by rintf */
        float units = rintf(float_of_bits(size) * 0x1p24f);
        return (uint16_t)(sign | (uint32_t)units);
    }
    return (uint16_t)(sign | (round_bits(size, 13) - (112u << 10)));
}

void bl_dtype_narrow(bl_dtype dtype, const float *x, size_t count, void *out)
{
    unsigned char *bytes = out;
    assert(dtype == BL_F32 || dtype == BL_BF16 || dtype == BL_F16);
    if (dtype == BL_F32) {
        if (count)
            memcpy(out, x, count * sizeof *x);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t half = dtype == BL_F16 ? narrow_half(x[i]) : narrow_brain(x[i]);
        memcpy(bytes + 2 * i, &half, sizeof half);
    }
}
