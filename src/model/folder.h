/* A model folder in the Hugging Face layout: config, tokenizer, generation defaults, model card. */
#ifndef BL_MODEL_FOLDER_H
#define BL_MODEL_FOLDER_H

#include "model/net.h"

/* Copies one file of a folder into another, whole or not at all. */
bl_status bl_folder_copy(const char *from_dir, const char *to_dir, const char *name,
                         bl_error *err) BL_NODISCARD;

/* tokenizer.json and tokenizer_config.json of tokenizer_dir (NULL: the model has none),
 * generation_config.json, with `remote_code` the model in PyTorch, and config.json last: it is what
 * makes a folder a model. */
bl_status bl_folder_describe(const char *dir, const char *tokenizer_dir, const bl_config *c,
                             bl_weight_form form, int remote_code, bl_error *err) BL_NODISCARD;

/* README.md with what the model is and `history`, sentences that end with a newline. */
bl_status bl_folder_card(const char *dir, const bl_net *net, const char *history,
                         bl_error *err) BL_NODISCARD;

#endif
