/* The state of one sequence: one table line for each thing that a layer keeps of the past, which
 * gives the struct, its memory, and the tensors of a memory file. */
#ifndef BL_MODEL_STATE_H
#define BL_MODEL_STATE_H

#include "model/net.h"

/* clang-format off */

/* X(type, member, key, shape, present): the element type (real or act), the member of
 * bl_layer_state, the name in files after "layers.N.", the shape in dimension letters ('T' is
 * K - 1), and a condition on bl_config *c. */
#define BL_LAYER_STATE(X)                                                                          \
    X(real, ttt.W,    "W1",       "HFM", 1)                                                        \
    X(real, ttt.b,    "b1",       "HM",  1)                                                        \
    X(real, ttt.k,    "k",        "HCF", 1)            /* the partial chunk */                     \
    X(real, ttt.h,    "h1",       "HCM", 1)                                                        \
    X(real, ttt.W2,   "W2",       "HMF", BL_IS_MLP(c))                                             \
    X(real, ttt.b2,   "b2",       "HF",  BL_IS_MLP(c))                                             \
    X(real, ttt.x2,   "x2",       "HCM", BL_IS_MLP(c))                                             \
    X(real, ttt.h2,   "h2",       "HCF", BL_IS_MLP(c))                                             \
    X(act,  tail,     "tail",     "TD",  c->share_qk)  /* inputs of conv_q and conv_k */           \
    X(act,  pre_tail, "pre_tail", "TD",  c->pre_conv)  /* and of pre_conv */

/* X(type, member, key, shape, present): what the state of a sequence forgets towards once it has
 * been consolidated, and likewise where it rests (MODEL 3.8).  The members are those of
 * bl_ttt_params; the name in files begins with "base." or "rest.". */
#define BL_LAYER_BASE(X)                                                                           \
    X(param, W0, "W1", "HFM", 1)                                                              \
    X(param, b0, "b1", "HM",  1)                                                              \
    X(param, W2, "W2", "HMF", BL_IS_MLP(c))                                                   \
    X(param, b2, "b2", "HF",  BL_IS_MLP(c))
/* clang-format on */

/* What a sequence has left in one layer; members that a model does not have are NULL. */
typedef struct bl_layer_state {
    bl_ttt_state ttt;
    bl_act *tail, *pre_tail;
} bl_layer_state;

/* One sequence: all that reading its next token depends on, whatever its length. */
typedef struct bl_state {
    bl_layer_state *layer; /* [L] */
    void *block;           /* device: the tensors of all layers, then `last` */
    size_t bytes;          /* of the tensors */
    size_t block_bytes;
    bl_act *last; /* [D] what the layers made of the last token, for its logits */
    int has_last; /* 0 after a start, and after a memory was loaded, which does not hold it */
    uint64_t position;
    /* MODEL 3.8, model/base.h */
    bl_ttt_params *base; /* [L] what the state forgets towards; NULL: the model's start */
    bl_ttt_params *rest; /* [L] where the state is on the model's own text; set with base */
    void *base_block;    /* device: the tensors that both own */
    size_t base_bytes;
    float share; /* of a consolidation that waits for the chunk to be full, or 0 */
} bl_state;

/* Memory for a sequence, which has read nothing.  Its memory is of the device of `net`, and may be
 * used and freed by another of the same kind. */
bl_status bl_state_open(bl_state *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_state_release(bl_state *s, const bl_net *net);
bl_status bl_state_start(bl_state *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* As if nothing had been read; but a base of its own stays, and is where it begins. */
bl_status bl_state_restart(bl_state *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* `to` becomes equal to another sequence of this model.  BL_ENOMEM leaves it as it was. */
bl_status bl_state_copy(bl_state *to, const bl_net *net, const bl_state *from,
                        bl_error *err) BL_NODISCARD;

/* Where the tensors of TTT-Linear and the convolutions lie in every state's block, in bytes, into
 * layers[L], and where `last` does.  BL_ENOMEM. */
bl_status bl_state_places(bl_decode_layer *layers, size_t *last, const bl_net *net,
                          bl_error *err) BL_NODISCARD;

/* Elements of all layers' state, constant whatever a text's length. */
size_t bl_state_elements(const bl_config *c);

#endif
