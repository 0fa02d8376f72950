/* bl_eval(): a model over a token file or a text. */
#include "api/model.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/os.h"
#include "core/watch.h"
#include "data/loader.h"
#include "data/source.h"
#include "data/tokens.h"
#include "infer/evaluate.h"

#include <math.h>
#include <string.h>

enum { EVAL_TOKENS = 256 }; /* of a batch of windows, after each of which it can be stopped */

/* What is asked for, and what is found. */
typedef struct job {
    const char *path;
    const bl_prepare_options *reading; /* of a text */
    size_t window;
    bl_progress_fn *progress;
    void *user;
    bl_positions *curve; /* NULL: not wanted; opened by who knows its bins */
    double nats;
    bl_eval_result *r;
} job;

static bl_status eval_tokens(const bl_model *m, const bl_net *net, job *j, bl_error *err)
{
    bl_tokens *tokens = NULL;
    bl_data_split split;
    bl_pass pass = {0};
    bl_eval_result *r = j->r;
    bl_status status = BL_OK;
    size_t window = j->window ? j->window : m->context;
    BL_TRY(bl_tokens_open_file(&tokens, j->path, net->m.V, &split, err));
    size_t B = window < EVAL_TOKENS ? EVAL_TOKENS / window : 1;
    if (bl_windows_count(tokens, window) == 0) {
        status = bl_fail(err, BL_EFORMAT, "%s: %zu tokens are too few for a window of %zu", j->path,
                         bl_tokens_count(tokens), window);
        goto done;
    }
    if (j->curve)
        BL_TRY_GOTO(status, bl_positions_open(j->curve, window, err), done);
    BL_TRY_GOTO(status, bl_pass_open(&pass, net, B, window, 0, err), done);
    BL_TRY_GOTO(status,
                bl_evaluate_windows(net, &pass, tokens, 0, j->progress, j->user, j->curve, &j->nats,
                                    &r->tokens, err),
                done);
    if (split.bytes && split.tokens)
        r->bits_per_byte =
            j->nats / (double)r->tokens / log(2.0) * (double)split.tokens / (double)split.bytes;
    r->documents = split.documents;
done:
    bl_pass_release(&pass, net);
    bl_tokens_close(tokens);
    return status;
}

static bl_status eval_document(const bl_model *m, const bl_net *net, bl_decode *s,
                               const bl_span *doc, unsigned flags, job *j, bl_error *err)
{
    const bl_span text = {doc->text, doc->bytes};
    bl_encoder *encoder;
    double more = 0;
    uint64_t tokens = 0;
    size_t count = 0;
    BL_TRY(bl_encoder_open(&encoder, m->tokenizer, 1, err));
    bl_status status = bl_encoder_run(encoder, &text, 1, flags, err);
    if (status == BL_OK) {
        const int32_t *ids = bl_encoder_ids(encoder, 0, &count);
        status = bl_evaluate_document(net, s, ids, count, j->curve, &more, &tokens, err);
    }
    bl_encoder_close(encoder);
    j->nats += more;
    j->r->tokens += tokens;
    j->r->bytes += doc->bytes;
    j->r->documents++;
    return status;
}

/* A silent pipe can be left. */
static int idle(void *user)
{
    (void)user;
    return bl_watch_poll(0, 1, NULL) != BL_OK;
}

static bl_status eval_text(const bl_model *m, const bl_net *net, job *j, bl_error *err)
{
    if (!m->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", m->path);
    bl_source *source;
    bl_source_options options = bl_source_options_of(j->reading);
    options.cutter.idle = idle;
    if (j->curve)
        BL_TRY(bl_positions_open_doubling(j->curve, err));
    const char *part = strcmp(j->path, "tales") == 0 ? "./tales" : j->path; /* a file so named */
    BL_TRY(bl_source_open(&source, &part, 1, &options, err));
    bl_decode decode = {0};
    bl_status status = bl_decode_open(&decode, net, err);
    int opened = status == BL_OK;
    bl_watch watch;
    bl_watch_begin_with(&watch, j->progress, j->user, "evaluating", "B", 0);
    for (;;) {
        bl_span doc = {0};
        if (status == BL_OK)
            status = bl_source_next(source, &doc, err);
        if (status != BL_OK || !doc.text)
            break;
        watch.from += watch.part; /* what was read ahead for a document counts as it is evaluated */
        watch.part = bl_source_done(source) - watch.from;
        watch.total = bl_source_total(source);
        status = eval_document(m, net, &decode, &doc,
                               bl_source_special(source) ? 0 : BL_ENCODE_NO_SPECIAL, j, err);
    }
    bl_watch_end(&watch);
    if (opened)
        bl_decode_release(&decode, net);
    bl_source_close(source);
    if (status == BL_OK && !j->r->documents)
        return bl_fail(err, BL_EFORMAT, "%s: no documents", j->path);
    return status;
}

static bl_status evaluate(const bl_model *m, job *j, bl_error *err)
{
    double start = bl_clock_seconds();
    size_t n = strlen(j->path);
    int is_tokens = n > 4 && strcmp(j->path + n - 4, ".bin") == 0;
    bl_eval_result *r = j->r;
    *r = (bl_eval_result){0};
    bl_net net;
    BL_TRY(bl_model_view(m, &net, err));
    bl_status status = is_tokens ? eval_tokens(m, &net, j, err) : eval_text(m, &net, j, err);
    bl_dev_close(net.dev);
    BL_TRY(status);
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

typedef struct outside_point {
    bl_eval_point_fn *fn;
    void *user;
} outside_point;

static void tell_point(void *user, const bl_eval_point *point)
{
    const outside_point *o = user;
    bl_call *call = bl_call_out();
    o->fn(o->user, point);
    bl_call_back(call);
}

bl_status bl_eval_text(bl_model *m, const char *path, const bl_options *reading, size_t window,
                       bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                       bl_eval_result *result, bl_error *err)
{
    bl_call call;
    bl_prepare_options defaults;
    bl_positions curve = {0};
    bl_outside_progress outside = {progress, user};
    outside_point points = {point, user};
    BL_NOT_NULL(err, result);
    *result = (bl_eval_result){0};
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    bl_call_begin(&call, err);
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    job j = {.path = path,
             .reading = reading ? bl_options_prepare(reading) : &defaults,
             .window = window,
             .progress = progress ? bl_outside_progress_call : NULL,
             .user = &outside,
             .curve = point ? &curve : NULL,
             .r = result};
    bl_model_hold(m);
    bl_status status = evaluate(m, &j, err);
    bl_model_close(m);
    if (status != BL_OK)
        *result = (bl_eval_result){0};
    else if (point)
        bl_positions_tell(&curve, tell_point, &points);
    bl_positions_release(&curve);
    return bl_call_end(&call, status, err);
}

bl_status bl_eval(bl_model *m, const char *path, size_t window, bl_progress_fn *progress,
                  void *user, bl_eval_result *result, bl_error *err)
{
    BL_NOT_NULL(err, result);
    *result = (bl_eval_result){0};
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    return bl_eval_text(m, path, NULL, window, progress, NULL, user, result, err);
}

bl_status bl_eval_by_position(bl_model *m, const char *path, size_t window,
                              bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                              bl_eval_result *result, bl_error *err)
{
    BL_NOT_NULL(err, result);
    *result = (bl_eval_result){0};
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, point);
    return bl_eval_text(m, path, NULL, window, progress, point, user, result, err);
}
