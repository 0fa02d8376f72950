/* What memories have in common, and what becomes of them: bl_memory_diff() and the like. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/give.h"
#include "infer/heads.h"
#include "infer/memory_merge.h"

bl_status bl_memory_diff(const char *a, const char *b, bl_memory_difference *difference,
                         bl_error *err)
{
    bl_call call;
    bl_memory_difference found;
    BL_RESULT(err, difference);
    BL_NOT_NULL(err, a);
    BL_NOT_NULL(err, b);
    bl_call_begin(&call, err);
    bl_status status = bl_memory_compare(a, b, &found, err);
    if (status == BL_OK)
        bl_result_give(difference, &found, sizeof found);
    return bl_call_end(&call, status, err);
}

/* Whether a session is at work is not part of what const promises. */
static bl_session *own(const bl_session *s)
{
    return (bl_session *)(uintptr_t)s;
}

static void leave_both(bl_session *s, bl_session *other)
{
    if (other != s)
        bl_session_leave(other);
    bl_session_leave(s);
}

/* Two sessions of one model, which may be the same. */
static bl_status enter_both(bl_session *s, bl_session *other, const char *where, bl_error *err)
{
    if (s->model != other->model)
        return bl_fail(err, BL_EINVAL, "%s: the sessions are of two models", where);
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_status status =
        other == s ? BL_OK : bl_session_enter(other, "the other session", where, err);
    if (status != BL_OK)
        bl_session_leave(s);
    return status;
}

static bl_status between(const bl_session *s, const bl_session *other, bl_head_info *heads,
                         bl_error *err)
{
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, &s->model->executors, s->threads, 0, err));
    bl_status status = bl_heads_between(&e->net, &s->text.state, &other->text.state, heads, err);
    bl_executor_give(e, &s->model->executors);
    return status;
}

static bl_status diff(const bl_session *s, const bl_session *other, bl_head_fn *fn, void *user,
                      bl_error *err)
{
    const bl_dims *m = &s->model->net.m;
    size_t count = m->L * m->H;
    bl_head_info *heads = bl_calloc(count, sizeof *heads);
    if (!heads)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu heads", count);
    bl_status status = between(s, other, heads, err);
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        bl_call *call = bl_call_out();
        fn(user, &heads[i]);
        bl_call_back(call);
    }
    bl_free(heads);
    return status;
}

bl_status bl_session_diff(const bl_session *s, const bl_session *other, bl_head_fn *fn, void *user,
                          bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, other);
    BL_NOT_NULL(err, fn);
    BL_TRY(enter_both(own(s), own(other), __func__, err));
    bl_call_begin(&call, err);
    bl_status status = diff(s, other, fn, user, err);
    leave_both(own(s), own(other));
    return bl_call_end(&call, status, err);
}

static bl_status restart(bl_session *s, bl_error *err)
{
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, &s->model->executors, s->threads, 0, err));
    bl_status status = bl_sequence_restart(&s->text, &e->net, err);
    bl_executor_give(e, &s->model->executors);
    return status;
}

bl_status bl_session_restart(bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = restart(s, err);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

static bl_status merge(bl_session *s, const bl_session *other, double weight, bl_error *err)
{
    bl_executor *e;
    if (!(weight > 0 && weight <= 1))
        return bl_fail(err, BL_EINVAL, "a weight of %g to merge with: it is above 0 and at most 1",
                       weight);
    BL_TRY(bl_executor_take(&e, &s->model->executors, s->threads, 0, err));
    bl_status status = bl_sequence_merge(&s->text, &e->net, &other->text, weight, err);
    bl_executor_give(e, &s->model->executors);
    return status;
}

bl_status bl_session_merge(bl_session *s, const bl_session *other, double weight, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, other);
    if (s == other)
        return bl_fail(err, BL_EINVAL, "a session is not merged with itself");
    BL_TRY(enter_both(s, own(other), __func__, err));
    bl_call_begin(&call, err);
    bl_status status = merge(s, other, weight, err);
    leave_both(s, own(other));
    return bl_call_end(&call, status, err);
}
