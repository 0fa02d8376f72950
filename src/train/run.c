/* The training loop: steps, evaluations, samples, checkpoints; when a run stops, skips and goes back. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/clock.h"
#include "train/remedy.h"
#include "train/run_dir.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAD_STEPS_IN_A_ROW = 5 };

/* ---- checkpoints ---- */

/* Every process takes part, and what it carries is gathered; only the leader writes. */
static bl_status save(bl_trainer *t, bl_error *err)
{
    const bl_blocks *b = &t->blocks;
    char *dir;
    assert(!t->begun_count);
    t->save = 0;
    BL_TRY(bl_outputs_save(&t->outputs, &b->net, &b->moments, &b->carried, &dir, err));
    bl_free(t->resumed_from);
    t->resumed_from = dir; /* by a second bl_trainer_run() */
    return BL_OK;
}

/* A checkpoint in passing, when it is due or any process was asked for one.  *saved: a failed write
 * is reported, and the run continues. */
static bl_status save_in_passing(bl_trainer *t, int due, bl_status *saved, bl_error *err)
{
    enum { DUE, ASKED, FLAGS };
    int asked = t->save;
    int flag[FLAGS] = {[DUE] = due || asked, [ASKED] = asked};
    bl_error why;
    *saved = BL_OK;
    BL_TRY(bl_comm_any(t->share.comm, flag, FLAGS, err));
    if (!flag[DUE])
        return BL_OK;
    if (flag[ASKED])
        bl_outputs_asked(&t->outputs, BL_TRAIN_OUTPUT_CHECKPOINT);
    BL_TRY(bl_carried_gather(&t->blocks.carried, &t->blocks.net, err));
    *saved = save(t, &why);
    bl_outputs_note(&t->outputs, BL_TRAIN_OUTPUT_CHECKPOINT, *saved, &why);
    return BL_OK;
}

/* By the leader's clock. */
static int save_is_due(const bl_trainer *t, uint64_t step)
{
    return bl_share_leads(&t->share) && step % t->o.save_every == 0 &&
           bl_clock_seconds() - t->outputs.saved_at >= t->o.save_seconds;
}

/* ---- the loop ---- */

/* Returns 1 when this is the best loss so far. */
static bl_status evaluate(bl_trainer *t, int *best, bl_error *err)
{
    bl_train_event event;
    bl_train_corpus corpora[BL_MIX_MOST];
    *best = 0;
    BL_TRY(bl_trainer_evaluate(t, &event, corpora, err));
    bl_outputs_report(&t->outputs, &event);
    if (!isfinite(event.loss))
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING,
                       "step %" PRIu64 ": the validation loss is not a number; this is no "
                       "best checkpoint",
                       t->state.step);
    if (isfinite(event.loss) && (!t->state.best_step || event.loss < t->state.best_loss)) {
        t->state.best_loss = event.loss;
        t->state.best_step = t->state.step;
        *best = 1;
    }
    return BL_OK;
}

/* Notes a step that was skipped because its loss or gradient is not finite; it has left no gradients.
 * Five in a row send the run back to the last checkpoint at half the learning rate, once. */
static bl_status handle_bad_step(bl_trainer *t, const bl_train_event *event, bl_error *err)
{
    bl_carried_reset(&t->blocks.carried, &t->blocks.net); /* the states may not be finite either */
    bl_outputs_say(&t->outputs, BL_TRAIN_WARNING,
                   "step %" PRIu64 " skipped: loss %g, gradient norm %g", event->step,
                   fabs(event->loss), fabs(event->grad_norm)); /* nan has no sign */
    if (++t->state.bad_steps < BAD_STEPS_IN_A_ROW)
        return BL_OK;
    char *dir = NULL;
    double scale = t->state.lr_scale;
    if (scale == 1)
        BL_TRY(bl_outputs_last_good(&t->outputs, &dir, err));
    bl_status status = bl_comm_text(t->share.comm, &dir, err);
    if (status == BL_OK && !dir)
        return bl_fail(err, BL_EDIVERGED,
                       "training diverged at step %" PRIu64 ": %d steps in a row without a finite "
                       "loss; lower `lr`",
                       event->step, BAD_STEPS_IN_A_ROW);
    if (status == BL_OK)
        status = bl_trainer_forget(t, err);
    if (status == BL_OK)
        status = bl_trainer_restore(t, dir, err);
    if (status == BL_OK) {
        t->state.lr_scale = scale / 2;
        bl_outputs_take_back(&t->outputs);
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING,
                       "training diverged at step %" PRIu64
                       ": back to %s at half the learning rate",
                       event->step, dir);
    }
    bl_free(dir);
    return status;
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

/* The leader's evaluation and sample; *best: the loss is the lowest so far. */
static bl_status look(bl_trainer *t, uint64_t last, int *best, bl_error *err)
{
    if (evaluation_is_due(t, t->state.step, last))
        BL_TRY(evaluate(t, best, err));
    if (sample_is_due(t, t->state.step, last))
        bl_trainer_sample(t);
    return BL_OK;
}

/* What follows a good step: evaluation, sample, checkpoint. */
static bl_status after_step(bl_trainer *t, uint64_t last, bl_error *err)
{
    int best = 0;
    bl_train_state before = t->state;
    bl_status saved;
    if (bl_share_leads(&t->share))
        BL_TRY(look(t, last, &best, err));
    if (t->state.step == last)
        return BL_OK;
    BL_TRY(save_in_passing(t, best || save_is_due(t, t->state.step), &saved, err));
    if (saved != BL_OK) {
        t->state.best_step = before.best_step; /* a best that was not saved does not count */
        t->state.best_loss = before.best_loss;
    }
    return BL_OK;
}

static bl_status save_last(bl_trainer *t, bl_error *err)
{
    bl_error trouble;
    BL_TRY(save(t, err));
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

/* Stopped as soon as any process is asked to. */
static bl_status check_stop(bl_trainer *t, bl_error *err)
{
    int stop = t->stop;
    BL_TRY(bl_comm_any(t->share.comm, &stop, 1, err));
    if (!stop)
        return BL_OK;
    return bl_fail(err, BL_EINTERRUPTED, "training stopped after step %" PRIu64, t->state.step);
}

/* A step is begun before the one before it has ended where devices compute in their own time.  With
 * rows that continue its batches depend on whether that one was good. */
static bl_status choose_ahead(bl_trainer *t, bl_error *err)
{
    int waits = !t->dev->queues || t->blocks.carried.row;
    BL_TRY(bl_comm_any(t->share.comm, &waits, 1, err));
    t->ahead = !waits;
    return BL_OK;
}

/* May the next step be begun while one is under way?  Not when something follows that one which needs
 * the weights, the place and the records as it leaves them. */
static bl_status may_begin_next(const bl_trainer *t, uint64_t last, int *may, bl_error *err)
{
    uint64_t step = t->state.step + 1;
    int waits = t->stop || t->save || save_is_due(t, step);
    *may = 0;
    if (!t->ahead || step == last || evaluation_is_due(t, step, last) ||
        sample_is_due(t, step, last))
        return BL_OK;
    BL_TRY(bl_comm_any(t->share.comm, &waits, 1, err));
    *may = !waits;
    return BL_OK;
}

/* What follows a step whose outcome is known. */
static bl_status follow(bl_trainer *t, bl_train_event *event, uint64_t last, bl_error *err)
{
    bl_status saved;
    bl_outputs_report(&t->outputs, event);
    int good = isfinite(event->loss) && isfinite(event->grad_norm);
    if (good)
        t->state.bad_steps = 0;
    else
        BL_TRY(handle_bad_step(t, event, err));
    if (t->begun_count) /* nothing is due: may_begin_next() */
        return BL_OK;
    return good ? after_step(t, last, err) : save_in_passing(t, 0, &saved, err);
}

static bl_status begin_step(bl_trainer *t, bl_error *err)
{
    BL_TRY(check_stop(t, err));
    BL_TRY(bl_trainer_draw(t, err));
    return bl_trainer_begin(t, err);
}

static bl_status steps(bl_trainer *t, bl_error *err)
{
    uint64_t last = bl_trainer_last(t);
    BL_TRY(choose_ahead(t, err));
    while (t->state.step < last) {
        bl_train_event event;
        bl_error why;
        bl_status drawn = BL_OK;
        int next;
        if (!t->begun_count)
            BL_TRY(begin_step(t, err));
        BL_TRY(may_begin_next(t, last, &next, err));
        if (next)
            drawn = bl_trainer_draw(t, &why);
        if (next && drawn == BL_OK)
            BL_TRY(bl_trainer_begin(t, err));
        BL_TRY(bl_trainer_end(t, &event, err));
        BL_TRY(follow(t, &event, last, err));
        if (drawn != BL_OK) /* told after the step that was under way */
            return bl_fail(err, drawn, "%s", why.message);
    }
    return BL_OK;
}

/* The caller hears of every event, unless it has closed the trainer. */
static void tell(void *user, bl_train_event *event)
{
    bl_trainer *t = user;
    event->size = sizeof *event;
    event->steps = bl_trainer_last(t);
    if (!t->fn || bl_busy_closing(&t->busy))
        return;
    bl_call *call = bl_call_out();
    t->fn(t->user, event);
    bl_call_back(call);
}

static bl_status run(bl_trainer *t, bl_error *err)
{
    uint64_t begun = t->state.step;
    announce(t);
    bl_status status = steps(t, err);
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
    BL_TRY(bl_busy_enter(&t->busy, "the trainer", __func__, err));
    bl_call_begin(&call, err);
    bl_status status;
    if (t->broken != BL_OK) {
        status = bl_fail(err, BL_EINVAL,
                         "%s: the run before failed (%s): close the trainer, and open it again "
                         "with the option resume",
                         t->run_dir, bl_status_name(t->broken));
    } else {
        t->fn = fn;
        t->user = user;
        t->outputs.tell = tell;
        t->outputs.user = t;
        status = run(t, err);
        t->stop = 0; /* a request stopped this run, or came too late for it */
    }
    if (bl_busy_leave(&t->busy))
        bl_trainer_close(t);
    return bl_call_end(&call, status, err);
}
