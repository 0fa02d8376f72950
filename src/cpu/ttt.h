/* What the TTT forward, step and backward share on the CPU: one chunk of one (sequence, head). */
#ifndef BL_CPU_TTT_H
#define BL_CPU_TTT_H

#include "cpu/cpu_impl.h"

enum { TTT_C_MOST = 64 };

/* The constants of one call. */
typedef struct bl_ttt_call {
    const bl_kern *kern;
    size_t F, C, ld, H;        /* ld = H F: from one token's row to the next */
    const float *cs, *sn;      /* [C,F] rotation by the position in the chunk */
    float tau[TTT_C_MOST];     /* max(1/t + delta[t], 0) */
    const float *gamma, *beta; /* of this head [F] */
} bl_ttt_call;

/* Fills rope tables (kept while the shape stays) and tau.  Not inside a parallel region. */
void bl_ttt_begin(bl_cpu *c, bl_ttt_call *call, const bl_ttt_params *p, const bl_ttt_shape *s);

/* Room of one chunk, from a thread's scratch. */
typedef struct bl_ttt_room {
    float *q, *z, *mix; /* [C,F] rotated queries, [C,F], [C,C] */
} bl_ttt_room;

/* S[i,j] = -tau[at + i] (q_i . k_j + 1) for j <= at + i, else 0: minus `mix` of MODEL 3.4 without
 * lambda, which h carries.  q [m,F], k [at + m,F], mix rows of stride C. */
void bl_ttt_mix(const bl_ttt_call *call, float *mix, const float *q, const float *k, size_t at,
                size_t m);

/* zb = b + q W + mix h for m rows; at + m rows of h count. */
void bl_ttt_read(const bl_ttt_call *call, float *zb, const float *q, const float *W, const float *b,
                 const float *mix, const float *h, size_t at, size_t m);

/* z = b + k W for m rows. */
void bl_ttt_affine(const bl_ttt_call *call, float *z, const float *k, const float *W,
                   const float *b, size_t m);

/* W -= tau[n] sum k^T h, b -= tau[n] sum h over a full chunk; tmp [C,F]. */
void bl_ttt_fold(const bl_ttt_call *call, float *W, float *b, const float *k, const float *h,
                 float *tmp);

#endif
