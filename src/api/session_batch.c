/* bl_batch: many sessions of a model read at once. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"
#include "infer/batch.h"
#include "ops/measure.h"

#include <stdio.h>

struct bl_batch {
    bl_model *model;
    bl_net net; /* the model's, on a device of the batch's own */
    bl_reader reader;
    size_t threads;
    bl_roster *roster;
    bl_turn *turns;   /* [rows] */
    bl_piece *pieces; /* [rows] */
    bl_told *told;    /* [rows] of the tokens that the last call has drawn, */
    size_t drawn;     /* the first so many */
    bl_busy busy;
};

enum { ROWS_MOST = 1 << 16 };

/* Before anything is allocated: the weights and the room for so many rows. */
static bl_status check_room(const bl_batch *b, size_t rows, bl_error *err)
{
    bl_dev *dev = b->net.dev;
    bl_net view = b->net;
    bl_reader reader;
    bl_plan_result plan = {.weights = view.tensors.elements * dev->param_bytes + view.tern_bytes +
                                      view.coarse_bytes};
    char what[64];
    BL_TRY(bl_measure_open(&view.dev, dev, err));
    bl_status status = bl_reader_open(&reader, &view, rows, rows, err);
    if (status == BL_OK) {
        plan.scratch = bl_measure_scratch(view.dev);
        plan.total = bl_measure_allocated(view.dev) + plan.scratch;
        plan.total = plan.total < plan.scratch ? UINT64_MAX : plan.total + plan.weights;
        bl_measure_machine(&plan, dev);
        (void)snprintf(what, sizeof what, "a batch of %zu rows", rows);
        status = bl_measure_fits(&plan, dev->name, what, "; take fewer rows", err);
        bl_reader_release(&reader);
    }
    bl_dev_close(view.dev);
    return status;
}

static bl_status open_parts(bl_batch *b, size_t rows, const bl_options *device, bl_error *err)
{
    bl_executors *executors = &b->model->executors;
    BL_TRY(bl_executors_threads(executors, device, &b->threads, err));
    BL_TRY(bl_roster_open(&b->roster, rows, executors->lock, err));
    b->turns = bl_calloc(rows, sizeof *b->turns);
    b->pieces = bl_calloc(rows, sizeof *b->pieces);
    b->told = bl_calloc(rows, sizeof *b->told);
    if (!b->turns || !b->pieces || !b->told)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu rows", rows);
    BL_TRY(bl_executors_view(executors, b->threads, &b->net, err));
    BL_TRY(check_room(b, rows, err));
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
    for (size_t i = 0; b->told && i < b->reader.sequences; i++)
        bl_told_release(&b->told[i]);
    bl_roster_close(b->roster);
    bl_reader_release(&b->reader);
    bl_dev_close(b->net.dev);
    bl_free(b->told);
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

/* What a call does with turns: their tokens are read, and with `ids` one is drawn after them. */
typedef struct reading {
    const char *where;
    const bl_batch_turn *turns;
    size_t count;
    int32_t *ids;                     /* [count], or NULL */
    const bl_options *const *options; /* [count], or NULL: the defaults, as where one of them is */
    bl_generate_options defaults;
} reading;

static bl_status check_turns(const bl_batch *b, const reading *c, bl_error *err)
{
    if (c->count > b->reader.sequences)
        return bl_fail(err, BL_EINVAL, "%s: %zu turns of a batch of %zu rows", c->where, c->count,
                       b->reader.sequences);
    for (size_t i = 0; i < c->count; i++) {
        const bl_batch_turn *t = &c->turns[i];
        if (!t->session || (t->count && !t->ids))
            return bl_fail(err, BL_EINVAL, "%s: turns[%zu].%s is NULL", c->where, i,
                           t->session ? "ids" : "session");
        if (c->options)
            BL_TRY(bl_options_expect(c->options[i], BL_OPTIONS_GENERATE, c->where, err));
    }
    return BL_OK;
}

static int is_before(const bl_batch_turn *turns, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (turns[k].session == turns[i].session)
            return 1;
    return 0;
}

static const bl_generate_options *options_of(const reading *c, size_t i)
{
    if (!c->ids)
        return NULL;
    return c->options && c->options[i] ? bl_options_generate(c->options[i]) : &c->defaults;
}

/* How a message calls the session of turn i. */
static const char *name_of(char name[64], size_t i)
{
    (void)snprintf(name, 64, "the session of turns[%zu]", i);
    return name;
}

static bl_status enter_turn(bl_batch *b, const reading *c, size_t i, bl_error *err)
{
    const bl_batch_turn *t = &c->turns[i];
    char name[64];
    if (bl_session_enter(t->session, "", c->where, NULL) != BL_OK) {
        if (is_before(c->turns, i))
            return bl_fail(err, BL_EINVAL, "%s: turns[%zu] is of a session that has one already",
                           c->where, i);
        BL_TRY(bl_session_enter(t->session, name_of(name, i), c->where, err));
    }
    if (t->session->roster != b->roster) {
        bl_status status = check_joined(b, t->session, name_of(name, i), c->where, err);
        bl_session_leave(t->session);
        return status;
    }
    b->turns[i] = (bl_turn){.s = &t->session->text,
                            .ids = t->ids,
                            .count = t->count,
                            .logits = t->logits,
                            .options = options_of(c, i),
                            .told = &b->told[i],
                            .drawn = BL_NO_TOKEN};
    return BL_OK;
}

static int is_closing(void *user)
{
    bl_batch *b = user;
    return bl_busy_closing(&b->busy);
}

static bl_status feed(bl_batch *b, const reading *c, bl_error *err)
{
    const bl_batch_room room = {.r = &b->reader,
                                .pieces = b->pieces,
                                .t = b->model->tokenizer,
                                .threads = b->threads,
                                .stop = is_closing,
                                .user = b};
    bl_watch watch;
    size_t entered = 0;
    uint64_t tokens = 0;
    b->drawn = 0;
    bl_status status = check_turns(b, c, err);
    while (status == BL_OK && entered < c->count) {
        status = enter_turn(b, c, entered, err);
        if (status == BL_OK)
            tokens += c->turns[entered++].count;
    }
    if (status == BL_OK) {
        bl_watch_begin(&watch, "reading", "tok", tokens);
        status = bl_batch_read(&room, b->turns, c->count, err);
        bl_watch_end(&watch);
        for (size_t i = 0; c->ids && i < c->count; i++)
            c->ids[i] = b->turns[i].drawn;
        b->drawn = c->ids ? c->count : 0;
    }
    while (entered)
        bl_session_leave(c->turns[--entered].session);
    return status;
}

bl_status bl_batch_feed(bl_batch *b, const bl_batch_turn *turns, size_t count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, b);
    BL_NOT_NULL_IF(err, count, turns);
    BL_TRY(enter(b, &call, __func__, err));
    const reading c = {.where = __func__, .turns = turns, .count = count};
    return leave(b, &call, feed(b, &c, err), err);
}

bl_status bl_batch_next(bl_batch *b, const bl_batch_turn *turns, size_t count,
                        const bl_options *const *options, int32_t *ids, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL_IF(err, count, ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = BL_NO_TOKEN;
    BL_NOT_NULL(err, b);
    BL_NOT_NULL_IF(err, count, turns);
    BL_TRY(enter(b, &call, __func__, err));
    reading c = {.where = __func__, .turns = turns, .count = count, .options = options, .ids = ids};
    bl_options_defaults(BL_OPTIONS_GENERATE, &c.defaults);
    return leave(b, &call, feed(b, &c, err), err);
}

const bl_token_event *bl_batch_event(const bl_batch *b, size_t turn)
{
    return b && turn < b->drawn && b->turns[turn].drawn != BL_NO_TOKEN ? &b->told[turn].event
                                                                       : NULL;
}
