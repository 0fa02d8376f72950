/* What a fresh run is made of: shared by training and by planning it. */
#ifndef BL_API_TRAINING_H
#define BL_API_TRAINING_H

#include "api/parent.h"

/* The config and the options of a new run: the config is that of the model of `init`, which
 * `config` must not contradict; else `config`, or the preset of `train` when that is NULL.  The
 * vocabulary still comes from the data.  *parent, zero-initialised, receives the model; close it in
 * any case. */
bl_status bl_trainer_choose(bl_config *chosen, bl_train_options *o, bl_parent *parent,
                            const bl_options *train, const bl_options *config,
                            bl_error *err) BL_NODISCARD;

/* Takes the vocabulary of the data, and those ids of its special tokens that `given` (may be NULL)
 * does not set. */
void bl_trainer_take_data(bl_config *c, const bl_options *given, const bl_data_meta *meta);

#endif
