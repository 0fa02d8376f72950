/* bl_batch: many sessions of a model read at once. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"
#include "infer/batch.h"

#include <stdio.h>

struct bl_batch {
    bl_model *model;
    bl_net net; /* the model's, on a device of the batch's own */
    bl_reader reader;
    bl_roster *roster;
    bl_turn *turns;   /* [rows] */
    bl_piece *pieces; /* [rows] */
    bl_busy busy;
};

enum { ROWS_MOST = 1 << 16 };

static bl_status open_parts(bl_batch *b, size_t rows, const bl_options *device, bl_error *err)
{
    bl_executors *executors = &b->model->executors;
    size_t threads;
    BL_TRY(bl_executors_threads(executors, device, &threads, err));
    BL_TRY(bl_roster_open(&b->roster, rows, executors->lock, err));
    b->turns = bl_calloc(rows, sizeof *b->turns);
    b->pieces = bl_calloc(rows, sizeof *b->pieces);
    if (!b->turns || !b->pieces)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu rows", rows);
    BL_TRY(bl_executors_view(executors, threads, &b->net, err));
    return bl_reader_open(&b->reader, &b->net, rows, rows, err);
}

static bl_status open_batch(bl_batch **result, bl_model *m, size_t rows, const bl_options *device,
                            bl_error *err)
{
    if (rows < 1 || rows > ROWS_MOST)
        return bl_fail(err, BL_EINVAL, "a batch of %zu rows: it has 1 to %d", rows, ROWS_MOST);
    bl_batch *b = bl_calloc(1, sizeof *b);
    if (!b)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch");
    b->model = m;
    bl_model_hold(m);
    bl_status status = open_parts(b, rows, device, err);
    if (status != BL_OK) {
        bl_batch_close(b);
        return status;
    }
    *result = b;
    return BL_OK;
}

bl_status bl_batch_open(bl_batch **b, bl_model *m, size_t rows, const bl_options *device,
                        bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, b);
    *b = NULL;
    BL_NOT_NULL(err, m);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_batch(b, m, rows, device, err), err);
}

void bl_batch_close(bl_batch *b)
{
    if (!b || !bl_busy_close(&b->busy))
        return;
    bl_roster_close(b->roster);
    bl_reader_release(&b->reader);
    bl_dev_close(b->net.dev);
    bl_free(b->turns);
    bl_free(b->pieces);
    bl_model_close(b->model);
    bl_free(b);
}

/* ---- who is in it ---- */

/* Every function of a batch runs between these two. */
static bl_status enter(bl_batch *b, bl_call *call, const char *where, bl_error *err)
{
    BL_TRY(bl_busy_enter(&b->busy, "the batch", where, err));
    bl_call_begin(call, err);
    return BL_OK;
}

static bl_status leave(bl_batch *b, bl_call *call, bl_status status, bl_error *err)
{
    if (bl_busy_leave(&b->busy))
        bl_batch_close(b);
    return bl_call_end(call, status, err);
}

static bl_status join(bl_batch *b, bl_session *s, const char *where, bl_error *err)
{
    if (s->model != b->model)
        return bl_fail(err, BL_EINVAL, "%s: the session is of another model than the batch", where);
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_status status = bl_roster_join(b->roster, &s->roster, err);
    bl_session_leave(s);
    return status;
}

static bl_status check_joined(const bl_batch *b, const bl_session *s, const char *name,
                              const char *where, bl_error *err)
{
    return s->roster == b->roster
               ? BL_OK
               : bl_fail(err, BL_EINVAL, "%s: %s is not in this batch: bl_batch_join() first",
                         where, name);
}

static bl_status part(bl_batch *b, bl_session *s, const char *where, bl_error *err)
{
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_status status = check_joined(b, s, "the session", where, err);
    if (status == BL_OK)
        bl_roster_leave(&s->roster);
    bl_session_leave(s);
    return status;
}

bl_status bl_batch_join(bl_batch *b, bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, b);
    BL_NOT_NULL(err, s);
    BL_TRY(enter(b, &call, __func__, err));
    return leave(b, &call, join(b, s, __func__, err), err);
}

bl_status bl_batch_leave(bl_batch *b, bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, b);
    BL_NOT_NULL(err, s);
    BL_TRY(enter(b, &call, __func__, err));
    return leave(b, &call, part(b, s, __func__, err), err);
}

/* ---- reading ---- */

static bl_status check_turns(const bl_batch *b, const bl_batch_turn *turns, size_t count,
                             const char *where, bl_error *err)
{
    if (count > b->reader.sequences)
        return bl_fail(err, BL_EINVAL, "%s: %zu turns of a batch of %zu rows", where, count,
                       b->reader.sequences);
    for (size_t i = 0; i < count; i++)
        if (!turns[i].session || (turns[i].count && !turns[i].ids))
            return bl_fail(err, BL_EINVAL, "%s: turns[%zu].%s is NULL", where, i,
                           turns[i].session ? "ids" : "session");
    return BL_OK;
}

static int is_before(const bl_batch_turn *turns, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (turns[k].session == turns[i].session)
            return 1;
    return 0;
}

static bl_status enter_turn(bl_batch *b, const bl_batch_turn *turns, size_t i, const char *where,
                            bl_error *err)
{
    bl_session *s = turns[i].session;
    char name[64];
    (void)snprintf(name, sizeof name, "the session of turns[%zu]", i);
    bl_status status = bl_session_enter(s, name, where, err);
    if (status != BL_OK && is_before(turns, i))
        return bl_fail(err, BL_EINVAL, "%s: turns[%zu] is of a session that has one already", where,
                       i);
    BL_TRY(status);
    status = check_joined(b, s, name, where, err);
    if (status != BL_OK) {
        bl_session_leave(s);
        return status;
    }
    b->turns[i] = (bl_turn){
        .s = &s->text, .ids = turns[i].ids, .count = turns[i].count, .logits = turns[i].logits};
    return BL_OK;
}

static int is_closing(void *user)
{
    bl_batch *b = user;
    return bl_busy_closing(&b->busy);
}

static bl_status feed(bl_batch *b, const bl_batch_turn *turns, size_t count, const char *where,
                      bl_error *err)
{
    bl_watch watch;
    size_t entered = 0;
    uint64_t tokens = 0;
    bl_status status = check_turns(b, turns, count, where, err);
    while (status == BL_OK && entered < count) {
        status = enter_turn(b, turns, entered, where, err);
        if (status == BL_OK)
            tokens += turns[entered++].count;
    }
    bl_watch_begin(&watch, "reading", "tok", tokens);
    if (status == BL_OK)
        status = bl_batch_read(&b->reader, b->turns, count, b->pieces, is_closing, b, err);
    bl_watch_end(&watch);
    while (entered)
        bl_session_leave(turns[--entered].session);
    return status;
}

bl_status bl_batch_feed(bl_batch *b, const bl_batch_turn *turns, size_t count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, b);
    BL_NOT_NULL_IF(err, count, turns);
    BL_TRY(enter(b, &call, __func__, err));
    return leave(b, &call, feed(b, turns, count, __func__, err), err);
}
