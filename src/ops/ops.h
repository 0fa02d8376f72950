/* The op table: every computation a device must offer, each one equation block of docs/MODEL.md.
 *
 * The model is written once against this table (src/model); a backend fills it.  Dimension letters
 * are those of docs/NOTATION.md; all matrices are row-major and dense.
 *
 * Rules.  Compute ops return nothing, never allocate and never synchronise: shapes are checked when
 * a model is opened, and a device error is sticky and reported at `sync`.  Outputs are written
 * unless the comment says "+=".  An output never aliases an input unless the comment allows it.
 * What changes from step to step (learning rate, seed, position, ...) is read from the bl_step
 * block in device memory, because by-value arguments freeze when a step is captured as a graph. */
#ifndef BL_OPS_OPS_H
#define BL_OPS_OPS_H

#include "core/best.h"
#include "core/status.h"
#include "ops/request.h"

/* Device memory by meaning: incomplete on purpose, so that the compiler tells them apart and the
 * model cannot look inside.  Ops cast at their entry. */
typedef struct bl_act bl_act;     /* activations: d->act_bytes an element, 2 is bfloat16 */
typedef struct bl_param bl_param; /* parameters, gradients, moments: d->param_bytes an element */
typedef struct bl_real bl_real;   /* row statistics, step sizes, inner state, logits, losses:
                                     d->real_bytes an element, never below float32 */
typedef struct bl_q8 bl_q8;       /* input rows of a BitLinear: int8 with one scale a row (MODEL 2),
                                     or the unrounded rows when quantization is none */
typedef struct bl_tern bl_tern;   /* a ternarised matrix and its scale g, or the float matrix */
typedef struct bl_dev_id bl_dev_id;       /* token ids: int32 */
typedef struct bl_dev_flag bl_dev_flag;   /* yes or no: int32, 0 is no */
typedef struct bl_dev_step bl_dev_step;   /* a bl_step */
typedef struct bl_dev_saved bl_dev_saved; /* what a forward op keeps for its backward op */
typedef struct bl_dev_rows bl_dev_rows;   /* bl_decode_row */

/* What changes from step to step.  The host fills one and puts it before the step. */
typedef struct bl_step {
    uint64_t seed;     /* Philox key of dropout */
    uint64_t step;     /* optimizer step, from 1 */
    uint64_t micro;    /* micro-batch within the step, from 0 */
    uint64_t position; /* decoding: tokens the sequence has read before this call */
    float lr, beta1, beta2, adam_eps, weight_decay;
    float table_rate;   /* of embedding and head, lr is multiplied by it */
    float bias1, bias2; /* 1 - beta1^step, 1 - beta2^step */
    float clip;         /* largest gradient norm; 0: no clipping */
    float dropout;      /* probability of dropping, in [0, 1) */
    float loss_scale;   /* of gradients: 1 over the targets of the whole step that count */
    /* written on the device; grad_norm's are read by adamw, and all by the host */
    double nats; /* summed loss, by head_loss_sum; the host begins with 0 */
    float grad_norm;
    float grad_scale; /* clip / max(grad_norm, clip) */
    uint32_t skip;    /* 1: the norm is not finite, adamw leaves p, m and v as they are */
} bl_step;

/* What adamw does with parameters beside lr: nothing, weight decay, or that and table_rate. */
enum { BL_ADAMW_PLAIN, BL_ADAMW_DECAY, BL_ADAMW_TABLE };

/* What head_top leaves in device memory: bl_candidates. */
typedef struct bl_dev_candidate bl_dev_candidate;
typedef struct bl_dev_byte bl_dev_byte; /* of rows that are kept narrower (bl_table_form) */

/* E in fewer bits, with bounds of what they lose: what lets head_best read less than E. */
typedef struct bl_coarse bl_coarse;

/* One TTT layer's shapes. */
typedef struct bl_ttt_shape {
    size_t B, T, H, F, C;
    float rope_theta;
} bl_ttt_shape;

/* What the rows of a batch carry from window to window in training (MODEL 3.9), for one layer. */
typedef struct bl_ttt_rows {
    bl_real *W; /* [B,H,F,M]  W - W0 */
    bl_real *b; /* [B,H,M]    b - b0 */
    /* MLP only */
    bl_real *W2; /* [B,H,M,F]  W2 - its start */
    bl_real *b2; /* [B,H,F] */
} bl_ttt_rows;

/* The rows of a call: `from` is where each begins, `to` (written forward, not read) where it ends.
 * T is a multiple of C. */
typedef struct bl_ttt_carry {
    bl_ttt_rows from, to;
    const bl_dev_flag
        *fresh; /* [B] not 0: this row begins at W0, b0, whatever `from` holds, and its
                             gradient reaches them; that of any other row ends where it begins */
} bl_ttt_carry;

/* The inner model's learned tensors of one layer (or their gradients).  M is the width of its
 * first product: F, or 4F when the inner model is an MLP (MODEL 3.6). */
typedef struct bl_ttt_params {
    bl_param *W0;        /* [H,F,M]  (in, out) */
    bl_param *b0;        /* [H,M] */
    bl_param *W2;        /* [H,M,F]  MLP only, like b2 */
    bl_param *b2;        /* [H,F] */
    bl_param *gamma;     /* [H,F] */
    bl_param *beta;      /* [H,F] */
    bl_param *delta;     /* [C] */
    bl_param *half_life; /* [H] logarithm of the half-life in chunks (ops/forget.h); NULL: nothing
                            is forgotten */
    const bl_ttt_carry *carry; /* of the ops over whole rows; NULL: every row begins at W0, b0 */
} bl_ttt_params;

/* The inner state of one layer while decoding, for B sequences. */
typedef struct bl_ttt_state {
    bl_real *W; /* [B,H,F,M] */
    bl_real *b; /* [B,H,M] */
    bl_real *k; /* [B,H,C,F]  rotated keys of the partial chunk */
    bl_real *h; /* [B,H,C,M]  lambda G of the same tokens; lambda G1 of an MLP */
    /* MLP only */
    bl_real *W2; /* [B,H,M,F] */
    bl_real *b2; /* [B,H,F] */
    bl_real *x2; /* [B,H,C,M]  X2 = gelu(k W1 + b1) of the partial chunk */
    bl_real *h2; /* [B,H,C,F]  lambda G2 */
} bl_ttt_state;

/* What decode knows of a layer.  NULL where the model has none: pre_conv, the convolutions of q and
 * k (k_proj then), g_proj.  A state's tensors are told by their bytes from its beginning, for they
 * lie alike in every sequence. */
typedef struct bl_decode_layer {
    const bl_param *pre_norm, *pre_conv, *pre_conv_b;
    const bl_param *seq_norm, *conv_q, *conv_q_b, *conv_k, *conv_k_b, *lr_w, *lr_b;
    const bl_param *post_w, *post_b, *attn_sub, *ffn_norm, *ffn_sub;
    const bl_tern *q_proj, *k_proj, *v_proj, *g_proj, *o_proj, *gate_proj, *up_proj, *down_proj;
    bl_ttt_params inner;
    size_t W, b, k, h, tail, pre_tail; /* in bl_decode_row.state */
    size_t W0, b0;                     /* in bl_decode_row.base */
} bl_decode_layer;

/* A model with TTT-Linear for decode. */
typedef struct bl_decode_model {
    const bl_decode_layer *layer; /* device memory [L] */
    const bl_param *embed;        /* [V,D] */
    size_t L, D, H, I, C, K;
    int keys, gates, pre; /* whether there are k_proj, g_proj, pre_conv */
    size_t last;          /* in bl_decode_row.state: the last token's row of x */
    float eps, lr_scale;  /* of the norms; ttt_base_lr / F */
    float rope_theta;
} bl_decode_model;

/* A sequence and its next token. */
typedef struct bl_decode_row {
    void *state;      /* device memory */
    const void *base; /* what it forgets towards, or NULL: W0 and b0 of the model */
    uint64_t position;
    int64_t id;
} bl_decode_row;

/* Latent matrices and where each goes when it is ternarised.  The list is the host's, and a device
 * that computes later keeps a copy. */
typedef struct bl_latent {
    bl_tern *to;
    const bl_param *from; /* [out,in] */
    size_t out, in;
} bl_latent;
typedef struct bl_latents {
    const bl_latent *at;
    size_t count;
} bl_latents;

/* How a device keeps the rows of a table of words [V,D], embedding or head: as parameters, or, of
 * weights that stay as they are, narrower: of bfloat16, or of int8 behind a float32 scale each, D
 * padded to a multiple of 4.  Widening is exact, so ops give the bits of the same rows as parameters.
 * E of embed_fwd, of head_* and of decode, and of head_loss without gradients, may be such a table:
 * its place, which is a multiple of 64 bytes, plus its form (bl_table_at). */
typedef enum bl_table_form { BL_TABLE_PARAMS, BL_TABLE_BF16, BL_TABLE_INT8 } bl_table_form;
enum { BL_TABLE_FORMS = 4 }; /* room for one more */

static inline bl_param *bl_table_at(void *place, bl_table_form form)
{
    return (bl_param *)(void *)((char *)place + form);
}

static inline bl_table_form bl_table_form_of(const bl_param *E)
{
    return (bl_table_form)((uintptr_t)E % BL_TABLE_FORMS);
}

/* Bytes of a row. */
static inline size_t bl_table_row_bytes(bl_table_form form, size_t D, size_t param_bytes)
{
    if (form == BL_TABLE_INT8)
        return sizeof(float) + (D + 3) / 4 * 4;
    return D * (form == BL_TABLE_BF16 ? sizeof(uint16_t) : param_bytes);
}

enum { BL_TOP_MOST = BL_BEST_MOST }; /* the most that head_top finds of a row */

/* The largest shapes of a run; a device sizes its scratch by them (reserve). */
#define BL_LIMITS(X) X(B) X(T) X(D) X(H) X(F) X(I) X(V) X(C) X(K) X(M)
typedef struct bl_limits {
#define X(letter) size_t letter;
    BL_LIMITS(X)
#undef X
} bl_limits;

/* A device is reserved for several users (training, evaluation, samples): each member of `most`
 * becomes the larger of the two. */
void bl_limits_grow(bl_limits *most, const bl_limits *more);

typedef struct bl_ops bl_ops;

/* A device is used by one thread at a time; memory of one may be read, written and freed by ops of
 * another of the same kind after a sync. */
typedef struct bl_dev {
    const bl_ops *ops;
    const char *name;
    void *impl;
    size_t act_bytes, param_bytes, real_bytes;
    int ternary; /* 0: quantization none, W and x enter BitLinear unrounded */
    int queues;  /* 1: what is enqueued is computed while the host does other things */
    int bf16;    /* 1: activations are float32, and products for gradients of bfloat16 */
} bl_dev;

/* clang-format off */

/* X(op, params, args): sizes of opaque buffers in bytes. */
#define BL_OPS_SIZE_LIST(X)                                                                        \
    /* a bl_q8 of N rows of K */                                                                   \
    X(q8_bytes, (bl_dev *d, size_t N, size_t K), (d, N, K))                                        \
    /* a bl_tern of [out, in] */                                                                   \
    X(tern_bytes, (bl_dev *d, size_t out, size_t in), (d, out, in))                                \
    /* what ttt_linear_fwd keeps for ttt_linear_bwd, and ttt_mlp_fwd for its own; may be 0 */       \
    X(ttt_linear_saved_bytes, (bl_dev *d, const bl_ttt_shape *s), (d, s))                          \
    X(ttt_mlp_saved_bytes, (bl_dev *d, const bl_ttt_shape *s), (d, s))                             \
    /* how many sequences decode takes at once; 0: the device has no such op for this model, and the \
       others are called in turn */                                                                \
    X(decode_rows, (bl_dev *d, const bl_decode_model *m), (d, m))                                  \
    /* a bl_coarse of E [V,D]; 0: head_best has no use for one */                                  \
    X(head_coarse_bytes, (bl_dev *d, size_t V, size_t D), (d, V, D))                               \
    /* whether E may be a narrower table; 0: it is of parameters */                                \
    X(narrow_tables, (bl_dev *d), (d))                                                             \
    /* what reserve holds for these shapes; SIZE_MAX: more than any memory */                      \
    X(scratch_bytes, (bl_dev *d, const bl_limits *most), (d, most))                                \
    /* device memory that this process may use beyond what it does; SIZE_MAX: not known */         \
    X(memory_bytes, (bl_dev *d), (d))

/* X(op, params, args): memory and order; these return a status. */
#define BL_OPS_STATUS_LIST(X)                                                                      \
    /* device memory at a 64-byte boundary, contents undefined */                                  \
    X(alloc, (bl_dev *d, void **p, size_t bytes, bl_error *err), (d, p, bytes, err))               \
    /* host to device in the order of the ops, and `from` is free again when it returns; device to   \
       host, which waits for what was enqueued before.  Both tell a device error that is known by    \
       then as sync does */                                                                        \
    X(put, (bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err),                   \
      (d, to, from, bytes, err))                                                                   \
    X(get, (bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err),                   \
      (d, to, from, bytes, err))                                                                   \
    /* a get in two parts, between which other ops may be enqueued.  What `from` holds after the ops  \
       before get_begin is in `to` after get_end of the same `to`, which waits for that and nothing  \
       later; until then `to` is the device's.  They end in the order in which they were begun.     \
       Only of 256 bytes or fewer, and of two at once, get_begin does not wait */                  \
    X(get_begin, (bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err),             \
      (d, to, from, bytes, err))                                                                   \
    X(get_end, (bl_dev *d, void *to, bl_error *err), (d, to, err))                                 \
    /* a ternarised matrix from and to codes -1, 0, 1 [out,in] and its scale g; only when the       \
       device is ternary */                                                                         \
    X(tern_put, (bl_dev *d, bl_tern *w, const int8_t *codes, float g, size_t out, size_t in,       \
      bl_error *err), (d, w, codes, g, out, in, err))                                              \
    X(tern_get, (bl_dev *d, int8_t *codes, float *g, const bl_tern *w, size_t out, size_t in,      \
      bl_error *err), (d, codes, g, w, out, in, err))                                              \
    /* makes scratch for every op up to these shapes; call before any compute op but zero, copy    \
       and ttt_*_start */                                                                          \
    X(reserve, (bl_dev *d, const bl_limits *most, bl_error *err), (d, most, err))                  \
    /* waits for all ops; reports the first device error since the last sync */                    \
    X(sync, (bl_dev *d, bl_error *err), (d, err))

/* X(op, params, args): compute ops; these return nothing. */
#define BL_OPS_VOID_LIST(X)                                                                        \
    X(free, (bl_dev *d, void *p), (d, p)) /* NULL is fine */                                       \
    X(close, (bl_dev *d), (d))            /* the device with all its scratch */                    \
    X(zero, (bl_dev *d, void *p, size_t bytes), (d, p, bytes))                                     \
    X(copy, (bl_dev *d, void *to, const void *from, size_t bytes), (d, to, from, bytes))           \
    /* x[N,D] = E[ids]                                                   ids [N] int32, E [V,D] */ \
    X(embed_fwd, (bl_dev *d, bl_act *x, const bl_param *E, const bl_dev_id *ids, size_t N, size_t D),\
      (d, x, E, ids, N, D))                                                                        \
    /* dE[ids] += dx, rows of equal id in ascending order */                                       \
    X(embed_bwd, (bl_dev *d, bl_param *dE, const bl_act *dx, const bl_dev_id *ids, size_t N,         \
      size_t D, size_t V), (d, dE, dx, ids, N, D, V))                                              \
    /* x = x * mask / (1-p), in place; mask from Philox(seed, DROPOUT + site,                      \
       (step * 2^16 + micro) * 2^32 + element / 4)[element % 4] >= p 2^32.  Its own adjoint. */    \
    X(dropout, (bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_dev_step *step),               \
      (d, x, n, site, step))                                                                       \
    X(add, (bl_dev *d, bl_act *x, const bl_act *y, size_t n), (d, x, y, n)) /* x += y */           \
    /* y = x * rstd * w, rstd = 1/sqrt(mean(x^2) + eps); yq = quantise(y).  y or yq may be NULL.   \
       MODEL 1 and 2.  x,y [N,D], rstd [N] */                                                      \
    X(rmsnorm_fwd, (bl_dev *d, bl_act *y, bl_q8 *yq, bl_real *rstd, const bl_act *x,               \
      const bl_param *w, float eps, size_t N, size_t D), (d, y, yq, rstd, x, w, eps, N, D))        \
    /* dx += , dw += */                                                                            \
    X(rmsnorm_bwd, (bl_dev *d, bl_act *dx, bl_param *dw, const bl_act *dy, const bl_act *x,        \
      const bl_real *rstd, const bl_param *w, size_t N, size_t D),                                 \
      (d, dx, dw, dy, x, rstd, w, N, D))                                                           \
    /* wt, g of each latent matrix, with a g of its own: MODEL 2, exact */                         \
    X(ternarise, (bl_dev *d, const bl_latents *w), (d, w))                                         \
    /* y[N,out] = (xi . Wt^T) (g/s) */                                                             \
    X(bitlinear_fwd, (bl_dev *d, bl_act *y, const bl_q8 *x, const bl_tern *w, size_t N,            \
      size_t out, size_t in), (d, y, x, w, N, out, in))                                            \
    /* dx[N,in] = (accumulate ? dx : 0) + g (dy Wt) */                                             \
    X(bitlinear_bwd_x, (bl_dev *d, bl_act *dx, const bl_act *dy, const bl_tern *w, int accumulate, \
      size_t N, size_t out, size_t in), (d, dx, dy, w, accumulate, N, out, in))                    \
    /* dw[out,in] += dy^T (xi / s) */                                                              \
    X(bitlinear_bwd_w, (bl_dev *d, bl_param *dw, const bl_act *dy, const bl_q8 *x, size_t N,       \
      size_t out, size_t in), (d, dw, dy, x, N, out, in))                                          \
    /* y[b,t,c] = bias[c] + sum_{j<K} w[c,K-1-j] u[b,t-j,c]; u before t = 0 comes from             \
       tail [B,K-1,D] (oldest first), or is 0 when tail is NULL.  u,y [B,T,D], w [D,K] */          \
    X(conv_fwd, (bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,     \
      const bl_param *bias, size_t B, size_t T, size_t D, size_t K),                               \
      (d, y, u, tail, w, bias, B, T, D, K))                                                        \
    /* tail becomes the last K-1 rows of (tail, u) */                                              \
    X(conv_tail, (bl_dev *d, bl_act *tail, const bl_act *u, size_t B, size_t T, size_t D,          \
      size_t K), (d, tail, u, B, T, D, K))                                                         \
    /* tail[b] = 0 where fresh[b] is not 0 */                                                      \
    X(conv_reset, (bl_dev *d, bl_act *tail, const bl_dev_flag *fresh, size_t B, size_t D,          \
      size_t K), (d, tail, fresh, B, D, K))                                                        \
    /* du = (accumulate ? du : 0) + ..., dw +=, dbias +=; tail as forward, it gets no gradient */  \
    X(conv_bwd, (bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,           \
      const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate, size_t B, size_t T,  \
      size_t D, size_t K), (d, du, dw, dbias, dy, u, tail, w, accumulate, B, T, D, K))             \
    /* lambda[N,H] = scale sigmoid(X w^T + b); scale = ttt_base_lr / F.  X [N,D], w [H,D], b [H] */\
    X(lr_gate_fwd, (bl_dev *d, bl_real *lambda, const bl_act *x, const bl_param *w,                \
      const bl_param *b, float scale, size_t N, size_t D, size_t H),                               \
      (d, lambda, x, w, b, scale, N, D, H))                                                        \
    /* dx +=, dw +=, db += */                                                                      \
    X(lr_gate_bwd, (bl_dev *d, bl_act *dx, bl_param *dw, bl_param *db, const bl_real *dlambda,     \
      const bl_real *lambda, const bl_act *x, const bl_param *w, float scale, size_t N, size_t D,  \
      size_t H), (d, dx, dw, db, dlambda, lambda, x, w, scale, N, D, H))                           \
    /* MODEL 3.1-3.2 for whole rows of a batch: rotates q, k, runs the chunks in dual form.        \
       o,q,k,v [B,T,H*F] (q, k not rotated), lambda [B,T,H]; saved: ttt_linear_saved_bytes */    \
    X(ttt_linear_fwd, (bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,        \
      const bl_act *v, const bl_real *lambda, const bl_ttt_params *p, const bl_ttt_shape *s),      \
      (d, o, saved, q, k, v, lambda, p, s))                                                        \
    /* MODEL 3.5.  Gradients of the un-rotated q, k; dp's tensors += */                            \
    X(ttt_linear_bwd, (bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,            \
      const bl_ttt_params *dp, const bl_act *dout, const bl_act *q, const bl_act *k,               \
      const bl_act *v, const bl_real *lambda, const bl_dev_saved *saved, const bl_ttt_params *p,           \
      const bl_ttt_shape *s), (d, dq, dk, dv, dlambda, dp, dout, q, k, v, lambda, saved, p, s))    \
    /* the state of a sequence that has read nothing: W0, b0, empty chunk */                       \
    X(ttt_linear_start, (bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,             \
      const bl_ttt_shape *s), (d, state, p, s))                                                    \
    /* MODEL 3.4, buffered form: T more tokens of each sequence from position step->position on;   \
       the same bits however a text is cut into calls (ref, cpu) */                                \
    X(ttt_linear_step, (bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,          \
      const bl_act *k, const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,             \
      const bl_ttt_shape *s, const bl_dev_step *step), (d, o, state, q, k, v, lambda, p, s, step))     \
    /* MODEL 3.6: the same four with an MLP of one hidden layer, 4F wide, as inner model */        \
    X(ttt_mlp_fwd, (bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,           \
      const bl_act *v, const bl_real *lambda, const bl_ttt_params *p, const bl_ttt_shape *s),      \
      (d, o, saved, q, k, v, lambda, p, s))                                                        \
    X(ttt_mlp_bwd, (bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,               \
      const bl_ttt_params *dp, const bl_act *dout, const bl_act *q, const bl_act *k,               \
      const bl_act *v, const bl_real *lambda, const bl_dev_saved *saved, const bl_ttt_params *p,           \
      const bl_ttt_shape *s), (d, dq, dk, dv, dlambda, dp, dout, q, k, v, lambda, saved, p, s))    \
    X(ttt_mlp_start, (bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,                \
      const bl_ttt_shape *s), (d, state, p, s))                                                    \
    X(ttt_mlp_step, (bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,             \
      const bl_act *k, const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,             \
      const bl_ttt_shape *s, const bl_dev_step *step), (d, o, state, q, k, v, lambda, p, s, step))     \
    /* MODEL 3.8, of one sequence (s->B = 1) with either inner model (p->W2 tells) and at a chunk  \
       border: base += share (W - rest + start - base) over W0, b0, W2, b2, start in p; then back to \
       where each head is at most `most` |start| from the start.  base may not be rest or p; rest    \
       may be p.  Called between steps, not in one */                                              \
    X(ttt_consolidate, (bl_dev *d, const bl_ttt_params *base, const bl_ttt_params *rest,           \
      const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s, float share,       \
      float most), (d, base, rest, state, p, s, share, most))                                      \
    /* MODEL 3.3: y = gelu_tanh(z) * LN(o; w, b), LN eps 1e-6 (y = LN without z = NULL), then      \
       yq = quantise(RMSNorm(y; sub)).  stats [N,3] = LN mean, LN rstd, RMS rstd */                \
    X(gate_norm_fwd, (bl_dev *d, bl_q8 *yq, bl_real *stats, const bl_act *o, const bl_act *z,      \
      const bl_param *w, const bl_param *b, const bl_param *sub, float eps, size_t N, size_t D),   \
      (d, yq, stats, o, z, w, b, sub, eps, N, D))                                                  \
    /* dout, dz written (dz NULL with z), dw, db, dsub +=; dy is the gradient of RMSNorm's output */\
    X(gate_norm_bwd, (bl_dev *d, bl_act *dout, bl_act *dz, bl_param *dw, bl_param *db,             \
      bl_param *dsub, const bl_act *dy, const bl_act *o, const bl_act *z, const bl_param *w,       \
      const bl_param *b, const bl_param *sub, const bl_real *stats, size_t N, size_t D),           \
      (d, dout, dz, dw, db, dsub, dy, o, z, w, b, sub, stats, N, D))                               \
    /* hq = quantise(RMSNorm(silu(gate) * up; w)), rstd [N]; gate,up [N,I] */                      \
    X(swiglu_norm_fwd, (bl_dev *d, bl_q8 *hq, bl_real *rstd, const bl_act *gate, const bl_act *up, \
      const bl_param *w, float eps, size_t N, size_t I), (d, hq, rstd, gate, up, w, eps, N, I))    \
    /* dgate, dup written, dw +=; dh is the gradient of RMSNorm's output.                          \
       dgate may be dh itself */                                                                   \
    X(swiglu_norm_bwd, (bl_dev *d, bl_act *dgate, bl_act *dup, bl_param *dw, const bl_act *dh,     \
      const bl_act *gate, const bl_act *up, const bl_param *w, const bl_real *rstd, size_t N,      \
      size_t I), (d, dgate, dup, dw, dh, gate, up, w, rstd, N, I))                                 \
    /* logits[N,V] = x E^T, each element summed in an order that does not depend on N */           \
    X(head_logits, (bl_dev *d, bl_real *logits, const bl_act *x, const bl_param *E, size_t N,      \
      size_t D, size_t V), (d, logits, x, E, N, D, V))                                             \
    /* best[N,k+1]: of each row of logits [N,V] the k best, best first, and then the first that is \
       not finite: its id, or V.  Of equal logits the smaller id is better; NaN counts as minus    \
       infinity, -0 as 0.  k is 1 .. min(V, BL_TOP_MOST) */                                        \
    X(head_top, (bl_dev *d, bl_dev_candidate *best, const bl_real *logits, size_t N, size_t V,     \
      size_t k), (d, best, logits, N, V, k))                                                       \
    /* coarse of E; where head_coarse_bytes is 0 it does nothing; needs scratch of a narrower E only */                                 \
    X(head_coarse, (bl_dev *d, bl_coarse *coarse, const bl_param *E, size_t V, size_t D),          \
      (d, coarse, E, V, D))                                                                        \
    /* best as head_top makes it of head_logits' row, to the bit.  coarse: of this E as it is now,  \
       or NULL; room [N,V] is written, with anything */                                            \
    X(head_best, (bl_dev *d, bl_dev_candidate *best, bl_real *room, const bl_act *x,               \
      const bl_param *E, const bl_coarse *coarse, size_t N, size_t D, size_t V, size_t k),         \
      (d, best, room, x, E, coarse, N, D, V, k))                                                   \
    /* loss[n] = -log softmax(x E^T)[target]; 0 where the target is negative: it does not count.    \
       When dx is not NULL also the gradient of step's loss_scale * sum loss: dx written, dE +=.    \
       The [N,V] logits are never held whole.  step may be NULL when dx is */                      \
    X(head_loss, (bl_dev *d, bl_real *loss, bl_act *dx, bl_param *dE, const bl_act *x,             \
      const bl_param *E, const bl_dev_id *targets, const bl_dev_step *step, size_t N, size_t D,    \
      size_t V), (d, loss, dx, dE, x, E, targets, step, N, D, V))                                  \
    /* step->nats += sum of loss [N], in double */                                                 \
    X(head_loss_sum, (bl_dev *d, bl_dev_step *step, const bl_real *loss, size_t N),                \
      (d, step, loss, N))                                                                          \
    /* step->grad_norm = |g| over n elements, grad_scale and skip from it */                       \
    X(grad_norm, (bl_dev *d, bl_dev_step *step, const bl_param *g, size_t n), (d, step, g, n))         \
    /* g' = g grad_scale; m, v, p by AdamW with step's lr; `decay` is one of BL_ADAMW_PLAIN, ...;  \
       g is zeroed for the next step, even if this one is skipped */                               \
    X(adamw, (bl_dev *d, bl_param *p, bl_param *g, bl_param *m, bl_param *v, size_t n, int decay,  \
      const bl_dev_step *step), (d, p, g, m, v, n, decay, step))

/* X(op, params, args): slots a backend may leave NULL; bl_ops_complete() then fills in a composite
 * of other ops (src/ops/composite.c), so the model never tests. */
#define BL_OPS_OPTIONAL_LIST(X)                                                                    \
    /* x[N,out] += bitlinear_fwd(xq, w); y [N,out] is room the op may use */                       \
    X(bitlinear_residual, (bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq, const bl_tern *w,     \
      size_t N, size_t out, size_t in), (d, x, y, xq, w, N, out, in))                              \
    /* a token of each of `count` sequences, all of them different, from its embedding through all  \
       layers: x [count,D] and the states' `last` become the last layer's output (MODEL 1, 3.4).    \
       Never called where decode_rows is 0 */                                                      \
    X(decode, (bl_dev *d, bl_act *x, const bl_decode_model *m, const bl_dev_rows *rows,            \
      size_t count), (d, x, m, rows, count))

/* X(op, params, args): every op. */
#define BL_OPS_LIST(X)                                                                             \
    BL_OPS_SIZE_LIST(X) BL_OPS_STATUS_LIST(X) BL_OPS_VOID_LIST(X) BL_OPS_OPTIONAL_LIST(X)
/* clang-format on */

enum {
#define X(op, params, args) +1
    BL_OPS_COUNT = 0 BL_OPS_LIST(X)
#undef X
};

struct bl_ops {
#define X(op, params, args) size_t(*op) params;
    BL_OPS_SIZE_LIST(X)
#undef X
#define X(op, params, args) bl_status(*op) params;
    BL_OPS_STATUS_LIST(X)
#undef X
#define X(op, params, args) void(*op) params;
    BL_OPS_VOID_LIST(X)
    BL_OPS_OPTIONAL_LIST(X)
#undef X
};

/* One op: BL_OP(d, add, x, y, n). */
#define BL_OP(d, op, ...) ((d)->ops->op((d), __VA_ARGS__))

/* The close op; NULL is fine. */
void bl_dev_close(bl_dev *d);

/* Fills optional slots; asserts that no other slot is empty. */
void bl_ops_complete(bl_ops *ops);

/* ---- across the border (border.c): nothing else calls put and get ---- */

/* What lies in device memory.  On the host an act, a param and a real are a float32 each, whatever
 * their width on the device: 2 (bfloat16, of activations alone), 4 or 8 bytes. */
#define BL_KIND_LIST(X)                                                                            \
    X(act, bl_act, float)                                                                          \
    X(param, bl_param, float)                                                                      \
    X(real, bl_real, float)                                                                        \
    X(id, bl_dev_id, int32_t)                                                                      \
    X(flag, bl_dev_flag, int32_t)                                                                  \
    X(step, bl_dev_step, bl_step)                                                                  \
    X(candidate, bl_dev_candidate, bl_candidate)                                                   \
    X(byte, bl_dev_byte, unsigned char)
typedef enum bl_kind {
#define X(kind, there, here) BL_KIND_##kind,
    BL_KIND_LIST(X)
#undef X
} bl_kind;

/* Bytes of one on the device. */
size_t bl_kind_bytes(const bl_dev *d, bl_kind kind);

/* n of a kind to the device and back; they wait as put and get do.  BL_ENOMEM for what is between
 * when the widths differ. */
bl_status bl_dev_put(bl_dev *d, bl_kind kind, void *to, const void *from, size_t n,
                     bl_error *err) BL_NODISCARD;
bl_status bl_dev_get(bl_dev *d, bl_kind kind, void *to, const void *from, size_t n,
                     bl_error *err) BL_NODISCARD;

/* One kind: bl_put_id(d, to, ids, n, err), bl_get_real(...). */
#define X(kind, there, here)                                                                       \
    static inline bl_status bl_put_##kind(bl_dev *d, there *to, const here *from, size_t n,        \
                                          bl_error *err)                                           \
    {                                                                                              \
        return bl_dev_put(d, BL_KIND_##kind, to, from, n, err);                                    \
    }                                                                                              \
    static inline bl_status bl_get_##kind(bl_dev *d, here *to, const there *from, size_t n,        \
                                          bl_error *err)                                           \
    {                                                                                              \
        return bl_dev_get(d, BL_KIND_##kind, to, from, n, err);                                    \
    }
BL_KIND_LIST(X)
#undef X

/* A block of ids, flags and steps, which are the same bytes on both sides. */
bl_status bl_dev_put_block(bl_dev *d, void *to, const void *from, size_t bytes,
                           bl_error *err) BL_NODISCARD;

/* One step block by get_begin and get_end. */
bl_status bl_get_step_begin(bl_dev *d, bl_step *to, const bl_dev_step *from,
                            bl_error *err) BL_NODISCARD;
bl_status bl_get_step_end(bl_dev *d, bl_step *to, bl_error *err) BL_NODISCARD;

/* The reference backend in float and in double (src/ops/ref), always with one thread. */
bl_status bl_ref32_open(bl_dev **d, const bl_device_request *r, bl_error *err) BL_NODISCARD;
bl_status bl_ref64_open(bl_dev **d, const bl_device_request *r, bl_error *err) BL_NODISCARD;
bl_status bl_ref32_about(bl_device_about *about, size_t index, bl_error *err) BL_NODISCARD;
bl_status bl_ref64_about(bl_device_about *about, size_t index, bl_error *err) BL_NODISCARD;

#endif
