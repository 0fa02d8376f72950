/* A device that counts and times every op of another. */
#include "ops/trace.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
#define X(op, params, args) TRACE_##op,
    BL_OPS_LIST(X)
#undef X
};

typedef struct trace {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops;
    char name[32];
    bl_trace_row row[BL_OPS_COUNT];
    int waits;
} trace;

static trace *trace_of(const bl_dev *d)
{
    return d->impl;
}

static void account(trace *t, size_t row, double start)
{
    t->row[row].seconds += bl_clock_seconds() - start;
    t->row[row].calls++;
}

#define X_RETURNING(type, op, params, args)                                                        \
    static type trace_##op params                                                                  \
    {                                                                                              \
        trace *t = trace_of(d);                                                                    \
        d = t->inner;                                                                              \
        double start = bl_clock_seconds();                                                         \
        type result = d->ops->op args;                                                             \
        account(t, TRACE_##op, start);                                                             \
        return result;                                                                             \
    }
#define X(op, params, args) X_RETURNING(size_t, op, params, args)
BL_OPS_SIZE_LIST(X)
#undef X
#define X(op, params, args) X_RETURNING(bl_status, op, params, args)
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void trace_##op params                                                                  \
    {                                                                                              \
        trace *t = trace_of(d);                                                                    \
        d = t->inner;                                                                              \
        double start = bl_clock_seconds();                                                         \
        d->ops->op args;                                                                           \
        if (t->waits)                                                                              \
            (void)d->ops->sync(d, NULL);                                                           \
        account(t, TRACE_##op, start);                                                             \
    }
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

static const bl_ops trace_ops = {
#define X(op, params, args) .op = trace_##op,
    BL_OPS_LIST(X)
#undef X
};

void bl_trace_reset(bl_dev *d)
{
    trace *t = trace_of(d);
#define X(op_, params, args) t->row[TRACE_##op_] = (bl_trace_row){.op = #op_};
    BL_OPS_LIST(X)
#undef X
}

void bl_trace_wait(bl_dev *d, int waits)
{
    trace_of(d)->waits = waits;
}

static int slowest_first(const void *a, const void *b)
{
    const bl_trace_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

size_t bl_trace_rows(const bl_dev *d, bl_trace_row row[BL_OPS_COUNT])
{
    const trace *t = trace_of(d);
    size_t rows = 0;
    for (size_t i = 0; i < BL_OPS_COUNT; i++)
        if (t->row[i].calls)
            row[rows++] = t->row[i];
    qsort(row, rows, sizeof *row, slowest_first);
    return rows;
}

static void log_table(const bl_dev *d)
{
    bl_trace_row row[BL_OPS_COUNT];
    size_t rows = bl_trace_rows(d, row), calls = 0;
    double total = 0;
    for (size_t i = 0; i < rows; i++) {
        total += row[i].seconds;
        calls += row[i].calls;
    }
    bl_log(BL_LOG_INFO, "%s: %.3f ms in %zu calls", d->name, total * 1e3, calls);
    bl_log(BL_LOG_INFO, "  %-20s %8s %12s %7s", "op", "calls", "ms", "share");
    for (size_t i = 0; i < rows; i++)
        bl_log(BL_LOG_INFO, "  %-20s %8zu %12.3f %6.1f%%", row[i].op, row[i].calls,
               row[i].seconds * 1e3, total > 0 ? 100 * row[i].seconds / total : 0);
}

static void close_both(bl_dev *d)
{
    log_table(d);
    bl_dev_close(trace_of(d)->inner);
    bl_free(d->impl);
}

bl_status bl_trace_open(bl_dev **d, bl_dev *inner, bl_error *err)
{
    *d = NULL;
    trace *t = bl_calloc(1, sizeof *t);
    if (!t) {
        bl_dev_close(inner);
        return bl_fail(err, BL_ENOMEM, "out of memory for a traced device");
    }
    t->inner = inner;
    t->ops = trace_ops;
    t->ops.close = close_both;
    (void)snprintf(t->name, sizeof t->name, "trace:%s", inner->name);
    t->dev = *inner;
    t->dev.ops = &t->ops;
    t->dev.name = t->name;
    t->dev.impl = t;
    *d = &t->dev;
    bl_trace_reset(*d);
    return BL_OK;
}
