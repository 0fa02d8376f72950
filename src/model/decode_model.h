/* What a device's decode op is told of a model and its sequences (ops.h). */
#ifndef BL_MODEL_DECODE_MODEL_H
#define BL_MODEL_DECODE_MODEL_H

#include "model/state.h"

/* Everything of the model but the place of its layers in device memory. */
bl_decode_model bl_decode_model_of(const bl_net *net);

/* layers[L] on the host, with pointers into device memory.  BL_ENOMEM. */
bl_status bl_decode_layers(bl_decode_layer *layers, bl_decode_model *m, const bl_net *net,
                           bl_error *err) BL_NODISCARD;

/* A sequence whose next token is id. */
bl_decode_row bl_decode_row_of(const bl_state *s, int32_t id);

#endif
