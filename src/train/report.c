/* Reporting: events, metrics.jsonl, TensorBoard, and what happens when one cannot be written. */
#include "train/trainer.h"
#include "core/call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { REMIND_SECONDS = 60 };

static const char *const output_names[] = {
#define X(id, name) [BL_TRAIN_OUTPUT_##id] = name,
    BL_TRAIN_OUTPUTS(X)
#undef X
};

static void tell(bl_trainer *t, bl_train_event *event)
{
    event->step = t->state.step;
    event->steps = bl_trainer_last(t);
    event->tokens = t->state.tokens;
    if (!t->fn || bl_busy_closing(&t->busy)) /* who has closed it hears no more of it */
        return;
    bl_call *call = bl_call_out();
    t->fn(t->user, event);
    bl_call_back(call);
}

/* A warning is also a record, unless the record is what failed. */
static void warn(bl_trainer *t, bl_train_output which, const char *text)
{
    bl_train_event event = {.kind = BL_TRAIN_WARNING, .text = text};
    if (which == BL_TRAIN_OUTPUT_METRICS)
        tell(t, &event);
    else
        bl_trainer_report(t, &event);
}

void bl_trainer_note(bl_trainer *t, bl_train_output which, bl_status status, const bl_error *why)
{
    bl_train_trouble *trouble = &t->trouble[which];
    char text[sizeof why->message + 64];
    trouble->failures += status != BL_OK;
    if (status == BL_OK && trouble->told) {
        trouble->told = 0;
        (void)snprintf(text, sizeof text, "%s: works again; failures so far: %" PRIu64,
                       output_names[which], trouble->failures);
        warn(t, which, text);
    }
    /* A disk that is nearly full takes one record and refuses the next: that is no news either. */
    if (status == BL_OK || bl_clock_seconds() < trouble->quiet_until)
        return;
    trouble->told = 1;
    trouble->quiet_until = bl_clock_seconds() + REMIND_SECONDS;
    (void)snprintf(text, sizeof text, "%s: failed, training goes on: %s", output_names[which],
                   why->message);
    warn(t, which, text);
}

void bl_trainer_report(bl_trainer *t, bl_train_event *event)
{
    bl_error why;
    event->step = t->state.step;
    event->tokens = t->state.tokens;
    bl_status status = bl_metrics_record(&t->metrics, event, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_METRICS, status, &why);
    status = bl_tensorboard_record(&t->tensorboard, event, &why);
    bl_trainer_note(t, BL_TRAIN_OUTPUT_TENSORBOARD, status, &why);
    tell(t, event);
}

void bl_trainer_report_text(bl_trainer *t, bl_train_event_kind kind, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bl_train_event event = {.kind = kind, .text = text};
    bl_trainer_report(t, &event);
}
