/* The learning rate of a step (MODEL 6). */
#ifndef BL_TRAIN_SCHEDULE_H
#define BL_TRAIN_SCHEDULE_H

#include "format/options.h"

/* Fills in what the options leave at 0 from preset, config and data shape: steps, lr, warmup,
 * eval_every, sample_every.  BL_EINVAL when steps and tokens are both given. */
bl_status bl_train_resolve(bl_train_options *o, const bl_config *c, bl_error *err) BL_NODISCARD;

/* Learning rate of step `index` (from 0) of o->steps: linear warm-up, then a linear fall towards
 * zero, from the peak in the first half and from 2/3 of the peak in the second. */
double bl_train_lr(const bl_train_options *o, uint64_t index);

#endif
