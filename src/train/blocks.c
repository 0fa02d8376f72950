/* The device memory of a run: opened in one place, which also measures it. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "ops/measure.h"

static void **blocks_of(bl_trainer *t, size_t i)
{
    void **blocks[] = {&t->grads_block, &t->moments.m, &t->moments.v};
    return i < sizeof blocks / sizeof *blocks ? blocks[i] : NULL;
}

static bl_status open_blocks(bl_trainer *t, bl_error *err)
{
    bl_dev *d = t->dev;
    t->block_bytes = t->net.tensors.elements * d->param_bytes;
    for (size_t i = 0; blocks_of(t, i); i++) {
        BL_TRY(BL_OP(d, alloc, blocks_of(t, i), t->block_bytes, err));
        BL_OP(d, zero, *blocks_of(t, i), t->block_bytes);
    }
    t->grads.layer = bl_calloc(t->net.m.L, sizeof *t->grads.layer);
    if (!t->grads.layer)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu layers", t->net.m.L);
    bl_params_bind(&t->grads, &t->net.tensors, t->net.m.L, t->grads_block, d->param_bytes);
    return BL_OK;
}

/* No row ends within a chunk, so that none is carried. */
static bl_status check_whole_chunks(const bl_config *config, const bl_train_options *o,
                                    bl_error *err)
{
    size_t C = config->mini_batch_size;
    if (o->context % C == 0)
        return BL_OK;
    return bl_fail(
        err, BL_EINVAL,
        "`carry` needs a `context` of whole chunks: a multiple of %zu, such as %zu, not %zu", C,
        (o->context / C + 1) * C, o->context);
}

bl_status bl_trainer_memory_open(bl_trainer *t, const bl_config *config, bl_error *err)
{
    const bl_train_options *o = &t->o;
    BL_TRY(bl_net_open(&t->net, config, t->dev, err));
    bl_pass_kind kind = o->recompute ? BL_PASS_RECOMPUTE : BL_PASS_GRADIENTS;
    BL_TRY(bl_pass_open(&t->pass, &t->net, o->batch, o->context, kind, err));
    if (o->carry > 0) {
        BL_TRY(check_whole_chunks(config, o, err));
        BL_TRY(bl_carried_open(&t->carried, &t->net, o->accum, o->batch, err));
        t->pass.carry = &t->carried.states;
    }
    BL_TRY(bl_pass_open(&t->eval, &t->net, t->o.batch, t->o.context, BL_PASS_LOSS, err));
    BL_TRY(bl_sequence_open(&t->sample, &t->net, err));
    return open_blocks(t, err);
}

void bl_trainer_memory_release(bl_trainer *t)
{
    if (t->net.dev) {
        bl_sequence_release(&t->sample, &t->net);
        bl_carried_release(&t->carried, &t->net);
        bl_pass_release(&t->pass, &t->net);
        bl_pass_release(&t->eval, &t->net);
    }
    for (size_t i = 0; blocks_of(t, i); i++)
        BL_OP(t->dev, free, *blocks_of(t, i));
    bl_net_release(&t->net);
    bl_free(t->grads.layer);
}

bl_status bl_trainer_measure(bl_plan_result *plan, bl_dev *dev, const bl_config *config,
                             const bl_train_options *o, bl_error *err)
{
    bl_trainer *t = bl_calloc(1, sizeof *t);
    if (!t)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    t->o = *o;
    bl_status status = bl_measure_open(&t->dev, dev, err);
    if (status == BL_OK) {
        status = bl_trainer_memory_open(t, config, err);
        *plan = (bl_plan_result){
            .weights = t->net.tensors.elements * dev->param_bytes + t->net.tern_bytes,
            .optimizer = 3 * (uint64_t)t->block_bytes,
            .activations = t->pass.bytes + t->eval.bytes + t->sample.decode.bytes,
            .scratch = bl_measure_scratch(t->dev),
            .state = t->sample.decode.state_bytes + t->carried.states.bytes,
            .parameters = t->net.tensors.parameters,
            .machine = dev->ops->memory_bytes(dev)};
        plan->total = bl_measure_allocated(t->dev) + plan->scratch;
        if (plan->total < plan->scratch) /* either is SIZE_MAX */
            plan->total = UINT64_MAX;
        bl_trainer_memory_release(t);
        bl_dev_close(t->dev);
    }
    bl_free(t);
    return status;
}
