/* The inputs of a step, laid out alike on the host and on the device. */
#include "model/inputs.h"
#include "core/alloc.h"

#include <string.h>

static void bind(bl_inputs *in, bl_arena *arena, const bl_net *net, int here)
{
    for (size_t i = 0; i < in->slots; i++) {
        void *step = bl_arena_push(arena, 1, bl_kind_bytes(net->dev, BL_KIND_step));
        void *ids = bl_arena_push(arena, in->N, bl_kind_bytes(net->dev, BL_KIND_id));
        void *targets = bl_arena_push(arena, in->N, bl_kind_bytes(net->dev, BL_KIND_id));
        void *fresh = bl_arena_push(arena, in->B, bl_kind_bytes(net->dev, BL_KIND_flag));
        if (here)
            in->here[i] = (bl_input){step, ids, targets, fresh};
        else
            in->there[i] = (bl_input_place){step, ids, targets, fresh};
    }
}

static bl_status open_device(bl_inputs *in, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    bl_arena_measure(&arena);
    bind(in, &arena, net, 1);
    BL_TRY(bl_arena_status(&arena, "the inputs of a step", err));
    in->bytes = bl_arena_bytes(&arena);
    BL_TRY(BL_OP(net->dev, alloc, &in->device, in->bytes, err));
    bl_arena_begin(&arena, in->device, in->bytes);
    bind(in, &arena, net, 0);
    return BL_OK;
}

bl_status bl_inputs_open_host(bl_inputs *in, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    in->host = bl_alloc_aligned(in->bytes, 1);
    if (!in->host)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", in->N);
    memset(in->host, 0, in->bytes);
    bl_arena_bind(&arena, in->host, in->bytes);
    bind(in, &arena, net, 1);
    return BL_OK;
}

bl_status bl_inputs_open(bl_inputs *in, const bl_net *net, size_t slots, size_t B, size_t T,
                         bl_error *err)
{
    *in = (bl_inputs){.slots = slots,
                      .B = B,
                      .N = B * T,
                      .here = bl_calloc(slots, sizeof *in->here),
                      .there = bl_calloc(slots, sizeof *in->there)};
    bl_status status = in->here && in->there
                           ? open_device(in, net, err)
                           : bl_fail(err, BL_ENOMEM, "out of memory for %zu micro-batches", slots);
    if (status != BL_OK)
        bl_inputs_release(in, net);
    return status;
}

void bl_inputs_release(bl_inputs *in, const bl_net *net)
{
    BL_OP(net->dev, free, in->device);
    bl_free(in->host);
    bl_free(in->here);
    bl_free(in->there);
    *in = (bl_inputs){0};
}

bl_status bl_inputs_put(const bl_inputs *in, const bl_net *net, bl_error *err)
{
    return bl_dev_put_block(net->dev, in->device, in->host, in->bytes, err);
}
