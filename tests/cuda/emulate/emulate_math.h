/* Arithmetic and conversions of the device, and its loads, for the emulation. */
#ifndef BL_EMULATE_MATH_H
#define BL_EMULATE_MATH_H

#include "emulate.h"

/* ---- rounded as named; never contracted (-ffp-contract=off) ---- */

static inline float __fadd_rn(float x, float y)
{
    return x + y;
}
static inline float __fsub_rn(float x, float y)
{
    return x - y;
}
static inline float __fmul_rn(float x, float y)
{
    return x * y;
}
static inline float __fdiv_rn(float x, float y)
{
    return x / y;
}
static inline float __fsqrt_rn(float x)
{
    return sqrtf(x);
}
static inline float __frcp_rn(float x)
{
    return 1 / x;
}
static inline float __fmaf_rn(float x, float y, float z)
{
    return fmaf(x, y, z);
}
static inline double __dadd_rn(double x, double y)
{
    return x + y;
}
static inline double __dsub_rn(double x, double y)
{
    return x - y;
}
static inline double __dmul_rn(double x, double y)
{
    return x * y;
}
static inline double __ddiv_rn(double x, double y)
{
    return x / y;
}
static inline double __dsqrt_rn(double x)
{
    return sqrt(x);
}
static inline double __fma_rn(double x, double y, double z)
{
    return fma(x, y, z);
}

/* ---- functions; some C libraries have functions of these names, too ---- */

#define rsqrtf(x) emulate_rsqrtf(x)
#define rsqrt(x)  emulate_rsqrt(x)
static inline float emulate_rsqrtf(float x)
{
    return (float)(1 / sqrt((double)x));
}
static inline double emulate_rsqrt(double x)
{
    return 1 / sqrt(x);
}
static inline float __frsqrt_rn(float x)
{
    return rsqrtf(x);
}
#define __expf(x)          expf(x)
#define __exp10f(x)        powf(10, x)
#define __logf(x)          logf(x)
#define __log2f(x)         log2f(x)
#define __sinf(x)          sinf(x)
#define __cosf(x)          cosf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)
#define __powf(x, y)       powf(x, y)
/* As documented: 0 for y beyond 2^126. */
static inline float __fdividef(float x, float y)
{
    return fabsf(y) > 0x1p126f && fabsf(y) <= 0x1.fffffep127f ? x * 0.0f : x / y;
}
static inline float fdividef(float x, float y)
{
    return x / y;
}
static inline float __saturatef(float x)
{
    return x != x ? 0 : fminf(fmaxf(x, 0), 1);
}

/* Of two types, as the toolkit's overloads; of floats, not the NaN. */
template <typename A, typename B> static inline typename std::common_type<A, B>::type min(A a, B b)
{
    typedef typename std::common_type<A, B>::type T;
    if constexpr (std::is_floating_point<T>::value)
        return std::fmin((T)a, (T)b);
    else
        return (T)a < (T)b ? (T)a : (T)b;
}
template <typename A, typename B> static inline typename std::common_type<A, B>::type max(A a, B b)
{
    typedef typename std::common_type<A, B>::type T;
    if constexpr (std::is_floating_point<T>::value)
        return std::fmax((T)a, (T)b);
    else
        return (T)a > (T)b ? (T)a : (T)b;
}

/* ---- conversions: saturated, and 0 for a NaN ---- */

template <typename T> static inline T emulate_saturate(double x)
{
    if (x != x)
        return 0;
    if (x <= (double)std::numeric_limits<T>::min())
        return std::numeric_limits<T>::min();
    if (x >= (double)std::numeric_limits<T>::max())
        return std::numeric_limits<T>::max();
    return (T)x;
}
#define EMULATE_CONVERSIONS(from, F, to, T)                                                        \
    static inline T __##from##2##to##_rn(F x)                                                      \
    {                                                                                              \
        return emulate_saturate<T>(rint((double)x));                                               \
    }                                                                                              \
    static inline T __##from##2##to##_rz(F x)                                                      \
    {                                                                                              \
        return emulate_saturate<T>(trunc((double)x));                                              \
    }                                                                                              \
    static inline T __##from##2##to##_rd(F x)                                                      \
    {                                                                                              \
        return emulate_saturate<T>(floor((double)x));                                              \
    }                                                                                              \
    static inline T __##from##2##to##_ru(F x)                                                      \
    {                                                                                              \
        return emulate_saturate<T>(ceil((double)x));                                               \
    }
EMULATE_CONVERSIONS(float, float, int, int)
EMULATE_CONVERSIONS(float, float, uint, unsigned)
EMULATE_CONVERSIONS(float, float, ll, long long)
EMULATE_CONVERSIONS(float, float, ull, unsigned long long)
EMULATE_CONVERSIONS(double, double, int, int)
EMULATE_CONVERSIONS(double, double, uint, unsigned)
EMULATE_CONVERSIONS(double, double, ll, long long)
EMULATE_CONVERSIONS(double, double, ull, unsigned long long)
#undef EMULATE_CONVERSIONS

static inline float __int2float_rn(int x)
{
    return (float)x;
}
static inline float __uint2float_rn(unsigned x)
{
    return (float)x;
}
static inline float __ll2float_rn(long long x)
{
    return (float)x;
}
static inline float __ull2float_rn(unsigned long long x)
{
    return (float)x;
}
static inline double __int2double_rn(int x)
{
    return x;
}
static inline double __ll2double_rn(long long x)
{
    return (double)x;
}
static inline float __double2float_rn(double x)
{
    return (float)x;
}

#define EMULATE_BITS(name, F, T)                                                                   \
    static inline T name(F x)                                                                      \
    {                                                                                              \
        static_assert(sizeof(F) == sizeof(T), "the same width");                                   \
        T y;                                                                                       \
        memcpy(&y, &x, sizeof y);                                                                  \
        return y;                                                                                  \
    }
EMULATE_BITS(__float_as_int, float, int)
EMULATE_BITS(__float_as_uint, float, unsigned)
EMULATE_BITS(__int_as_float, int, float)
EMULATE_BITS(__uint_as_float, unsigned, float)
EMULATE_BITS(__double_as_longlong, double, long long)
EMULATE_BITS(__longlong_as_double, long long, double)
#undef EMULATE_BITS

/* ---- integers ---- */

static inline unsigned __umulhi(unsigned x, unsigned y)
{
    return (unsigned)((uint64_t)x * y >> 32);
}
static inline int __mulhi(int x, int y)
{
    return (int)((int64_t)x * y >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y)
{
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __clzll(long long x)
{
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by)
{
    by &= 31;
    return by ? high << by | low >> (32 - by) : high;
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by)
{
    by &= 31;
    return by ? low >> by | high << (32 - by) : low;
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned select)
{
    uint64_t both = (uint64_t)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        unsigned which = select >> 4 * i & 15, byte = (unsigned)(both >> 8 * (which & 7)) & 255;
        r |= (which & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
    }
    return r;
}
static inline int __dp4a(int a, int b, int c)
{
    for (int i = 0; i < 4; i++)
        c += (int8_t)((unsigned)a >> 8 * i) * (int8_t)((unsigned)b >> 8 * i);
    return c;
}

/* ---- loads and stores ---- */

#define EMULATE_LOAD(name)                                                                         \
    template <typename T> static inline T name(const T *at)                                        \
    {                                                                                              \
        return *at;                                                                                \
    }
EMULATE_LOAD(__ldg)
EMULATE_LOAD(__ldca)
EMULATE_LOAD(__ldcg)
EMULATE_LOAD(__ldcs)
EMULATE_LOAD(__ldlu)
EMULATE_LOAD(__ldcv)
#undef EMULATE_LOAD
#define EMULATE_STORE(name)                                                                        \
    template <typename T> static inline void name(T *at, T x)                                      \
    {                                                                                              \
        *at = x;                                                                                   \
    }
EMULATE_STORE(__stwb)
EMULATE_STORE(__stcg)
EMULATE_STORE(__stcs)
EMULATE_STORE(__stwt)
#undef EMULATE_STORE

#endif
