/* bl_session_learn(): texts and conversations read into a session, consolidated and saved meanwhile. */
#include "api/documents.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/give.h"
#include "core/log.h"
#include "data/tokens.h"

/* What is asked for. */
typedef struct learn_job {
    double share;
    uint64_t every;
    const char *keep; /* the memory file that is written meanwhile, or NULL */
    double keep_seconds;
} learn_job;

typedef struct learning {
    bl_session *s;
    const bl_net *net;
    bl_reader *reader;
    bl_lesson lesson;
    const learn_job *job;
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    double saved_at; /* seconds; or begun at */
} learning;

static bl_status learn_document(void *user, const int32_t *ids, const unsigned char *counts,
                                size_t count, int *stop, bl_error *err)
{
    learning *l = user;
    bl_sequence *text = &l->s->text;
    bl_reader *reader = l->reader;
    const int32_t begin = (int32_t)l->net->config.bos_token_id,
                  end = (int32_t)l->net->config.eos_token_id;
    int fresh = text->state.position == 0 && text->pending == BL_NO_TOKEN;
    (void)stop;
    if (fresh && !bl_document_begins(begin, ids, counts, count))
        BL_TRY(bl_sequence_learn(text, reader, &l->lesson, &begin, NULL, 1, err));
    BL_TRY(bl_sequence_learn(text, reader, &l->lesson, ids, counts, count, err));
    return bl_sequence_learn(text, reader, &l->lesson, &end, counts ? counts + count : NULL, 1,
                             err);
}

/* The lesson goes on where the file cannot be written: it may be the next time, and at the end the
 * caller is told. */
static bl_status save_between(void *user, bl_error *err)
{
    learning *l = user;
    bl_error failed = {BL_OK, ""};
    (void)err;
    if (bl_clock_seconds() - l->saved_at < l->job->keep_seconds)
        return BL_OK;
    if (bl_memory_save(&l->s->text, l->net, &l->owner, l->job->keep, &failed) != BL_OK)
        bl_log(BL_LOG_WARNING, "not saved meanwhile: %s", failed.message);
    l->saved_at = bl_clock_seconds();
    return BL_OK;
}

static bl_status check(const learning *l, const bl_documents *d, bl_error *err)
{
    double share = l->job->share;
    if (!(share >= 0 && share <= 1))
        return bl_fail(err, BL_EINVAL, "a share of %g to consolidate: it is from 0 to 1", share);
    if (share > 0)
        BL_TRY(bl_session_can_consolidate(l->s, err));
    for (size_t i = 0; i < d->source_count; i++)
        if (bl_token_file_is_named(d->sources[i]))
            return bl_fail(err, BL_EUNSUPPORTED, "%s: a token file; text is learned",
                           d->sources[i]);
    return BL_OK;
}

static bl_status learn(learning *l, bl_documents *d, bl_error *err)
{
    const learn_job *j = l->job;
    BL_TRY(check(l, d, err));
    l->lesson = (bl_lesson){.share = (float)j->share, .every = j->every};
    if (j->keep) {
        BL_TRY(bl_session_owner(l->s, l->net, l->hex, &l->owner, err));
        l->lesson.between = save_between;
        l->lesson.user = l;
        l->saved_at = bl_clock_seconds();
    }
    if (j->share > 0)
        BL_TRY(bl_sequence_rest(&l->s->text, l->reader, err));
    BL_TRY(bl_documents_read(d, learn_document, l, err));
    return bl_sequence_learned(&l->s->text, l->reader, &l->lesson, err);
}

static bl_status learn_with_executor(learning *l, bl_documents *d, bl_error *err)
{
    bl_executors *executors = &l->s->model->executors;
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, executors, l->s->threads, 1, err));
    l->net = &e->net;
    l->reader = &e->reader;
    bl_status status = learn(l, d, err);
    bl_executor_give(e, executors);
    return status;
}

static void tell(bl_learn_result *r, const bl_lesson *lesson, const bl_documents *d, double start)
{
    *r = (bl_learn_result){.loss = lesson->scored ? lesson->nats / (double)lesson->scored : 0,
                           .tokens = lesson->tokens,
                           .bytes = d->bytes,
                           .documents = d->count,
                           .consolidations = lesson->consolidations,
                           .seconds = bl_clock_seconds() - start,
                           .files_passed = d->files_passed,
                           .ours_passed = d->ours,
                           .characters_replaced = d->replaced,
                           .bad_dropped = d->bad_dropped};
}

/* Of a session that was entered. */
static bl_status run(bl_session *s, const learn_job *j, bl_documents *d, const bl_options *reading,
                     bl_learn_result *result, bl_error *err)
{
    bl_prepare_options defaults;
    bl_learn_result done;
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    double start = bl_clock_seconds();
    learning l = {.s = s, .job = j};
    d->model = s->model;
    d->reading = reading ? bl_options_prepare(reading) : &defaults;
    d->stage = "learning";
    bl_status status = learn_with_executor(&l, d, err);
    tell(&done, &l.lesson, d, start);
    bl_result_give(result, &done, sizeof done);
    return status;
}

bl_status bl_session_learn_all(bl_session *s, const char *const *sources, size_t count,
                               const bl_options *reading, double share, uint64_t every,
                               const char *keep, double keep_seconds, bl_progress_fn *progress,
                               void *user, bl_learn_result *result, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    BL_RESULT(err, result);
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, sources);
    for (size_t i = 0; i < count; i++)
        BL_NOT_NULL(err, sources[i]);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    const learn_job j = {share, every, keep, keep_seconds};
    bl_documents d = {.sources = sources,
                      .source_count = count,
                      .progress = progress ? bl_outside_progress_call : NULL,
                      .user = &outside};
    bl_status status = run(s, &j, &d, reading, result, err);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

bl_status bl_session_learn(bl_session *s, const char *path, const bl_options *reading, double share,
                           uint64_t every, bl_progress_fn *progress, void *user,
                           bl_learn_result *result, bl_error *err)
{
    BL_RESULT(err, result);
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    return bl_session_learn_all(s, &path, 1, reading, share, every, NULL, 0, progress, user, result,
                                err);
}
