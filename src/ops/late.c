/* A device that computes as late as it may, around another device; generated from the op list.
 *
 * The queue is pieces: ops, noted by a recorder (ops/graph.h) for each piece, and then one put or
 * get. */
#include "ops/late.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "ops/graph.h"

#include <stdio.h>

enum { PIECES = 8 };

/* Ops, and what ends them: `bytes` from `from`, or from `put` if that is NULL, to `to`. */
typedef struct piece {
    bl_dev *ops; /* the recorder */
    void *to;
    const void *from;
    size_t bytes;
    bl_buf put;
} piece;

typedef struct late {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops, shared_ops;
    bl_dev shared; /* inner as the recorders see it, which do not close it */
    char name[32];
    piece piece[PIECES]; /* those that wait, then the one that is being filled */
    size_t first, waiting;
} late;

static late *late_of(const bl_dev *d)
{
    return d->impl;
}

static piece *piece_at(late *l, size_t i)
{
    return &l->piece[(l->first + i) % PIECES];
}

/* ---- the queue ---- */

static bl_status run_first(late *l, bl_error *err)
{
    const piece *p = piece_at(l, 0);
    bl_dev *d = l->inner;
    l->first = (l->first + 1) % PIECES;
    l->waiting--;
    BL_TRY(BL_OP(p->ops, sync, err));
    if (p->from)
        return d->ops->get(d, p->to, p->from, p->bytes, err);
    BL_TRY(bl_buf_status(&p->put, err));
    return d->ops->put(d, p->to, p->put.data, p->bytes, err);
}

static bl_status run_all(late *l, bl_error *err)
{
    while (l->waiting)
        BL_TRY(run_first(l, err));
    return BL_OP(piece_at(l, 0)->ops, sync, err);
}

/* Ends the piece that is being filled. */
static bl_status end_piece(late *l, void *to, const void *from, size_t bytes, bl_error *err)
{
    piece *p = piece_at(l, l->waiting);
    p->to = to;
    p->from = from;
    p->bytes = bytes;
    l->waiting++;
    return l->waiting == PIECES ? run_first(l, err) : BL_OK;
}

static bl_status put_later(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    late *l = late_of(d);
    piece *p = piece_at(l, l->waiting);
    bl_buf_release(&p->put);
    bl_buf_append(&p->put, from, bytes);
    return end_piece(l, to, NULL, bytes, err);
}

static bl_status get_later(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    return end_piece(late_of(d), to, from, bytes, err);
}

static bl_status end_of_get(bl_dev *d, void *to, bl_error *err)
{
    late *l = late_of(d);
    size_t i = 0;
    while (i < l->waiting && (piece_at(l, i)->to != to || !piece_at(l, i)->from))
        i++;
    for (size_t n = i < l->waiting ? i + 1 : 0; n; n--)
        BL_TRY(run_first(l, err));
    return BL_OK;
}

/* ---- every op ---- */

#define X(op, params, args)                                                                        \
    static size_t late_##op params                                                                 \
    {                                                                                              \
        d = late_of(d)->inner;                                                                     \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status late_##op params                                                              \
    {                                                                                              \
        BL_TRY(run_all(late_of(d), err));                                                          \
        d = late_of(d)->inner;                                                                     \
        return d->ops->op args;                                                                    \
    }
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void late_##op params                                                                   \
    {                                                                                              \
        late *l = late_of(d);                                                                      \
        d = piece_at(l, l->waiting)->ops;                                                          \
        d->ops->op args;                                                                           \
    }
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

static const bl_ops late_ops = {
#define X(op, params, args) .op = late_##op,
    BL_OPS_LIST(X)
#undef X
};

static void free_after_all(bl_dev *d, void *p)
{
    late *l = late_of(d);
    (void)run_all(l, NULL);
    BL_OP(l->inner, free, p);
}

/* Of the recorders: the inner device stays open, and captures nothing. */
static void nothing(bl_dev *d)
{
    (void)d;
}

static int no(bl_dev *d)
{
    (void)d;
    return 0;
}

static const bl_capture never = {.enter = nothing, .begin = no};

static void release(late *l)
{
    for (size_t i = 0; i < PIECES; i++) {
        bl_dev_close(l->piece[i].ops);
        bl_buf_release(&l->piece[i].put);
    }
    bl_dev_close(l->inner);
    bl_free(l);
}

static void close_after_all(bl_dev *d)
{
    (void)run_all(late_of(d), NULL);
    release(late_of(d));
}

size_t bl_late_waiting(const bl_dev *d)
{
    return late_of(d)->waiting;
}

bl_status bl_late_open(bl_dev **d, bl_dev *inner, bl_error *err)
{
    bl_status status = BL_OK;
    *d = NULL;
    late *l = bl_calloc(1, sizeof *l);
    if (!l) {
        bl_dev_close(inner);
        return bl_fail(err, BL_ENOMEM, "out of memory for a late device");
    }
    l->inner = inner;
    l->ops = late_ops;
    l->ops.put = put_later;
    l->ops.get_begin = get_later;
    l->ops.get_end = end_of_get;
    l->ops.free = free_after_all;
    l->ops.close = close_after_all;
    (void)snprintf(l->name, sizeof l->name, "late:%s", inner->name);
    l->dev = l->shared = *inner;
    l->shared_ops = *inner->ops;
    l->shared_ops.close = nothing;
    l->shared.ops = &l->shared_ops;
    l->dev.ops = &l->ops;
    l->dev.name = l->name;
    l->dev.impl = l;
    l->dev.queues = 1;
    for (size_t i = 0; i < PIECES && status == BL_OK; i++) {
        bl_buf_init(&l->piece[i].put);
        status = bl_graph_open_capturing(&l->piece[i].ops, &l->shared, &never, err);
    }
    if (status != BL_OK) {
        release(l);
        return status;
    }
    *d = &l->dev;
    return BL_OK;
}
