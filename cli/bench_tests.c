/* bitllama bench: running the tests through the public interface. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include "bench_tests.h"
#include "progress.h"
#include "signals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A device may note what is called, then record it, then replay it. */
enum { WARM_UP = 3, WARM_UP_TOKENS = 8 };

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bl_bench_name bl_bench_name_of(const bl_bench_test *t)
{
    bl_bench_name name = {""};
    if (t->kind == BL_BENCH_TRAIN)
        (void)snprintf(name.text, sizeof name.text, "train%zux%zu", t->rows, t->tokens);
    else if (t->rows > 1)
        (void)snprintf(name.text, sizeof name.text, "tg%zux%zu", t->tokens, t->rows);
    else
        (void)snprintf(name.text, sizeof name.text, "%s%zu",
                       t->kind == BL_BENCH_PROMPT ? "pp" : "tg", t->tokens);
    return name;
}

bl_bench_rates bl_bench_rates_of(const bl_bench_test *t)
{
    bl_bench_rates r = {0};
    double tokens = (double)t->rows * (double)t->tokens, n = (double)t->count, squares = 0;
    for (size_t i = 0; i < t->count; i++) {
        double rate = tokens / t->seconds[i];
        r.mean += rate / n;
        r.fastest = rate > r.fastest ? rate : r.fastest;
    }
    for (size_t i = 0; i < t->count; i++)
        squares += pow(tokens / t->seconds[i] - r.mean, 2);
    r.deviation = t->count > 1 ? sqrt(squares / (n - 1)) : 0;
    return r;
}

static bl_status interrupted(bl_error *err)
{
    return bl_signals_caught() ? bl_cli_fail(err, BL_EINTERRUPTED, "stopped") : BL_OK;
}

/* The repetitions of a test, or those under a trace, of which the fastest is kept. */
typedef struct measuring {
    bl_bench_test *t;
    size_t wanted, done, warmed;
    int traced;
    double best;
} measuring;

/* Memory is freed when the test is over. */
static void add_op(void *user, const bl_op_work *work)
{
    bl_bench_test *t = user;
    if (t->op_count < BL_BENCH_OPS && strcmp(work->op, "free") != 0)
        t->ops[t->op_count++] = *work;
}

/* Whether that was the last one. */
static int note(measuring *m, double seconds)
{
    if (!m->traced) {
        m->t->seconds[m->t->count++] = seconds;
    } else if (!m->done || seconds < m->best) {
        m->best = seconds;
        m->t->op_count = 0;
        (void)bl_ops_counted(add_op, m->t, NULL);
    } else {
        (void)bl_ops_counted(NULL, NULL, NULL);
    }
    return ++m->done >= m->wanted;
}

static bl_status forget_ops(bl_error *err)
{
    return bl_ops_counted(NULL, NULL, err);
}

/* ---- reading a prompt ---- */

static size_t vocabulary(const bl_model *model)
{
    char text[32] = "2";
    (void)bl_options_get(bl_model_config(model), "vocab_size", text, sizeof text, NULL, NULL);
    return strtoul(text, NULL, 10);
}

static bl_status read_prompts(measuring *m, bl_session *s, const int32_t *ids, float *logits,
                              bl_error *err)
{
    bl_bench_test *t = m->t;
    bl_status status = bl_session_feed(s, ids, t->tokens, logits, err);
    for (int last = 0; status == BL_OK && !last;) {
        status = bl_session_reset(s, err);
        if (status == BL_OK)
            status = forget_ops(err);
        double start = now();
        if (status == BL_OK)
            status = bl_session_feed(s, ids, t->tokens, logits, err);
        if (status == BL_OK)
            last = note(m, now() - start);
        if (status == BL_OK)
            status = interrupted(err);
    }
    return status;
}

static bl_status run_prompt(measuring *m, bl_model *model, bl_error *err)
{
    size_t V = vocabulary(model), T = m->t->tokens;
    int32_t *ids = calloc(T, sizeof *ids);
    float *logits = calloc(V, sizeof *logits);
    bl_session *s = NULL;
    bl_status status = ids && logits ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; status == BL_OK && i < T; i++)
        ids[i] = (int32_t)(i * 7919 % V);
    if (status == BL_OK)
        status = bl_session_open(&s, model, NULL, err);
    if (status == BL_OK)
        status = read_prompts(m, s, ids, logits, err);
    bl_session_close(s);
    free(ids);
    free(logits);
    return status;
}

/* ---- writing ---- */

typedef struct writers {
    bl_batch *batch;
    bl_batch_turn *turns;
    const bl_options **draw;
    int32_t *first, *ids; /* what each begins with, and has drawn last */
    size_t count;
} writers;

static bl_status write_tokens(writers *w, size_t tokens, bl_error *err)
{
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < tokens; i++) {
        status = bl_batch_next(w->batch, w->turns, w->count, w->draw, w->ids, err);
        if (status == BL_OK)
            status = interrupted(err);
    }
    return status;
}

/* Each sequence begins with another token. */
static bl_status begin_writing(writers *w, size_t V, bl_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        w->first[i] = (int32_t)(i * 37 % V);
        w->turns[i].ids = &w->first[i];
        w->turns[i].count = 1;
    }
    bl_status status = write_tokens(w, 1, err);
    for (size_t i = 0; i < w->count; i++)
        w->turns[i].count = 0;
    return status == BL_OK ? write_tokens(w, WARM_UP_TOKENS - 1, err) : status;
}

static bl_status write_texts(measuring *m, writers *w, size_t V, bl_error *err)
{
    bl_status status = begin_writing(w, V, err);
    if (status == BL_OK)
        status = forget_ops(err);
    for (int last = 0; status == BL_OK && !last;) {
        double start = now();
        status = write_tokens(w, m->t->tokens, err);
        if (status == BL_OK)
            last = note(m, now() - start);
    }
    return status;
}

static bl_status run_writing(measuring *m, const bl_bench *b, bl_model *model, bl_error *err)
{
    size_t n = m->t->rows;
    writers w = {.turns = calloc(n, sizeof *w.turns),
                 .draw = calloc(n, sizeof *w.draw),
                 .first = calloc(n, sizeof *w.first),
                 .ids = calloc(n, sizeof *w.ids),
                 .count = n};
    bl_status status = w.turns && w.draw && w.first && w.ids
                           ? BL_OK
                           : bl_cli_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_batch_open(&w.batch, model, n, NULL, err);
    for (size_t i = 0; status == BL_OK && i < n; i++) {
        w.draw[i] = b->draw;
        status = bl_session_open(&w.turns[i].session, model, NULL, err);
        if (status == BL_OK)
            status = bl_batch_join(w.batch, w.turns[i].session, err);
    }
    if (status == BL_OK)
        status = write_texts(m, &w, vocabulary(model), err);
    for (size_t i = 0; w.turns && i < n; i++)
        bl_session_close(w.turns[i].session);
    bl_batch_close(w.batch);
    free(w.turns);
    free((void *)w.draw);
    free(w.first);
    free(w.ids);
    return status;
}

/* ---- training ---- */

static int take_step(void *user, double seconds)
{
    measuring *m = user;
    if (bl_signals_caught())
        return 1;
    if (m->warmed < WARM_UP) {
        m->warmed++;
        (void)forget_ops(NULL);
        return 0;
    }
    return note(m, seconds);
}

static bl_status run_training(measuring *m, const bl_bench *b, bl_error *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%zu", m->t->rows);
    bl_status status = bl_options_set(b->train, "batch", text, err);
    (void)snprintf(text, sizeof text, "%zu", m->t->tokens);
    if (status == BL_OK)
        status = bl_options_set(b->train, "context", text, err);
    if (status == BL_OK)
        status = bl_time_steps(b->train, b->config, take_step, m, err);
    return status == BL_OK ? interrupted(err) : status;
}

/* ---- all of them ---- */

/* The device and its threads, in the options of models and of training. */
static bl_status choose_device(const bl_bench *b, const char *prefix, size_t threads, bl_error *err)
{
    char name[1024], whole[1100], text[32];
    bl_options *const sets[] = {b->device, b->train};
    bl_status status = bl_options_get(b->device, "device", name, sizeof name, NULL, err);
    (void)snprintf(whole, sizeof whole, "%s%s", prefix, name);
    (void)snprintf(text, sizeof text, "%zu", threads);
    bl_set_threads(threads);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (status == BL_OK)
            status = bl_options_set(sets[i], "device", whole, err);
        if (status == BL_OK)
            status = bl_options_set(sets[i], "threads", text, err);
    }
    return status;
}

static bl_status open_model(const bl_bench *b, bl_model **model, bl_error *err)
{
    return b->path ? bl_model_open(model, b->path, b->device, err)
                   : bl_model_random(model, b->config, b->device, err);
}

static bl_status run_once(const bl_bench *b, measuring *m, bl_model **model, bl_error *err)
{
    if (m->t->kind == BL_BENCH_TRAIN)
        return run_training(m, b, err);
    bl_status status = *model ? BL_OK : open_model(b, model, err);
    if (status != BL_OK)
        return status;
    return m->t->kind == BL_BENCH_PROMPT ? run_prompt(m, *model, err)
                                         : run_writing(m, b, *model, err);
}

static void ignore_line(void *user, bl_log_level level, const char *line)
{
    (void)user, (void)level, (void)line;
}

/* The same once more on a device that counts: its table goes to us and not to the log. */
static bl_status run_traced(const bl_bench *b, bl_bench_test *t, bl_error *err)
{
    char plain[1024];
    bl_model *traced = NULL;
    measuring m = {.t = t, .traced = 1, .wanted = b->repetitions};
    bl_status status = bl_options_get(b->device, "device", plain, sizeof plain, NULL, err);
    if (status == BL_OK)
        status = choose_device(b, "trace:", t->threads, err);
    bl_log_to(ignore_line, NULL);
    if (status == BL_OK)
        status = run_once(b, &m, &traced, err);
    t->passes = t->kind == BL_BENCH_WRITE ? (double)t->tokens : 1;
    if (status != BL_OK)
        t->op_count = 0;
    bl_model_close(traced);
    bl_log_to(bl_progress_log, NULL);
    bl_status back = bl_options_set(b->device, "device", plain, err);
    return status == BL_OK ? back : status;
}

bl_status bl_bench_run(const bl_bench *b, bl_bench_test *t, bl_model **model, bl_error *err)
{
    measuring m = {.t = t, .wanted = b->repetitions};
    t->seconds = calloc(b->repetitions, sizeof *t->seconds);
    bl_status status =
        t->seconds ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory for the repetitions");
    if (status == BL_OK)
        status = choose_device(b, "", t->threads, err);
    if (status == BL_OK)
        status = run_once(b, &m, model, err);
    if (status == BL_OK && b->ops)
        status = run_traced(b, t, err);
    return status;
}
