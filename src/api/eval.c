/* bl_eval() and bl_eval_stream(): a model over a token file or a text. */
#include "api/documents.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/chart.h"
#include "core/clock.h"
#include "core/give.h"
#include "core/path.h"
#include "core/watch.h"
#include "data/loader.h"
#include "data/tokens.h"
#include "infer/evaluate.h"
#include "infer/stream_loss.h"

#include <math.h>
#include <string.h>

enum {
    EVAL_TOKENS = 256,   /* in a batch of windows; it can be stopped after each batch */
    STREAM_WINDOW = 1024 /* unless another is asked for */
};

/* What is asked for, and the results. */
typedef struct job {
    const char *path;
    const bl_prepare_options *reading; /* of a text */
    size_t window;
    bl_progress_fn *progress;
    void *user;
    bl_positions *curve;       /* NULL: not wanted; opened by whoever knows its bins */
    bl_stream_loss *stream;    /* NULL: not wanted; opened before what is read */
    uint64_t most;             /* tokens of it, 0: all */
    int masked;                /* only what a mask says counts */
    const bl_sequence *memory; /* what every document is read from; NULL: nothing */
    double nats;
    bl_eval_result found, *result; /* the latter is the caller's */
} job;

/* Adds what meta.json knows of the file to the result. */
static void fill_split(job *j, const bl_data_split *split)
{
    bl_eval_result *r = &j->found;
    if (split->bytes && split->tokens && !j->masked)
        r->bits_per_byte =
            j->nats / (double)r->tokens / log(2.0) * (double)split->tokens / (double)split->bytes;
    r->documents = split->documents;
}

static int same_tokens(const bl_tokenizer *a, const bl_tokenizer *b)
{
    size_t count = bl_tokenizer_vocab_size(a), n, k;
    int same = count == bl_tokenizer_vocab_size(b);
    for (size_t id = 0; same && id < count; id++) {
        const char *x = bl_tokenizer_bytes(a, (int32_t)id, &n),
                   *y = bl_tokenizer_bytes(b, (int32_t)id, &k);
        same = !x == !y && (!x || (n == k && memcmp(x, y, n) == 0));
    }
    return same;
}

/* Ids of a data folder mean what its tokenizer says, which must be the model's.  The file itself
 * may be written differently. */
static bl_status check_tokenizer(const bl_model *m, const char *path, const bl_data_split *split,
                                 bl_error *err)
{
    bl_tokenizer *theirs = NULL;
    if (!m->tokenizer || !split->documents) /* not a data folder */
        return BL_OK;
    char *dir = bl_path_parent(path), *file = dir ? bl_data_path(dir, "tokenizer.json") : NULL;
    bl_status status = file ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && bl_path_what(file) == BL_PATH_FILE)
        status = bl_tokenizer_open(&theirs, file, err);
    if (theirs && !same_tokens(m->tokenizer, theirs))
        status = bl_fail(err, BL_EFORMAT,
                         "%s: made with another tokenizer than the model's; prepare its text with "
                         "the `tokenizer` %s",
                         path, m->config_dir);
    bl_tokenizer_close(theirs);
    bl_free(file);
    bl_free(dir);
    return status;
}

static bl_status eval_tokens(const bl_model *m, const bl_net *net, job *j, bl_error *err)
{
    bl_token_file *tokens = NULL;
    bl_data_split split;
    bl_pass pass = {0};
    bl_eval_result *r = &j->found;
    bl_status status = BL_OK;
    size_t window = j->window ? j->window : m->context;
    BL_TRY(bl_token_file_open_path(&tokens, j->path, net->m.V, &split, err));
    BL_TRY_GOTO(status, check_tokenizer(m, j->path, &split, err), done);
    size_t B = window < EVAL_TOKENS ? EVAL_TOKENS / window : 1;
    if (bl_windows_count(tokens, window) == 0) {
        status = bl_fail(err, BL_EFORMAT, "%s: %zu tokens are too few for a window of %zu", j->path,
                         bl_token_file_count(tokens), window);
        goto done;
    }
    if (j->curve)
        BL_TRY_GOTO(status, bl_positions_open(j->curve, window, err), done);
    BL_TRY_GOTO(status, bl_pass_open(&pass, net, B, window, BL_PASS_LOSS, err), done);
    BL_TRY_GOTO(status,
                bl_evaluate_windows(net, &pass, tokens, 0, j->progress, j->user, j->curve, &j->nats,
                                    &r->tokens, err),
                done);
    j->masked = bl_token_file_mask(tokens) != NULL;
    fill_split(j, &split);
done:
    bl_pass_release(&pass, net);
    bl_token_file_close(tokens);
    return status;
}

/* A token file in pieces. */
static bl_status stream_tokens(const bl_model *m, const bl_net *net, job *j, bl_error *err)
{
    bl_token_file *tokens = NULL;
    bl_data_split split;
    BL_TRY(bl_token_file_open_path(&tokens, j->path, net->m.V, &split, err));
    size_t count = bl_token_file_count(tokens);
    bl_status status = check_tokenizer(m, j->path, &split, err);
    if (status == BL_OK && count < 2)
        status =
            bl_fail(err, BL_EFORMAT, "%s: %zu tokens are too few for a stream", j->path, count);
    bl_watch watch;
    uint64_t total = count ? count - 1 : 0;
    bl_watch_begin_with(&watch, j->progress, j->user, "evaluating", "tok",
                        j->most && j->most < total ? j->most : total);
    for (size_t at = 0; status == BL_OK && at < count && !bl_stream_loss_is_full(j->stream);) {
        size_t n = count - at < BL_STREAM_PIECE ? count - at : BL_STREAM_PIECE;
        bl_watch_part(j->stream->scored, 0);
        status = bl_stream_loss_read_file(j->stream, tokens, at, n, err);
        at += n;
    }
    if (status == BL_OK)
        status = bl_stream_loss_end(j->stream, err);
    bl_watch_end(&watch);
    j->masked = bl_token_file_mask(tokens) != NULL;
    bl_token_file_close(tokens);
    j->nats = j->stream->nats;
    j->found.tokens = j->stream->counted;
    if (j->stream->scored == total) /* otherwise meta.json covers more than was read */
        fill_split(j, &split);
    return status;
}

/* The next document of a stream: it begins after the <|endoftext|> that ended the one before. */
static bl_status stream_document(bl_stream_loss *e, const int32_t *ids, const unsigned char *counts,
                                 size_t count, bl_error *err)
{
    const bl_net *net = e->r->net;
    const int32_t begin = (int32_t)net->config.bos_token_id,
                  end = (int32_t)net->config.eos_token_id;
    if (!e->held && !bl_document_begins(begin, ids, counts, count))
        BL_TRY(bl_stream_loss_read(e, &begin, NULL, 1, err));
    BL_TRY(bl_stream_loss_read(e, ids, counts, count, err));
    return bl_stream_loss_read(e, &end, counts ? counts + count : NULL, 1, err);
}

/* A text being evaluated: what it is read with. */
typedef struct text_job {
    bl_reader *reader;
    bl_state *s;
    job *j;
} text_job;

/* Without a memory a document begins after <|endoftext|>; and likewise after what a memory has
 * read, unless one of its tokens is still to be read. */
static bl_document_start start_of(const bl_net *net, const bl_sequence *memory)
{
    bl_document_start start = {.token = (int32_t)net->config.bos_token_id};
    if (!memory)
        return start;
    start.state = &memory->state;
    if (memory->pending != BL_NO_TOKEN)
        start.token = memory->pending;
    return start;
}

static bl_status eval_document(void *user, const int32_t *ids, const unsigned char *counts,
                               size_t count, int *stop, bl_error *err)
{
    const text_job *t = user;
    job *j = t->j;
    double more = 0;
    uint64_t tokens = 0;
    if (j->stream) {
        BL_TRY(stream_document(j->stream, ids, counts, count, err));
        *stop = bl_stream_loss_is_full(j->stream);
        return BL_OK;
    }
    bl_document_start start = start_of(t->reader->net, j->memory);
    if (bl_document_begins(start.token, ids, counts, count))
        ids++, counts++, count--;
    bl_status status = bl_evaluate_document(t->reader, t->s, &start, ids, counts, count, j->curve,
                                            &more, &tokens, err);
    j->nats += more;
    j->found.tokens += tokens;
    return status;
}

static bl_status eval_text(const bl_model *m, bl_reader *r, bl_state *s, job *j, bl_error *err)
{
    bl_documents d = {.model = m,
                      .sources = &j->path,
                      .source_count = 1,
                      .reading = j->reading,
                      .stage = "evaluating",
                      .progress = j->progress,
                      .user = j->user};
    text_job t = {r, s, j};
    if (j->curve)
        BL_TRY(bl_positions_open_doubling(j->curve, err));
    bl_status status = bl_documents_read(&d, eval_document, &t, err);
    if (status == BL_OK && j->stream)
        status = bl_stream_loss_end(j->stream, err);
    j->masked = d.talks;
    j->found.bytes = d.talks ? 0 : d.bytes; /* as of a data folder with a mask */
    j->found.documents = d.count;
    if (j->stream) {
        j->nats = j->stream->nats;
        j->found.tokens = j->stream->counted;
    }
    if (j->stream && bl_stream_loss_is_full(j->stream))
        j->found.bytes = 0; /* some of them were not read */
    return status;
}

/* What is read with the state of a sequence: a text, and any stream. */
static bl_status eval_in_order(const bl_model *m, const bl_net *net, int is_tokens, job *j,
                               bl_error *err)
{
    bl_reader reader;
    bl_state state = {0};
    bl_pass pass = {0};
    size_t window = j->window ? j->window : STREAM_WINDOW;
    BL_TRY(bl_reader_open(&reader, net, BL_READER_ROWS, 1, err));
    bl_status status = BL_OK;
    BL_TRY_GOTO(status, bl_state_open(&state, net, err), done);
    if (j->stream) {
        size_t B = window < EVAL_TOKENS ? EVAL_TOKENS / window : 1;
        BL_TRY_GOTO(status, bl_pass_open(&pass, net, B, window, BL_PASS_LOSS, err), done);
        BL_TRY_GOTO(status, bl_stream_loss_open(j->stream, &reader, &state, &pass, j->most, err),
                    done);
    }
    status = is_tokens ? stream_tokens(m, net, j, err) : eval_text(m, &reader, &state, j, err);
done:
    bl_pass_release(&pass, net);
    bl_state_release(&state, net);
    bl_reader_release(&reader);
    return status;
}

static bl_status evaluate(const bl_model *m, job *j, bl_error *err)
{
    double start = bl_clock_seconds();
    int is_tokens = bl_token_file_is_named(j->path);
    bl_eval_result *r = &j->found;
    *r = (bl_eval_result){0};
    bl_net net;
    BL_TRY(bl_executors_view(&m->executors, 0, &net, err));
    bl_status status = is_tokens && !j->stream ? eval_tokens(m, &net, j, err)
                                               : eval_in_order(m, &net, is_tokens, j, err);
    bl_dev_close(net.dev);
    BL_TRY(status);
    if (!r->tokens)
        return bl_fail(err, BL_EFORMAT, "%s: none of the tokens that were read is an answer",
                       j->path);
    r->loss = j->nats / (double)r->tokens;
    if (!isfinite(r->loss))
        return bl_fail(err, BL_EFORMAT,
                       "%s: the loss of %s is not a number: weights that are too large, or damaged",
                       j->path, m->path);
    r->perplexity = exp(r->loss);
    if (r->bytes)
        r->bits_per_byte = j->nats / log(2.0) / (double)r->bytes;
    r->seconds = bl_clock_seconds() - start;
    return BL_OK;
}

/* The caller's functions for points. */
typedef struct outside_point {
    bl_eval_point_fn *fn;
    bl_stream_point_fn *stream_fn;
    void *user;
} outside_point;

static void tell_point(void *user, const bl_eval_point *point)
{
    const outside_point *o = user;
    bl_call *call = bl_call_out();
    o->fn(o->user, point);
    bl_call_back(call);
}

static void tell_stream_point(void *user, const bl_stream_point *point)
{
    const outside_point *o = user;
    bl_call *call = bl_call_out();
    o->stream_fn(o->user, point);
    bl_call_back(call);
}

/* The job between the caller's call and its end: results go to *j->result and to the points. */
static bl_status answer(bl_model *m, job *j, const bl_options *reading, bl_progress_fn *progress,
                        outside_point *points, bl_error *err)
{
    bl_call call;
    bl_prepare_options defaults;
    bl_outside_progress outside = {progress, points->user};
    bl_call_begin(&call, err);
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    j->reading = reading ? bl_options_prepare(reading) : &defaults;
    j->progress = progress ? bl_outside_progress_call : NULL;
    j->user = &outside;
    bl_model_hold(m);
    bl_status status = evaluate(m, j, err);
    bl_model_close(m);
    if (status == BL_OK)
        bl_result_give(j->result, &j->found, sizeof j->found);
    if (status == BL_OK && j->stream)
        bl_stream_loss_tell(j->stream, tell_stream_point, points);
    else if (status == BL_OK && j->curve)
        bl_positions_tell(j->curve, tell_point, points);
    return bl_call_end(&call, status, err);
}

/* With the curve by position, where `point` wants one. */
static bl_status answer_points(bl_model *m, job *j, const bl_options *reading,
                               bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                               bl_error *err)
{
    bl_positions curve = {0};
    outside_point points = {.fn = point, .user = user};
    j->curve = point ? &curve : NULL;
    bl_status status = answer(m, j, reading, progress, &points, err);
    bl_positions_release(&curve);
    return status;
}

bl_status bl_eval_text(bl_model *m, const char *path, const bl_options *reading, size_t window,
                       bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                       bl_eval_result *result, bl_error *err)
{
    BL_RESULT(err, result);
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    job j = {.path = path, .window = window, .result = result};
    return answer_points(m, &j, reading, progress, point, user, err);
}

bl_status bl_eval_session(const bl_session *s, const char *path, const bl_options *reading,
                          bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                          bl_eval_result *result, bl_error *err)
{
    BL_RESULT(err, result);
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    job j = {.path = path, .memory = &s->text, .result = result};
    bl_session *busy = (bl_session *)(uintptr_t)s; /* const says nothing about being at work */
    BL_TRY(bl_session_enter(busy, "the session", __func__, err));
    bl_status status =
        bl_token_file_is_named(path)
            ? bl_fail(err, BL_EUNSUPPORTED,
                      "%s: a token file is read in windows; from a memory only text is read", path)
            : answer_points(s->model, &j, reading, progress, point, user, err);
    bl_session_leave(busy);
    return status;
}

bl_status bl_eval_stream(bl_model *m, const char *path, const bl_options *reading, size_t window,
                         uint64_t tokens, bl_progress_fn *progress, bl_stream_point_fn *point,
                         void *user, bl_eval_result *result, bl_error *err)
{
    bl_stream_loss stream = {0};
    outside_point points = {.stream_fn = point, .user = user};
    BL_RESULT(err, result);
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, point);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    job j = {.path = path, .window = window, .stream = &stream, .most = tokens, .result = result};
    bl_status status = answer(m, &j, reading, progress, &points, err);
    bl_stream_loss_release(&stream);
    return status;
}

bl_status bl_eval(bl_model *m, const char *path, size_t window, bl_progress_fn *progress,
                  void *user, bl_eval_result *result, bl_error *err)
{
    BL_RESULT(err, result);
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    return bl_eval_text(m, path, NULL, window, progress, NULL, user, result, err);
}

bl_status bl_eval_by_position(bl_model *m, const char *path, size_t window,
                              bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                              bl_eval_result *result, bl_error *err)
{
    BL_RESULT(err, result);
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, point);
    return bl_eval_text(m, path, NULL, window, progress, point, user, result, err);
}

static bl_status draw_stream(const bl_stream_point *points, size_t count, const char *path,
                             bl_error *err)
{
    if (!count)
        return bl_fail(err, BL_EINVAL, "no points of a stream to draw");
    if (points->size < sizeof *points)
        return bl_fail(err, BL_EINVAL, "the size of a point is %zu, at least %zu", points->size,
                       sizeof *points);
    bl_curve_point *at = bl_calloc(2 * count, sizeof *at);
    if (!at)
        return bl_fail(err, BL_ENOMEM, "out of memory for a curve of %zu points", count);
    bl_curve fresh = {.at = at, .count = count}, stream = {.at = at + count, .count = count};
    for (size_t i = 0; i < count; i++) {
        const bl_stream_point *p =
            (const bl_stream_point *)(const void *)((const char *)points + i * points->size);
        uint64_t middle = p->first + (p->last - p->first) / 2;
        fresh.at[i] = (bl_curve_point){middle, p->fresh};
        stream.at[i] = (bl_curve_point){middle, p->loss};
    }
    const bl_chart chart = {.title = "loss (nats a token) after so many tokens",
                            .first = {"fresh state", &fresh},
                            .second = {"stream", &stream},
                            .doubling = 1};
    bl_status status = bl_chart_write(&chart, path, err);
    bl_free(at);
    return status;
}

bl_status bl_stream_draw(const bl_stream_point *points, size_t count, const char *path,
                         bl_error *err)
{
    bl_call call;
    BL_NOT_NULL_IF(err, count, points);
    BL_NOT_NULL(err, path);
    bl_call_begin(&call, err);
    return bl_call_end(&call, draw_stream(points, count, path, err), err);
}
