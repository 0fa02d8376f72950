/* What the micro-batches of a training step read from the host: one block, put at once. */
#ifndef BL_MODEL_INPUTS_H
#define BL_MODEL_INPUTS_H

#include "model/pass.h"

/* Of one micro-batch of B rows, N tokens. */
typedef struct bl_input {
    bl_step *step;
    int32_t *ids, *targets; /* [N] */
    int32_t *fresh;         /* [B] not 0: the row starts fresh (model/carry.h) */
} bl_input;

typedef struct bl_inputs {
    size_t slots, B, N;
    bl_input *here;        /* [slots] in host */
    bl_input_place *there; /* [slots] in device */
    void *host, *device;
    size_t bytes; /* of each */
} bl_inputs;

/* Room for `slots` micro-batches of B x T tokens on the net's device; then the same on the host,
 * all zero, which a run that is only measured does not need. */
bl_status bl_inputs_open(bl_inputs *in, const bl_net *net, size_t slots, size_t B, size_t T,
                         bl_error *err) BL_NODISCARD;
bl_status bl_inputs_open_host(bl_inputs *in, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_inputs_release(bl_inputs *in, const bl_net *net);

/* What was written to in->here, to the device: one put for all. */
bl_status bl_inputs_put(const bl_inputs *in, const bl_net *net, bl_error *err) BL_NODISCARD;

#endif
