/* A run folder as a model folder in the Hugging Face layout. */
#ifndef BL_TRAIN_RUN_DIR_H
#define BL_TRAIN_RUN_DIR_H

#include "data/corpora.h"
#include "train/checkpoint.h"

/* Removes what a killed process left half-written, once bl_checkpoint_recover() has rescued what is
 * whole. */
bl_status bl_run_dir_sweep(const char *run_dir, bl_error *err) BL_NODISCARD;

/* Copies model.safetensors of the best checkpoint to RUN, and writes the model card README.md. */
bl_status bl_run_dir_publish(const char *run_dir, const bl_net *net, const bl_corpora *data,
                             const bl_train_state *state, bl_error *err) BL_NODISCARD;

#endif
