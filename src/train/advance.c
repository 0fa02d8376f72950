/* A leg of a run: its steps, begun ahead where that pays; a bad one; a checkpoint that was asked for. */
#include "core/alloc.h"
#include "core/clock.h"
#include "train/trainer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

enum { BAD_STEPS_IN_A_ROW = 5 };

/* ---- checkpoints ---- */

bl_status bl_trainer_write(bl_trainer *t, bl_error *err)
{
    const bl_blocks *b = &t->blocks;
    char *dir;
    assert(!t->begun_count);
    t->save = 0;
    BL_TRY(bl_outputs_save(&t->outputs, &b->net, &b->moments, &b->carried, &dir, err));
    bl_free(t->resumed_from);
    t->resumed_from = dir; /* by a second bl_trainer_run() */
    t->kept = (bl_train_best){t->state.best_step, t->state.best_loss};
    return BL_OK;
}

bl_status bl_trainer_write_in_passing(bl_trainer *t, int due, bl_error *err)
{
    enum { DUE, ASKED, FLAGS };
    int asked = t->save;
    int flag[FLAGS] = {[DUE] = due || asked, [ASKED] = asked};
    bl_error why;
    BL_TRY(bl_comm_any(t->share.comm, flag, FLAGS, err));
    if (!flag[DUE])
        return BL_OK;
    if (flag[ASKED])
        bl_outputs_asked(&t->outputs, BL_TRAIN_OUTPUT_CHECKPOINT);
    BL_TRY(bl_carried_gather(&t->blocks.carried, &t->blocks.net, err));
    bl_status saved = bl_trainer_write(t, &why);
    bl_outputs_note(&t->outputs, BL_TRAIN_OUTPUT_CHECKPOINT, saved, &why);
    return BL_OK;
}

/* ---- a step that went wrong ---- */

/* Notes a step that was skipped because its loss or gradient is not finite; it has left no gradients.
 * Five in a row send the run back to the last checkpoint at half the learning rate, once. */
static bl_status handle_bad_step(bl_trainer *t, const bl_train_event *event, int *went_back,
                                 bl_error *err)
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
        *went_back = 1;
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

/* ---- steps ---- */

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

static int is_over(const bl_trainer *t, const bl_leg *s)
{
    return t->state.step >= s->last || s->done >= s->most;
}

/* May the next step be begun while one is under way?  Not when something follows that one which needs
 * the weights, the place and the records as it leaves them. */
static bl_status may_begin_next(const bl_trainer *t, const bl_leg *s, int *may, bl_error *err)
{
    uint64_t step = t->state.step + 1;
    *may = 0;
    if (!t->ahead || step >= s->last || s->done + 1 >= s->most)
        return BL_OK;
    int waits = t->stop || t->save || (s->due && s->due(t, step, s->last));
    BL_TRY(bl_comm_any(t->share.comm, &waits, 1, err));
    *may = !waits;
    return BL_OK;
}

/* What follows a step whose outcome is known. */
static bl_status follow(bl_trainer *t, bl_leg *s, bl_error *err)
{
    bl_train_event *event = &s->newest;
    bl_outputs_report(&t->outputs, event);
    int good = isfinite(event->loss) && isfinite(event->grad_norm);
    s->done++;
    s->tokens += t->begun[t->state.step % BL_TRAIN_AHEAD].tokens;
    if (good) {
        t->state.bad_steps = 0;
        s->losses += event->loss;
    } else {
        s->skipped++;
        BL_TRY(handle_bad_step(t, event, &s->went_back, err));
    }
    if (t->begun_count) /* nothing is due: may_begin_next() */
        return BL_OK;
    return good && s->after ? s->after(t, s->last, err) : bl_trainer_write_in_passing(t, 0, err);
}

static bl_status begin_step(bl_trainer *t, bl_error *err)
{
    BL_TRY(check_stop(t, err));
    if (t->state.best_step != t->kept.step) { /* a best that was not saved does not count */
        t->state.best_step = t->kept.step;
        t->state.best_loss = t->kept.loss;
    }
    BL_TRY(bl_trainer_draw(t, err));
    return bl_trainer_begin(t, err);
}

bl_status bl_trainer_advance(bl_trainer *t, bl_leg *s, bl_error *err)
{
    BL_TRY(choose_ahead(t, err));
    while (!is_over(t, s)) {
        bl_error why;
        bl_status drawn = BL_OK;
        int next;
        if (!t->begun_count)
            BL_TRY(begin_step(t, err));
        BL_TRY(may_begin_next(t, s, &next, err));
        if (next)
            drawn = bl_trainer_draw(t, &why);
        if (next && drawn == BL_OK)
            BL_TRY(bl_trainer_begin(t, err));
        BL_TRY(bl_trainer_end(t, &s->newest, err));
        BL_TRY(follow(t, s, err));
        if (drawn != BL_OK) /* told after the step that was under way */
            return bl_fail(err, drawn, "%s", why.message);
    }
    return BL_OK;
}
