/* bl_score(): how likely a text is after what a session has read. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/give.h"
#include "core/watch.h"
#include "infer/evaluate.h"
#include "infer/feed.h"

/* Rows of logits held at a time. */
enum { SCORE_ROWS = 32 };

typedef struct scoring {
    bl_session *s; /* a copy, which is read from */
    const int32_t *ids;
    size_t count;
    double *each;
    int *greedy;
    bl_score_result sum;
} scoring;

static int is_likeliest(const float *logits, size_t V, int32_t id)
{
    for (size_t v = 0; v < V; v++)
        if (logits[v] > logits[id] || (logits[v] == logits[id] && v < (size_t)id))
            return 0;
    return 1;
}

static void add(scoring *w, size_t i, const float *logits)
{
    size_t V = w->s->model->net.m.V;
    double p = -bl_loss_of(logits, V, w->ids[i]);
    int greedy = is_likeliest(logits, V, w->ids[i]);
    if (w->each)
        w->each[i] = p;
    if (w->greedy)
        w->greedy[i] = greedy;
    w->sum.log_probability += p;
    w->sum.greedy_tokens += (uint64_t)greedy;
    w->sum.tokens++;
}

/* The last token is predicted, and not read. */
static bl_status read_and_add(scoring *w, bl_reader *r, float *logits, bl_error *err)
{
    size_t V = r->net->m.V;
    bl_sequence *text = &w->s->text;
    BL_TRY(bl_sequence_feed(text, r, NULL, 0, logits, 0, err));
    add(w, 0, logits);
    for (size_t at = 0; at + 1 < w->count;) {
        size_t left = w->count - 1 - at, n = left < SCORE_ROWS ? left : SCORE_ROWS;
        bl_watch_part(at, n);
        BL_TRY(bl_sequence_feed(text, r, w->ids + at, n, logits, 1, err));
        for (size_t i = 0; i < n; i++)
            add(w, at + 1 + i, logits + i * V);
        at += n;
        if (at + 1 < w->count)
            BL_TRY(bl_watch_poll(1, 1, err));
    }
    return BL_OK;
}

static bl_status score(scoring *w, bl_error *err)
{
    bl_executors *executors = &w->s->model->executors;
    bl_executor *e;
    bl_watch watch;
    size_t rows = w->count < SCORE_ROWS ? w->count : SCORE_ROWS;
    float *logits = bl_calloc(rows * w->s->model->net.m.V, sizeof *logits);
    if (!logits)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu rows of logits", rows);
    bl_status status = bl_executor_take(&e, executors, w->s->threads, 1, err);
    if (status == BL_OK) {
        bl_watch_begin(&watch, "reading", "tok", w->count);
        status = read_and_add(w, &e->reader, logits, err);
        bl_watch_end(&watch);
        bl_executor_give(e, executors);
    }
    bl_free(logits);
    return status;
}

static bl_status fork_and_score(const bl_session *s, scoring *w, bl_error *err)
{
    BL_TRY(bl_infer_check_ids(&s->model->net, w->ids, w->count, err));
    if (!w->count)
        return BL_OK;
    BL_TRY(bl_session_fork(&w->s, s, err));
    bl_status status = score(w, err);
    bl_session_close(w->s);
    return status;
}

bl_status bl_score(const bl_session *s, const int32_t *ids, size_t count, double *each, int *greedy,
                   bl_score_result *result, bl_error *err)
{
    bl_call call;
    scoring w = {.ids = ids, .count = count, .each = each, .greedy = greedy};
    BL_RESULT(err, result);
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    bl_session *shared = (bl_session *)(uintptr_t)s; /* const says nothing about being at work */
    BL_TRY(bl_busy_share(&shared->busy, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = fork_and_score(s, &w, err);
    if (status == BL_OK)
        bl_result_give(result, &w.sum, sizeof w.sum);
    if (bl_busy_unshare(&shared->busy))
        bl_session_close(shared);
    return bl_call_end(&call, status, err);
}
