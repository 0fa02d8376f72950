/* bl_eval_recall(): how many facts a model recalls. */
#include "api/model_open.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/give.h"
#include "core/watch.h"
#include "infer/recall.h"

static bl_status score(const bl_model *m, uint64_t distance, uint64_t questions,
                       bl_recall_result *result, bl_error *err)
{
    bl_net net;
    bl_reader reader;
    if (distance > BL_RECALL_MOST || questions < 1 || questions > BL_RECALL_MOST)
        return bl_fail(err, BL_EINVAL,
                       "%s: recall after %llu tokens, %llu questions: both are at most %ld, and "
                       "there is at least one question",
                       m->path, (unsigned long long)distance, (unsigned long long)questions,
                       (long)BL_RECALL_MOST);
    if (!m->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", m->path);
    BL_TRY(bl_executors_view(&m->executors, 0, &net, err));
    double start = bl_clock_seconds();
    bl_status status = bl_reader_open(&reader, &net, BL_READER_ROWS, 1, err);
    if (status == BL_OK)
        status = bl_recall(&reader, m->tokenizer, distance, questions, result, err);
    bl_reader_release(&reader);
    result->seconds = bl_clock_seconds() - start;
    bl_dev_close(net.dev);
    return status;
}

bl_status bl_eval_recall(bl_model *m, uint64_t distance, uint64_t questions,
                         bl_progress_fn *progress, void *user, bl_recall_result *result,
                         bl_error *err)
{
    bl_call call;
    bl_watch watch;
    bl_outside_progress outside = {progress, user};
    bl_recall_result found;
    BL_RESULT(err, result);
    BL_NOT_NULL(err, m);
    bl_call_begin(&call, err);
    bl_watch_begin_with(&watch, progress ? bl_outside_progress_call : NULL, &outside, "recalling",
                        "tok", bl_recall_tokens(distance, questions));
    bl_model_hold(m);
    bl_status status = score(m, distance, questions, &found, err);
    bl_model_close(m);
    bl_watch_end(&watch);
    if (status == BL_OK)
        bl_result_give(result, &found, sizeof found);
    return bl_call_end(&call, status, err);
}
