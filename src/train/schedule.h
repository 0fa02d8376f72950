/* The learning rate and weight decay of a step (MODEL 6). */
#ifndef BL_TRAIN_SCHEDULE_H
#define BL_TRAIN_SCHEDULE_H

#include "format/options.h"

/* Fills in what the options leave at 0 from preset, config and data shape: steps, lr, warmup,
 * eval_every, sample_every.  BL_EINVAL when steps and tokens are both given, or min_lr exceeds lr. */
bl_status bl_train_resolve(bl_train_options *o, const bl_config *c, bl_error *err) BL_NODISCARD;

/* Learning rate of step `index` (from 0) of o->steps: linear warm-up to o->lr, then by the schedule
 * from there to o->min_lr: a line, half a wave of the cosine, two stages (a line, in its second half
 * from 2/3 of the height), or constant at o->lr. */
double bl_train_lr(const bl_train_options *o, uint64_t index);

/* Weight decay of that step: none when the share o->decay_until of what follows the warm-up is
 * over. */
double bl_train_weight_decay(const bl_train_options *o, uint64_t index);

#endif
