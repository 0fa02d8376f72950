/* Calls on a trainer from outside: one at a time, and who hears of their events. */
#include "train/trainer.h"

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

bl_status bl_trainer_has_data(const bl_trainer *t, bl_error *err)
{
    if (t->data->count || t->state.step >= bl_trainer_last(t))
        return BL_OK;
    return bl_fail(err, BL_EINVAL,
                   "the trainer was opened without data folders: bl_trainer_step_on() gives it "
                   "batches");
}

bl_status bl_trainer_enter(bl_trainer *t, bl_train_fn *fn, void *user, const char *where,
                           bl_call *call, bl_error *err)
{
    BL_TRY(bl_busy_enter(&t->busy, "the trainer", where, err));
    bl_call_begin(call, err);
    if (t->broken != BL_OK)
        return bl_trainer_leave(
            t, call,
            bl_fail(err, BL_EINVAL,
                    "%s: an earlier call has failed (%s): close the trainer, and open it again "
                    "with the option resume",
                    *t->run_dir ? t->run_dir : "training", bl_status_name(t->broken)),
            err);
    t->given = NULL;
    t->fn = fn;
    t->user = user;
    t->outputs.tell = tell;
    t->outputs.user = t;
    return BL_OK;
}

bl_status bl_trainer_leave(bl_trainer *t, bl_call *call, bl_status status, bl_error *err)
{
    if (bl_busy_leave(&t->busy))
        bl_trainer_close(t);
    return bl_call_end(call, status, err);
}
