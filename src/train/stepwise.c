/* A trainer that its caller moves on: a few steps, an evaluation, a checkpoint. */
#include "core/clock.h"
#include "core/give.h"
#include "core/watch.h"
#include "infer/feed.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A request that came while the last step was computed is not lost either. */
static bl_status take_stop(bl_trainer *t, bl_status status, bl_error *err)
{
    if (atomic_exchange(&t->stop, 0) && status == BL_OK)
        return bl_fail(err, BL_EINTERRUPTED, "stopped after step %" PRIu64, t->state.step);
    return status;
}

static void give(const bl_trainer *t, const bl_leg *s, double seconds, bl_step_result *result)
{
    uint64_t good = s->done - s->skipped;
    const bl_step_result all = {.size = sizeof all,
                                .step = t->state.step,
                                .steps = bl_trainer_last(t),
                                .done = s->done,
                                .skipped = s->skipped,
                                .tokens = s->tokens,
                                .loss = good ? s->losses / (double)good : (double)NAN,
                                .grad_norm = s->newest.grad_norm,
                                .lr = s->newest.lr,
                                .seconds = seconds,
                                .went_back = s->went_back};
    bl_result_give(result, &all, sizeof all);
}

static bl_status step(bl_trainer *t, uint64_t count, bl_step_result *result, bl_error *err)
{
    if (count && !t->given)
        BL_TRY(bl_trainer_has_data(t, err));
    bl_leg s = {.last = bl_trainer_last(t), .most = count};
    double start = bl_clock_seconds();
    bl_status status = bl_trainer_advance(t, &s, err);
    give(t, &s, bl_clock_seconds() - start, result);
    if (status == BL_OK || status == BL_EINTERRUPTED)
        return take_stop(t, status, err);
    t->broken = status; /* in the middle of a step, perhaps */
    bl_comm_leave(t->share.comm);
    return status;
}

bl_status bl_trainer_step(bl_trainer *t, uint64_t count, bl_step_result *result, bl_error *err)
{
    bl_call call;
    BL_RESULT(err, result);
    BL_NOT_NULL(err, t);
    BL_TRY(bl_trainer_enter(t, t->listener, t->listening, __func__, &call, err));
    return bl_trainer_leave(t, &call, step(t, count, result, err), err);
}

/* ---- batches of the caller's ---- */

static bl_status check_given(const bl_trainer *t, const bl_given_rows *g, bl_error *err)
{
    const bl_train_options *o = &t->o;
    size_t rows = o->batch * o->accum, counted = g->mask ? 0 : 1;
    if (!g->B || !g->T || g->B > rows || g->T > o->context)
        return bl_fail(
            err, BL_EINVAL,
            "a batch of %zu x %zu tokens: there can be 1 to %zu rows (`batch` x `accum`) "
            "of 1 to %zu (`context`)",
            g->B, g->T, rows, o->context);
    if (t->blocks.carried.row)
        return bl_fail(err, BL_EINVAL, "rows that continue (`carry`) come from data folders alone");
    for (size_t i = 0; !counted && i < g->B * g->T; i++)
        counted = g->mask[i] != 0;
    if (!counted)
        return bl_fail(err, BL_EINVAL, "the mask lets no token count");
    if (t->state.step >= bl_trainer_last(t))
        return bl_fail(err, BL_EINVAL, "the schedule of %" PRIu64 " `steps` is over",
                       bl_trainer_last(t));
    return bl_infer_check_ids(&t->blocks.net, g->ids, g->B * (g->T + 1), err);
}

static bl_status step_on(bl_trainer *t, const bl_given_rows *g, bl_step_result *result,
                         bl_error *err)
{
    BL_TRY(check_given(t, g, err));
    t->given = g;
    bl_status status = step(t, 1, result, err);
    t->given = NULL;
    return status;
}

bl_status bl_trainer_step_on(bl_trainer *t, const int32_t *ids, const unsigned char *mask, size_t B,
                             size_t T, bl_step_result *result, bl_error *err)
{
    bl_call call;
    const bl_given_rows given = {ids, mask, B, T};
    BL_RESULT(err, result);
    BL_NOT_NULL(err, t);
    BL_NOT_NULL(err, ids);
    BL_TRY(bl_trainer_enter(t, t->listener, t->listening, __func__, &call, err));
    return bl_trainer_leave(t, &call, step_on(t, &given, result, err), err);
}

/* ---- evaluation ---- */

static int hear(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    const bl_trainer *t = user;
    (void)stage, (void)unit;
    return t->stop || bl_watch_poll(done, total, NULL) != BL_OK;
}

static bl_status evaluate(bl_trainer *t, bl_eval_result *result, bl_error *err)
{
    bl_evaluation found;
    bl_watch watch;
    if (!bl_trainer_can_evaluate(t))
        return bl_fail(err, BL_EINVAL,
                       "no evaluation: the validation data has %" PRIu64
                       " tokens, and a window takes %zu",
                       bl_corpora_tokens(t->data, BL_DATA_VAL), t->o.context + 1);
    double start = bl_clock_seconds();
    bl_watch_begin(&watch, "evaluating", "%", 100);
    bl_status status = bl_trainer_evaluate(t, hear, &found, err);
    bl_watch_end(&watch);
    status = take_stop(t, status, err);
    BL_TRY(status);
    const bl_eval_result all = {.size = sizeof all,
                                .loss = found.loss,
                                .perplexity = exp(found.loss),
                                .bits_per_byte = found.bits_per_byte,
                                .tokens = found.tokens,
                                .seconds = bl_clock_seconds() - start};
    bl_result_give(result, &all, sizeof all);
    return BL_OK;
}

bl_status bl_trainer_eval(bl_trainer *t, bl_eval_result *result, bl_error *err)
{
    bl_call call;
    BL_RESULT(err, result);
    BL_NOT_NULL(err, t);
    BL_TRY(bl_trainer_enter(t, t->listener, t->listening, __func__, &call, err));
    return bl_trainer_leave(t, &call, evaluate(t, result, err), err);
}

/* ---- checkpoints ---- */

static bl_status checkpoint(bl_trainer *t, char *path, size_t cap, size_t *bytes, bl_error *err)
{
    if (!*t->run_dir)
        return bl_fail(err, BL_EINVAL,
                       "the trainer was opened without a folder: there is no place "
                       "for a checkpoint");
    BL_TRY(bl_carried_gather(&t->blocks.carried, &t->blocks.net, err));
    BL_TRY(bl_trainer_write(t, err));
    bl_give_text(t->resumed_from, strlen(t->resumed_from), path, cap, bytes);
    return BL_OK;
}

bl_status bl_trainer_checkpoint(bl_trainer *t, char *path, size_t cap, size_t *bytes, bl_error *err)
{
    bl_call call;
    bl_give_text("", 0, path, path ? cap : 0, bytes);
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, cap, path);
    BL_TRY(bl_trainer_enter(t, t->listener, t->listening, __func__, &call, err));
    return bl_trainer_leave(t, &call, checkpoint(t, path, cap, bytes, err), err);
}

void bl_trainer_events_to(bl_trainer *t, bl_train_fn *fn, void *user)
{
    if (!t)
        return;
    t->listener = fn;
    t->listening = user;
}
