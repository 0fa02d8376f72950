/* The network: parameters on a device, and the order of operations in training and decoding,
 * written once over the op table. */
#ifndef BL_MODEL_NET_H
#define BL_MODEL_NET_H

#include "model/state.h"
#include "core/arena.h"
#include "format/safetensors.h"

typedef struct bl_net {
    bl_config config;
    bl_dims m;
    bl_dev *dev; /* borrowed */
    int packed;  /* no latent matrices: for inference only */
    bl_tensor_list tensors;
    void *block;           /* device: tensors.elements parameters */
    bl_params w;           /* places in block */
    void *tern_block;      /* device: the ternarised matrices */
    size_t tern_bytes;     /* of tern_block */
    bl_layer_terns *terns; /* [L] */
} bl_net;

/* Memory for a model on a device; the parameters are undefined until init or load.
 * BL_EUNSUPPORTED for a variant that this version does not compute, BL_ENOMEM, BL_EDEVICE. */
bl_status bl_net_open(bl_net *net, const bl_config *config, bl_dev *dev,
                      bl_error *err) BL_NODISCARD;
void bl_net_release(bl_net *net);

/* The same for packed weights (model/packed.h): the latent matrices get no memory. */
bl_status bl_net_open_packed(bl_net *net, const bl_config *config, bl_dev *dev,
                             bl_error *err) BL_NODISCARD;

/* Initial weights (MODEL 4): a pure function of seed and the tensor's place in the list. */
bl_status bl_net_init(bl_net *net, uint64_t seed, bl_error *err) BL_NODISCARD;

/* Parameters from and to a safetensors file.  Load refuses a missing tensor and a wrong shape; both
 * refuse a value that is not finite. */
bl_status bl_net_load(bl_net *net, const bl_st *st, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_net_save(const bl_net *net, const char *path, bl_error *err) BL_NODISCARD;

/* One tensor from and to a file, through host memory for t->count floats. */
bl_status bl_net_tensor_load(const bl_net *net, const bl_tensor *t, const bl_st *st,
                             const char *path, float *host, bl_error *err) BL_NODISCARD;
bl_status bl_net_tensor_get(const bl_net *net, const bl_tensor *t, float *host,
                            bl_error *err) BL_NODISCARD;

/* A host buffer for the largest tensor, for such calls; free with bl_free. */
bl_status bl_net_host_buffer(float **host, const bl_net *net, bl_error *err) BL_NODISCARD;

/* Is every tensor of the list, as prefix + name, in the file with its shape?  No data is read.
 * BL_EFORMAT names the first that is not. */
bl_status bl_tensors_check(const bl_tensor_list *list, const bl_st *st, const char *prefix,
                           bl_error *err) BL_NODISCARD;

/* A block laid out like the parameters (gradients, moments) from and to tensors prefix + name. */
bl_status bl_net_block_load(const bl_net *net, void *block, const bl_st *st, const char *prefix,
                            const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_net_block_declare(const bl_net *net, bl_st_writer *w, const char *prefix,
                               bl_error *err) BL_NODISCARD;
bl_status bl_net_block_write(const bl_net *net, const void *block, bl_st_writer *w,
                             bl_error *err) BL_NODISCARD;

/* Rounds every latent matrix (MODEL 2).  After init, load and every optimizer step; a packed model
 * has none. */
void bl_net_ternarise(bl_net *net);

/* The ternarised matrix of a latent tensor of net->tensors. */
bl_tern *bl_net_tern(const bl_net *net, const bl_tensor *t);

/* Where a tensor of net->tensors lies in a block laid out like the parameters. */
void *bl_net_place(const bl_net *net, const void *block, const bl_tensor *t);

/* The matrix of the head: the embedding when tied. */
const bl_param *bl_net_head(const bl_net *net);

/* ---- training ---- */

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
    void *ttt; /* ttt_linear_saved_bytes or ttt_mlp_saved_bytes */
} bl_layer_acts;

typedef enum bl_pass_kind {
    BL_PASS_LOSS,      /* evaluation only: all layers share one set of activations */
    BL_PASS_GRADIENTS, /* every layer keeps its own for the backward pass */
    BL_PASS_RECOMPUTE, /* gradients, the same bits, but a layer keeps only its input: the rest is
                          computed again before its backward pass */
} bl_pass_kind;

typedef struct bl_carry bl_carry; /* model/carry.h */

/* Everything one micro-batch of B x T tokens needs. */
typedef struct bl_pass {
    size_t B, T, N;
    bl_pass_kind kind;
    int dropout;           /* apply it (the rate is in the step block) */
    const bl_carry *carry; /* what its rows continue from, begun for this pass; NULL: nothing */
    bl_layer_acts *layer;  /* [L] */
    bl_act *x, *h, *y;     /* [N,D]: the last residual stream, its RMSNorm, room for one output */
    bl_real *rstd, *loss;  /* [N] */
    int32_t *ids, *targets;
    bl_step *step; /* on the device */
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

/* Forward from p->ids to p->h; then loss[n] of that against p->targets.  Ids and targets are
 * [N] on the device. */
void bl_net_fwd(const bl_net *net, bl_pass *p);
void bl_net_layer_acts(const bl_net *net, bl_pass *p, size_t l); /* all that a layer keeps */
void bl_net_loss(const bl_net *net, bl_pass *p);

/* The same with gradients: grads += d(scale * sum loss).  bl_net_fwd comes first. */
void bl_net_loss_bwd(const bl_net *net, bl_pass *p, const bl_params *grads, float scale,
                     bl_grads_fn *done, void *user);

/* ---- decoding ---- */

enum { BL_DECODE_ROWS = 64 }; /* tokens computed at once while reading a prompt */

typedef struct bl_decode {
    bl_layer_state *layer; /* [L] */
    bl_step *step;
    int32_t *ids;                                   /* [BL_DECODE_ROWS] */
    bl_act *x, *xn, *u, *q, *k, *v, *z, *o, *h, *y; /* [BL_DECODE_ROWS,D] */
    bl_act *gate, *up;                              /* [BL_DECODE_ROWS,I] */
    bl_real *rstd, *lambda, *stats, *logits;        /* logits [BL_DECODE_ROWS,V] */
    bl_q8 *xq, *hq;
    void *block, *state_block;
    size_t bytes, state_bytes;
    size_t rows; /* of x, left by the last feed; 0: none, as after a start */
    uint64_t position;
    /* MODEL 3.8 */
    bl_ttt_params *base; /* [L] what the state forgets towards; NULL: the model's start */
    bl_ttt_params *rest; /* [L] where the state is on the model's own text; set with base */
    void *base_block;    /* device: the tensors that both own */
    size_t base_bytes;
    float share; /* of a consolidation that waits for the chunk to be full, or 0 */
} bl_decode;

bl_status bl_decode_open(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_decode_release(bl_decode *s, const bl_net *net);
bl_status bl_decode_start(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* The state and position of another sequence of this model, on a device of the same kind. */
bl_status bl_decode_copy(bl_decode *to, const bl_net *net, const bl_decode *from,
                         bl_error *err) BL_NODISCARD;

/* How many tokens the next feed may take: BL_DECODE_ROWS, or fewer while a consolidation waits, so
 * that it falls between two feeds. */
size_t bl_decode_room(const bl_decode *s, const bl_net *net);

/* Reads T <= bl_decode_room() tokens (host ids, all below V); with want_logits leaves the logits of
 * the last one, or of every one, in s->logits. */
bl_status bl_decode_feed(bl_decode *s, const bl_net *net, const int32_t *ids, size_t T, int every,
                         int want_logits, bl_error *err) BL_NODISCARD;

/* Writes the logits of the last token read to s->logits, when s->rows is not 0: those that its feed
 * would have left. */
bl_status bl_decode_logits(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* ---- what a sequence forgets towards: a base of its own (MODEL 3.8, base.c) ---- */

/* The farthest that a head's base may be from where the model begins, relative to that. */
#define BL_BASE_MOST 0.125f

/* Moves the base by `share` in (0, 1] at the next chunk border.  One that already waits combines
 * with it: 1 - (1 - a) (1 - b).  There must be a base. */
bl_status bl_decode_consolidate(bl_decode *s, const bl_net *net, float share,
                                bl_error *err) BL_NODISCARD;

/* At a border: the rest becomes the mean of the states of `n` borders, this one the n-th. */
void bl_base_note_rest(const bl_decode *s, const bl_net *net, const bl_decode *reader, size_t n);

/* At a border: does what waits. */
void bl_base_settle(bl_decode *s, const bl_net *net);

/* Opens a base and a rest, both equal to where the model begins, unless there are some; drops them;
 * copies those of another sequence, or drops them if it has none.  BL_ENOMEM leaves what was
 * there. */
bl_status bl_base_open(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_base_drop(bl_decode *s, const bl_net *net);
bl_status bl_base_copy(bl_decode *to, const bl_net *net, const bl_decode *from,
                       bl_error *err) BL_NODISCARD;

/* What the inner model of layer l starts from and forgets towards in this sequence. */
bl_ttt_params bl_base_params(const bl_decode *s, const bl_net *net, size_t l);

/* loss[t] of the s->rows tokens read last against targets[t], both on the host; p, of at least as
 * many tokens, lends its memory. */
bl_status bl_decode_loss(bl_decode *s, const bl_net *net, bl_pass *p, const int32_t *targets,
                         float *loss, bl_error *err) BL_NODISCARD;

#endif
