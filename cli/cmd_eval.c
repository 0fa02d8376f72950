/* bitllama eval: loss, perplexity and bits per byte of a model on a file. */
#include "cli.h"
#include "eval_print.h"
#include "eval_recall.h"
#include "eval_stream.h"
#include "figures.h"
#include "input.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The loss by position, in rising order. */
typedef struct curve {
    bl_eval_point *at;
    size_t count, cap;
    int failed; /* memory was short */
} curve;

static void add_point(void *user, const bl_eval_point *point)
{
    curve *c = user;
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 128;
        bl_eval_point *at = realloc(c->at, cap * sizeof *at);
        c->failed |= !at;
        if (!at)
            return;
        c->at = at;
        c->cap = cap;
    }
    c->at[c->count++] = *point;
}

/* What was measured: once, or twice over the same tokens, with --beside. */
typedef struct measured {
    bl_eval_result result, beside;
    curve c, beside_c;
    int twice;
} measured;

static void print_beside_json(double loss, double beside)
{
    fputs(", \"beside\": ", stdout);
    bl_output_json_number(stdout, beside);
    fputs(", \"difference\": ", stdout);
    bl_output_json_number(stdout, loss - beside);
}

static void print_curve_json(const measured *m)
{
    fputs(", \"by_position\": [", stdout);
    for (size_t i = 0; i < m->c.count; i++) {
        const bl_eval_point *p = &m->c.at[i];
        fputs(i ? ", " : "", stdout);
        bl_cli_eval_point_json(p->first, p->last, p->tokens, p->loss);
        if (m->twice)
            print_beside_json(p->loss, m->beside_c.at[i].loss);
        putchar('}');
    }
    putchar(']');
}

/* The last position of the row that this one belongs to: 0, 1, 2-3, 4-7, ... */
static uint64_t last_of_row(uint64_t position)
{
    uint64_t last = 0;
    while (last < position)
        last = 2 * last + 1;
    return last;
}

/* Means over the tokens of a row. */
static void print_curve(const measured *m)
{
    const curve *c = &m->c;
    printf("\n%-15s %12s %8s%s\n", "position", "tokens", "loss",
           m->twice ? "   beside  difference" : "");
    for (size_t i = 0; i < c->count;) {
        bl_eval_point row = {.first = c->at[i].first};
        uint64_t last = last_of_row(row.first);
        double nats = 0, beside = 0;
        for (; i < c->count && c->at[i].first <= last; i++) {
            row.last = c->at[i].last;
            row.tokens += c->at[i].tokens;
            nats += c->at[i].loss * (double)c->at[i].tokens;
            if (m->twice)
                beside += m->beside_c.at[i].loss * (double)c->at[i].tokens;
        }
        nats /= (double)row.tokens;
        beside /= (double)row.tokens;
        printf("%-15s %12s %8.4f", bl_cli_positions(row.first, row.last).text,
               bl_format_count(row.tokens).text, nats);
        if (m->twice)
            printf(" %8.4f %+11.4f", beside, nats - beside);
        putchar('\n');
    }
}

/* A data folder stands for its validation tokens. */
static bl_status find_file(const char *given, char **path, bl_error *err)
{
    struct stat info;
    int folder = stat(given, &info) == 0 && S_ISDIR(info.st_mode);
    size_t bytes = strlen(given) + sizeof "/val.bin";
    *path = malloc(bytes);
    if (!*path)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    (void)snprintf(*path, bytes, "%s%s", given, folder ? "/val.bin" : "");
    return BL_OK;
}

/* Starts from a memory file, which stays as it is. */
static bl_status evaluate_from(const char *memory, bl_model *model, const char *path,
                               const bl_options *reading, bl_eval_point_fn *point, curve *c,
                               bl_eval_result *result, bl_error *err)
{
    bl_session *session = NULL;
    bl_status status = bl_session_open(&session, model, NULL, err);
    if (status == BL_OK)
        status = bl_session_load(session, memory, err);
    if (status == BL_OK)
        status = bl_eval_session(session, path, reading, bl_progress_report, point, c, result, err);
    bl_session_close(session);
    return status;
}

/* From a memory, or with NULL from what every text begins with. */
static bl_status evaluate(const bl_args *args, bl_model *model, const char *path, uint64_t window,
                          const char *memory, curve *c, bl_eval_result *result, bl_error *err)
{
    bl_eval_point_fn *point = bl_flags_on(args, "by-position") ? add_point : NULL;
    bl_options *reading = NULL;
    bl_status status = bl_cli_reading(&reading, args, err);
    bl_signals_catch();
    if (status == BL_OK && memory)
        status = evaluate_from(memory, model, path, reading, point, c, result, err);
    else if (status == BL_OK)
        status = bl_eval_text(model, path, reading, (size_t)window, bl_progress_report, point, c,
                              result, err);
    bl_progress_end();
    bl_options_close(reading);
    if (status == BL_OK && c->failed)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    return status;
}

static void print(const bl_args *args, const measured *m)
{
    int by_position = bl_flags_on(args, "by-position");
    double loss = m->result.loss, beside = m->beside.loss;
    if (bl_flags_on(args, "json")) {
        bl_cli_eval_json(&m->result);
        if (m->twice)
            print_beside_json(loss, beside);
        if (by_position)
            print_curve_json(m);
        fputs("}\n", stdout);
    } else {
        bl_cli_eval_table(&m->result);
        if (m->twice)
            printf("beside         %.4f nats a token\ndifference     %+.4f\n", beside,
                   loss - beside);
        if (by_position)
            print_curve(m);
    }
    bl_cli_eval_speed(&m->result);
}

/* The memory, and then the same tokens from what is named by --beside. */
static bl_status measure(const bl_args *args, bl_model *model, const char *path, uint64_t window,
                         measured *m, bl_error *err)
{
    const char *beside = bl_flags_text(args, "beside");
    bl_status status =
        evaluate(args, model, path, window, bl_flags_text(args, "memory"), &m->c, &m->result, err);
    if (status != BL_OK || !beside)
        return status;
    m->twice = 1;
    return evaluate(args, model, path, window, strcmp(beside, "none") == 0 ? NULL : beside,
                    &m->beside_c, &m->beside, err);
}

static bl_status eval_file(const bl_args *args, bl_error *err)
{
    uint64_t window = 0;
    char *path = NULL;
    bl_model *model = NULL;
    measured m = {.result.size = sizeof m.result, .beside.size = sizeof m.beside};
    bl_status status = bl_flags_whole(args, "window", 0, 1 << 30, &window, err);
    if (status == BL_OK && bl_flags_given(args, "beside") && !bl_flags_given(args, "memory"))
        status = bl_cli_fail(err, BL_EINVAL, "--beside needs --memory");
    if (status == BL_OK)
        status = bl_cli_reading_check(args, err);
    if (status == BL_OK)
        status = bl_cli_stream_check(args, err);
    if (status == BL_OK)
        status = find_file(bl_flags_text(args, "data"), &path, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK && bl_flags_on(args, "stream")) {
        status = bl_cli_stream(args, model, path, window, err);
    } else if (status == BL_OK) {
        status = measure(args, model, path, window, &m, err);
        if (status == BL_OK)
            print(args, &m);
    }
    bl_model_close(model);
    free(m.c.at);
    free(m.beside_c.at);
    free(path);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_status status = bl_cli_recall_check(args, err);
    if (status != BL_OK)
        return status;
    return bl_flags_given(args, "recall") ? bl_cli_eval_recall(args, err) : eval_file(args, err);
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "data",
     .value = "FILE",
     .help = "token file (.bin), data folder (its val.bin), or a text, read as prepare reads it"},
    {.name = "documents",
     .value = "HOW",
     .help = "where documents end: auto, blank-line, line, file, jsonl, or messages, conversations "
             "of which the answers count (as of prepare)"},
    BL_FLAG_CHAT_TEMPLATE,
    BL_FLAG_ENCODING,
    BL_FLAG_FIELD,
    BL_FLAG_REPLACE,
    BL_FLAG_SKIP_BAD,
    {.name = "window",
     .value = "N",
     .fallback = "0",
     .help = "tokens a window of a token file; 0: the context of the training"},
    {.name = "by-position",
     .help = "also the loss by position: in the window, or in the documents of a text"},
    {.name = "memory",
     .value = "FILE",
     .help = "every document of a text is read with what this memory knows, which stays as it is"},
    {.name = "beside",
     .value = "FILE",
     .help =
         "also the loss of the same tokens from this other memory, or from none, and by how much "
         "--memory is better (below 0) or worse"},
    BL_FLAGS_STREAM,
    BL_FLAGS_RECALL,
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_eval = {
    .name = "eval",
    .summary =
        "Measures loss, perplexity and bits per byte of a model on a file, or what it recalls.",
    .usage =
        "-m MODEL (--data FILE [--window N] [--by-position | --stream] | --recall LIST) [--json]",
    .example = "bitllama eval -m run --data data/val.bin",
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
