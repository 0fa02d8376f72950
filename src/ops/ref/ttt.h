/* One chunk of one head of the TTT layer, in double: what its forward and backward pass share. */
#ifndef BL_OPS_REF_TTT_H
#define BL_OPS_REF_TTT_H

#include "ops/forget.h"
#include "ops/ref/ref.h"

/* The letters of MODEL 3.2; n tokens, n = C unless the chunk is a partial last one.  M is the width
 * of W: F, or 4F for the first matrix of an MLP. */
typedef struct ttt_chunk {
    size_t n, F, M;
    int full; /* n = C: the chunk updates W and b */
    /* given */
    double *Q, *K, *V;    /* [n,F], Q and K rotated */
    double *lambda, *tau; /* [n] */
    double *rate;         /* [n,n]: tril(tau lambda^T), the matrix M of the paper */
    double *gamma, *beta; /* [F] */
    double *W, *b;        /* [F,M], [M] at the chunk's start */
    /* made by chunk_fwd */
    double *xh, *e, *a, *G; /* [n,F] */
    double *sigma;          /* [n] */
    double *S, *mix;        /* [n,n]: Q K^T + 1, and its product with rate: the matrix C */
    double *Zb, *xo, *O;    /* [n,F] */
    double *sigma_o;        /* [n] */
} ttt_chunk;

/* Room for a chunk of up to C tokens of width F. */
void REF(chunk_push)(ttt_chunk *c, bl_arena *scratch, size_t C, size_t F, size_t M);

/* Where a chunk lies: head h of sequence b, tokens from t0 on. */
typedef struct ttt_place {
    size_t b, h, t0;
} ttt_place;

/* W of head h of sequence b before its first chunk: W0 [n], and for a row that continues, what it
 * carries of W, `from` [B,H,n].  Then back: to = W - W0. */
void REF(row_begin)(double *W, const bl_param *W0, const bl_real *from, const bl_ttt_params *p,
                    const bl_ttt_shape *s, ttt_place at, size_t n);
void REF(row_end)(bl_real *to, const double *W, const bl_param *W0, const bl_ttt_shape *s,
                  ttt_place at, size_t n);

/* Whether row b continues: its gradient ends where it begins. */
int REF(row_continues)(const bl_ttt_params *p, size_t b);

/* All that is given, except W and b. */
void REF(chunk_load)(ttt_chunk *c, const bl_ttt_shape *s, const bl_ttt_params *p, ttt_place at,
                     const BL_REAL *q, const BL_REAL *k, const BL_REAL *v, const BL_REAL *lambda);

/* G, mix and O. */
void REF(chunk_fwd)(ttt_chunk *c);

/* y = x W + b for n rows, x [n,in], W [in,out] */
void REF(affine)(double *y, const double *x, const double *W, const double *b, size_t n, size_t in,
                 size_t out);

/* G of every row from z [n,F] = the inner model's output before its norm. */
void REF(chunk_gradients)(ttt_chunk *c, const double *z);

/* S = Q K^T + 1, mix = rate * S for queries and keys of any width. */
void REF(chunk_mix)(double *S, double *mix, const ttt_chunk *c, const double *Q, const double *K,
                    size_t width);

/* O = Q + gamma LNhat(Zb) + beta */
void REF(chunk_output)(ttt_chunk *c);

/* Forgetting at the end of a full chunk (MODEL 3.7), before its update: W = W0 + rho (W - W0). */
void REF(forget)(double *W, const BL_REAL *W0, double rho, size_t n);

/* What head h forgets, rounded like a parameter; p must have a half_life. */
bl_forget REF(head_forget)(const bl_ttt_params *p, size_t h);

/* One matrix at the end of a full chunk: W -= (r K)^T G, b -= sum r G; K [n,in], G [n,out]. */
void REF(chunk_update)(double *W, double *b, const ttt_chunk *c, const double *K, const double *G,
                       size_t in, size_t out);

/* ---- TTT-MLP (MODEL 3.6): W, b, mix and S of `c` are W1, b1, C1 and S1; its G is G2 ---- */

typedef struct ttt_mlp_chunk {
    ttt_chunk c;
    double *W2, *b2;          /* [M,F], [F] */
    double *Z1, *X2, *G1, *H; /* [n,M]: k W1 + b1, its gelu, their gradient, G2 W2^T */
    double *Zb1, *Xb;         /* [n,M] */
    double *S2, *mix2;        /* [n,n] */
} ttt_mlp_chunk;

void REF(mlp_chunk_push)(ttt_mlp_chunk *m, bl_arena *scratch, size_t C, size_t F);
void REF(mlp_chunk_fwd)(ttt_mlp_chunk *m);
void REF(mlp_chunk_update)(ttt_mlp_chunk *m);

/* ---- adjoints (ttt_grads.c) ---- */

/* Gradients of one chunk, named d + the letter of ttt_chunk. */
typedef struct ttt_grads {
    double *dO, *dQ, *dK, *dV, *dG, *dZ, *dZb; /* [n,F] */
    double *A;                                 /* [n,M] */
    double *u, *da, *dxh;                      /* [F], the letters of MODEL 3.5 */
    double *dmix, *dS, *drate;                 /* [n,n] */
    double *dlambda, *dtau, *dr;               /* [n] */
    double *dgamma, *dbeta;                    /* [F], summed over sequences */
    double *dW, *db; /* on entry dW', db' at the next chunk's start, on return at this one's */
    double *dW_next, *db_next;
    double *dW0, *db0; /* summed over sequences */
    double *ddelta;    /* [C], summed over sequences and heads */
    double drho;       /* of a head that forgets, summed over sequences */
} ttt_grads;

void REF(grads_push)(ttt_grads *g, bl_arena *scratch, size_t C, size_t F, size_t M);

/* Room for the gradients of a chunk of either inner model, to size the scratch. */
void REF(mlp_grads_measure)(bl_arena *scratch, size_t C, size_t F);

/* O = Q + gamma xo + beta: dZb, dQ; dgamma, dbeta +=. */
void REF(output_bwd)(ttt_grads *g, const ttt_chunk *c);

/* One matrix that reads queries and keys, Zb = Q W + b - (rate * S) G with S = Q K^T + 1. */
typedef struct ttt_reader {
    const double *Q, *K, *W, *G, *S, *mix; /* [n,in], [n,in], [in,out], [n,out], [n,n], [n,n] */
    const double *dZb;                     /* [n,out] */
    double *dQ, *dK, *dW, *db, *dG;        /* dQ, dW, db +=; dK, dG written */
    size_t in, out;
} ttt_reader;

/* Its adjoint; g->drate +=. */
void REF(read_bwd)(const ttt_reader *r, ttt_grads *g, const ttt_chunk *c);

/* W' = W - (r K)^T G, b' = b - sum r G: dG, dK -=, g->dr +=; nothing in a partial chunk. */
typedef struct ttt_updater {
    const double *K, *G, *dW_next, *db_next; /* [n,in], [n,out], [in,out], [out] */
    double *dK, *dG;
    size_t in, out;
} ttt_updater;
void REF(update_bwd)(const ttt_updater *u, ttt_grads *g, const ttt_chunk *c);

/* W' = W0 + rho (W - W0) - ...: of dW' in dW, drho += sum dW' (W - W0), dW0 += (1 - rho) dW',
 * dW = rho dW'; nothing in a partial chunk. */
void REF(forget_bwd)(ttt_grads *g, double *dW, double *dW0, const ttt_chunk *c, const double *W,
                     const BL_REAL *W0, const bl_forget *f, size_t n);

/* dp->half_life[h] += drho slope. */
void REF(half_life_bwd)(const bl_ttt_params *dp, size_t h, double drho, const bl_forget *f);

/* rate = tril(tau lambda^T), r = tau[n] lambda: dlambda, ddelta from drate and dr. */
void REF(steps_bwd)(ttt_grads *g, const ttt_chunk *c);

/* G = P(a; xh) / sigma: dZ from g->dG; dV written, dK, dgamma, dbeta +=. */
void REF(inner_bwd)(ttt_grads *g, const ttt_chunk *c);

/* y[i] += sum_j x[j,i]; x = 0 */
void REF(add_rows)(double *y, const double *x, size_t n, size_t width);
void REF(clear)(double *x, size_t n);

/* y += x, rounded once */
void REF(add_to)(bl_param *y, size_t offset, const double *x, size_t n);

/* Where the gradients of a call go. */
typedef struct ttt_outputs {
    BL_REAL *dq, *dk, *dv, *dlambda;
} ttt_outputs;

/* dO of a chunk in; rows of dq, dk, dv [B,T,H,F] and dlambda [B,T,H] of a chunk out. */
void REF(grads_load)(ttt_grads *g, const ttt_chunk *c, const bl_ttt_shape *s, ttt_place at,
                     const BL_REAL *dout);
void REF(grads_store)(const ttt_outputs *to, ttt_grads *g, const ttt_chunk *c,
                      const bl_ttt_shape *s, ttt_place at);

/* G of one row: e = gamma xh + beta - (v - k), a = gamma e, G = P(a; xh) / sigma; returns sigma. */
double REF(inner_gradient)(double *G, double *xh, double *e, double *a, const double *z,
                           const double *k, const double *v, const double *gamma,
                           const double *beta, size_t F);

/* y = x rotated by sign * j * theta^(-2i/F) in each pair i, j the row in the chunk; y may be x. */
void REF(rope)(double *y, const double *x, size_t j, double sign, const bl_ttt_shape *s);

/* tau = max(1/t + delta[t], 0) at row j of a chunk, t = j + 1 */
double REF(tau)(const bl_ttt_params *p, size_t j);

/* ---- the buffered form (ttt_linear_step.c) ---- */

/* W0, b0 of width M and an empty chunk: the state of a sequence that has read nothing. */
void REF(state_start)(const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s,
                      size_t M);

/* y = x W + b */
void REF(state_affine)(double *y, const double *x, const BL_REAL *W, const BL_REAL *b, size_t in,
                       size_t out);

/* The state forgets at the end of a full chunk: W = W0 + rho (W - W0). */
void REF(state_forget)(BL_REAL *W, const BL_REAL *W0, double rho, size_t n);

/* W -= tau[n] sum_j k_j^T h_j;  b -= tau[n] sum_j h_j over the rows of a full chunk. */
void REF(state_fold)(BL_REAL *W, BL_REAL *b, const BL_REAL *k, const BL_REAL *h, double tau,
                     size_t C, size_t in, size_t out);

/* Copies between BL_REAL memory and double rows. */
void REF(load)(double *to, const BL_REAL *from, size_t n);
void REF(store)(BL_REAL *to, const double *from, size_t n);

#endif
