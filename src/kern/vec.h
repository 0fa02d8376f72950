/* A vector of float lanes: eight in plain C, one AVX2 or AVX-512 register where the file is compiled
 * for that, two NEON registers in the files of src/kern/arm: all compilers for ARM have NEON, and
 * plain C is to stay plain.
 *
 * Float kernels that are the same at every level are written once over these lanes (src/kern/body)
 * and compiled once a level.  Sums across lanes use one tree: (0+4 1+5 2+6 3+7), then halves;
 * sixteen lanes are folded to eight first. */
#ifndef BL_KERN_VEC_H
#define BL_KERN_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* a b + c in one rounding where the machine does that fast, else in two: a call of the library's
 * fmaf would cost ten times as much as the product. */
static inline float bl_madd(float a, float b, float c)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(FP_FAST_FMAF)
    return fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

#if defined(__AVX512F__)
enum { VEC_LANES = 16 };
#include "kern/x86/vec_avx512.h"
#else
enum { VEC_LANES = 8 };
#if defined(__AVX2__) && defined(__FMA__)
#include "kern/x86/vec_avx2.h"
#elif defined(BL_VEC_NEON)
#include "kern/arm/vec_neon.h"
#else
#include "kern/c/vec_c.h"
#endif

static inline v8 v8_recip(v8 x)
{
    return v8_div(v8_set(1.0f), x);
}
#endif

/* The first min(left, VEC_LANES) lanes from memory, zero in the others; and back. */
static inline v8 v8_get(const float *p, size_t left)
{
    return left >= VEC_LANES ? v8_load(p) : v8_load_part(p, left);
}

static inline void v8_put(float *p, size_t left, v8 x)
{
    if (left >= VEC_LANES)
        v8_store(p, x);
    else
        v8_store_part(p, left, x);
}

static inline v8 v8_abs(v8 x)
{
    return v8_max(x, v8_sub(v8_zero(), x));
}

/* exp(x) for |error| < 2 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor to r^7 in Horner's form,
 * times 2^n.  x is clamped to where float32 holds normal numbers (below -87.3 the result is
 * ~1e-38); the bounds are first operands because min and max give the second one for a NaN. */
static inline v8 v8_exp(v8 x)
{
    x = v8_min(v8_set(88.7f), v8_max(v8_set(-87.3f), x));
    v8 n = v8_round(v8_mul(x, v8_set(1.44269504f)));
    v8 r = v8_fnma(n, v8_set(0.693359375f), x);
    r = v8_fnma(n, v8_set(-2.12194440e-4f), r);
    v8 p = v8_set(1.9841270e-4f);
    p = v8_fma(p, r, v8_set(1.3888889e-3f));
    p = v8_fma(p, r, v8_set(8.3333333e-3f));
    p = v8_fma(p, r, v8_set(4.1666667e-2f));
    p = v8_fma(p, r, v8_set(1.6666667e-1f));
    p = v8_fma(p, r, v8_set(0.5f));
    p = v8_fma(v8_mul(p, r), r, r);
    p = v8_add(p, v8_set(1.0f));
    return v8_scale2(p, n);
}

static inline v8 v8_sigmoid(v8 x)
{
    return v8_recip(v8_add(v8_set(1.0f), v8_exp(v8_sub(v8_zero(), x))));
}

/* gelu_tanh(z) = z/2 (1 + tanh u) = z sigmoid(2u), u = sqrt(2/pi) (z + 0.044715 z^3). */
static inline v8 v8_gelu_gate(v8 z)
{
    v8 z2 = v8_mul(z, z);
    v8 c = v8_fma(z2, v8_set(2.0f * 0.79788456f * 0.044715f), v8_set(2.0f * 0.79788456f));
    return v8_sigmoid(v8_mul(z, c));
}

/* gelu'(z) = S + z S (1 - S) 2u', 2u' = 2 sqrt(2/pi) (1 + 3 0.044715 z^2), S = sigmoid(2u). */
static inline v8 v8_gelu_grad(v8 z, v8 S)
{
    v8 z2 = v8_mul(z, z);
    v8 du = v8_fma(z2, v8_set(6.0f * 0.79788456f * 0.044715f), v8_set(2.0f * 0.79788456f));
    v8 t = v8_mul(v8_mul(z, S), v8_sub(v8_set(1.0f), S));
    return v8_fma(t, du, S);
}

#endif
