/* The outputs of a run: events and checkpoints, and what happens when one cannot be written. */
#include "train/outputs.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/dir.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { REMIND_SECONDS = 60 };

static const char *const output_names[] = {
#define X(id, name) [BL_TRAIN_OUTPUT_##id] = name,
    BL_TRAIN_OUTPUTS(X)
#undef X
};

bl_status bl_outputs_open(bl_outputs *o, int resume, bl_error *err)
{
    o->saved_at = bl_clock_seconds();
    if (!o->run_dir)
        return BL_OK;
    BL_TRY(bl_tensorboard_open(&o->tensorboard, o->run_dir, o->state->step + 1, err));
    return bl_metrics_open(&o->metrics, o->run_dir, resume, o->state->metrics_bytes, err);
}

void bl_outputs_close(bl_outputs *o)
{
    bl_metrics_release(&o->metrics);
    bl_tensorboard_release(&o->tensorboard);
    bl_lock_close(o->lock);
    *o = (bl_outputs){0};
}

/* ---- events ---- */

static void tell(const bl_outputs *o, bl_train_event *event)
{
    event->step = o->state->step;
    event->tokens = o->state->tokens;
    if (o->tell)
        o->tell(o->user, event);
}

/* A warning is also a record, unless the record is what failed. */
static void warn(bl_outputs *o, bl_train_output which, const char *text)
{
    bl_train_event event = {.kind = BL_TRAIN_WARNING, .text = text};
    if (which == BL_TRAIN_OUTPUT_METRICS)
        tell(o, &event);
    else
        bl_outputs_report(o, &event);
}

void bl_outputs_note(bl_outputs *o, bl_train_output which, bl_status status, const bl_error *why)
{
    bl_train_trouble *trouble = &o->trouble[which];
    char text[sizeof why->message + 64];
    trouble->failures += status != BL_OK;
    if (status == BL_OK && trouble->told) {
        trouble->told = 0;
        (void)snprintf(text, sizeof text, "%s: works again; failures so far: %" PRIu64,
                       output_names[which], trouble->failures);
        warn(o, which, text);
    }
    /* A disk that is nearly full takes one record and refuses the next: that is not news either. */
    if (status == BL_OK || bl_clock_seconds() < trouble->quiet_until)
        return;
    trouble->told = 1;
    trouble->quiet_until = bl_clock_seconds() + REMIND_SECONDS;
    (void)snprintf(text, sizeof text, "%s: failed, training goes on: %s", output_names[which],
                   why->message);
    warn(o, which, text);
}

void bl_outputs_asked(bl_outputs *o, bl_train_output which)
{
    o->trouble[which].quiet_until = 0;
}

void bl_outputs_report(bl_outputs *o, bl_train_event *event)
{
    bl_error why;
    event->step = o->state->step;
    event->tokens = o->state->tokens;
    if (o->run_dir) {
        bl_status status = bl_metrics_record(&o->metrics, event, &why);
        bl_outputs_note(o, BL_TRAIN_OUTPUT_METRICS, status, &why);
        status = bl_tensorboard_record(&o->tensorboard, event, &why);
        bl_outputs_note(o, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
    }
    tell(o, event);
}

void bl_outputs_say(bl_outputs *o, bl_train_event_kind kind, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bl_train_event event = {.kind = kind, .text = text};
    bl_outputs_report(o, &event);
}

/* ---- checkpoints ---- */

/* What a checkpoint says of the records must not be on disk before they are. */
static void sync_records(bl_outputs *o)
{
    bl_error why;
    bl_status status = bl_metrics_sync(&o->metrics, &why);
    bl_outputs_note(o, BL_TRAIN_OUTPUT_METRICS, status, &why);
    status = bl_tensorboard_sync(&o->tensorboard, &why);
    if (status == BL_OK) /* its name, too */
        status = bl_dir_sync(o->run_dir, &why);
    bl_outputs_note(o, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
}

bl_status bl_outputs_save(bl_outputs *o, const bl_net *net, const bl_moments *moments,
                          const bl_carried *carried, char **dir, bl_error *err)
{
    bl_error why;
    bl_status status = BL_OK;
    *dir = NULL;
    if (!o->run_dir)
        return BL_OK;
    o->saved_at = bl_clock_seconds();
    sync_records(o);
    o->state->metrics_bytes = o->metrics.bytes;
    const bl_checkpoint_source from = {net, moments, carried, o->state};
    BL_TRY(bl_checkpoint_save(o->run_dir, &from, dir, err));
    bl_outputs_say(o, BL_TRAIN_CHECKPOINT, "%s", *dir);
    if (!o->state->bad_steps) /* otherwise the run may have to go back past this one */
        status = bl_checkpoint_prune(o->run_dir, o->state, &why);
    bl_outputs_note(o, BL_TRAIN_OUTPUT_PRUNE, status, &why);
    status = bl_metrics_draw(&o->metrics, o->run_dir, &why);
    bl_outputs_note(o, BL_TRAIN_OUTPUT_CURVE, status, &why);
    return BL_OK;
}

bl_status bl_outputs_last_good(const bl_outputs *o, char **dir, bl_error *err)
{
    bl_train_state state = {.step = UINT64_MAX};
    *dir = NULL;
    if (!o->run_dir)
        return BL_OK;
    for (;;) {
        BL_TRY(bl_checkpoint_newest(dir, NULL, o->run_dir, state.step, err));
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

void bl_outputs_take_back(bl_outputs *o)
{
    bl_error why;
    bl_metrics kept;
    if (!o->run_dir)
        return;
    bl_status status = bl_metrics_open(&kept, o->run_dir, 1, o->state->metrics_bytes, &why);
    if (status == BL_OK) {
        bl_metrics_release(&o->metrics);
        o->metrics = kept;
    }
    bl_outputs_note(o, BL_TRAIN_OUTPUT_METRICS, status, &why);
    status = bl_tensorboard_restart(&o->tensorboard, o->state->step + 1, &why);
    bl_outputs_note(o, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
}
