/* One optimizer step. */
#include "train/trainer.h"
#include "train/schedule.h"
#include "core/clock.h"

#include <math.h>

uint64_t bl_trainer_last(const bl_trainer *t)
{
    return t->o.stop_after && t->o.stop_after < t->o.steps ? t->o.stop_after : t->o.steps;
}

static bl_step step_block(const bl_trainer *t, uint64_t micro)
{
    const bl_train_options *o = &t->o;
    double step = (double)(t->state.step + 1);
    return (bl_step){.seed = o->seed,
                     .step = t->state.step + 1,
                     .micro = micro,
                     .lr = (float)(bl_train_lr(o, t->state.step) * t->state.lr_scale),
                     .beta1 = (float)o->beta1,
                     .beta2 = (float)o->beta2,
                     .adam_eps = (float)o->adam_eps,
                     .weight_decay = (float)o->weight_decay,
                     .bias1 = (float)(1 - pow(o->beta1, step)),
                     .bias2 = (float)(1 - pow(o->beta2, step)),
                     .clip = (float)o->clip,
                     .dropout = (float)o->dropout};
}

/* The tokens of a micro-batch, and with the option carry the states that its rows begin with. */
static bl_status next_batch(bl_trainer *t, uint64_t micro, bl_error *err)
{
    bl_blocks *b = &t->blocks;
    int32_t *x = b->host_ids, *y = b->host_ids + b->pass.N;
    if (!b->carried.row)
        return bl_batches_next(t->batches, x, y, err);
    bl_carried_draw(&b->carried, t->o.carry, t->o.seed, t->state.step + 1, micro);
    BL_TRY(bl_batches_continue(t->batches, bl_carried_rows(&b->carried, micro), x, y, err));
    return bl_carried_begin(&b->carried, &b->net, micro, err);
}

/* One that another process computes: rows that continue move on all the same. */
static bl_status pass_over(bl_trainer *t, uint64_t micro, bl_error *err)
{
    bl_carried *c = &t->blocks.carried;
    if (!c->row)
        return BL_OK;
    bl_carried_draw(c, t->o.carry, t->o.seed, t->state.step + 1, micro);
    BL_TRY(bl_batches_continue(t->batches, bl_carried_rows(c, micro), NULL, NULL, err));
    bl_carried_pass(c, micro);
    return BL_OK;
}

/* Enqueues the sum over all processes of a layer's gradients of some roles, in one piece where
 * tensors lie side by side. */
static void sum_tensors(const bl_trainer *t, size_t layer, int plain)
{
    const bl_net *net = &t->blocks.net;
    const bl_tensor *first = NULL, *last = NULL;
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *at = &net->tensors.at[i];
        if (at->layer != layer || (at->role == BL_ROLE_PLAIN) != plain)
            continue;
        first = first ? first : at;
        last = at;
    }
    if (first)
        bl_comm_sum(t->share.comm, net->dev, bl_net_place(net, t->blocks.grads_block, first),
                    last->offset + last->count - first->offset);
}

/* A layer's gradients are complete in this process: they are summed while the backward pass
 * computes the layers below. */
static void sum_layer(void *user, size_t layer)
{
    sum_tensors(user, layer, 1);
    sum_tensors(user, layer, 0);
}

/* grads += those of one micro-batch; *nats += its summed loss. */
static bl_status micro_batch(bl_trainer *t, uint64_t micro, float scale, double *nats,
                             bl_error *err)
{
    bl_dev *d = t->dev;
    bl_blocks *b = &t->blocks;
    bl_pass *p = &b->pass;
    bl_step step = step_block(t, micro);
    int sums = t->share.comm->size > 1 && bl_share_ends(&t->share, micro);
    BL_TRY(next_batch(t, micro, err));
    BL_TRY(bl_put_id(d, p->ids, b->host_ids, p->N, err));
    BL_TRY(bl_put_id(d, p->targets, b->host_ids + p->N, p->N, err));
    BL_TRY(bl_put_step(d, p->step, &step, 1, err));
    bl_net_fwd(&b->net, p);
    bl_net_loss_bwd(&b->net, p, &b->grads, scale, sums ? sum_layer : NULL, t);
    if (p->carry)
        bl_carry_end(&b->carried.states, &b->net);
    BL_TRY(bl_get_real(d, b->host_loss, p->loss, p->N, err));
    for (size_t i = 0; i < p->N; i++)
        *nats += (double)b->host_loss[i];
    return BL_OK;
}

bl_status bl_trainer_step(bl_trainer *t, bl_train_event *event, bl_error *err)
{
    double start = bl_clock_seconds(), nats = 0;
    size_t tokens = t->blocks.pass.N * t->o.accum;
    float scale = (float)(1.0 / (double)tokens);
    for (uint64_t micro = 0; micro < t->o.accum; micro++)
        BL_TRY(bl_share_has(&t->share, micro) ? micro_batch(t, micro, scale, &nats, err)
                                              : pass_over(t, micro, err));
    bl_blocks *b = &t->blocks;
    bl_net_update(&b->net, b->grads_block, b->moments.m, b->moments.v, b->pass.step);
    BL_TRY(bl_comm_total(t->share.comm, &nats, 1, err));
    bl_step done;
    BL_TRY(bl_get_step(t->dev, &done, t->blocks.pass.step, 1, err));
    BL_TRY(BL_OP(t->dev, sync, err));
    double rate = (double)tokens / fmax(bl_clock_seconds() - start, 1e-9);
    t->rate = t->rate > 0 ? 0.9 * t->rate + 0.1 * rate : rate;
    t->state.step++;
    t->state.tokens += tokens;
    bl_trainer_note_place(t);
    *event = (bl_train_event){.kind = BL_TRAIN_STEP,
                              .step = t->state.step,
                              .steps = bl_trainer_last(t),
                              .tokens = t->state.tokens,
                              .loss = nats / (double)tokens,
                              .lr = (double)done.lr,
                              .grad_norm = (double)done.grad_norm,
                              .tokens_per_s = t->rate};
    return BL_OK;
}
