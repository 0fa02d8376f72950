/* One optimizer step. */
#include "train/trainer.h"
#include "core/clock.h"
#include "train/schedule.h"

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

/* What a micro-batch of ours reads, on the host. */
static bl_status next_batch(bl_trainer *t, uint64_t micro, const bl_input *to, bl_error *err)
{
    bl_carried *c = &t->blocks.carried;
    *to->step = step_block(t, micro);
    if (!c->row)
        return bl_batches_next(t->batches, to->ids, to->targets, err);
    bl_carried_draw(c, t->o.carry, t->o.seed, t->state.step + 1, micro);
    BL_TRY(bl_batches_continue(t->batches, bl_carried_rows(c, micro), to->ids, to->targets, err));
    bl_carried_move(c, micro, to->fresh);
    return BL_OK;
}

/* One that another process computes: rows that continue still move on. */
static bl_status pass_over(bl_trainer *t, uint64_t micro, bl_error *err)
{
    bl_carried *c = &t->blocks.carried;
    if (!c->row)
        return BL_OK;
    bl_carried_draw(c, t->o.carry, t->o.seed, t->state.step + 1, micro);
    BL_TRY(bl_batches_continue(t->batches, bl_carried_rows(c, micro), NULL, NULL, err));
    bl_carried_move(c, micro, NULL);
    return BL_OK;
}

/* All that the step reads from the host. */
static bl_status put_inputs(bl_trainer *t, bl_error *err)
{
    const bl_inputs *in = &t->blocks.inputs;
    const bl_input *next = in->here;
    for (uint64_t micro = 0; micro < t->o.accum; micro++)
        BL_TRY(bl_share_has(&t->share, micro) ? next_batch(t, micro, next++, err)
                                              : pass_over(t, micro, err));
    return bl_inputs_put(in, &t->blocks.net, err);
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

/* grads += those of the micro-batch in a slot; the summed loss is added up in `total`. */
static void micro_batch(bl_trainer *t, size_t slot, float scale, bl_dev_step *total)
{
    bl_blocks *b = &t->blocks;
    bl_pass *p = &b->pass;
    int sums = t->share.comm->size > 1 && slot + 1 == b->inputs.slots;
    p->in = b->inputs.there[slot];
    if (p->carry)
        bl_carry_begin(&b->carried.states, &b->net, slot, p->in.fresh);
    bl_net_fwd(&b->net, p);
    bl_net_loss_bwd(&b->net, p, &b->grads, scale, sums ? sum_layer : NULL, t);
    if (p->carry)
        bl_carry_end(&b->carried.states, &b->net);
    BL_OP(t->dev, head_loss_sum, total, p->loss, p->N);
}

/* The device gets the inputs at once, computes, and is asked once for the outcome: between these
 * two calls nothing waits, and the calls are the same in every step. */
bl_status bl_trainer_step(bl_trainer *t, bl_train_event *event, bl_error *err)
{
    double start = bl_clock_seconds();
    bl_blocks *b = &t->blocks;
    size_t tokens = b->pass.N * t->o.accum;
    bl_dev_step *total = b->inputs.there[0].step;
    bl_step done;
    BL_TRY(put_inputs(t, err));
    for (size_t slot = 0; slot < b->inputs.slots; slot++)
        micro_batch(t, slot, (float)(1.0 / (double)tokens), total);
    bl_net_update(&b->net, b->grads_block, b->moments.m, b->moments.v, total);
    BL_TRY(bl_get_step(t->dev, &done, total, 1, err));
    BL_TRY(bl_comm_total(t->share.comm, &done.nats, 1, err));
    double rate = (double)tokens / fmax(bl_clock_seconds() - start, 1e-9);
    t->rate = t->rate > 0 ? 0.9 * t->rate + 0.1 * rate : rate;
    t->state.step++;
    t->state.tokens += tokens;
    bl_trainer_note_place(t);
    *event = (bl_train_event){.kind = BL_TRAIN_STEP,
                              .loss = done.nats / (double)tokens,
                              .lr = (double)done.lr,
                              .grad_norm = (double)done.grad_norm,
                              .tokens_per_s = t->rate};
    return BL_OK;
}
