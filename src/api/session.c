/* Sessions of the public API: one text each, over a shared model. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"
#include "infer/heads.h"

/* One of the model's executors for a call of a session. */
static bl_status take(const bl_session *s, bl_executor **e, int room, bl_error *err)
{
    return bl_executor_take(e, &s->model->executors, s->threads, room, err);
}

static void give(const bl_session *s, bl_executor *e)
{
    bl_executor_give(e, &s->model->executors);
}

/* With `from`, a copy of that one. */
static bl_status open_text(bl_session *s, const bl_session *from, bl_error *err)
{
    bl_executor *e;
    BL_TRY(take(s, &e, !from, err)); /* so that what is opened can be read */
    bl_status status = bl_sequence_open(&s->text, &e->net, err);
    if (status == BL_OK && from)
        status = bl_sequence_copy(&s->text, &e->net, &from->text, err);
    give(s, e);
    return status;
}

static bl_status open_over(bl_session **result, bl_model *m, const bl_options *device,
                           const bl_session *from, bl_error *err)
{
    bl_session *s = bl_calloc(1, sizeof *s);
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory for a session");
    s->model = m;
    bl_model_hold(m);
    bl_executors_enter(&m->executors);
    bl_status status = device ? bl_options_copy(&s->device, BL_OPTIONS_DEVICE, device, err) : BL_OK;
    if (status == BL_OK)
        status = bl_executors_threads(&m->executors, device, &s->threads, err);
    if (status == BL_OK)
        status = open_text(s, from, err);
    if (status != BL_OK) {
        bl_session_close(s);
        return status;
    }
    *result = s;
    return BL_OK;
}

bl_status bl_session_open(bl_session **s, bl_model *m, const bl_options *device, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    *s = NULL;
    BL_NOT_NULL(err, m);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_over(s, m, device, NULL, err), err);
}

void bl_session_close(bl_session *s)
{
    if (!s || !bl_busy_close(&s->busy))
        return;
    bl_executors *executors = &s->model->executors;
    bl_roster_leave(&s->roster);
    bl_mutex_hold(executors->lock);
    bl_sequence_release(&s->text, &s->model->net);
    bl_mutex_release(executors->lock);
    bl_executors_leave(executors);
    bl_told_release(&s->told);
    bl_options_close(s->device);
    bl_model_close(s->model);
    bl_free(s);
}

bl_status bl_session_enter(bl_session *s, const char *name, const char *where, bl_error *err)
{
    return bl_busy_enter(&s->busy, name, where, err);
}

void bl_session_leave(bl_session *s)
{
    if (bl_busy_leave(&s->busy))
        bl_session_close(s);
}

/* Every public function that reads or changes a session runs between these two. */
static bl_status enter(bl_session *s, bl_call *call, const char *where, bl_error *err)
{
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_call_begin(call, err);
    return BL_OK;
}

static bl_status leave(bl_session *s, bl_call *call, bl_status status, bl_error *err)
{
    bl_session_leave(s);
    return bl_call_end(call, status, err);
}

/* Whether a session is at work is not part of what const promises. */
static bl_session *own(const bl_session *s)
{
    return (bl_session *)(uintptr_t)s;
}

bl_status bl_session_fork(bl_session **fork, const bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, fork);
    *fork = NULL;
    BL_NOT_NULL(err, s);
    BL_TRY(bl_busy_share(&own(s)->busy, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = open_over(fork, s->model, s->device, s, err);
    if (bl_busy_unshare(&own(s)->busy))
        bl_session_close(own(s));
    return bl_call_end(&call, status, err);
}

static bl_status reset(bl_session *s, bl_error *err)
{
    bl_executor *e;
    BL_TRY(take(s, &e, 0, err));
    bl_status status = bl_sequence_start(&s->text, &e->net, err);
    give(s, e);
    return status;
}

bl_status bl_session_reset(bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, reset(s, err), err);
}

static bl_status feed(bl_session *s, const int32_t *ids, size_t count, float *logits, int every,
                      bl_error *err)
{
    bl_executor *e;
    bl_watch watch;
    BL_TRY(take(s, &e, 1, err));
    bl_watch_begin(&watch, "reading", "tok", count);
    bl_status status = bl_sequence_feed(&s->text, &e->reader, ids, count, logits, every, err);
    bl_watch_end(&watch);
    give(s, e);
    return status;
}

static bl_status enter_and_feed(bl_session *s, const int32_t *ids, size_t count, float *logits,
                                int every, const char *where, bl_error *err)
{
    bl_call call;
    BL_TRY(enter(s, &call, where, err));
    return leave(s, &call, feed(s, ids, count, logits, every, err), err);
}

bl_status bl_session_feed(bl_session *s, const int32_t *ids, size_t count, float *logits,
                          bl_error *err)
{
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    return enter_and_feed(s, ids, count, logits, 0, __func__, err);
}

bl_status bl_session_feed_each(bl_session *s, const int32_t *ids, size_t count, float *logits,
                               bl_error *err)
{
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    return enter_and_feed(s, ids, count, logits, 1, __func__, err);
}

uint64_t bl_session_learned(const bl_session *s)
{
    return s ? s->text.learned : 0;
}

uint64_t bl_session_position(const bl_session *s)
{
    return s ? s->text.state.position : 0;
}

size_t bl_session_bytes(const bl_session *s)
{
    return s ? s->text.state.bytes + s->text.state.base_bytes : 0;
}

bl_status bl_session_can_consolidate(const bl_session *s, bl_error *err)
{
    if (s->model->net.config.ttt_forget)
        return BL_OK;
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: never forgets (ttt_forget is false), so nothing is to be consolidated",
                   s->model->path);
}

static bl_status consolidate(bl_session *s, double share, bl_error *err)
{
    if (!((float)share > 0 && share <= 1))
        return bl_fail(err, BL_EINVAL, "a share of %g to consolidate: it is above 0 and at most 1",
                       share);
    BL_TRY(bl_session_can_consolidate(s, err));
    bl_executor *e;
    BL_TRY(take(s, &e, 1, err));
    bl_status status = bl_sequence_consolidate(&s->text, &e->reader, (float)share, err);
    give(s, e);
    return status;
}

int bl_session_has_base(const bl_session *s)
{
    return s && s->text.state.base;
}

bl_status bl_session_consolidate(bl_session *s, double share, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, consolidate(s, share, err), err);
}

static bl_status measure_heads(const bl_session *s, bl_head_info *heads, bl_error *err)
{
    bl_executor *e;
    BL_TRY(take(s, &e, 0, err));
    bl_status status = bl_heads_measure(&e->net, &s->text.state, heads, err);
    give(s, e);
    return status;
}

static bl_status tell_heads(const bl_session *s, bl_head_fn *fn, void *user, bl_error *err)
{
    const bl_dims *m = &s->model->net.m;
    size_t count = m->L * m->H;
    bl_head_info *heads = bl_calloc(count, sizeof *heads);
    if (!heads)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu heads", count);
    bl_status status = measure_heads(s, heads, err);
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        bl_call *call = bl_call_out();
        fn(user, &heads[i]);
        bl_call_back(call);
    }
    bl_free(heads);
    return status;
}

bl_status bl_session_heads(const bl_session *s, bl_head_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, fn);
    BL_TRY(enter(own(s), &call, __func__, err));
    return leave(own(s), &call, tell_heads(s, fn, user, err), err);
}

void bl_session_seed(bl_session *s, uint64_t seed)
{
    if (s)
        bl_sampling_seed(&s->text.sampler, seed);
}

static bl_status save(const bl_session *s, const char *path, bl_error *err)
{
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    bl_executor *e;
    BL_TRY(take(s, &e, 0, err));
    bl_status status = bl_session_owner(s, &e->net, hex, &owner, err);
    if (status == BL_OK)
        status = bl_memory_save(&s->text, &e->net, &owner, path, err);
    give(s, e);
    return status;
}

static bl_status load(bl_session *s, const char *path, bl_error *err)
{
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    bl_executor *e;
    BL_TRY(take(s, &e, 0, err));
    bl_status status = bl_session_owner(s, &e->net, hex, &owner, err);
    if (status == BL_OK)
        status = bl_memory_load(&s->text, &e->net, &owner, path, err);
    give(s, e);
    return status;
}

bl_status bl_session_save(const bl_session *s, const char *path, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(enter(own(s), &call, __func__, err));
    return leave(own(s), &call, save(s, path, err), err);
}

bl_status bl_session_load(bl_session *s, const char *path, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, load(s, path, err), err);
}
