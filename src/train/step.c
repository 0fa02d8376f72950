/* One optimizer step. */
#include "train/trainer.h"
#include "core/clock.h"
#include "train/schedule.h"

#include <assert.h>
#include <math.h>
#include <string.h>

uint64_t bl_trainer_last(const bl_trainer *t)
{
    return t->o.stop_after && t->o.stop_after < t->o.steps ? t->o.stop_after : t->o.steps;
}

/* The number of the step that is begun next. */
static uint64_t next_step(const bl_trainer *t)
{
    return t->state.step + t->begun_count + 1;
}

static bl_step step_block(const bl_trainer *t, uint64_t micro)
{
    const bl_train_options *o = &t->o;
    double step = (double)next_step(t);
    return (bl_step){.seed = o->seed,
                     .step = next_step(t),
                     .micro = micro,
                     .lr = (float)(bl_train_lr(o, next_step(t) - 1) * t->state.lr_scale),
                     .table_rate = (float)o->embedding_rate,
                     .beta1 = (float)o->beta1,
                     .beta2 = (float)o->beta2,
                     .adam_eps = (float)o->adam_eps,
                     .weight_decay = (float)bl_train_weight_decay(o, next_step(t) - 1),
                     .bias1 = (float)(1 - pow(o->beta1, step)),
                     .bias2 = (float)(1 - pow(o->beta2, step)),
                     .clip = (float)o->clip,
                     .dropout = (float)o->dropout};
}

/* Rows of the caller's; what they leave of a micro-batch does not count. */
static void take_given(const bl_given_rows *g, uint64_t micro, size_t B, size_t T,
                       const bl_input *to)
{
    memset(to->ids, 0, B * T * sizeof *to->ids);
    for (size_t i = 0; i < B * T; i++)
        to->targets[i] = -1;
    for (size_t b = 0; b < B && micro * B + b < g->B; b++) {
        const int32_t *ids = g->ids + (micro * B + b) * (g->T + 1);
        const unsigned char *mask = g->mask ? g->mask + (micro * B + b) * g->T : NULL;
        memcpy(to->ids + b * T, ids, g->T * sizeof *ids);
        for (size_t i = 0; i < g->T; i++)
            if (!mask || mask[i])
                to->targets[b * T + i] = ids[i + 1];
    }
}

/* What a micro-batch of ours reads, on the host. */
static bl_status next_batch(bl_trainer *t, uint64_t micro, const bl_input *to, bl_error *err)
{
    bl_carried *c = &t->blocks.carried;
    *to->step = step_block(t, micro);
    if (t->given) {
        take_given(t->given, micro, t->o.batch, t->o.context, to);
        return BL_OK;
    }
    if (!c->row)
        return bl_batches_next(t->batches, to->ids, to->targets, err);
    bl_carried_draw(c, t->o.carry, t->o.seed, next_step(t), micro);
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
    bl_carried_draw(c, t->o.carry, t->o.seed, next_step(t), micro);
    BL_TRY(bl_batches_continue(t->batches, bl_carried_rows(c, micro), NULL, NULL, err));
    bl_carried_move(c, micro, NULL);
    return BL_OK;
}

static size_t tokens_of(const bl_trainer *t)
{
    return t->blocks.pass.N * t->o.accum;
}

static bl_status draw_batches(bl_trainer *t, bl_error *err)
{
    const bl_input *next = t->blocks.inputs.here;
    for (uint64_t micro = 0; micro < t->o.accum; micro++)
        BL_TRY(bl_share_has(&t->share, micro) ? next_batch(t, micro, next++, err)
                                              : pass_over(t, micro, err));
    return BL_OK;
}

/* The targets of the whole step that count: those of our micro-batches and of all others.  A process
 * whose batches could not be drawn takes part, so that no other waits for it. */
static bl_status count_targets(const bl_trainer *t, bl_status drawn, double *counted, bl_error *err)
{
    const bl_inputs *in = &t->blocks.inputs;
    *counted = (double)tokens_of(t);
    if (!t->given && !bl_corpora_masked(t->data))
        return drawn;
    double count = drawn == BL_OK ? 0 : NAN;
    for (size_t slot = 0; slot < in->slots; slot++)
        for (size_t i = 0; i < in->N; i++)
            count += in->here[slot].targets[i] >= 0;
    bl_status status = bl_comm_total(t->share.comm, &count, 1, drawn == BL_OK ? err : NULL);
    *counted = count;
    if (drawn != BL_OK || status != BL_OK)
        return drawn != BL_OK ? drawn : status;
    return isfinite(count)
               ? BL_OK
               : bl_fail(err, BL_ENETWORK, "another process of the run could not read its data");
}

/* All that the step reads, on the host. */
bl_status bl_trainer_draw(bl_trainer *t, bl_error *err)
{
    bl_begun_step *b = &t->begun[next_step(t) % BL_TRAIN_AHEAD];
    const bl_inputs *in = &t->blocks.inputs;
    b->at = bl_clock_seconds();
    BL_TRY(count_targets(t, draw_batches(t, err), &b->counted, err));
    for (size_t slot = 0; slot < in->slots; slot++)
        in->here[slot].step->loss_scale = b->counted > 0 ? (float)(1.0 / b->counted) : 0;
    b->tokens = t->given ? t->given->B * t->given->T : tokens_of(t);
    b->place = (bl_mix_cursor){0};
    if (t->batches)
        bl_batches_at(t->batches, &b->place);
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

/* grads += those of the micro-batch in a slot; the summed loss is added up in `total`. */
static void micro_batch(bl_trainer *t, size_t slot, bl_dev_step *total)
{
    bl_blocks *b = &t->blocks;
    bl_pass *p = &b->pass;
    int sums = t->share.comm->size > 1 && slot + 1 == b->inputs.slots;
    p->in = b->inputs.there[slot];
    if (p->carry)
        bl_carry_begin(&b->carried.states, &b->net, slot, p->in.fresh);
    bl_net_fwd(&b->net, p);
    bl_net_loss_bwd(&b->net, p, &b->grads, sums ? sum_layer : NULL, t);
    if (p->carry)
        bl_carry_end(&b->carried.states, &b->net);
    BL_OP(t->dev, head_loss_sum, total, p->loss, p->N);
}

/* The device gets the inputs at once and computes; the outcome is on its way back before the inputs
 * of the next step take the place of these.  Nothing waits, and the calls are the same in every
 * step. */
bl_status bl_trainer_begin(bl_trainer *t, bl_error *err)
{
    bl_blocks *b = &t->blocks;
    bl_dev_step *total = b->inputs.there[0].step;
    bl_step *outcome = &t->begun[next_step(t) % BL_TRAIN_AHEAD].outcome;
    assert(t->begun_count < BL_TRAIN_AHEAD);
    BL_TRY(bl_inputs_put(&b->inputs, &b->net, err));
    for (size_t slot = 0; slot < b->inputs.slots; slot++)
        micro_batch(t, slot, total);
    bl_net_update(&b->net, b->grads_block, b->moments.m, b->moments.v, total);
    BL_TRY(bl_get_step_begin(t->dev, outcome, total, err));
    t->begun_count++;
    return BL_OK;
}

/* The time of a step is from its beginning, or from the end of the one before if that came later. */
static void note_rate(bl_trainer *t, double begun)
{
    double now = bl_clock_seconds();
    double rate = (double)tokens_of(t) / fmax(now - fmax(begun, t->ended), 1e-9);
    t->rate = t->rate > 0 ? 0.9 * t->rate + 0.1 * rate : rate;
    t->ended = now;
}

bl_status bl_trainer_end(bl_trainer *t, bl_train_event *event, bl_error *err)
{
    bl_begun_step *b = &t->begun[(t->state.step + 1) % BL_TRAIN_AHEAD];
    bl_step *done = &b->outcome;
    assert(t->begun_count);
    BL_TRY(bl_get_step_end(t->dev, done, err));
    BL_TRY(bl_comm_total(t->share.comm, &done->nats, 1, err));
    note_rate(t, b->at);
    t->begun_count--;
    t->state.step++;
    t->state.tokens += b->tokens;
    bl_trainer_note_place(t, &b->place);
    *event = (bl_train_event){.kind = BL_TRAIN_STEP,
                              .loss = b->counted > 0 ? done->nats / b->counted : done->nats,
                              .lr = (double)done->lr,
                              .grad_norm = (double)done->grad_norm,
                              .tokens_per_s = t->rate};
    return BL_OK;
}

bl_status bl_trainer_forget(bl_trainer *t, bl_error *err)
{
    uint64_t step = t->state.step;
    for (; t->begun_count; t->begun_count--)
        BL_TRY(bl_get_step_end(t->dev, &t->begun[++step % BL_TRAIN_AHEAD].outcome, err));
    return BL_OK;
}
