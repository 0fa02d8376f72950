/* TTT with an inner MLP on the CPU: one head's state and the rows of one chunk (MODEL 3.6). */
#ifndef BL_CPU_TTT_MLP_H
#define BL_CPU_TTT_MLP_H

#include "cpu/ttt.h"

/* The inner model of one head. */
typedef struct bl_mlp_state {
    float *W1, *b1, *W2, *b2; /* [F,M], [M], [M,F], [F] */
} bl_mlp_state;

/* The chunk's buffers; the first `at` rows are filled already. */
typedef struct bl_mlp_chunk {
    float *k, *h1, *x2, *h2; /* [C,F], [C,M], [C,M], [C,F] */
} bl_mlp_chunk;

/* Room of one chunk, from a thread's scratch. */
typedef struct bl_mlp_room {
    float *q, *z;            /* [C,F]: rotated queries; Z2, then Zb2 */
    float *z1, *slope, *xb;  /* [C,M]: Z1, then Zb1; gelu' of either; gelu(Zb1) */
    float *mix1, *mix2;      /* [C,C] */
    float *G, *xh, *rstd;    /* backward: [C,F], [C,F], [C]; else NULL */
    float *curve, *slope_xb; /* backward: [C,M] gelu''(Z1), gelu'(Zb1); else NULL */
} bl_mlp_room;

/* Takes the room from *local and advances it. */
bl_mlp_room bl_mlp_room_from(float **local, size_t C, size_t F, int backward);
size_t bl_mlp_room_floats(size_t C, size_t F);

/* The state and the chunk's buffers of head number `task` of the batch. */
void bl_mlp_find(bl_mlp_state *w, bl_mlp_chunk *c, const bl_ttt_state *state, size_t task, size_t C,
                 size_t F);

/* Where the task's row begins: the start, plus what it carries. */
void bl_mlp_begin(const bl_ttt_task *task, const bl_mlp_state *w);

/* T tokens of one (sequence, head). */
void bl_mlp_task(const bl_ttt_task *task);

/* Keys: k (rotated, rows at .. at + m - 1) and v to the buffers' x2, h2, h1.  v has stride ld,
 * lambda stride H. */
void bl_mlp_keys(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                 const bl_mlp_chunk *c, const float *v, const float *lambda, size_t at, size_t m);

/* Queries: Zb2 to room->z from room->q. */
void bl_mlp_queries(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                    const bl_mlp_chunk *c, size_t at, size_t m);

/* The state after a full chunk; room->z1 is overwritten. */
void bl_mlp_fold(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                 const bl_mlp_chunk *c);

#endif
