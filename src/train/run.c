/* The training loop: steps, evaluations, samples, checkpoints, and what can go wrong. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/call.h"
#include "train/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAD_STEPS_IN_A_ROW = 5, SAMPLE_TOKENS = 120 };

/* ---- checkpoints ---- */

/* What a checkpoint says of the records must not be on disk before they are. */
static void sync_records(bl_trainer *t)
{
    bl_error why;
    bl_status status = bl_metrics_sync(&t->metrics, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_METRICS, status, &why);
    status = bl_tensorboard_sync(&t->tensorboard, &why);
    if (status == BL_OK) /* its name, too */
        status = bl_dir_sync(t->run_dir, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
}

static bl_status save(bl_trainer *t, bl_error *err)
{
    char *dir;
    t->save = 0;
    t->saved_at = bl_clock_seconds();
    sync_records(t);
    t->state.metrics_bytes = t->metrics.bytes;
    const bl_checkpoint_source from = {&t->blocks.net, &t->blocks.moments, &t->blocks.carried,
                                       &t->state};
    BL_TRY(bl_checkpoint_save(t->run_dir, &from, &dir, err));
    bl_free(t->resumed_from);
    t->resumed_from = dir; /* by a second bl_trainer_run() */
    bl_trainer_report_text(t, BL_TRAIN_CHECKPOINT, "%s", dir);
    bl_error why;
    bl_status status = BL_OK;
    if (!t->state.bad_steps) /* or else the run may have to go back behind this one */
        status = bl_checkpoint_prune(t->run_dir, &t->state, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_PRUNE, status, &why);
    status = bl_metrics_draw(&t->metrics, t->run_dir, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_CURVE, status, &why);
    return BL_OK;
}

/* A checkpoint in passing: a failure is loud, but the run goes on. */
static bl_status save_or_warn(bl_trainer *t)
{
    bl_error why;
    if (t->save) /* who asks for one hears of it, however recently it failed */
        t->trouble[BL_TRAIN_OUTPUT_CHECKPOINT].quiet_until = 0;
    bl_status status = save(t, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_CHECKPOINT, status, &why);
    return status;
}

static int save_is_due(const bl_trainer *t)
{
    return t->save || (t->state.step % t->o.save_every == 0 &&
                       bl_clock_seconds() - t->saved_at >= t->o.save_seconds);
}

/* ---- evaluation and samples ---- */

/* Returns 1 when this is the best loss so far. */
static bl_status evaluate(bl_trainer *t, int *best, bl_error *err)
{
    bl_train_event event;
    bl_train_corpus corpora[BL_MIX_MOST];
    *best = 0;
    BL_TRY(bl_trainer_evaluate(t, &event, corpora, err));
    bl_trainer_report(t, &event);
    if (!isfinite(event.loss))
        bl_trainer_report_text(t, BL_TRAIN_WARNING,
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

static int append_text(void *user, const char *text, size_t bytes)
{
    bl_buf_append(user, text, bytes);
    return 0;
}

static void write_sample(bl_trainer *t)
{
    bl_generate_options options;
    bl_options_defaults(BL_OPTIONS_GENERATE, &options);
    options.max_tokens = SAMPLE_TOKENS;
    options.seed = (double)t->o.seed;
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_puts(&text, t->o.sample_prompt);
    bl_error why;
    bl_status status = bl_sequence_start(&t->blocks.sample, &t->blocks.net, &why);
    if (status == BL_OK)
        status = bl_sequence_generate(&t->blocks.sample, &t->blocks.net, t->tokenizer,
                                      t->o.sample_prompt, strlen(t->o.sample_prompt), &options,
                                      append_text, &text, NULL, &why);
    if (status == BL_OK)
        status = bl_buf_status(&text, &why);
    if (status == BL_OK) {
        bl_train_event event = {.kind = BL_TRAIN_SAMPLE, .text = text.data};
        bl_trainer_report(t, &event);
    } else {
        bl_trainer_report_text(t, BL_TRAIN_WARNING, "no sample was written: %s", why.message);
    }
    bl_buf_release(&text);
}

/* ---- the loop ---- */

/* A run that went back has not done the steps since then: their records go. */
static void take_back_records(bl_trainer *t)
{
    bl_error why;
    bl_metrics kept;
    bl_status status = bl_metrics_open(&kept, t->run_dir, 1, t->state.metrics_bytes, &why);
    if (status == BL_OK) {
        bl_metrics_release(&t->metrics);
        t->metrics = kept;
    }
    bl_trainer_note(t, BL_TRAIN_OUTPUT_METRICS, status, &why);
    status = bl_tensorboard_restart(&t->tensorboard, t->state.step + 1, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
}

/* The newest checkpoint that was not saved between bad steps, when a signal asked for one; *dir is
 * NULL when there is none. */
static bl_status newest_good(bl_trainer *t, char **dir, bl_error *err)
{
    bl_train_state state = {.step = UINT64_MAX};
    for (;;) {
        BL_TRY(bl_checkpoint_newest(dir, NULL, t->run_dir, state.step, err));
        if (!*dir)
            return BL_OK;
        bl_status status = bl_checkpoint_state(&state, *dir, err);
        if (status == BL_OK && !state.bad_steps)
            return BL_OK;
        bl_free(*dir);
        *dir = NULL;
        BL_TRY(status);
    }
}

/* Notes a step that was skipped because its loss or gradient is not finite.  Five in a row go back
 * to the last checkpoint at half the learning rate, once. */
static bl_status handle_bad_step(bl_trainer *t, const bl_train_event *event, bl_error *err)
{
    BL_OP(t->dev, zero, t->blocks.grads_block, t->blocks.block_bytes);
    bl_carried_reset(&t->blocks.carried, &t->blocks.net); /* the states may be no numbers either */
    bl_trainer_report_text(t, BL_TRAIN_WARNING,
                           "step %" PRIu64 " skipped: loss %g, gradient norm %g", event->step,
                           fabs(event->loss), fabs(event->grad_norm)); /* nan has no sign */
    if (++t->state.bad_steps < BAD_STEPS_IN_A_ROW)
        return BL_OK;
    char *dir = NULL;
    double scale = t->state.lr_scale;
    if (scale == 1)
        BL_TRY(newest_good(t, &dir, err));
    if (!dir)
        return bl_fail(err, BL_EDIVERGED,
                       "training diverged at step %" PRIu64 ": %d steps in a row without a finite "
                       "loss; lower `lr`",
                       event->step, BAD_STEPS_IN_A_ROW);
    bl_status status = bl_trainer_restore(t, dir, err);
    if (status == BL_OK) {
        t->state.lr_scale = scale / 2;
        take_back_records(t);
        bl_trainer_report_text(t, BL_TRAIN_WARNING,
                               "training diverged at step %" PRIu64
                               ": back to %s at half the learning rate",
                               event->step, dir);
    }
    bl_free(dir);
    return status;
}

static int is_due(const bl_trainer *t, uint64_t last, size_t every)
{
    return t->state.step % every == 0 || t->state.step == last;
}

/* What follows a good step: evaluation, sample, checkpoint. */
static bl_status after_step(bl_trainer *t, uint64_t last, bl_error *err)
{
    int best = 0;
    bl_train_state before = t->state;
    if (bl_trainer_can_evaluate(t) && is_due(t, last, t->o.eval_every))
        BL_TRY(evaluate(t, &best, err));
    if (t->o.samples && is_due(t, last, t->o.sample_every))
        write_sample(t);
    if (t->state.step < last && (best || save_is_due(t)) && save_or_warn(t) != BL_OK) {
        t->state.best_step = before.best_step; /* what was not saved is not the best to be had */
        t->state.best_loss = before.best_loss;
    }
    return BL_OK;
}

static bl_status save_last(bl_trainer *t, bl_error *err)
{
    bl_error trouble;
    BL_TRY(save(t, err));
    if (bl_run_dir_publish(t, &trouble) != BL_OK)
        bl_trainer_report_text(t, BL_TRAIN_WARNING, "no model in the run folder: %s",
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
        bl_stream_verdict(text, sizeof text, &end, t->blocks.net.config.ttt_forget))
        bl_trainer_report_text(t, BL_TRAIN_WARNING, "%s", text);
    if (status != BL_OK && status != BL_EINTERRUPTED)
        bl_trainer_report_text(t, BL_TRAIN_WARNING, "the loss on a long text is not known: %s",
                               why.message);
}

static void judge(bl_trainer *t)
{
    char text[300];
    if (bl_run_verdict(text, sizeof text, &t->metrics.train, &t->metrics.val))
        bl_trainer_report_text(t, BL_TRAIN_WARNING, "%s", text);
    if (t->state.step == t->o.steps)
        judge_memory(t);
}

/* The last event of every run, whatever has become of it. */
static void say_end(bl_trainer *t, bl_status status)
{
    char text[64];
    bl_train_corpus corpora[BL_MIX_MOST];
    bl_train_event end = {.kind = BL_TRAIN_END, .text = text};
    const char *how = status == BL_OK ? "done" : status == BL_EINTERRUPTED ? "stopped" : "failed";
    (void)snprintf(text, sizeof text, "%s after %" PRIu64 " steps", how, t->state.step);
    bl_trainer_fill_corpora(t, &end, corpora);
    bl_trainer_report(t, &end);
}

static void announce(bl_trainer *t)
{
    const bl_dims *m = &t->blocks.net.m;
    double tokens = (double)bl_corpora_tokens(t->data, BL_DATA_TRAIN);
    double read = (double)t->o.steps * (double)(t->o.batch * t->o.context * t->o.accum);
    bl_trainer_report_text(
        t, BL_TRAIN_START,
        "%zu parameters (%zu layers of width %zu, vocabulary %zu) on %s; %zu x %zu x %zu "
        "tokens a step, %zu steps, lr %g; %.1f MB of memory; reads %.0f training tokens %.3g "
        "times%s%s",
        t->blocks.net.tensors.parameters, m->L, m->D, m->V, t->dev->name, t->o.batch, t->o.context,
        t->o.accum, t->o.steps, t->o.lr, (double)t->plan.total * 1e-6, tokens,
        tokens > 0 ? read / tokens : 0, *t->state.parent ? "; began with the weights of " : "",
        t->state.parent);
    if (t->resumed_from)
        bl_trainer_report_text(t, BL_TRAIN_RESUME, "%s", t->resumed_from);
    uint64_t val = bl_corpora_tokens(t->data, BL_DATA_VAL);
    if (val && !bl_trainer_can_evaluate(t))
        bl_trainer_report_text(t, BL_TRAIN_WARNING,
                               "no evaluation: the validation data has %" PRIu64
                               " tokens, fewer than the context",
                               val);
}

static bl_status steps(bl_trainer *t, bl_error *err)
{
    uint64_t last = bl_trainer_last(t);
    while (t->state.step < last) {
        bl_train_event event;
        if (t->stop)
            return bl_fail(err, BL_EINTERRUPTED, "training stopped after step %" PRIu64,
                           t->state.step);
        BL_TRY(bl_trainer_step(t, &event, err));
        bl_trainer_report(t, &event);
        if (!isfinite(event.loss) || !isfinite(event.grad_norm)) {
            BL_TRY(handle_bad_step(t, &event, err));
            if (t->save)
                (void)save_or_warn(t);
            continue;
        }
        t->state.bad_steps = 0;
        BL_TRY(after_step(t, last, err));
    }
    return BL_OK;
}

static bl_status run(bl_trainer *t, bl_error *err)
{
    uint64_t begun = t->state.step;
    announce(t);
    bl_status status = steps(t, err);
    if (status == BL_OK && t->state.step > begun)
        judge(t);
    if (status == BL_OK || status == BL_EINTERRUPTED) {
        bl_error why;
        bl_status saved = save_last(t, &why);
        if (saved != BL_OK)
            status = bl_fail(err, saved, "%s", why.message);
    } else {
        t->broken = status; /* in the middle of a step, perhaps */
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
        status = run(t, err);
        t->stop = 0; /* this run it has stopped, or come too late for */
    }
    if (bl_busy_leave(&t->busy))
        bl_trainer_close(t);
    return bl_call_end(&call, status, err);
}
