/* bitllama train: a training run, watched. */
#define _POSIX_C_SOURCE 200809L /* stat */

#include "cli.h"
#include "figures.h"
#include "model_flags.h"
#include "paste.h"
#include "plot.h"
#include "progress.h"
#include "signals.h"
#include "terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CORPORA_MOST = 32 };

/* The folders of --data, and their flags as they were typed. */
typedef struct corpora {
    const char *typed[CORPORA_MOST];
    char *dir[CORPORA_MOST];
    bl_corpus list[CORPORA_MOST];
    size_t count;
} corpora;

/* What the events of a run leave behind. */
typedef struct watch {
    bl_plot_curve train, valid;
    int begun; /* the progress line is on the screen */
    const corpora *data;
    const bl_options *options; /* as given */
    int own_model;             /* a config or one of its fields was given */
    char reason[256];          /* why the run ended */
    char newest[1024];         /* checkpoint */
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
                   bl_format_rate(e->tokens_per_s, 1).text);
    bl_progress_set(e->step, e->steps, tail);
}

/* " (A 1.2345, B 2.3456)" of several folders. */
static void print_losses(char *text, size_t room, const bl_train_event *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->corpus_count && n < room; i++) {
        int more = snprintf(text + n, room - n, "%s%s %.4f%s", i ? ", " : " (", e->corpora[i].dir,
                            e->corpora[i].loss, i + 1 == e->corpus_count ? ")" : "");
        n += more > 0 ? (size_t)more : room;
    }
}

/* What was read of several folders, when the run ends. */
static void show_shares(const bl_train_event *e)
{
    double all = 0;
    for (size_t i = 0; i < e->corpus_count; i++)
        all += (double)e->corpora[i].tokens;
    for (size_t i = 0; i < e->corpus_count; i++) {
        const bl_train_corpus *c = &e->corpora[i];
        bl_progress_print("%s: %s tokens, %.2f%% of all (asked for %.2f%%), %.3f epochs", c->dir,
                          bl_format_count(c->tokens).text,
                          all > 0 ? 100 * (double)c->tokens / all : 0, 100 * c->weight, c->epochs);
    }
}

static void show_evaluation(watch *w, const bl_train_event *e)
{
    char bits[48] = "", each[600] = "";
    if (e->bits_per_byte > 0)
        (void)snprintf(bits, sizeof bits, ", %.4f bits per byte", e->bits_per_byte);
    print_losses(each, sizeof each, e);
    bl_plot_add(&w->valid, (double)e->step, e->loss);
    bl_progress_print("step %s: validation loss %.4f%s%s", bl_format_count(e->step).text, e->loss,
                      bits, each);
}

static double option_of(const bl_options *options, const char *name)
{
    char text[64] = "0";
    (void)bl_options_get(options, name, text, sizeof text, NULL, NULL);
    return strtod(text, NULL);
}

/* What would suit the data better, before hours go into it. */
static void advise(const watch *w, const bl_train_event *e)
{
    bl_advice a = {.size = sizeof a};
    char preset[32] = "";
    if (w->data->count != 1 || e->step > 0 || bl_advise(w->data->dir[0], &a, NULL) != BL_OK ||
        !a.tokens)
        return;
    if (a.vocab_size >= 4 * a.suits_vocab_size)
        bl_progress_print("note: a vocabulary of %s is large for %sB of text; prepare it with "
                          "--vocab-size %llu",
                          bl_format_count(a.vocab_size).text,
                          bl_format_scaled((double)a.bytes).text,
                          (unsigned long long)a.suits_vocab_size);
    (void)bl_options_get(w->options, "preset", preset, sizeof preset, NULL, NULL);
    if (!w->own_model && strcmp(a.preset, "tiny") == 0 && strcmp(preset, "tiny") != 0)
        bl_progress_print(
            "note: the preset %s is large for %sB of text; --preset tiny suits it, and "
            "is several times as fast",
            preset, bl_format_scaled((double)a.bytes).text);
    double steps = option_of(w->options, "steps"); /* of the schedule, wherever it stops */
    steps = steps > 0 ? steps : (double)e->steps;
    double read = steps * option_of(w->options, "batch") * option_of(w->options, "context") *
                  option_of(w->options, "accum");
    if (read > 30 * (double)a.tokens)
        bl_progress_print(
            "note: a text that is read %.0f times is learnt by heart; about 10 times, "
            "--steps %.0f, suits it",
            read / (double)a.tokens, ceil(10 * (double)a.tokens * steps / read));
}

static void on_event(void *user, const bl_train_event *e)
{
    watch *w = user;
    const char *text = e->text ? e->text : "";
    switch (e->kind) {
    case BL_TRAIN_START:
        bl_progress_print("%s", text);
        advise(w, e);
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
        bl_progress_print_text(BL_GREEN, "sample:", text);
        break;
    case BL_TRAIN_CHECKPOINT:
        (void)snprintf(w->newest, sizeof w->newest, "%s", text);
        break;
    case BL_TRAIN_WARNING:
        bl_progress_log(NULL, BL_LOG_WARNING, text);
        break;
    case BL_TRAIN_END:
        (void)snprintf(w->reason, sizeof w->reason, "%s", text);
        show_shares(e);
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

/* How to resume a run that was stopped. */
static void print_resume(const corpora *c, const char *run)
{
    const char *words[2 * CORPORA_MOST + 8] = {"train"};
    size_t n = 1;
    for (size_t i = 0; i < c->count; i++) {
        words[n++] = "--data";
        words[n++] = c->typed[i];
    }
    words[n++] = "--out";
    words[n++] = run;
    words[n++] = "--resume";
    bl_paste_print("go on with: ", words);
}

static void report_end(const bl_args *args, const watch *w, const corpora *c, bl_status status)
{
    const char *run = bl_flags_text(args, "out");
    bl_progress_end();
    if (*w->reason)
        bl_progress_print("%s%s%s", w->reason, *w->newest ? ", checkpoint " : "", w->newest);
    if (status == BL_EINTERRUPTED)
        print_resume(c, run);
    if (status != BL_OK)
        return;
    draw_curve(args, w);
    bl_progress_print("the curve: %s/loss.svg", run);
    bl_paste_print("next: ",
                   (const char *const[]){"generate", "-m", run, "-p", "Once upon a time", NULL});
    bl_advice a = {.size = sizeof a};
    if (c->count && (bl_advise(c->dir[0], &a, NULL) != BL_OK || a.val_tokens))
        bl_paste_print("      ",
                       (const char *const[]){"eval", "-m", run, "--data", c->dir[0], NULL});
}

/* "A:0.7": the weight after the last colon, when the whole names nothing that exists and a number
 * follows the colon. */
static bl_status read_corpus(corpora *c, const char *typed, bl_error *err)
{
    struct stat info;
    size_t length = strlen(typed);
    bl_corpus *corpus = &c->list[c->count];
    const char *colon = strrchr(typed, ':');
    corpus->weight = 0;
    if (colon && stat(typed, &info) != 0 && colon[1] &&
        strspn(colon + 1, "0123456789.eE+-") == strlen(colon + 1)) {
        char *end;
        corpus->weight = strtod(colon + 1, &end);
        if (*end || !(corpus->weight > 0 && corpus->weight <= 1e9))
            return bl_cli_fail(err, BL_EINVAL, "--data %s: a weight is a positive number, not '%s'",
                               typed, colon + 1);
        length = (size_t)(colon - typed);
    }
    c->typed[c->count] = typed;
    char *dir = c->dir[c->count] = malloc(length + 1);
    if (!dir)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    memcpy(dir, typed, length);
    dir[length] = 0;
    corpus->dir = dir;
    c->count++;
    return BL_OK;
}

/* Text given to train, which wants what prepare makes of it. */
static bl_status check_folder(const char *dir, bl_error *err)
{
    struct stat info;
    char bytes[4096];
    if (stat(dir, &info) != 0 || !S_ISREG(info.st_mode))
        return BL_OK;
    FILE *f = fopen(dir, "rb");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f)
        (void)fclose(f);
    if (n && !memchr(bytes, 0, n))
        return bl_cli_fail(err, BL_EFORMAT,
                           "%s is text: bitllama prepare makes a data folder of it", dir);
    return bl_cli_fail(err, BL_EFORMAT, "%s is a file: --data takes a folder made by prepare", dir);
}

static bl_status read_corpora(corpora *c, const bl_args *args, bl_error *err)
{
    const char *typed[CORPORA_MOST];
    bl_status status = BL_OK;
    size_t count = bl_flags_all(args, "data", typed, CORPORA_MOST);
    if (count > CORPORA_MOST)
        return bl_cli_fail(err, BL_EINVAL, "%zu data folders: there can be at most %d", count,
                           CORPORA_MOST);
    for (size_t i = 0; status == BL_OK && i < count; i++)
        if ((status = read_corpus(c, typed[i], err)) == BL_OK)
            status = check_folder(c->dir[i], err);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_options *train = NULL, *config = NULL;
    bl_trainer *trainer = NULL;
    watch *w = calloc(1, sizeof *w);
    corpora *c = calloc(1, sizeof *c);
    bl_status status = w && c ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = read_corpora(c, args, err);
    if (status == BL_OK)
        status = bl_flags_options(args, BL_OPTIONS_TRAIN, &train, err);
    if (status == BL_OK)
        status = bl_cli_config_read(&config, args, train, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = bl_trainer_open_corpora(&trainer, c->list, c->count, bl_flags_text(args, "out"),
                                         train, config, err);
    }
    if (status == BL_OK && bl_signals_caught())
        status = bl_cli_fail(err, BL_EINTERRUPTED, "interrupted before the first step");
    if (status == BL_OK) {
        bl_signals_attach(trainer);
        w->data = c;
        w->options = train;
        w->own_model = bl_flags_given(args, "config") || bl_options_is_set(train, "init") ||
                       (config && (bl_options_is_set(config, "hidden_size") ||
                                   bl_options_is_set(config, "num_hidden_layers")));
        status = bl_trainer_run(trainer, on_event, w, err);
        bl_signals_attach(NULL);
        report_end(args, w, c, status);
    }
    bl_trainer_close(trainer);
    bl_options_close(config);
    bl_options_close(train);
    for (size_t i = 0; c && i < c->count; i++)
        free(c->dir[i]);
    free(c);
    free(w);
    return status;
}

static const bl_flag flags[] = {
    {.name = "data",
     .value = "DIR[:WEIGHT]",
     .required = 1,
     .help = "data folder made by prepare; several times for several, "
             "read by their weights, or else by their tokens"},
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
    .usage = "--data DIR[:WEIGHT]... --out RUN [--preset micro|code|tiny | --config FILE] [flags]",
    .example = "bitllama train --data data --out run --preset tiny",
    .flags = flags,
    .groups = {{"training", BL_OPTIONS_TRAIN}, {"model", BL_OPTIONS_CONFIG}},
    .run = run,
};
