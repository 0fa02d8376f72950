/* What the rows of a training batch carry from window to window (MODEL 3.9): for every micro-batch
 * of a step the inner model's distance from its start and the convolutions' tails. */
#ifndef BL_MODEL_CARRY_H
#define BL_MODEL_CARRY_H

#include "model/net.h"
#include "model/state.h"

/* clang-format off */

/* X(type, member, key, shape, present), as BL_LAYER_STATE, of one row. */
#define BL_LAYER_CARRY(X)                                                                          \
    X(real, ttt.W,    "W1",       "HFM", 1)                                                        \
    X(real, ttt.b,    "b1",       "HM",  1)                                                        \
    X(real, ttt.W2,   "W2",       "HMF", BL_IS_MLP(c))                                             \
    X(real, ttt.b2,   "b2",       "HF",  BL_IS_MLP(c))                                             \
    X(act,  tail,     "tail",     "TD",  c->share_qk)                                              \
    X(act,  pre_tail, "pre_tail", "TD",  c->pre_conv)
/* clang-format on */

/* Of one layer: B rows of each member that the model has, the others NULL. */
typedef struct bl_layer_carry {
    bl_ttt_rows ttt;
    bl_act *tail, *pre_tail;
} bl_layer_carry;

typedef struct bl_carry {
    size_t slots, B, slot;    /* micro-batches of a step, rows of each, the current one */
    bl_layer_carry *layer;    /* [slots + 1, L]; the last: what the current pass leaves */
    const bl_dev_flag *fresh; /* [B] of the current micro-batch, borrowed */
    void *block;              /* device: slots + 1 sets of a size */
    size_t bytes, set_bytes;
} bl_carry;

/* Memory for `slots` micro-batches of B rows, all zero.  BL_ENOMEM, BL_EDEVICE. */
bl_status bl_carry_open(bl_carry *c, const bl_net *net, size_t slots, size_t B,
                        bl_error *err) BL_NODISCARD;
void bl_carry_release(bl_carry *c, const bl_net *net);

/* Begin comes before the forward pass of a micro-batch (pass->carry is c): rows with fresh[b] not 0
 * begin as a text does.  End comes after its backward pass: its rows continue from what it left. */
void bl_carry_begin(bl_carry *c, const bl_net *net, size_t slot, const bl_dev_flag *fresh);
void bl_carry_end(bl_carry *c, const bl_net *net);

/* Everything zero, like a row that has read nothing. */
void bl_carry_clear(bl_carry *c, const bl_net *net);

/* The places of a layer in the current pass, and *rows over them, which is returned; without a
 * carry NULL and no places. */
const bl_ttt_carry *bl_carry_layer(const bl_carry *c, const bl_net *net, size_t l,
                                   bl_ttt_carry *rows, bl_layer_carry *from, bl_layer_carry *to);

/* A slot as floats on the host, tensor after tensor: how many, and those of one. */
size_t bl_carry_floats(const bl_carry *c, const bl_net *net);
bl_status bl_carry_get(const bl_carry *c, const bl_net *net, size_t slot, float *host,
                       bl_error *err) BL_NODISCARD;

/* Such floats as tensors "carry.NUMBER.layers.N.KEY" [B, elements] of a checkpoint, and a slot from
 * them, checked as by bl_st_get_f32(). */
bl_status bl_carry_declare(const bl_carry *c, const bl_net *net, size_t number, bl_st_writer *w,
                           bl_error *err) BL_NODISCARD;
bl_status bl_carry_write(const bl_carry *c, const bl_net *net, const float *host, bl_st_writer *w,
                         bl_error *err) BL_NODISCARD;
bl_status bl_carry_load(bl_carry *c, const bl_net *net, size_t slot, size_t number, const bl_st *st,
                        bl_error *err) BL_NODISCARD;

#endif
