/* The state of one sequence: one table line for each thing that a layer keeps of the past, which
 * gives the struct, its memory, and the tensors of a memory file. */
#ifndef BL_MODEL_STATE_H
#define BL_MODEL_STATE_H

#include "model/tensors.h"

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

/* Elements of a tensor of that shape; of all layers' state, constant whatever a text's length. */
size_t bl_shape_elements(const bl_dims *m, const char *shape);
size_t bl_state_elements(const bl_config *c);

#endif
