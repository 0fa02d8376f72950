/* A device that records the calls between two waits, and runs them from the record.
 *
 * A record is bytes: of each call its op, its arguments, and copies of the structs of the host that
 * arguments point to; such a pointer becomes an offset from the call.  So equal calls are equal
 * bytes. */
#include "ops/graph.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { KEPT = 32, ALIGN = 16 };

typedef struct graph {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops;
    char name[32];
    bl_buf noted;
    size_t call; /* where the last call noted begins */
    bl_buf kept[KEPT];
    const bl_capture *capture; /* NULL: ops are called from the record */
    void *captured[KEPT];
    char tried[KEPT]; /* to capture it */
    size_t last;      /* of kept, run last */
    bl_graph_counts counts;
} graph;

static graph *graph_of(const bl_dev *d)
{
    return d->impl;
}

/* ---- something for every argument of a call ---- */

/* clang-format off */
#define EACH_1(f, a) f(a)
#define EACH_2(f, a, ...)  f(a) EACH_1(f, __VA_ARGS__)
#define EACH_3(f, a, ...)  f(a) EACH_2(f, __VA_ARGS__)
#define EACH_4(f, a, ...)  f(a) EACH_3(f, __VA_ARGS__)
#define EACH_5(f, a, ...)  f(a) EACH_4(f, __VA_ARGS__)
#define EACH_6(f, a, ...)  f(a) EACH_5(f, __VA_ARGS__)
#define EACH_7(f, a, ...)  f(a) EACH_6(f, __VA_ARGS__)
#define EACH_8(f, a, ...)  f(a) EACH_7(f, __VA_ARGS__)
#define EACH_9(f, a, ...)  f(a) EACH_8(f, __VA_ARGS__)
#define EACH_10(f, a, ...) f(a) EACH_9(f, __VA_ARGS__)
#define EACH_11(f, a, ...) f(a) EACH_10(f, __VA_ARGS__)
#define EACH_12(f, a, ...) f(a) EACH_11(f, __VA_ARGS__)
#define EACH_13(f, a, ...) f(a) EACH_12(f, __VA_ARGS__)
#define EACH_14(f, a, ...) f(a) EACH_13(f, __VA_ARGS__)
#define EACH_15(f, a, ...) f(a) EACH_14(f, __VA_ARGS__)
#define EACH_16(f, a, ...) f(a) EACH_15(f, __VA_ARGS__)
#define EACH_OF(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, each, ...) each
#define EACH(f, ...)                                                                               \
    EACH_OF(__VA_ARGS__, EACH_16, EACH_15, EACH_14, EACH_13, EACH_12, EACH_11, EACH_10, EACH_9,    \
            EACH_8, EACH_7, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, 0)(f, __VA_ARGS__)
/* clang-format on */

#define MEMBER(param) param;
#define MEMBERS(...)  EACH(MEMBER, __VA_ARGS__)

#define GRAPH_LIST(X) BL_OPS_VOID_LIST(X) BL_OPS_OPTIONAL_LIST(X)

#define X(op, params, args)                                                                        \
    typedef struct call_##op {                                                                     \
        MEMBERS params                                                                             \
    } call_##op;
GRAPH_LIST(X)
#undef X

enum {
#define X(op, params, args) GRAPH_##op,
    GRAPH_LIST(X)
#undef X
};

/* Of a call: this, its arguments, what they point to. */
typedef struct call_head {
    size_t op, bytes; /* of all of it */
} call_head;

/* ---- noting a call ---- */

static size_t append(graph *g, const void *from, size_t bytes)
{
    static const char zeros[ALIGN];
    size_t at = g->noted.len;
    bl_buf_append(&g->noted, from, bytes);
    bl_buf_append(&g->noted, zeros, (ALIGN - bytes % ALIGN) % ALIGN);
    return at;
}

/* Copies what a pointer at `place` points to, and makes it an offset; where the copy is. */
static size_t keep(graph *g, size_t place, const void *from, size_t bytes)
{
    size_t at = append(g, from, bytes), offset = at - g->call;
    if (bl_buf_status(&g->noted, NULL) == BL_OK)
        memcpy(g->noted.data + place, &offset, sizeof offset);
    return at;
}

static void keep_nothing(graph *g, size_t place, const void *member)
{
    (void)g, (void)place, (void)member;
}

static void keep_shape(graph *g, size_t place, const void *member)
{
    const bl_ttt_shape *s;
    bl_ttt_shape copy;
    memcpy(&s, member, sizeof s);
    memset(&copy, 0, sizeof copy); /* what lies between its members is compared, too */
    copy.B = s->B;
    copy.T = s->T;
    copy.H = s->H;
    copy.F = s->F;
    copy.C = s->C;
    copy.rope_theta = s->rope_theta;
    (void)keep(g, place, &copy, sizeof copy);
}

/* Structs that are kept as they are. */
#define KEEP_WHOLE(name, type)                                                                     \
    static void keep_##name(graph *g, size_t place, const void *member)                            \
    {                                                                                              \
        const type *x;                                                                             \
        memcpy(&x, member, sizeof x);                                                              \
        (void)keep(g, place, x, sizeof *x);                                                        \
    }
KEEP_WHOLE(state, bl_ttt_state)
KEEP_WHOLE(model, bl_decode_model)

static void keep_params(graph *g, size_t place, const void *member)
{
    const bl_ttt_params *p;
    memcpy(&p, member, sizeof p);
    size_t at = keep(g, place, p, sizeof *p);
    if (p->carry)
        (void)keep(g, at + offsetof(bl_ttt_params, carry), p->carry, sizeof *p->carry);
}

static void keep_latents(graph *g, size_t place, const void *member)
{
    const bl_latents *w;
    memcpy(&w, member, sizeof w);
    size_t at = keep(g, place, w, sizeof *w);
    (void)keep(g, at + offsetof(bl_latents, at), w->at, w->count * sizeof *w->at);
}

#define BY_TYPE(verb, x)                                                                           \
    _Generic((x),                                                                                  \
        const bl_ttt_shape *: verb##_shape,                                                        \
        const bl_decode_model *: verb##_model,                                                     \
        const bl_ttt_state *: verb##_state,                                                        \
        const bl_ttt_params *: verb##_params,                                                      \
        const bl_latents *: verb##_latents,                                                        \
        default: verb##_nothing)

#define SET(a)    call.a = a;
#define SETS(...) EACH(SET, __VA_ARGS__)
#define KEEP(a)                                                                                    \
    BY_TYPE(keep, call.a)(self, place + (size_t)((char *)&call.a - (char *)&call), &call.a);
#define KEEPS(...) EACH(KEEP, __VA_ARGS__)

#define X(op_, params, args)                                                                       \
    static void graph_##op_ params                                                                 \
    {                                                                                              \
        graph *self = graph_of(d);                                                                 \
        call_head head = {.op = GRAPH_##op_};                                                      \
        call_##op_ call;                                                                           \
        memset(&call, 0, sizeof call);                                                             \
        d = NULL;                                                                                  \
        SETS args self->call = append(self, &head, sizeof head);                                   \
        size_t place = append(self, &call, sizeof call);                                           \
        KEEPS args head.bytes = self->noted.len - self->call;                                      \
        if (bl_buf_status(&self->noted, NULL) == BL_OK)                                            \
            memcpy(self->noted.data + self->call, &head, sizeof head);                             \
    }
GRAPH_LIST(X)
#undef X

/* ---- running a record ---- */

enum { STRUCTS = 4 }; /* of one kind, the most that a call points to */

typedef struct run {
    bl_dev *d;
    const char *call;
    bl_ttt_params params[STRUCTS];
    bl_latents latents;
    size_t used;
} run;

static const void *at_offset(const run *r, const void *member)
{
    size_t offset;
    memcpy(&offset, member, sizeof offset);
    return r->call + offset;
}

static void find_nothing(run *r, void *member)
{
    (void)r, (void)member;
}

static void find_shape(run *r, void *member)
{
    const void *at = at_offset(r, member);
    memcpy(member, &at, sizeof at);
}

static void find_state(run *r, void *member)
{
    find_shape(r, member);
}

static void find_model(run *r, void *member)
{
    find_shape(r, member);
}

static void find_params(run *r, void *member)
{
    assert(r->used < STRUCTS);
    bl_ttt_params *p = &r->params[r->used++];
    memcpy(p, at_offset(r, member), sizeof *p);
    if (p->carry)
        find_shape(r, &p->carry);
    memcpy(member, &p, sizeof p);
}

static void find_latents(run *r, void *member)
{
    bl_latents *w = &r->latents;
    memcpy(w, at_offset(r, member), sizeof *w);
    find_shape(r, &w->at);
    memcpy(member, &w, sizeof w);
}

#define FIND(a)       BY_TYPE(find, c.a)(r, &c.a);
#define FINDS(...)    EACH(FIND, __VA_ARGS__)
#define ARG(a)        , c.a
#define ARGS(...)     EACH(ARG, __VA_ARGS__)
#define CALL_(f, ...) f(__VA_ARGS__)
#define CALL(...)     CALL_(__VA_ARGS__)

#define X(op, params, args)                                                                        \
    static void run_##op(run *r)                                                                   \
    {                                                                                              \
        call_##op c;                                                                               \
        memcpy(&c, r->call + sizeof(call_head), sizeof c);                                         \
        FINDS args c.d = r->d;                                                                     \
        CALL(r->d->ops->op ARGS args);                                                             \
    }
GRAPH_LIST(X)
#undef X

static void run_all(bl_dev *d, const bl_buf *record)
{
    static void (*const runs[])(run *) = {
#define X(op, params, args) [GRAPH_##op] = run_##op,
        GRAPH_LIST(X)
#undef X
    };
    for (size_t at = 0; at < record->len;) {
        call_head head;
        run r = {.d = d, .call = record->data + at};
        memcpy(&head, r.call, sizeof head);
        runs[head.op](&r);
        at += head.bytes;
    }
}

/* ---- waits ---- */

static size_t find_kept(const graph *g)
{
    for (size_t i = 0; i < KEPT; i++)
        if (g->kept[i].len == g->noted.len &&
            memcmp(g->kept[i].data, g->noted.data, g->noted.len) == 0)
            return i;
    return KEPT;
}

/* Runs record i: the first time by its ops, then captured if the device can do that. */
static void run_kept(graph *g, size_t i, int again)
{
    const bl_capture *c = g->capture;
    if (c && again && !g->tried[i]) {
        g->tried[i] = 1;
        if (c->begin(g->inner)) {
            run_all(g->inner, &g->kept[i]);
            g->captured[i] = c->end(g->inner);
        }
    }
    if (g->captured[i])
        c->run(g->inner, g->captured[i]);
    else
        run_all(g->inner, &g->kept[i]);
}

static void forget_captured(graph *g, size_t i)
{
    if (g->captured[i])
        g->capture->release(g->inner, g->captured[i]);
    g->captured[i] = NULL;
    g->tried[i] = 0;
}

/* Runs what was noted. */
static bl_status flush(graph *g, bl_error *err)
{
    bl_status status = bl_buf_status(&g->noted, err);
    if (g->capture)
        g->capture->enter(g->inner);
    if (status != BL_OK) { /* calls are missing: the others must not run either */
        bl_buf_release(&g->noted);
        return status;
    }
    if (!g->noted.len)
        return BL_OK;
    size_t i = find_kept(g);
    int again = i < KEPT;
    if (again) {
        g->counts.replayed++;
    } else {
        bl_buf old;
        i = g->counts.recorded++ % KEPT;
        forget_captured(g, i);
        old = g->kept[i];
        g->kept[i] = g->noted;
        g->noted = old;
    }
    g->noted.len = 0;
    g->last = i;
    run_kept(g, i, again);
    return BL_OK;
}

#define X(op, params, args)                                                                        \
    static size_t graph_##op params                                                                \
    {                                                                                              \
        d = graph_of(d)->inner;                                                                    \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status graph_##op params                                                             \
    {                                                                                              \
        graph *self = graph_of(d);                                                                 \
        BL_TRY(flush(self, err));                                                                  \
        d = self->inner;                                                                           \
        return d->ops->op args;                                                                    \
    }
BL_OPS_STATUS_LIST(X)
#undef X

static void free_after_all(bl_dev *d, void *p)
{
    graph *g = graph_of(d);
    (void)flush(g, NULL);
    BL_OP(g->inner, free, p);
}

/* What was captured reads the scratch where it was. */
static bl_status reserve_anew(bl_dev *d, const bl_limits *most, bl_error *err)
{
    graph *g = graph_of(d);
    BL_TRY(flush(g, err));
    for (size_t i = 0; i < KEPT; i++)
        forget_captured(g, i);
    return BL_OP(g->inner, reserve, most, err);
}

static void close_both(bl_dev *d)
{
    graph *g = graph_of(d);
    (void)flush(g, NULL);
    if (!g->capture)
        bl_log(BL_LOG_INFO, "%s: %zu graphs recorded, %zu times replayed", d->name,
               g->counts.recorded, g->counts.replayed);
    for (size_t i = 0; i < KEPT; i++) {
        forget_captured(g, i);
        bl_buf_release(&g->kept[i]);
    }
    bl_dev_close(g->inner);
    bl_buf_release(&g->noted);
    bl_free(g);
}

bl_graph_counts bl_graph_counted(const bl_dev *d)
{
    return graph_of(d)->counts;
}

void bl_graph_replay(bl_dev *d)
{
    graph *g = graph_of(d);
    run_kept(g, g->last, 1);
}

static const bl_ops graph_ops = {
#define X(op, params, args) .op = graph_##op,
    BL_OPS_LIST(X)
#undef X
};

bl_status bl_graph_open_capturing(bl_dev **d, bl_dev *inner, const bl_capture *capture,
                                  bl_error *err)
{
    *d = NULL;
    graph *g = bl_calloc(1, sizeof *g);
    if (!g) {
        bl_dev_close(inner);
        return bl_fail(err, BL_ENOMEM, "out of memory for a recorded device");
    }
    g->inner = inner;
    g->ops = graph_ops;
    g->ops.free = free_after_all;
    g->ops.reserve = reserve_anew;
    g->ops.close = close_both;
    bl_buf_init(&g->noted);
    for (size_t i = 0; i < KEPT; i++)
        bl_buf_init(&g->kept[i]);
    g->capture = capture;
    (void)snprintf(g->name, sizeof g->name, "%s%s", capture ? "" : "graph:", inner->name);
    g->dev = *inner;
    g->dev.ops = &g->ops;
    g->dev.name = g->name;
    g->dev.impl = g;
    *d = &g->dev;
    return BL_OK;
}

bl_status bl_graph_open(bl_dev **d, bl_dev *inner, bl_error *err)
{
    return bl_graph_open_capturing(d, inner, NULL, err);
}
