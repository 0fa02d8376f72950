/* A model by its name on the Hugging Face Hub. */
#ifndef BL_API_HUB_MODEL_H
#define BL_API_HUB_MODEL_H

#include "core/buf.h"
#include "format/options.h"

/* As bl_hub_pull(): the folder appended to *folder. */
bl_status bl_hub_model_find(const char *name, const bl_pull_options *options,
                            bl_progress_fn *progress, void *user, bl_buf *folder,
                            bl_pull_result *result, bl_error *err) BL_NODISCARD;

#endif
