/* A whole run: its steps, and the evaluations, samples and checkpoints due between them. */
#include "train/trainer.h"
#include "core/call.h"
#include "core/clock.h"
#include "train/remedy.h"
#include "train/run_dir.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* By the leader's clock. */
static int save_is_due(const bl_trainer *t, uint64_t step)
{
    return bl_share_leads(&t->share) && step % t->o.save_every == 0 &&
           bl_clock_seconds() - t->outputs.saved_at >= t->o.save_seconds;
}

static int is_due(uint64_t step, uint64_t last, size_t every)
{
    return step % every == 0 || step == last;
}

static int evaluation_is_due(const bl_trainer *t, uint64_t step, uint64_t last)
{
    return bl_trainer_can_evaluate(t) && is_due(step, last, t->o.eval_every);
}

static int sample_is_due(const bl_trainer *t, uint64_t step, uint64_t last)
{
    return t->o.samples && is_due(step, last, t->o.sample_every);
}

/* Also what only the leader does: all processes need its weights then. */
static int is_something_due(const bl_trainer *t, uint64_t step, uint64_t last)
{
    return evaluation_is_due(t, step, last) || sample_is_due(t, step, last) || save_is_due(t, step);
}

/* The leader's evaluation and sample; *best: the loss is the lowest so far. */
static bl_status look(bl_trainer *t, uint64_t last, int *best, bl_error *err)
{
    bl_evaluation found;
    if (evaluation_is_due(t, t->state.step, last)) {
        BL_TRY(bl_trainer_evaluate(t, NULL, &found, err));
        *best = found.best;
    }
    if (sample_is_due(t, t->state.step, last))
        bl_trainer_sample(t);
    return BL_OK;
}

/* What follows a good step: evaluation, sample, checkpoint. */
static bl_status after_step(bl_trainer *t, uint64_t last, bl_error *err)
{
    int best = 0;
    if (bl_share_leads(&t->share))
        BL_TRY(look(t, last, &best, err));
    if (t->state.step == last)
        return BL_OK;
    return bl_trainer_write_in_passing(t, best || save_is_due(t, t->state.step), err);
}

static bl_status save_last(bl_trainer *t, bl_error *err)
{
    bl_error trouble;
    BL_TRY(bl_trainer_write(t, err));
    if (!bl_share_leads(&t->share))
        return BL_OK;
    if (bl_run_dir_publish(t->run_dir, &t->blocks.net, t->data, &t->state, &trouble) != BL_OK)
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING, "no model in the run folder: %s",
                       trouble.message);
    return BL_OK;
}

static void judge_memory(bl_trainer *t)
{
    char text[300];
    bl_stream_point end;
    bl_error why;
    bl_status status = bl_trainer_stream(t, &end, &why);
    if (status == BL_OK &&
        bl_stream_remedy(text, sizeof text, &end, t->blocks.net.config.ttt_forget))
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING, "%s", text);
    if (status != BL_OK && status != BL_EINTERRUPTED)
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING, "the loss on a long text is not known: %s",
                       why.message);
}

static void judge(bl_trainer *t)
{
    char text[300];
    if (bl_run_remedy(text, sizeof text, &t->outputs.metrics.train, &t->outputs.metrics.val))
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING, "%s", text);
    if (t->state.step == t->o.steps)
        judge_memory(t);
}

/* The last event of every run, however it ended. */
static void say_end(bl_trainer *t, bl_status status)
{
    char text[64];
    bl_train_corpus corpora[BL_MIX_MOST];
    bl_train_event end = {.kind = BL_TRAIN_END, .text = text};
    const char *how = status == BL_OK ? "done" : status == BL_EINTERRUPTED ? "stopped" : "failed";
    (void)snprintf(text, sizeof text, "%s after %" PRIu64 " steps", how, t->state.step);
    bl_trainer_fill_corpora(t, &end, corpora);
    bl_outputs_report(&t->outputs, &end);
}

static void announce(bl_trainer *t)
{
    const bl_dims *m = &t->blocks.net.m;
    double tokens = (double)bl_corpora_tokens(t->data, BL_DATA_TRAIN);
    double read = (double)t->o.steps * (double)(t->o.batch * t->o.context * t->o.accum);
    bl_outputs_say(
        &t->outputs, BL_TRAIN_START,
        "%zu parameters (%zu layers of width %zu, vocabulary %zu) on %s in %s; %zu x %zu x %zu "
        "tokens a step, %zu steps, lr %g; %.1f MB of memory; reads %.0f training tokens %.3g "
        "times%s%s",
        t->blocks.net.tensors.parameters, m->L, m->D, m->V, t->dev->name,
        t->o.precision == BL_PRECISION_BF16 ? "bf16" : "f32", t->o.batch, t->o.context, t->o.accum,
        t->o.steps, t->o.lr, (double)t->plan.total * 1e-6, tokens, tokens > 0 ? read / tokens : 0,
        *t->state.parent ? "; began with the weights of " : "", t->state.parent);
    if (t->resumed_from)
        bl_outputs_say(&t->outputs, BL_TRAIN_RESUME, "%s", t->resumed_from);
    uint64_t val = bl_corpora_tokens(t->data, BL_DATA_VAL);
    if (val && !bl_trainer_can_evaluate(t))
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING,
                       "no evaluation: the validation data has %" PRIu64
                       " tokens, fewer than the context",
                       val);
}

static bl_status run(bl_trainer *t, bl_error *err)
{
    uint64_t begun = t->state.step;
    bl_leg s = {.last = bl_trainer_last(t),
                .most = UINT64_MAX,
                .due = is_something_due,
                .after = after_step};
    announce(t);
    bl_status status = bl_trainer_advance(t, &s, err);
    if (status == BL_OK && t->state.step > begun && bl_share_leads(&t->share))
        judge(t);
    bl_error why;
    bl_status gathered = BL_OK;
    if (status == BL_OK || status == BL_EINTERRUPTED)
        gathered = bl_carried_gather(&t->blocks.carried, &t->blocks.net, &why);
    if (gathered != BL_OK)
        status = bl_fail(err, gathered, "%s", why.message);
    if (status == BL_OK || status == BL_EINTERRUPTED) {
        bl_status saved = save_last(t, &why);
        if (saved != BL_OK)
            status = bl_fail(err, saved, "%s", why.message);
    } else {
        t->broken = status; /* in the middle of a step, perhaps */
        bl_comm_leave(t->share.comm);
    }
    say_end(t, status);
    return status;
}

bl_status bl_trainer_run(bl_trainer *t, bl_train_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, t);
    BL_TRY(bl_trainer_enter(t, fn, user, __func__, &call, err));
    bl_status status = bl_trainer_has_data(t, err);
    if (status == BL_OK)
        status = run(t, err);
    t->stop = 0; /* a request stopped this run, or came too late for it */
    return bl_trainer_leave(t, &call, status, err);
}
