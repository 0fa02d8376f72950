/* What the files of the reference backend share.
 *
 * The folder is compiled twice, with BL_REF_BITS 32 and 64: the element type BL_REAL is float or
 * double, and REF(x) is the symbol bl_ref32_x or bl_ref64_x.  Sums are taken in double in both
 * builds and rounded once when stored.  Nothing here is fast: each op reads like its equation and
 * is the oracle that other backends are checked against.
 *
 * A parameter with a trailing underscore is an opaque pointer of ops.h; the same letter without the
 * underscore is that memory as BL_REAL.
 *
 * BitLinear, to the bit (MODEL 2).  Every backend must evaluate exactly these expressions, all
 * variables float unless a cast says otherwise, no fused multiply-add, round half to even:
 *
 *     S    = sum of (int64) rint((double)min(|W|, 256.0f) * 0x1p32)
 *     g    = max((float)((double)S * 0x1p-32 / (double)(out * in)), 1e-5f)
 *     Wt   = 2.0f * |W| > g ? sign(W) : 0
 *     s    = 127.0f / max(max|x|, 1e-5f)
 *     xi   = (int8) rint(x * s)
 *     y    = (float)dot * (g / s),  dot the exact int32 sum of xi Wt
 *
 * The 64-bit build takes (float)W and (float)x into the same expressions, so that it makes the same
 * integers and the same g, s and g / s; only the last product, (double)dot * (double)(g / s), is
 * not rounded to float. */
#ifndef BL_OPS_REF_REF_H
#define BL_OPS_REF_REF_H

#include "core/arena.h"
#include "ops/ops.h"

#if BL_REF_BITS == 32
typedef float BL_REAL;
#define REF(symbol) bl_ref32_##symbol
#elif BL_REF_BITS == 64
typedef double BL_REAL;
#define REF(symbol) bl_ref64_##symbol
#else
#error "compile the reference backend with -DBL_REF_BITS=32 or 64"
#endif

/* The device of a bl_dev. */
typedef struct ref_device {
    bl_dev dev;
    bl_ops ops;
    bl_limits most; /* of all calls of reserve */
    bl_arena scratch;
    void *scratch_block;
} ref_device;

/* Every op of the table that is not optional: bl_ref32_embed_fwd, bl_ref64_embed_fwd, ... */
#define X(op, params, args) size_t REF(op) params;
BL_OPS_SIZE_LIST(X)
#undef X
#define X(op, params, args) bl_status REF(op) params;
BL_OPS_STATUS_LIST(X)
#undef X
#define X(op, params, args) void REF(op) params;
BL_OPS_VOID_LIST(X)
#undef X

/* ---- scratch (scratch.c): taken at an op's entry, given back by rewinding to the mark ---- */

bl_arena *REF(scratch)(bl_dev *d);
double *REF(doubles)(bl_arena *a, size_t count);
BL_REAL *REF(reals)(bl_arena *a, size_t count);

/* ---- quantised rows and ternary matrices (bitlinear.c) ---- */

/* Row n of a bl_q8 of width K as BitLinear reads it: ternary, float s and then int8 xi[K]; none,
 * BL_REAL x[K].  A row's place does not depend on the number of rows. */
typedef struct q8_row {
    float s;
    const int8_t *xi; /* NULL when quantization is none */
    const BL_REAL *x; /* NULL when ternary */
} q8_row;

/* A bl_tern: ternary, float g and then int8 Wt[out,in]; none, BL_REAL W[out,in]. */
typedef struct tern_matrix {
    float g;
    const int8_t *Wt; /* NULL when quantization is none */
    const BL_REAL *W; /* NULL when ternary */
} tern_matrix;

/* Row n of xq becomes quantise(x), x [K]. */
void REF(quantise_row)(const bl_dev *d, bl_q8 *xq, size_t n, const BL_REAL *x, size_t K);

/* ---- small products of doubles (matmul.c) ---- */

/* y[M,N] += a A[M,K] B[K,N],  a A[M,K] B[N,K]^T,  a A[K,M]^T B[K,N] */
void REF(add_nn)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N);
void REF(add_nt)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N);
void REF(add_tn)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N);

double REF(dot)(const double *a, const double *b, size_t n);

/* ---- rows (norm.c) ---- */

/* xh = (z - mean(z)) / sigma with sigma = sqrt(var(z) + 1e-6); returns sigma.  xh may be z. */
double REF(standardise)(double *xh, const double *z, size_t n);

/* out = P(a; xh) = a - mean(a) - xh mean(a xh): the adjoint of standardise, but for 1 / sigma. */
void REF(project)(double *out, const double *a, const double *xh, size_t n);

/* ---- scalars (elementwise.c) ---- */

double REF(sigmoid)(double x);
double REF(gelu)(double x);       /* tanh form */
double REF(gelu_slope)(double x); /* its exact derivative, */
double REF(gelu_curve)(double x); /* and its second */

#endif
