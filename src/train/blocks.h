/* The memory of a run: model, passes, inputs, gradients, moments and carried rows on its device. */
#ifndef BL_TRAIN_BLOCKS_H
#define BL_TRAIN_BLOCKS_H

#include "infer/sequence.h"
#include "model/inputs.h"
#include "train/checkpoint.h"
#include "train/share.h"

typedef struct bl_blocks {
    bl_net net; /* its device is that of all of them */
    bl_pass pass;
    bl_inputs inputs; /* of our micro-batches */
    bl_pass eval;     /* the leader's, like the next two */
    bl_reader reader;
    bl_sequence sample; /* what it writes samples with */
    bl_params grads;
    void *grads_block;
    bl_moments moments;
    bl_carried carried; /* with the option carry */
    size_t block_bytes; /* of parameters, gradients, each moment */
} bl_blocks;

/* All of it for resolved options and a share of them, on a device that must outlive it; `b` is all
 * zero.  Release also after a failure. */
bl_status bl_blocks_open(bl_blocks *b, bl_dev *dev, const bl_config *config,
                         const bl_train_options *o, const bl_share *share,
                         bl_error *err) BL_NODISCARD;
void bl_blocks_release(bl_blocks *b);

/* What bl_blocks_open() would allocate on a device with resolved options, and what that device
 * reserves for it; nothing is allocated. */
bl_status bl_blocks_measure(bl_plan_result *plan, bl_dev *dev, const bl_config *config,
                            const bl_train_options *o, const bl_share *share,
                            bl_error *err) BL_NODISCARD;

#endif
