/* The memory of a run: opened in one place, which also measures it. */
#include "train/blocks.h"
#include "core/alloc.h"
#include "ops/measure.h"

static void **blocks_of(bl_blocks *b, size_t i)
{
    void **blocks[] = {&b->grads_block, &b->moments.m, &b->moments.v};
    return i < sizeof blocks / sizeof *blocks ? blocks[i] : NULL;
}

static bl_status open_optimizer(bl_blocks *b, bl_error *err)
{
    bl_dev *d = b->net.dev;
    b->block_bytes = b->net.tensors.elements * d->param_bytes;
    for (size_t i = 0; blocks_of(b, i); i++) {
        BL_TRY(BL_OP(d, alloc, blocks_of(b, i), b->block_bytes, err));
        BL_OP(d, zero, *blocks_of(b, i), b->block_bytes);
    }
    b->grads.layer = bl_calloc(b->net.m.L, sizeof *b->grads.layer);
    if (!b->grads.layer)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu layers", b->net.m.L);
    bl_params_bind(&b->grads, &b->net.tensors, b->net.m.L, b->grads_block, d->param_bytes);
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

static bl_status open_device(bl_blocks *b, bl_dev *dev, const bl_config *config,
                             const bl_train_options *o, const bl_share *share, bl_error *err)
{
    BL_TRY(bl_net_open(&b->net, config, dev, err));
    bl_pass_kind kind = o->recompute ? BL_PASS_RECOMPUTE : BL_PASS_GRADIENTS;
    BL_TRY(bl_pass_open(&b->pass, &b->net, o->batch, o->context, kind, err));
    b->pass.dropout = o->dropout > 0;
    BL_TRY(bl_inputs_open(&b->inputs, &b->net, bl_share_slots(share), o->batch, o->context, err));
    if (o->carry > 0) {
        BL_TRY(check_whole_chunks(config, o, err));
        BL_TRY(bl_carried_open(&b->carried, &b->net, share, o->batch, err));
        b->pass.carry = &b->carried.states;
    }
    if (bl_share_leads(share)) {
        BL_TRY(bl_pass_open(&b->eval, &b->net, o->batch, o->context, BL_PASS_LOSS, err));
        BL_TRY(bl_reader_open(&b->reader, &b->net, BL_READER_ROWS, 1, err));
        BL_TRY(bl_sequence_open(&b->sample, &b->net, err));
    }
    return open_optimizer(b, err);
}

bl_status bl_blocks_open(bl_blocks *b, bl_dev *dev, const bl_config *config,
                         const bl_train_options *o, const bl_share *share, bl_error *err)
{
    BL_TRY(open_device(b, dev, config, o, share, err));
    return bl_inputs_open_host(&b->inputs, &b->net, err);
}

void bl_blocks_release(bl_blocks *b)
{
    bl_dev *d = b->net.dev;
    if (d) {
        bl_sequence_release(&b->sample, &b->net);
        bl_reader_release(&b->reader);
        bl_carried_release(&b->carried, &b->net);
        bl_inputs_release(&b->inputs, &b->net);
        bl_pass_release(&b->pass, &b->net);
        bl_pass_release(&b->eval, &b->net);
        for (size_t i = 0; blocks_of(b, i); i++)
            BL_OP(d, free, *blocks_of(b, i));
    }
    bl_net_release(&b->net);
    bl_free(b->grads.layer);
    *b = (bl_blocks){0};
}

bl_status bl_blocks_measure(bl_plan_result *plan, bl_dev *dev, const bl_config *config,
                            const bl_train_options *o, const bl_share *share, bl_error *err)
{
    bl_dev *measure;
    bl_blocks b = {0};
    BL_TRY(bl_measure_open(&measure, dev, err));
    bl_status status = open_device(&b, measure, config, o, share, err);
    *plan = (bl_plan_result){
        .weights = b.net.tensors.elements * dev->param_bytes + b.net.tern_bytes,
        .optimizer = 3 * (uint64_t)b.block_bytes,
        .activations = b.pass.bytes + b.inputs.bytes + b.eval.bytes + b.reader.bytes +
                       (b.sample.state.block_bytes - b.sample.state.bytes),
        .scratch = bl_measure_scratch(measure),
        .state = b.sample.state.bytes + b.carried.states.bytes,
        .parameters = b.net.tensors.parameters};
    bl_measure_machine(plan, dev);
    plan->total = bl_measure_allocated(measure) + plan->scratch;
    if (plan->total < plan->scratch) /* either is SIZE_MAX */
        plan->total = UINT64_MAX;
    bl_blocks_release(&b);
    bl_dev_close(measure);
    return status;
}
