/* bitllama train: a training run, watched. */
#include "cli.h"
#include "format.h"
#include "model.h"
#include "plot.h"
#include "progress.h"
#include "signals.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the events of a run leave behind. */
typedef struct watch {
    bl_plot_curve train, valid;
    int begun;         /* the progress line stands */
    char reason[256];  /* why the run ended */
    char newest[1024]; /* checkpoint */
} watch;

static void begin_line(watch *w, const bl_train_event *e)
{
    if (!w->begun)
        bl_progress_begin("train", "step", e->step);
    w->begun = 1;
}

static void show_step(watch *w, const bl_train_event *e)
{
    char tail[96];
    begin_line(w, e);
    bl_plot_add(&w->train, (double)e->step, e->loss);
    (void)snprintf(tail, sizeof tail, "loss %.3f, lr %.2e, %s tok/s", e->loss, e->lr,
                   bl_format_scaled(e->tokens_per_s).text);
    bl_progress_set(e->step, e->steps, tail);
}

static void show_evaluation(watch *w, const bl_train_event *e)
{
    char bits[48] = "";
    if (e->bits_per_byte > 0)
        (void)snprintf(bits, sizeof bits, ", %.4f bits per byte", e->bits_per_byte);
    bl_plot_add(&w->valid, (double)e->step, e->loss);
    bl_progress_print("step %s: validation loss %.4f%s", bl_format_count(e->step).text, e->loss,
                      bits);
}

/* A young model writes any byte: control characters would move the cursor. */
static void show_sample(const char *text)
{
    size_t bytes = strlen(text);
    char *clean = malloc(bytes + 1);
    if (!clean)
        return;
    for (size_t i = 0; i <= bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        int controls = (c < 0x20 && c != 0 && c != '\n') || c == 0x7f;
        clean[i] = controls ? ' ' : text[i];
    }
    bl_progress_print("%ssample:%s %s", bl_terminal_colour(stderr, BL_GREEN),
                      bl_terminal_colour(stderr, BL_PLAIN), clean);
    free(clean);
}

static void on_event(void *user, const bl_train_event *e)
{
    watch *w = user;
    const char *text = e->text ? e->text : "";
    switch (e->kind) {
    case BL_TRAIN_START:
        bl_progress_print("%s", text);
        break;
    case BL_TRAIN_RESUME:
        bl_progress_print("going on at step %s%s%s", bl_format_count(e->step).text,
                          *text ? " from " : "", text);
        begin_line(w, e);
        bl_progress_set(e->step, e->steps, NULL);
        break;
    case BL_TRAIN_STEP:
        show_step(w, e);
        break;
    case BL_TRAIN_EVAL:
        show_evaluation(w, e);
        break;
    case BL_TRAIN_SAMPLE:
        show_sample(text);
        break;
    case BL_TRAIN_CHECKPOINT:
        (void)snprintf(w->newest, sizeof w->newest, "%s", text);
        break;
    case BL_TRAIN_WARNING:
        bl_progress_log(NULL, BL_LOG_WARNING, text);
        break;
    case BL_TRAIN_END:
        (void)snprintf(w->reason, sizeof w->reason, "%s", text);
        break;
    }
}

static void draw_curve(const bl_args *args, const watch *w)
{
    int forced = bl_flags_given(args, "plot");
    if (forced && !bl_flags_on(args, "plot"))
        return;
    int unicode = bl_terminal_unicode() && (forced || bl_terminal_is(stderr));
    bl_plot_draw(stderr, &w->train, &w->valid, bl_terminal_width(stderr), unicode);
}

static void report_end(const bl_args *args, const watch *w, bl_status status)
{
    const char *run = bl_flags_text(args, "out"), *data = bl_flags_text(args, "data");
    bl_progress_end();
    if (*w->reason)
        bl_progress_print("%s%s%s", w->reason, *w->newest ? ", checkpoint " : "", w->newest);
    if (status == BL_EINTERRUPTED) {
        bl_progress_print("go on with: bitllama train --data %s --out %s --resume", data, run);
        return;
    }
    if (status != BL_OK)
        return;
    draw_curve(args, w);
    bl_progress_print("the curve: %s/loss.svg", run);
    bl_progress_print("next: bitllama generate -m %s -p \"Once upon a time\"", run);
    bl_progress_print("      bitllama eval -m %s --data %s/val.bin", run, data);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_options *train = NULL, *config = NULL;
    bl_trainer *trainer = NULL;
    watch *w = calloc(1, sizeof *w);
    bl_status status = w ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_flags_options(args, BL_OPTIONS_TRAIN, &train, err);
    if (status == BL_OK)
        status = bl_cli_config_read(&config, args, train, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = bl_trainer_open(&trainer, bl_flags_text(args, "data"), bl_flags_text(args, "out"),
                                 train, config, err);
    }
    if (status == BL_OK && bl_signals_caught())
        status = bl_cli_fail(err, BL_EINTERRUPTED, "interrupted before the first step");
    if (status == BL_OK) {
        bl_signals_attach(trainer);
        status = bl_trainer_run(trainer, on_event, w, err);
        bl_signals_attach(NULL);
        report_end(args, w, status);
    }
    bl_trainer_close(trainer);
    bl_options_close(config);
    bl_options_close(train);
    free(w);
    return status;
}

static const bl_flag flags[] = {
    {.name = "data", .value = "DIR", .required = 1, .help = "data folder made by prepare"},
    {.name = "out", .value = "RUN", .required = 1, .help = "folder of the run"},
    BL_FLAG_CONFIG,
    {.name = "plot",
     .help = "draw the loss curve at the end (default true; with it also off a terminal in "
             "characters beyond ASCII; --no-plot: never)"},
    {0},
};

const bl_command bl_command_train = {
    .name = "train",
    .summary = "Trains a model.  Ctrl-C saves and stops, --resume goes on; SIGUSR1 saves.",
    .usage = "--data DIR --out RUN [--preset micro|code|tiny | --config FILE] [flags]",
    .example = "bitllama train --data data --out run --preset tiny",
    .flags = flags,
    .groups = {{"training", BL_OPTIONS_TRAIN}, {"model", BL_OPTIONS_CONFIG}},
    .run = run,
};
