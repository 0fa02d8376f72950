/* The model whose weights a run starts from (option init). */
#ifndef BL_API_PARENT_H
#define BL_API_PARENT_H

#include "data/tokens.h"
#include "format/options.h"
#include "format/safetensors.h"

typedef struct bl_parent {
    bl_config config;
    bl_st *weights;          /* held open, so that it stays if its run saves and prunes */
    char *path;              /* of the file */
    char *tokenizer_dir;     /* NULL: it has none */
    char tokenizer_hash[33]; /* "" when it has none */
} bl_parent;

/* A model folder, a checkpoint, a run's best one or, if nothing has that name, a repository of the
 * Hub (OWNER/NAME), which is downloaded.  BL_EUNSUPPORTED for packed weights, which are rounded
 * already; else as bl_model_open() and bl_hub_fetch(). */
bl_status bl_parent_open(bl_parent *p, const char *model, bl_error *err) BL_NODISCARD;
void bl_parent_close(bl_parent *p);

/* BL_EINVAL when the data was prepared with another tokenizer than the model's. */
bl_status bl_parent_check_data(const bl_parent *p, const char *data_dir, const bl_data_meta *meta,
                               bl_error *err) BL_NODISCARD;

#endif
