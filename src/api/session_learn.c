/* bl_session_learn(): a text read into a session, and consolidated. */
#include "api/documents.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/give.h"
#include "data/tokens.h"

typedef struct learning {
    bl_session *s;
    bl_reader *reader;
    bl_lesson lesson;
} learning;

static bl_status learn_document(void *user, const int32_t *ids, size_t count, int *stop,
                                bl_error *err)
{
    learning *l = user;
    bl_sequence *text = &l->s->text;
    bl_reader *reader = l->reader;
    const bl_net *net = reader->net;
    const int32_t begin = (int32_t)net->config.bos_token_id,
                  end = (int32_t)net->config.eos_token_id;
    (void)stop;
    if (text->state.position == 0 && text->pending == BL_NO_TOKEN)
        BL_TRY(bl_sequence_learn(text, reader, &l->lesson, &begin, 1, err));
    BL_TRY(bl_sequence_learn(text, reader, &l->lesson, ids, count, err));
    return bl_sequence_learn(text, reader, &l->lesson, &end, 1, err);
}

static bl_status learn(learning *l, bl_documents *d, double share, uint64_t every, bl_error *err)
{
    if (!(share >= 0 && share <= 1))
        return bl_fail(err, BL_EINVAL, "a share of %g to consolidate: it is from 0 to 1", share);
    if (share > 0)
        BL_TRY(bl_session_can_consolidate(l->s, err));
    if (bl_token_file_is_named(d->path))
        return bl_fail(err, BL_EUNSUPPORTED, "%s: a token file; text is learned", d->path);
    l->lesson = (bl_lesson){.share = (float)share, .every = every};
    if (share > 0)
        BL_TRY(bl_sequence_rest(&l->s->text, l->reader, err));
    BL_TRY(bl_documents_read(d, learn_document, l, err));
    return bl_sequence_learned(&l->s->text, l->reader, &l->lesson, err);
}

static bl_status learn_with_executor(learning *l, bl_documents *d, double share, uint64_t every,
                                     bl_error *err)
{
    bl_executors *executors = &l->s->model->executors;
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, executors, l->s->threads, 1, err));
    l->reader = &e->reader;
    bl_status status = learn(l, d, share, every, err);
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
                           .seconds = bl_clock_seconds() - start};
}

bl_status bl_session_learn(bl_session *s, const char *path, const bl_options *reading, double share,
                           uint64_t every, bl_progress_fn *progress, void *user,
                           bl_learn_result *result, bl_error *err)
{
    bl_call call;
    bl_prepare_options defaults;
    bl_outside_progress outside = {progress, user};
    bl_learn_result done;
    BL_RESULT(err, result);
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    double start = bl_clock_seconds();
    learning l = {.s = s};
    bl_documents d = {.model = s->model,
                      .path = path,
                      .reading = reading ? bl_options_prepare(reading) : &defaults,
                      .stage = "learning",
                      .progress = progress ? bl_outside_progress_call : NULL,
                      .user = &outside};
    bl_status status = learn_with_executor(&l, &d, share, every, err);
    tell(&done, &l.lesson, &d, start);
    bl_result_give(result, &done, sizeof done);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}
