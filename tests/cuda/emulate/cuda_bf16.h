/* Stands in for the toolkit's cuda_bf16.h when g++ compiles src/cuda (emulate.h says how). */
#ifndef BL_EMULATE_CUDA_BF16_H
#define BL_EMULATE_CUDA_BF16_H

#include "emulate.h"

struct __nv_bfloat16_raw {
    unsigned short x;
};

static inline unsigned short emulate_bf16_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff; /* what the toolkit gives for every NaN */
    return (unsigned short)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

struct alignas(2) __nv_bfloat16 {
    unsigned short x;

    __nv_bfloat16() = default;
    __nv_bfloat16(__nv_bfloat16_raw raw) : x(raw.x) {}
    explicit __nv_bfloat16(float f) : x(emulate_bf16_bits(f)) {}
    operator __nv_bfloat16_raw() const { return {x}; }
    explicit operator float() const
    {
        uint32_t u = (uint32_t)x << 16;
        float f;
        memcpy(&f, &u, sizeof f);
        return f;
    }
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;

    __nv_bfloat162() = default;
    __nv_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) : x(a), y(b) {}
};

static inline float __bfloat162float(__nv_bfloat16 x)
{
    return (float)x;
}
static inline __nv_bfloat16 __float2bfloat16_rn(float x)
{
    return __nv_bfloat16(x);
}
static inline __nv_bfloat16 __float2bfloat16(float x)
{
    return __nv_bfloat16(x);
}
static inline __nv_bfloat16 __float2bfloat16_rz(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return __nv_bfloat16_raw{(unsigned short)(x != x ? 0x7fff : u >> 16)};
}
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x)
{
    return x.x;
}
static inline short __bfloat16_as_short(__nv_bfloat16 x)
{
    return (short)x.x;
}
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short x)
{
    return __nv_bfloat16_raw{x};
}
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y)
{
    return __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(y));
}
static inline __nv_bfloat162 __float22bfloat162_rn(float2 x)
{
    return __floats2bfloat162_rn(x.x, x.y);
}
static inline __nv_bfloat162 __float2bfloat162_rn(float x)
{
    return __floats2bfloat162_rn(x, x);
}
static inline float2 __bfloat1622float2(__nv_bfloat162 x)
{
    return make_float2((float)x.x, (float)x.y);
}
static inline float __low2float(__nv_bfloat162 x)
{
    return (float)x.x;
}
static inline float __high2float(__nv_bfloat162 x)
{
    return (float)x.y;
}
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x)
{
    return x.x;
}
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x)
{
    return x.y;
}
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y)
{
    return __nv_bfloat162(x, y);
}
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x)
{
    return __nv_bfloat162(x, x);
}

#endif
