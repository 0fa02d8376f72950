/* What the TTT ops share on the CPU: one chunk of one (sequence, head), for both inner models. */
#ifndef BL_CPU_TTT_H
#define BL_CPU_TTT_H

#include "cpu/cpu_impl.h"
#include "ops/forget.h"

enum { TTT_C_MOST = 64, TTT_F_MOST = 128 };

/* The constants of one call. */
typedef struct bl_ttt_call {
    const bl_kern *kern;
    size_t F, C, ld, H;        /* ld = H F: from one token's row to the next */
    const float *cs, *sn;      /* [C,F] rotation by the position in the chunk */
    float tau[TTT_C_MOST];     /* max(1/t + delta[t], 0) */
    const float *gamma, *beta; /* of this head [F] */
    int forgets;               /* MODEL 3.7; then of this head */
    const float *start[4];     /* W0, b0, and W2, b2 of an MLP */
    float rho, lost;           /* ops/forget.h, each rounded once */
} bl_ttt_call;

/* Pointers of one (sequence, head) into the tensors of the call. */
typedef struct bl_ttt_head {
    const float *q, *k, *v, *dout, *lambda; /* rows of stride ld; lambda of stride H */
    float *dq, *dk, *dv, *dlambda;          /* forward the output is dq */
    float *dgamma, *dbeta, *dtau, *drho;    /* this task's partial sums */
} bl_ttt_head;

typedef struct bl_ttt_task bl_ttt_task;

/* One op, for the threads that share its (sequence, head)s: task b H + head is one of them. */
typedef struct bl_ttt_op {
    void (*fn)(const bl_ttt_task *task);
    const bl_ttt_params *p, *dp; /* dp: the gradients; NULL forward */
    const bl_ttt_shape *s;
    size_t M; /* the width of W0: F, or 4F of an MLP */
    const bl_ttt_state
        *state; /* advanced by tokens from `position` on; NULL: none, from the start */
    uint64_t position;
    bl_ttt_head x; /* of the first head */
    /* filled by bl_ttt_each */
    const bl_cpu *c;
    bl_ttt_call call; /* of the first head */
    size_t width;     /* floats of a task's partial sums */
    size_t work;      /* visits of elements, which decide the number of threads */
} bl_ttt_op;

struct bl_ttt_task {
    const bl_ttt_op *op;
    size_t number;
    bl_ttt_call call;
    bl_ttt_head x;
    float *local; /* the thread's scratch */
    float *part;  /* backward: partial sums, at zero; the state's gradients come first */
};

/* ---- the op (ttt_each.c) ---- */

/* In parts: the device's tables of a shape, kept while it stays; what follows from the op's p, s
 * and M, by tables that are there; (sequence, head)s first .. last - 1. */
void bl_ttt_rope(bl_cpu *c, const bl_ttt_shape *s);
void bl_ttt_begin(bl_ttt_op *op, const bl_cpu *c);
void bl_ttt_tasks(void *op, size_t first, size_t last, size_t member);

/* Runs op->fn for every (sequence, head). */
void bl_ttt_each(bl_dev *d, bl_ttt_op *op);

/* The same for a forward op, with its tensors. */
void bl_ttt_forward(bl_dev *d, bl_ttt_op *op, bl_act *o, const bl_act *q, const bl_act *k,
                    const bl_act *v, const bl_real *lambda);

/* One part of a row's state, `n` floats a head: its start, and for a row that continues, what it
 * carries of that (`from` [B,H,n]); then back, to = W - W0. */
void bl_ttt_row_begin(const bl_ttt_task *task, float *W, const bl_param *W0, const bl_real *from,
                      size_t n);
void bl_ttt_row_end(const bl_ttt_task *task, bl_real *to, const float *W, const bl_param *W0,
                    size_t n);

/* Whether the task's row continues: its gradient ends where it begins. */
int bl_ttt_row_continues(const bl_ttt_task *task);

/* Floats of a head's state; of the partial sums of one (sequence, head): its state's gradients,
 * dgamma, dbeta, dtau, and the half-life's. */
size_t bl_ttt_state_floats(size_t F, size_t M);
size_t bl_ttt_grad_floats(size_t F, size_t C, size_t M);

/* ---- forward (ttt_chunk.c): one matrix W [in,out] that keys write and queries read ---- */

/* S[i,j] = q_i . k_j where j <= at + i; rows of stride C, what is right of these is not defined. */
void bl_ttt_dots(const bl_ttt_call *call, float *S, const float *q, const float *k, size_t at,
                 size_t m, size_t in);

/* mix[i,j] = -tau[at + i] (S[i,j] + 1) for j <= at + i, else 0: minus `mix` of MODEL 3.4 without
 * lambda, which h carries.  Rows of stride C; mix may be S. */
void bl_ttt_weigh(const bl_ttt_call *call, float *mix, const float *S, size_t at, size_t m);

/* Both.  q [m,in], k [at + m,in]. */
void bl_ttt_mix(const bl_ttt_call *call, float *mix, const float *q, const float *k, size_t at,
                size_t m, size_t in);

/* z = b + k W for m rows. */
void bl_ttt_affine(const bl_ttt_call *call, float *z, const float *k, const float *W,
                   const float *b, size_t m, size_t in, size_t out);

/* zb = b + q W + mix h for m rows; h has at + m rows. */
void bl_ttt_read(const bl_ttt_call *call, float *zb, const float *q, const float *W, const float *b,
                 const float *mix, const float *h, size_t at, size_t m, size_t in, size_t out);

/* W = W0 + rho (W - W0) - tau[n] sum k^T h, likewise b, over a full chunk; tmp [C,in].  `matrix`:
 * 0 of the first matrix (start[0] and [1]), 1 of the second. */
void bl_ttt_fold(const bl_ttt_call *call, int matrix, float *W, float *b, const float *k,
                 const float *h, float *tmp, size_t in, size_t out);

/* ---- backward (ttt_grads.c) ---- */

/* Runs op->fn for every (sequence, head), then adds the tasks' partial sums to op->dp. */
void bl_ttt_backward(bl_dev *d, bl_ttt_op *op, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                     const bl_act *dout, const bl_act *q, const bl_act *k, const bl_act *v,
                     const bl_real *lambda);

/* What a task keeps in its scratch: pointers to set, and floats of each.  They are laid out from
 * base on, each at a multiple of 16 floats (base NULL: only measured); returns floats used. */
typedef struct bl_ttt_part {
    float **to;
    size_t count;
} bl_ttt_part;
size_t bl_ttt_lay_out(const bl_ttt_part *parts, size_t count, float *base);

/* Rows first .. first + m - 1 of q and k, rotated. */
void bl_ttt_rotate(const bl_ttt_call *call, const bl_ttt_head *x, float *q, float *k, size_t first,
                   size_t m);

/* Asks for row t of dq, dk and dv, which will be written when the chunk is done: the rows of a head
 * lie too far apart for the processor to see them come. */
static inline void bl_ttt_fetch_out(const bl_ttt_call *call, const bl_ttt_head *x, size_t t)
{
    for (size_t j = t * call->ld; j < t * call->ld + call->F; j += 16) {
        __builtin_prefetch(x->dq + j, 1);
        __builtin_prefetch(x->dk + j, 1);
        __builtin_prefetch(x->dv + j, 1);
    }
}

/* Writes rows of dq and dk, rotated back, and of dlambda to the tensors of the call. */
void bl_ttt_hand_out(const bl_ttt_call *call, const bl_ttt_head *x, const float *dq,
                     const float *dk, const float *dlam, size_t first, size_t m);

/* Zb = Q W + b - C G, C = rate (Q K^T + 1) of one chunk: from dZb its dQ +=, dK and dG written,
 * dlam and x->dtau += through rate.  Wt becomes W^T.  dW and db are left to the caller. */
typedef struct bl_ttt_reader {
    const float *q, *k, *W, *G, *dzb; /* [m,in], [m,in], [in,out], [m,out], [m,out] */
    const float *S, *mix;             /* q . k and what bl_ttt_weigh made of it */
    float *dq, *dk, *dG;              /* [m,in], [m,in], [m,out] */
    float *Wt;                        /* [out,in] */
    size_t in, out;
} bl_ttt_reader;

/* Work matrices of the adjoint of a read, [C,C] each. */
typedef struct bl_ttt_squares {
    float *coef, *dC;
} bl_ttt_squares;
void bl_ttt_read_bwd(const bl_ttt_call *call, const bl_ttt_reader *r, const bl_ttt_squares *sq,
                     const bl_ttt_head *x, float *dlam, size_t first, size_t m);

/* W' = W - (r K)^T G, b' = b - sum r G over a full chunk: dK, dG -=; dlam and x->dtau +=. */
typedef struct bl_ttt_updater {
    const float *k, *G, *dW, *db; /* [m,in], [m,out]; gradients of W', b' */
    float *dk, *dG;
    float *tmp; /* [C, larger of in and out] */
    float *dWt; /* [out,in] */
    size_t in, out;
} bl_ttt_updater;
void bl_ttt_update_bwd(const bl_ttt_call *call, const bl_ttt_updater *u, const bl_ttt_head *x,
                       float *dlam, size_t first, size_t m);

/* dW += q^T dzb + k^T dz, db += sum dzb + sum dz for m rows. */
void bl_ttt_state_bwd(const bl_ttt_call *call, float *dW, float *db, const float *q,
                      const float *dzb, const float *k, const float *dz, size_t m, size_t in,
                      size_t out);

/* What a full chunk forgot of one matrix and its bias (`matrix` as in bl_ttt_fold): of dW', db' in
 * dW, db, x->drho +=; sum [in out + out] += dW', db'; dW = rho dW', db = rho db'. */
void bl_ttt_forget_bwd(const bl_ttt_call *call, int matrix, float *dW, float *db, float *sum,
                       const float *W, const float *b, const bl_ttt_head *x, size_t in, size_t out);

/* The end of a task, when its part holds the gradients of the state before its first chunk: none
 * where the row continues, and dW0 += (1 - rho) sum dW' of what was forgotten. */
void bl_ttt_start_bwd(const bl_ttt_task *task, const float *sum);

#endif
