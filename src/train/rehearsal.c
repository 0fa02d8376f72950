/* Training steps on random tokens, to be timed. */
#include "train/rehearsal.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/rng.h"
#include "ops/measure.h"

enum { SEED = 1, BLOCKS = sizeof((bl_rehearsal *)NULL)->block / sizeof(void *) };

bl_status bl_rehearsal_open(bl_rehearsal *r, bl_dev *dev, const bl_config *config, size_t B,
                            size_t T, bl_pass_kind kind, bl_error *err)
{
    *r = (bl_rehearsal){0};
    BL_TRY(bl_net_open(&r->net, config, dev, err));
    BL_TRY(bl_pass_open(&r->pass, &r->net, B, T, kind, err));
    size_t bytes = r->net.tensors.elements * dev->param_bytes;
    for (size_t i = 0; i < BLOCKS; i++) {
        BL_TRY(BL_OP(dev, alloc, &r->block[i], bytes, err));
        BL_OP(dev, zero, r->block[i], bytes);
    }
    r->grads.layer = bl_calloc(r->net.m.L, sizeof *r->grads.layer);
    if (!r->grads.layer)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu layers", r->net.m.L);
    bl_params_bind(&r->grads, &r->net.tensors, r->net.m.L, r->block[0], dev->param_bytes);
    return BL_OK;
}

static bl_status put_ids(bl_rehearsal *r, bl_dev_id *to, uint64_t stream, bl_error *err)
{
    int32_t *ids = bl_calloc(r->pass.N, sizeof *ids);
    if (!ids)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu tokens", r->pass.N);
    for (size_t i = 0; i < r->pass.N; i++)
        ids[i] = (int32_t)bl_rng_below(SEED, stream, i, r->net.m.V);
    bl_status status = bl_put_id(r->net.dev, to, ids, r->pass.N, err);
    bl_free(ids);
    return status;
}

bl_status bl_rehearsal_fill(bl_rehearsal *r, bl_error *err)
{
    BL_TRY(bl_net_init(&r->net, SEED, err));
    BL_TRY(put_ids(r, r->pass.in.ids, 0, err));
    return put_ids(r, r->pass.in.targets, 1, err);
}

bl_status bl_rehearsal_step(bl_rehearsal *r, double dropout, double *seconds, bl_error *err)
{
    bl_dev *d = r->net.dev;
    const bl_step step = {.seed = SEED,
                          .step = 1,
                          .lr = 1e-3f,
                          .table_rate = 1,
                          .beta1 = 0.9f,
                          .beta2 = 0.95f,
                          .adam_eps = 1e-8f,
                          .weight_decay = 0.1f,
                          .bias1 = 0.1f,
                          .bias2 = 0.05f,
                          .clip = 1.0f,
                          .dropout = (float)dropout,
                          .loss_scale = 1.0f / (float)r->pass.N};
    r->pass.dropout = dropout > 0;
    BL_TRY(bl_put_step(d, r->pass.in.step, &step, 1, err));
    double start = bl_clock_seconds();
    bl_net_fwd(&r->net, &r->pass);
    bl_net_loss_bwd(&r->net, &r->pass, &r->grads, NULL, NULL);
    bl_net_update(&r->net, r->block[0], r->block[1], r->block[2], r->pass.in.step);
    BL_TRY(BL_OP(d, sync, err));
    *seconds = bl_clock_seconds() - start;
    return BL_OK;
}

void bl_rehearsal_release(bl_rehearsal *r)
{
    bl_dev *d = r->net.dev;
    if (d) {
        bl_pass_release(&r->pass, &r->net);
        for (size_t i = 0; i < BLOCKS; i++)
            BL_OP(d, free, r->block[i]);
    }
    bl_net_release(&r->net);
    bl_free(r->grads.layer);
    *r = (bl_rehearsal){0};
}

bl_status bl_rehearsal_fits(bl_dev *dev, const char *device, const bl_config *config, size_t B,
                            size_t T, bl_pass_kind kind, bl_error *err)
{
    bl_dev *counting;
    bl_rehearsal r;
    bl_plan_result plan = {0};
    BL_TRY(bl_measure_open(&counting, dev, err));
    bl_status status = bl_rehearsal_open(&r, counting, config, B, T, kind, err);
    if (status == BL_OK) {
        plan.scratch = bl_measure_scratch(counting);
        plan.total = bl_measure_allocated(counting) + plan.scratch;
        if (plan.total < plan.scratch) /* either is SIZE_MAX */
            plan.total = UINT64_MAX;
        bl_measure_machine(&plan, dev);
        status =
            bl_measure_fits(&plan, device, "training", ": take a smaller batch or context", err);
    }
    bl_rehearsal_release(&r);
    bl_dev_close(counting);
    return status;
}
