/* One chunk of one head of the TTT layer, in double: what its forward and backward pass share. */
#ifndef BL_OPS_REF_TTT_H
#define BL_OPS_REF_TTT_H

#include "ops/ref/ref.h"

/* The letters of MODEL 3.2; n tokens, n = C unless the chunk is a partial last one. */
typedef struct ttt_chunk {
    size_t n, F;
    int full; /* n = C: the chunk updates W and b */
    /* given */
    double *Q, *K, *V;    /* [n,F], Q and K rotated */
    double *lambda, *tau; /* [n] */
    double *gamma, *beta; /* [F] */
    double *W, *b;        /* [F,F], [F] at the chunk's start */
    /* made by chunk_fwd */
    double *xh, *e, *a, *G; /* [n,F] */
    double *sigma;          /* [n] */
    double *S, *M, *mix;    /* [n,n]: Q K^T + 1, tril(tau lambda^T), their product C */
    double *Zb, *xo, *O;    /* [n,F] */
    double *sigma_o;        /* [n] */
} ttt_chunk;

/* Room for a chunk of up to C tokens of width F. */
void REF(chunk_push)(ttt_chunk *c, bl_arena *scratch, size_t C, size_t F);

/* Room for the gradients of a chunk, to size the scratch (ttt_linear_bwd.c). */
void REF(chunk_grads_measure)(bl_arena *scratch, size_t C, size_t F);

/* Where a chunk lies: head h of sequence b, tokens from t0 on. */
typedef struct ttt_place {
    size_t b, h, t0;
} ttt_place;

/* Everything that is given, except W and b. */
void REF(chunk_load)(ttt_chunk *c, const bl_ttt_shape *s, const bl_ttt_params *p, ttt_place at,
                     const BL_REAL *q, const BL_REAL *k, const BL_REAL *v, const BL_REAL *lambda);

/* G, mix and O. */
void REF(chunk_fwd)(ttt_chunk *c);

/* W and b become the next chunk's. */
void REF(chunk_update)(ttt_chunk *c);

/* G of one row: e = gamma xh + beta - (v - k), a = gamma e, G = P(a; xh) / sigma; returns sigma. */
double REF(inner_gradient)(double *G, double *xh, double *e, double *a, const double *z,
                           const double *k, const double *v, const double *gamma,
                           const double *beta, size_t F);

/* y = x rotated by sign * j * theta^(-2i/F) in each pair i, j the row in the chunk; y may be x. */
void REF(rope)(double *y, const double *x, size_t j, double sign, const bl_ttt_shape *s);

/* tau = max(1/t + delta[t], 0) at row j of a chunk, t = j + 1 */
double REF(tau)(const bl_ttt_params *p, size_t j);

/* Copies between BL_REAL memory and double rows. */
void REF(load)(double *to, const BL_REAL *from, size_t n);
void REF(store)(BL_REAL *to, const double *from, size_t n);

#endif
