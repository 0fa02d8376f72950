/* Rows that continue from window to window (option carry): the state and the place in the data of
 * every (micro-batch, row), kept in a checkpoint's optimizer.safetensors.
 *
 * Every process knows the places of all rows, because they say where the rows that start fresh will
 * begin; it has the states of those that it computes.  For a checkpoint the leader gathers the
 * others'. */
#ifndef BL_TRAIN_CARRIED_H
#define BL_TRAIN_CARRIED_H

#include "data/mix.h"
#include "model/carry.h"
#include "train/share.h"

typedef struct bl_carried {
    bl_share share;
    bl_carry states; /* of our micro-batches */
    bl_mix_row *row; /* [accum,B]; NULL: the run carries nothing */
    float
        *gathered; /* the leader's: states of the other micro-batches; the others': room for one */
    size_t floats; /* of the states of one */
} bl_carried;

/* Memory for accum x B rows, all of which begin afresh. */
bl_status bl_carried_open(bl_carried *c, const bl_net *net, const bl_share *share, size_t B,
                          bl_error *err) BL_NODISCARD;
void bl_carried_release(bl_carried *c, const bl_net *net);

/* All rows begin afresh. */
void bl_carried_reset(bl_carried *c, const bl_net *net);

/* Draws which rows of a micro-batch begin afresh: each with this probability, by (step, micro,
 * row). */
void bl_carried_draw(bl_carried *c, double probability, uint64_t seed, uint64_t step,
                     uint64_t micro);

/* The rows of a micro-batch.  After bl_mix_continue() they move on: fresh [B] says which start
 * fresh, for bl_carry_begin(); NULL when another process computes them. */
bl_mix_row *bl_carried_rows(const bl_carried *c, uint64_t micro);
void bl_carried_move(bl_carried *c, uint64_t micro, int32_t *fresh);

/* Brings the states of all rows to the leader; every process calls it before a checkpoint. */
bl_status bl_carried_gather(bl_carried *c, const bl_net *net, bl_error *err) BL_NODISCARD;

/* Tensors of a checkpoint.  Loading expects rows of `count` corpora, else BL_EFORMAT. */
bl_status bl_carried_declare(const bl_carried *c, const bl_net *net, bl_st_writer *w,
                             bl_error *err) BL_NODISCARD;
bl_status bl_carried_write(const bl_carried *c, const bl_net *net, bl_st_writer *w,
                           bl_error *err) BL_NODISCARD;
bl_status bl_carried_load(bl_carried *c, const bl_net *net, const bl_st *st, const char *path,
                          size_t count, bl_error *err) BL_NODISCARD;

#endif
