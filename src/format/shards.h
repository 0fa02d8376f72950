/* Weights of a model folder: model.safetensors, or shards and the index that says which tensor is in which.
 *
 * Index: {"metadata": {...}, "weight_map": {TENSOR: FILE, ...}}, as transformers writes it. */
#ifndef BL_FORMAT_SHARDS_H
#define BL_FORMAT_SHARDS_H

#include "core/dir.h"
#include "format/safetensors.h"

#define BL_WEIGHTS_FILE  "model.safetensors"
#define BL_WEIGHTS_INDEX "model.safetensors.index.json"
#define BL_WEIGHTS_PARTS "model.safetensors.parts" /* of models/parts: not joined yet */

enum { BL_INDEX_MOST = 16000000 }; /* bytes of an index */

/* DIR/model.safetensors, or that of the index where only an index is there; free with bl_free().
 * BL_ENOENT where neither is but its parts, BL_ENOMEM. */
bl_status bl_weights_path(char **path, const char *dir, bl_error *err) BL_NODISCARD;

/* Opens a file of tensors, or all shards of an index (FILE.index.json): every tensor is in the shard
 * that the index names and in no other, and no shard has another one.  As bl_st_open(). */
bl_status bl_weights_open_files(bl_st **st, const char *path, bl_error *err) BL_NODISCARD;

/* The names of an index's shards, sorted: plain ones of its own folder.  BL_ENOENT, BL_EIO,
 * BL_EFORMAT, BL_ENOMEM. */
bl_status bl_shards_list(bl_names *files, const char *index, bl_error *err) BL_NODISCARD;

#endif
