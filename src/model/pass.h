/* A training pass: activations of a micro-batch, and the order of operations forward and backward. */
#ifndef BL_MODEL_PASS_H
#define BL_MODEL_PASS_H

#include "model/carry.h"

/* clang-format off */

/* Activations that the backward pass reads, of one layer.  X(type, name, elements, present) with a
 * condition on bl_config *c. */
#define BL_LAYER_ACTS(X)                                                                           \
    X(act, x0, N * D, c->pre_conv)  /* the residual stream at the layer's entry, before pre_conv */ \
    X(act, pn, N * D, c->pre_conv)  /* RMSNorm_pre(x0) */                                          \
    X(real, rstd0, N, c->pre_conv)  /* of it */                                                    \
    X(act, x, N * D, 1)             /* the residual stream that the layer reads */                 \
    X(act, xn, N * D, 1)            /* RMSNorm(x) */                                               \
    X(real, rstd, N, 1)             /* of it */                                                    \
    X(act, u, N * D, c->share_qk)   /* BitLinear_q; without share_qk q itself */                   \
    X(act, q, N * D, 1)             /* before the rotation */                                      \
    X(act, k, N * D, 1)                                                                            \
    X(act, v, N * D, 1)                                                                            \
    X(act, z, N * D, c->use_gate)   /* the output gate */                                          \
    X(real, lambda, N * H, 1)                                                                      \
    X(act, o, N * D, 1)             /* of the TTT chunks */                                        \
    X(real, stats, N * 3, 1)        /* of gate_norm */                                             \
    X(act, x2, N * D, 1)            /* the residual stream after the TTT block */                  \
    X(real, rstd2, N, 1)                                                                           \
    X(act, gate, N * I, 1)                                                                         \
    X(act, up, N * I, 1)                                                                           \
    X(real, rstd3, N, 1)            /* of swiglu_norm */

/* Quantised inputs of the BitLinears.  X(name, rows, width) */
#define BL_LAYER_Q8S(X)                                                                            \
    X(xq, N, D)  /* of q, k, v, gate */                                                            \
    X(yq, N, D)  /* of o_proj */                                                                   \
    X(x2q, N, D) /* of gate_proj and up_proj */                                                    \
    X(hq, N, I)  /* of down_proj */
/* clang-format on */

typedef struct bl_layer_acts {
#define X(type, name, elements, present) bl_##type *name;
    BL_LAYER_ACTS(X)
#undef X
#define X(name, rows, width) bl_q8 *name;
    BL_LAYER_Q8S(X)
#undef X
    bl_dev_saved *ttt; /* ttt_linear_saved_bytes or ttt_mlp_saved_bytes */
} bl_layer_acts;

typedef enum bl_pass_kind {
    BL_PASS_LOSS,      /* evaluation only: all layers share one set of activations */
    BL_PASS_GRADIENTS, /* every layer keeps its own for the backward pass */
    BL_PASS_RECOMPUTE, /* gradients, the same bits, but a layer keeps only its input: the rest is
                          computed again before its backward pass */
} bl_pass_kind;

/* Where a pass reads its micro-batch. */
typedef struct bl_input_place {
    bl_dev_step *step;
    bl_dev_id *ids, *targets; /* [N] */
    bl_dev_flag *fresh;       /* [B] of rows that continue (model/carry.h) */
} bl_input_place;

/* Everything one micro-batch of B x T tokens needs. */
typedef struct bl_pass {
    size_t B, T, N;
    bl_pass_kind kind;
    int dropout;           /* apply it (the rate is in the step block) */
    const bl_carry *carry; /* what its rows continue from, begun for this pass; NULL: nothing */
    bl_layer_acts *layer;  /* [L] */
    bl_act *x, *h, *y;     /* [N,D]: the last residual stream, its RMSNorm, room for one output */
    bl_real *rstd, *loss;  /* [N] */
    bl_input_place in;     /* room of its own, or where somebody else has put it */
    /* backward only */
    bl_act *dx, *dy, *dxn, *du, *dq, *dk, *dv, *dz, *dout; /* [N,D] */
    bl_act *dgate, *dup;                                   /* [N,I] */
    bl_real *dlambda;                                      /* [N,H] */
    void *block;
    size_t bytes;
} bl_pass;

bl_status bl_pass_open(bl_pass *p, const bl_net *net, size_t B, size_t T, bl_pass_kind kind,
                       bl_error *err) BL_NODISCARD;
void bl_pass_release(bl_pass *p, const bl_net *net);

/* Where layer l gets the residual stream; after the last layer, where the head does. */
bl_act **bl_pass_entry(const bl_net *net, bl_pass *p, size_t l);

/* Called when the gradients of a layer (or, with SIZE_MAX, of all else) are complete.  It may only
 * enqueue work on the device. */
typedef void bl_grads_fn(void *user, size_t layer);

/* Forward from the ids to p->h; then loss[n] of that against the targets. */
void bl_net_fwd(const bl_net *net, bl_pass *p);
void bl_net_layer_acts(const bl_net *net, bl_pass *p, size_t l); /* all that a layer keeps */
void bl_net_loss(const bl_net *net, bl_pass *p);

/* The same with gradients: grads += d(loss_scale * sum loss), loss_scale that of p->in.step.
 * bl_net_fwd comes first. */
void bl_net_loss_bwd(const bl_net *net, bl_pass *p, const bl_params *grads, bl_grads_fn *done,
                     void *user);

#endif
