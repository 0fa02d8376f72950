/* bitllama bench: tokens a second of reading, writing and training, and where the time goes. */
#include "bench_print.h"
#include "bench_tests.h"
#include "cli.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MOST = 32, ROWS_MOST = 65536, TOKENS_MOST = 1 << 20, THREADS_MOST = 1024 };

typedef struct numbers {
    size_t at[LIST_MOST];
    size_t count;
} numbers;

typedef struct shape {
    size_t rows, tokens;
} shape;

/* Everything that the command line asks for. */
typedef struct bench_job {
    bl_bench b;
    bl_bench_facts facts;
    numbers prompts, writes, rows, threads;
    shape trains[LIST_MOST];
    size_t train_count;
    bl_options *config, *draw;
    bl_limit_list limits[LIST_MOST]; /* of threads.at */
    bl_bench_test *tests;
    size_t test_count;
    int as_json, as_csv;
} bench_job;

/* ---- the command line ---- */

/* A number at *text, which moves past it; 0 when there is none in lowest..highest. */
static int take_number(const char **text, size_t lowest, size_t highest, size_t *n)
{
    char *end;
    if (**text < '0' || **text > '9')
        return 0;
    unsigned long long value = strtoull(*text, &end, 10);
    *text = end;
    *n = (size_t)value;
    return value >= lowest && value <= highest;
}

static bl_status read_list(numbers *list, const char *flag, const char *text, size_t lowest,
                           size_t highest, bl_error *err)
{
    const char *at = text;
    for (list->count = 0; list->count < LIST_MOST; at++) {
        if (!take_number(&at, lowest, highest, &list->at[list->count++]) || (*at && *at != ','))
            break;
        if (!*at)
            return BL_OK;
    }
    return bl_cli_fail(err, BL_EINVAL,
                       "--%s is a list of up to %d whole numbers from %zu to %zu, as 1,8, not '%s'",
                       flag, LIST_MOST, lowest, highest, text);
}

static bl_status read_shapes(bench_job *j, const char *text, bl_error *err)
{
    const char *at = text;
    for (; text && j->train_count < LIST_MOST; at++) {
        shape *s = &j->trains[j->train_count++];
        if (!take_number(&at, 1, ROWS_MOST, &s->rows) || *at++ != 'x' ||
            !take_number(&at, 1, TOKENS_MOST, &s->tokens) || (*at && *at != ','))
            break;
        if (!*at)
            return BL_OK;
    }
    return text ? bl_cli_fail(err, BL_EINVAL,
                              "--train is a list of up to %d times BATCHxCONTEXT, as 32x128, not "
                              "'%s'",
                              LIST_MOST, text)
                : BL_OK;
}

/* The fields of a device but threads, of which there may be several. */
static bl_status read_device(bench_job *j, const bl_args *args, bl_error *err)
{
    const char *threads = "0";
    bl_status status = bl_options_open(&j->b.device, BL_OPTIONS_DEVICE, err);
    if (status == BL_OK)
        status = bl_options_open(&j->b.train, BL_OPTIONS_TRAIN, err);
    for (size_t i = 0; status == BL_OK && i < args->count; i++) {
        const bl_setting *s = &args->settings[i];
        if (s->flag || s->kind != BL_OPTIONS_DEVICE)
            continue;
        if (strcmp(s->field->name, "threads") == 0) {
            threads = s->value;
            continue;
        }
        status = bl_options_set(j->b.device, s->field->name, s->value, err);
        if (status == BL_OK)
            status = bl_options_set(j->b.train, s->field->name, s->value, err);
    }
    return status == BL_OK ? read_list(&j->threads, "threads", threads, 0, THREADS_MOST, err)
                           : status;
}

/* OPTION=VALUE,...; what is not named is as generate has it. */
static bl_status read_draw(bench_job *j, const char *text, bl_error *err)
{
    char pair[256];
    bl_status status = bl_options_open(&j->draw, BL_OPTIONS_GENERATE, err);
    j->b.draw = j->draw;
    while (status == BL_OK && *text) {
        size_t bytes = strcspn(text, ",");
        (void)snprintf(pair, sizeof pair, "%.*s", (int)(bytes < 255 ? bytes : 255), text);
        char *value = strchr(pair, '=');
        if (!value || bytes >= sizeof pair)
            return bl_cli_fail(err, BL_EINVAL, "--draw is a list of OPTION=VALUE, not '%s'", pair);
        *value++ = 0;
        status = bl_options_set(j->draw, pair, value, err);
        text += bytes + (text[bytes] == ',');
    }
    return status;
}

/* -m, or a preset with the fields of a model over it. */
static bl_status read_model(bench_job *j, const bl_args *args, bl_error *err)
{
    const char *preset = bl_flags_text(args, "preset");
    j->b.path = bl_flags_text(args, "model");
    if (j->b.path && (bl_flags_given(args, "preset") || bl_flags_any(args, BL_OPTIONS_CONFIG)))
        return bl_cli_fail(err, BL_EINVAL,
                           "-m is a model as it is: --preset and the fields of a model are for "
                           "random weights");
    bl_status status = bl_options_open(&j->config, BL_OPTIONS_CONFIG, err);
    if (status == BL_OK && !j->b.path)
        status = bl_options_preset(j->config, preset, err);
    if (status == BL_OK)
        status = bl_flags_apply(args, BL_OPTIONS_CONFIG, j->config, err);
    j->b.config = j->config;
    (void)snprintf(j->facts.model, sizeof j->facts.model, "%s%s", j->b.path ? j->b.path : preset,
                   j->b.path                               ? ""
                   : bl_flags_any(args, BL_OPTIONS_CONFIG) ? ", changed, random weights"
                                                           : ", random weights");
    return status;
}

static bl_status read_flags(bench_job *j, const bl_args *args, bl_error *err)
{
    uint64_t repetitions = 0;
    j->b.ops = bl_flags_on(args, "ops");
    j->as_json = bl_flags_on(args, "json");
    j->as_csv = bl_flags_on(args, "csv");
    if (j->as_json && j->as_csv)
        return bl_cli_fail(err, BL_EINVAL, "--json and --csv are two forms of the same");
    bl_status status =
        bl_flags_whole(args, "repetitions", 1, BL_BENCH_REPETITIONS, &repetitions, err);
    j->b.repetitions = j->facts.repetitions = (size_t)repetitions;
    if (status == BL_OK)
        status = read_list(&j->prompts, "n-prompt", bl_flags_text(args, "n-prompt"), 0, TOKENS_MOST,
                           err);
    if (status == BL_OK)
        status = read_list(&j->writes, "n-gen", bl_flags_text(args, "n-gen"), 0, TOKENS_MOST, err);
    if (status == BL_OK)
        status = read_list(&j->rows, "batch", bl_flags_text(args, "batch"), 1, ROWS_MOST, err);
    if (status == BL_OK)
        status = read_shapes(j, bl_flags_text(args, "train"), err);
    if (status == BL_OK)
        status = read_device(j, args, err);
    if (status == BL_OK)
        status = read_draw(j, bl_flags_text(args, "draw"), err);
    return status == BL_OK ? read_model(j, args, err) : status;
}

/* ---- the tests ---- */

static void add_test(bench_job *j, bl_bench_kind kind, size_t rows, size_t tokens)
{
    if (tokens)
        j->tests[j->test_count++] = (bl_bench_test){.kind = kind, .rows = rows, .tokens = tokens};
}

/* Those of one number of threads, in order; 0 tokens are none. */
static bl_status list_tests(bench_job *j, bl_error *err)
{
    size_t most = j->prompts.count + j->writes.count * j->rows.count + j->train_count;
    j->tests = calloc(most * j->threads.count, sizeof *j->tests);
    if (!j->tests)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory for %zu tests", most);
    for (size_t i = 0; i < j->threads.count; i++) {
        size_t first = j->test_count;
        for (size_t k = 0; k < j->prompts.count; k++)
            add_test(j, BL_BENCH_PROMPT, 1, j->prompts.at[k]);
        for (size_t k = 0; k < j->writes.count; k++)
            for (size_t r = 0; r < j->rows.count; r++)
                add_test(j, BL_BENCH_WRITE, j->rows.at[r], j->writes.at[k]);
        for (size_t k = 0; k < j->train_count; k++)
            add_test(j, BL_BENCH_TRAIN, j->trains[k].rows, j->trains[k].tokens);
        for (; first < j->test_count; first++)
            j->tests[first].threads = j->threads.at[i];
    }
    return j->test_count ? BL_OK
                         : bl_cli_fail(err, BL_EINVAL,
                                       "nothing to measure: all tests have 0 "
                                       "tokens");
}

static void note_machine(void *user, const bl_machine_info *m)
{
    bench_job *j = user;
    bl_bench_facts *f = &j->facts;
    (void)snprintf(f->compiler, sizeof f->compiler, "%s", m->compiler);
    (void)snprintf(f->processor, sizeof f->processor, "%s", m->processor);
    (void)snprintf(f->simd, sizeof f->simd, "%s", m->simd);
    f->processors = m->processors;
    for (size_t i = 0; i < j->threads.count; i++)
        if (!j->threads.at[i])
            j->threads.at[i] = m->threads;
}

/* The fields of a model of a file, for training one like it. */
static bl_status take_fields(bench_job *j, bl_error *err)
{
    bl_model *model = NULL;
    char value[1024];
    bl_status status = bl_model_open(&model, j->b.path, j->b.device, err);
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_CONFIG); i++) {
        const char *name = bl_options_field(BL_OPTIONS_CONFIG, i)->name;
        if (status == BL_OK)
            status = bl_options_get(bl_model_config(model), name, value, sizeof value, NULL, err);
        if (status == BL_OK)
            status = bl_options_set(j->config, name, value, err);
    }
    bl_model_close(model);
    return status;
}

/* What as many sequences as --batch says keep, before there are any. */
static bl_status check_rows(const bench_job *j, const bl_plan_result *plan, bl_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < j->test_count; i++)
        if (j->tests[i].kind == BL_BENCH_WRITE && j->tests[i].rows > most)
            most = j->tests[i].rows;
    double needed = (double)plan->state * (double)most, there = (double)plan->machine;
    if (needed <= there)
        return BL_OK;
    return bl_cli_fail(err, *plan->device ? BL_EDEVICE : BL_ENOMEM,
                       "--batch %zu: the states of so many sequences take %.2f GB of memory, and "
                       "there are %.2f GB; take fewer",
                       most, needed * 1e-9, there * 1e-9);
}

/* How large it is. */
static bl_status plan_model(bench_job *j, bl_error *err)
{
    bl_plan_result plan = {.size = sizeof plan};
    bl_status status = j->b.path ? bl_plan_model(j->b.path, j->b.device, &plan, err)
                                 : bl_plan(NULL, j->b.train, j->b.config, &plan, err);
    j->facts.parameters = plan.parameters;
    if (status == BL_OK)
        status = check_rows(j, &plan, err);
    return status == BL_OK && j->b.path && j->train_count ? take_fields(j, err) : status;
}

static bl_status prepare(bench_job *j, const bl_args *args, bl_error *err)
{
    bl_bench_facts *f = &j->facts;
    bl_status status = read_flags(j, args, err);
    if (status == BL_OK)
        status = bl_machine(note_machine, j, err);
    if (status == BL_OK)
        status = list_tests(j, err);
    if (status == BL_OK)
        status = bl_options_get(j->b.device, "device", f->device, sizeof f->device, NULL, err);
    if (status == BL_OK)
        status =
            bl_options_get(j->b.device, "precision", f->precision, sizeof f->precision, NULL, err);
    return status == BL_OK ? plan_model(j, err) : status;
}

/* All tests with one number of threads, which share a model. */
static bl_status run_tests(bench_job *j, size_t which, bl_error *err)
{
    size_t threads = j->threads.at[which], each = j->test_count / j->threads.count;
    bl_model *model = NULL;
    bl_status status = BL_OK;
    int limits = j->b.ops && strcmp(j->facts.device, "cpu") == 0;
    if (limits)
        status = bl_limits_collect(&j->limits[which], threads, err);
    for (size_t i = which * each; status == BL_OK && i < (which + 1) * each; i++) {
        bl_bench_test *t = &j->tests[i];
        t->limits = limits ? &j->limits[which] : NULL;
        status = bl_bench_run(&j->b, t, &model, err);
        bl_progress_end();
        if (t->count && !j->as_json && !j->as_csv)
            bl_bench_table_row(t);
    }
    bl_model_close(model);
    return status;
}

/* What was measured, also when the rest was not. */
static void print(bench_job *j)
{
    if (j->as_json)
        bl_bench_json(&j->facts, j->tests, j->test_count);
    else if (j->as_csv)
        bl_bench_csv(&j->facts, j->tests, j->test_count);
    for (size_t i = 0; !j->as_json && !j->as_csv && i < j->test_count; i++)
        bl_bench_table_ops(&j->tests[i]);
}

static void release(bench_job *j)
{
    for (size_t i = 0; i < j->test_count; i++)
        free(j->tests[i].seconds);
    free(j->tests);
    bl_options_close(j->b.device);
    bl_options_close(j->b.train);
    bl_options_close(j->config);
    bl_options_close(j->draw);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bench_job *j = calloc(1, sizeof *j);
    if (!j)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    bl_signals_catch();
    bl_status status = prepare(j, args, err);
    int begun = status == BL_OK;
    if (begun && !j->as_json && !j->as_csv)
        bl_bench_table_begin(&j->facts);
    for (size_t i = 0; status == BL_OK && i < j->threads.count; i++)
        status = run_tests(j, i, err);
    j->facts.interrupted = status == BL_EINTERRUPTED;
    if (begun && (status == BL_OK || status == BL_EINTERRUPTED))
        print(j);
    release(j);
    free(j);
    return status;
}

static const bl_flag flags[] = {
    {.name = "model",
     .letter = 'm',
     .value = "MODEL",
     .help = "model folder, training run or a model on the Hub",
     .hub = "model"},
    {.name = "preset",
     .value = "NAME",
     .fallback = "micro",
     .help = "without -m: random weights of this size, changed by the flags of a model below"},
    {.name = "n-prompt",
     .letter = 'p',
     .value = "N,...",
     .fallback = "16,512",
     .help = "pp: read a prompt of N tokens; 0: do not"},
    {.name = "n-gen",
     .letter = 'n',
     .value = "N,...",
     .fallback = "128",
     .help = "tg: write N tokens; 0: do not"},
    {.name = "batch",
     .letter = 'b',
     .value = "N,...",
     .fallback = "1",
     .help = "write in so many sequences at once; tokens a second are those of all"},
    {.name = "train",
     .value = "BATCHxCONTEXT,...",
     .help = "optimizer steps of this size too, on random tokens from random weights"},
    {.name = "repetitions",
     .letter = 'r',
     .value = "N",
     .fallback = "5",
     .help = "how often each test is measured, after a warm-up"},
    {.name = "draw",
     .value = "OPTION=VALUE,...",
     .fallback = "temperature=0",
     .help = "how tokens are drawn, by the options of generate; the default is the likeliest"},
    {.name = "ops",
     .help = "also where the time of the fastest of as many repetitions more goes: calls, GB/s and "
             "GOP/s of each op, and on the processor its share of what doctor --limits measures"},
    {.name = "json", .help = "as JSON, times in seconds"},
    {.name = "csv", .help = "as CSV, without the ops"},
    {0},
};

const bl_command bl_command_bench = {
    .name = "bench",
    .summary = "Measures how fast a model reads, writes and trains, and where the time goes.",
    .usage = "[-m MODEL | --preset NAME] [-p N,...] [-n N,...] [-b N,...] [-t N,...] [--ops]",
    .details =
        "Tokens a second are a mean over the repetitions, with their standard deviation and the "
        "fastest. -t takes a list too: -t 1,2 measures everything with one thread and with two. "
        "Ctrl-C ends it with what was measured.\n\n"
        "The share of an op's limit: the least time for its bytes (in writing, from the cache that "
        "holds all of a token's weights; elsewhere from the one that holds those of a call) or for "
        "its products, by what was measured just before, over the time that it took. More than "
        "100% means that they came from a nearer cache.",
    .example = "bitllama bench --preset micro -t 1,2 -b 1,8 --train 32x128 --ops",
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}, {"model (without -m)", BL_OPTIONS_CONFIG}},
    .run = run,
};
