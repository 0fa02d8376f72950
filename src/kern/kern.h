/* The kernel table: pure single-threaded functions, one version a processor level.
 *
 * A kernel neither allocates nor keeps state nor fails.  The plain C version (src/kern/c) is the
 * definition; faster levels overwrite it (bl_kern_init) and are checked against it by tests/check.
 * Within one level every float output element is summed in one fixed order that depends on the
 * length of the sum only, never on how many rows a call brings: this is why inference gives the
 * same bits for any split of a text (MODEL 3.4).
 *
 * Packed ternary matrices.  A tile holds 32 rows x 16 inputs in 128 bytes:
 *
 *     byte 4 r + i of tile t of panel p          r = 0..31 row, i = 0..3 input
 *     +--------+--------+--------+--------+
 *     | 7    6 | 5    4 | 3    2 | 1    0 |      bits
 *     | f = 3  | f = 2  | f = 1  | f = 0  |      w[32 p + r, 16 t + 4 f + i] + 1
 *     +--------+--------+--------+--------+
 *
 * Tiles follow one another along the inputs, then panels along the rows, so one thread reads one
 * sequential stream; the four bytes of a 32-bit lane meet four consecutive activations, so no sum
 * across lanes is needed.  Rows are padded to 32 and inputs to 16 with the code 0: padded
 * activations are zero, padded outputs are not stored.  Packed bytes begin at a multiple of 32.
 *
 * Coarse rows of the head.  A panel holds 16 rows E[r]: bytes q + 128, four inputs of each row after
 * another (input 4 j + i of row r at 64 j + 4 r + i, inputs padded to 16 with q = 0), then 16 floats
 * each of s, |E[r] - s q| and |E[r]| + |E[r] - s q|, the latter two rounded upwards. */
#ifndef BL_KERN_KERN_H
#define BL_KERN_KERN_H

#include "core/cpu_level.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BL_TERN_ROWS = 32,  /* rows of a panel */
    BL_TERN_INS = 16,   /* inputs of a tile */
    BL_TERN_TILE = 128, /* bytes of a tile */
    BL_Q8_ALIGN = 32,   /* quantised rows are padded to this many inputs */
    BL_BF16_TILE = 512, /* numbers of a tile of bfloat16: 1 KiB */
    BL_BF16_DEEP = 32,  /* of them along the sum */
    BL_BF16_WIDE = 16,  /* rows of a, columns of b */
    BL_COARSE_ROWS = 16 /* rows of a panel of coarse rows; their inputs are padded to as many */
};

/* What tern_matmul reads besides the weights: `rows` quantised rows of stride ld. */
typedef struct bl_q8_rows {
    const int8_t *q;
    size_t ld;
    const int32_t *sum; /* [rows] sum of the row's q */
    const float *scale; /* [rows] s: q = rint(x s) */
    size_t rows;
    /* bytes of weights to ask the memory for in advance: into L1, or 0; with it and for one row also
     * into L2, or 0.  No result changes. */
    size_t ahead, far;
} bl_q8_rows;

/* A row x as coarse rows meet it: x = step (128 high + low) + a rest; the lengths of x and of the
 * rest are rounded upwards, and the latter has in it what float sums lose of |E[r]|. */
typedef struct bl_coarse_x {
    const int8_t *high, *low; /* padded with 0 */
    int32_t high_sum, low_sum;
    float step, length, rest;
} bl_coarse_x;

/* AdamW's numbers of one step. */
typedef struct bl_adamw_step {
    float lr, beta1, beta2, eps, decay, bias1, bias2, grad_scale;
} bl_adamw_step;

/* clang-format off */

/* X(ret, kernel, params, meaning) */
#define BL_KERN_LIST(X)                                                                            \
    /* bitlinear: quantised rows and packed ternary matrices */                                    \
    X(float, quantise, (int8_t *q, int32_t *sum, const float *x, size_t n),                        \
      "s = 127 / max(max|x|, 1e-5), q = rint(x s), padded with 0 to BL_Q8_ALIGN; returns s")       \
    X(int64_t, absmean_sum, (const float *w, size_t n),                                            \
      "sum of rint(min(|w|, 256) 2^32), exact")                                                    \
    X(void, dequantise, (float *x, const int8_t *q, float s, size_t n), "x = q / s")               \
    X(void, tern_pack, (uint8_t *packed, const float *w, float g, size_t rows, size_t in),         \
      "one panel of rows <= 32: sign(w) where 2|w| > g, else 0")                                   \
    X(void, tern_expand, (float *w, const uint8_t *packed, float g, size_t rows, size_t in),       \
      "one panel back to floats: -g, 0 or g; w [rows,in]")                                         \
    X(void, tern_matmul, (float *y, size_t ldy, const uint8_t *packed, float g,                    \
      const bl_q8_rows *x, size_t outs, size_t in, int accumulate),                                \
      "one panel, or tern_outs outputs of several: y[n,o] = (accumulate ? y : 0) + "               \
      "float(sum_i w[o,i] q[n,i]) * (g / s[n])")                                                   \
    /* matmul: float products, of bitlinear (training), head and ttt */                            \
    X(void, matmul, (float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,             \
      const float *b, size_t ldb, size_t M, size_t N, size_t K),                                   \
      "c[i,j] += sum_k a[i a_row + k a_col] b[k ldb + j]: one chain from c, ascending k")          \
    X(void, transpose, (float *t, size_t ldt, const float *a, size_t lda, size_t M, size_t N),     \
      "t[j,i] = a[i,j]")                                                                           \
    X(void, dots, (float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,   \
      size_t M, size_t N, size_t K),                                                               \
      "c[i,j] = sum_k a[i,k] b[j,k]: 8 or 16 chains by level, then a fixed tree")                   \
    X(void, dots_at, (float *c, const float *a, const float *b, size_t ldb, const int32_t *at,     \
      size_t N, size_t K), "c[j] = dots(a, b[at[j]]), the same bits")                              \
    /* bf16: products of bfloat16 (training) over tiles of BL_BF16_TILE numbers */                 \
    X(void, bf16_rows, (uint16_t *tiles, const float *x, size_t ldx, float s, size_t rows,         \
      size_t n), "a strip: rows <= 16 of s x, rounded, as tiles [row][32 columns], padded with 0") \
    X(void, bf16_pairs, (uint16_t *tiles, size_t step, const float *x, size_t ldx,                 \
      const float *s, size_t rows, size_t n),                                                      \
      "rows <= 32 of x s[row] (x if NULL), rounded, as tiles [row / 2][16 columns][row % 2]")      \
    X(void, bf16_bytes, (uint16_t *tiles, size_t step, const int8_t *q, size_t ldq, size_t rows,   \
      size_t n), "the same of integers, which are exact")                                          \
    X(void, bf16_turn, (uint16_t *to, const uint16_t *from),                                       \
      "one tile: to[j][i] = from[i][j] of 16 x 16 pairs, which makes the one kind the other's")     \
    X(void, bf16_matmul, (float *c, size_t ldc, int add, const uint16_t *a, size_t strip,          \
      const uint16_t *b, size_t panel, size_t M, size_t N, size_t tiles),                          \
      "c[i,j] = (add ? c[i,j] : 0) + sum_k a[i,k] b[k,j] over k < 32 tiles: a in strips of 16 "    \
      "rows, b in panels of 16 columns, `strip` and `panel` numbers apart")                        \
    X(void, bf16_exp, (uint16_t *tiles, size_t step, float *most, float *sum, const float *x,      \
      size_t rows, size_t padded),                                                                 \
      "of each of 32 columns of x [rows,32]: most = max x, p = exp(x - most), sum of p; p rounded " \
      "in strips `step` apart, padded with 0")                                                     \
    X(void, bf16_scale, (uint16_t *a, size_t a_step, uint16_t *b, size_t b_step,                   \
      const uint16_t *p, size_t p_step, const float *f),                                           \
      "two strips, one tile wide: a = p f[column]; b the same as two tiles of pairs of rows")      \
    /* norm: a row normalised and quantised, with the gates fused to it */                         \
    X(float, rmsnorm_fwd, (float *y, int8_t *q, int32_t *sum, float *s, const float *x,            \
      const float *w, float eps, size_t n),                                                        \
      "y = x rstd w (y may be NULL) and its quantised row (q may be NULL); returns rstd")          \
    X(void, rmsnorm_bwd, (float *dx, float *dw, const float *dy, const float *x, const float *w,   \
      float rstd, size_t n), "dx +=, dw +=")                                                       \
    X(void, gate_norm_fwd, (float *y, int8_t *q, int32_t *sum, float *s, float *stats,             \
      const float *o, const float *z, const float *w, const float *b, const float *sub,            \
      float eps, size_t n),                                                                        \
      "y = RMSNorm(gelu(z) LN(o)) written to y [n], quantised when q is not NULL; stats [3]")      \
    X(void, gate_norm_bwd, (float *dout, float *dz, float *dw, float *db, float *dsub, float *tmp, \
      const float *dy, const float *o, const float *z, const float *w, const float *b,             \
      const float *sub, const float *stats, size_t n),                                             \
      "its adjoint; dw, db, dsub +=; tmp [n]")                                                     \
    X(float, swiglu_norm_fwd, (float *y, int8_t *q, int32_t *sum, float *s, const float *gate,     \
      const float *up, const float *w, float eps, size_t n),                                       \
      "y = RMSNorm(silu(gate) up) written to y [n], quantised when q is not NULL; returns rstd")   \
    X(void, swiglu_norm_bwd, (float *dgate, float *dup, float *dw, float *tmp, const float *dh,    \
      const float *gate, const float *up, const float *w, float rstd, size_t n),                   \
      "its adjoint; dw +=; dgate may be dh; tmp [n]")                                              \
    /* elementwise */                                                                              \
    X(void, add, (float *x, const float *y, size_t n), "x += y")                                   \
    X(void, mul, (float *y, const float *a, const float *b, size_t n), "y = a b; y may be a or b") \
    X(void, axpy, (float *y, float a, const float *x, size_t n), "y += a x")                       \
    X(void, scale, (float *x, float a, size_t n), "x *= a")                                        \
    X(void, widen_bf16, (float *x, const uint16_t *from, size_t n), "x = from, of bfloat16")       \
    X(void, widen_int8, (float *x, const int8_t *q, float s, size_t n), "x = s q")                 \
    X(void, sigmoid, (float *y, const float *x, float a, size_t n), "y = a sigmoid(x)")            \
    X(void, gelu, (float *y, float *slope, float *curve, const float *x, size_t n),                \
      "y = gelu_tanh(x), its first and second derivative (either may be NULL)")                    \
    /* optim */                                                                                    \
    X(double, sumsq, (const float *x, size_t n), "sum of x^2, four double chains")                 \
    X(void, adamw, (float *p, float *g, float *m, float *v, const bl_adamw_step *a, size_t n),     \
      "one AdamW update; g is zeroed")                                                             \
    /* head */                                                                                     \
    X(float, exp_row, (float *p, float *sum, const float *x, size_t n),                            \
      "m = max x; p = exp(x - m) when not NULL, and may be x; sum of exp(x - m); returns m")       \
    X(void, coarse_pack, (uint8_t *panel, const float *E, size_t rows, size_t D),                  \
      "one panel of rows <= 16; of a row that is not finite the lengths are infinite")             \
    X(void, coarse_bounds, (float *upper, float *lower, const uint8_t *panels,                     \
      const bl_coarse_x *x, size_t rows, size_t D),                                                \
      "upper[r] is not below dots(x, E[r]); of lower[16] each is reached by one of r, r + 16, ..") \
    /* conv */                                                                                     \
    X(void, conv_row, (float *y, const float *const *u, const float *wt, const float *bias,        \
      size_t K, size_t n),                                                                         \
      "y[c] = bias[c] + sum_j wt[j,c] u[j][c], ascending j; u[j] may be NULL (zeros)")             \
    X(void, conv_bwd_row, (float *du, float *dwt, float *dbias, const float *const *dy,            \
      const float *u, const float *wt, size_t K, size_t n),                                        \
      "du += sum_j wt[j] dy[j], dwt[j] += dy[j] u, dbias += dy[0]; dy[j] may be NULL (zeros)")     \
    /* ttt: rows of both inner models */                                                           \
    X(void, rope, (float *y, const float *x, const float *cs, const float *sn, size_t n),          \
      "y = x cs + swap(x) sn over interleaved pairs; y may be x")                                  \
    X(float, ttt_inner, (float *h, float *G, float *xh, const float *z, const float *k,            \
      const float *v, const float *gamma, const float *beta, float lambda, size_t n),              \
      "MODEL 3.2: G of one row, h = lambda G; G and xh may be NULL; returns 1/sigma")              \
    X(void, ttt_out, (float *o, const float *q, const float *zb, const float *gamma,               \
      const float *beta, size_t n), "o = q + gamma LNhat(zb) + beta")                              \
    X(void, ttt_out_bwd, (float *dzb, float *dgamma, float *dbeta, const float *dout,              \
      const float *zb, const float *gamma, size_t n), "dzb of ttt_out; dgamma, dbeta +=")          \
    X(void, ttt_inner_bwd, (float *dz, float *de, float *dgamma, float *dbeta, const float *dG,    \
      const float *G, const float *xh, float rstd, const float *k, const float *v,                 \
      const float *gamma, const float *beta, size_t n),                                            \
      "MODEL 3.5 inner: dz and de of one row; dgamma, dbeta +=")                                   \
    X(void, forget, (float *w, const float *w0, float rho, size_t n),                              \
      "MODEL 3.7: w = w0 + rho (w - w0)")                                                          \
    X(float, forget_bwd, (float *dw, float *sum, const float *w, const float *w0, float rho,       \
      size_t n), "its adjoint: sum += dw, dw *= rho; returns the sum of the old dw (w - w0)")
/* clang-format on */

typedef struct bl_kern {
    bl_cpu_level level;
#define X(ret, kernel, params, meaning) ret(*kernel) params;
    BL_KERN_LIST(X)
#undef X
    size_t tile_rows, tile_cols; /* that suit matmul best */
    size_t tern_outs;            /* outputs that tern_matmul takes at most, whole panels */
    size_t ahead;                /* bl_q8_rows.ahead that suits this processor */
    int coarse_pays;             /* coarse_bounds is faster than dots */
} bl_kern;

/* Fills the table with C and overwrites it on the way up to `level`. */
void bl_kern_init(bl_kern *k, bl_cpu_level level);

/* How products of bfloat16 are computed: bf16_matmul is of the table's level, or of instructions
 * for them, which not every processor of a level has. */
typedef enum bl_bf16_way {
    BL_BF16_FLOATS, /* as float32 */
    BL_BF16_PAIRS,  /* vdpbf16ps, from level avx512 */
    BL_BF16_TILES,  /* tdpbf16ps, from level amx */
    BL_BF16_WAYS
} bl_bf16_way;

/* The best way of this machine for a table of that level; its name; and putting it into the table
 * (bf16.c). */
bl_bf16_way bl_bf16_best(bl_cpu_level level);
const char *bl_bf16_name(bl_bf16_way way);
void bl_kern_bf16(bl_kern *k, bl_bf16_way way);

/* Bytes of a packed [out,in]; stride of a quantised row of `in` (layout.c). */
size_t bl_tern_packed_bytes(size_t out, size_t in);
size_t bl_tern_panel_bytes(size_t in);
size_t bl_q8_stride(size_t in);

/* Of coarse rows of D: padded inputs, bytes of a panel, and where in it its 3 x 16 floats are. */
size_t bl_coarse_ins(size_t D);
size_t bl_coarse_panel_bytes(size_t D);
static inline float *bl_coarse_floats(const uint8_t *panel, size_t ins)
{
    return (float *)(void *)((uintptr_t)panel + BL_COARSE_ROWS * ins);
}

/* The families of the table, and those with a faster version at a level.  Each is a file a level,
 * as c/NAME_c.c, x86/NAME_avx2.c, arm/NAME_neon.c, with a function that fills its slots. */
#define BL_KERN_FAMILY_LIST(X)                                                                     \
    X(bitlinear) X(matmul) X(bf16) X(norm) X(elementwise) X(optim) X(head) X(conv) X(ttt)
#define BL_KERN_AVX512_LIST(X)                                                                     \
    X(bitlinear) X(matmul) X(bf16) X(norm) X(elementwise) X(head) X(ttt) X(conv)
#define BL_KERN_AMX_LIST(X)     X(bitlinear)
#define BL_KERN_NEON_LIST(X)    BL_KERN_FAMILY_LIST(X)
#define BL_KERN_DOTPROD_LIST(X) X(bitlinear)
#define BL_KERN_I8MM_LIST(X)    X(bitlinear)

#define X(family) void bl_kern_##family##_c(bl_kern *k);
BL_KERN_FAMILY_LIST(X)
#undef X
#if defined(__x86_64__)
#define X(family) void bl_kern_##family##_avx2(bl_kern *k);
BL_KERN_FAMILY_LIST(X)
#undef X
#define X(family) void bl_kern_##family##_avx512vnni(bl_kern *k);
BL_KERN_AVX512_LIST(X)
#undef X
void bl_kern_bf16_avx512bf16(bl_kern *k);
void bl_kern_bf16_amx(bl_kern *k);
#define X(family) void bl_kern_##family##_amx(bl_kern *k);
BL_KERN_AMX_LIST(X)
#undef X
#elif defined(__aarch64__)
#define X(family) void bl_kern_##family##_neon(bl_kern *k);
BL_KERN_NEON_LIST(X)
#undef X
#define X(family) void bl_kern_##family##_dotprod(bl_kern *k);
BL_KERN_DOTPROD_LIST(X)
#undef X
#define X(family) void bl_kern_##family##_i8mm(bl_kern *k);
BL_KERN_I8MM_LIST(X)
#undef X
#endif

#endif
