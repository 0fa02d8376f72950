/* state.json of a checkpoint. */
#ifndef BL_TRAIN_STATE_JSON_H
#define BL_TRAIN_STATE_JSON_H

#include "train/checkpoint.h"

bl_status bl_train_state_save(const bl_train_state *state, const char *path,
                              bl_error *err) BL_NODISCARD;
bl_status bl_train_state_load(bl_train_state *state, const char *path, bl_error *err) BL_NODISCARD;

#endif
