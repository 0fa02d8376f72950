/* Packed weights: ternary matrices as 2-bit codes in model.safetensors (docs/FORMATS.md). */
#ifndef BL_MODEL_PACKED_H
#define BL_MODEL_PACKED_H

#include "model/net.h"

/* Metadata key of a model.safetensors that lost precision: the fingerprint of what it was made
 * from. */
#define BL_PARENT_FINGERPRINT "parent_fingerprint"

/* Weights of a net from bl_net_open_packed, `form` packed or packed inverse.  Refuses, besides what
 * bl_net_load does, the code 3, other shapes, and a scale that is not positive and finite. */
bl_status bl_net_load_packed(bl_net *net, bl_weight_form form, const bl_st *st, const char *path,
                             bl_error *err) BL_NODISCARD;

/* The form of embedding and head in the file; parameters when it has none that a device can keep, or
 * the two differ. */
bl_table_form bl_packed_form(const bl_config *c, const bl_st *st);

/* Is every tensor of a packed model in the file, of its type and shape?  No data is read. */
bl_status bl_packed_check(const bl_tensor_list *list, int ternary, const bl_st *st,
                          const char *path, bl_error *err) BL_NODISCARD;

/* Writes the weights as inference reads them: ternary matrices packed, embedding and head (with
 * quantization none also the projections) as `dtype` F32, BF16 or F16, the rest F32.  Or, of a
 * ternary model alone, as I8, which is rows of int8 (model/int8_rows.h); the inner model's matrices
 * are BF16 then.  parent: NULL, or the fingerprint to record.  BL_EUNSUPPORTED when the number of
 * rows of a matrix is not a multiple of 4. */
bl_status bl_net_save_packed(const bl_net *net, bl_dtype dtype, const char *parent,
                             const char *path, bl_error *err) BL_NODISCARD;

#endif
