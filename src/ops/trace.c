/* A device that counts and times every op of another. */
#include "ops/trace.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "ops/cost.h"

#include <stdatomic.h>
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
    bl_trace_row untaken[BL_OPS_COUNT]; /* what bl_trace_take() is to be given */
    int waits;
    struct trace *next; /* of all that are open */
} trace;

static atomic_flag listed = ATOMIC_FLAG_INIT; /* held for a few instructions */
static trace *open_traces;
static bl_trace_row closed[BL_OPS_COUNT]; /* of those that were closed since the last take */

static void hold_list(void)
{
    while (atomic_flag_test_and_set(&listed))
        ;
}

static void release_list(void)
{
    atomic_flag_clear(&listed);
}

static void add_row(bl_trace_row *to, const bl_trace_row *more)
{
    to->seconds += more->seconds;
    to->calls += more->calls;
    to->bytes += more->bytes;
    to->int_ops += more->int_ops;
    to->float_ops += more->float_ops;
    to->bf16_ops += more->bf16_ops;
}

static trace *trace_of(const bl_dev *d)
{
    return d->impl;
}

static void account(trace *t, size_t row, double start, bl_cost cost)
{
    const bl_trace_row call = {.seconds = bl_clock_seconds() - start,
                               .calls = 1,
                               .bytes = cost.bytes,
                               .int_ops = cost.int_ops,
                               .float_ops = cost.float_ops,
                               .bf16_ops = cost.bf16_ops};
    add_row(&t->row[row], &call);
    add_row(&t->untaken[row], &call);
}

#define X_RETURNING(type, op, params, args)                                                        \
    static type trace_##op params                                                                  \
    {                                                                                              \
        trace *t = trace_of(d);                                                                    \
        d = t->inner;                                                                              \
        double start = bl_clock_seconds();                                                         \
        type result = d->ops->op args;                                                             \
        account(t, TRACE_##op, start, cost(0, 0, 0));                                              \
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
        account(t, TRACE_##op, start, COST_OF(COST_##op));                                         \
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

size_t bl_trace_take(bl_trace_row row[BL_OPS_COUNT])
{
    static const char *const names[] = {
#define X(op, params, args) #op,
        BL_OPS_LIST(X)
#undef X
    };
    size_t rows = 0;
    hold_list();
    for (size_t i = 0; i < BL_OPS_COUNT; i++) {
        row[rows] = closed[i];
        row[rows].op = names[i];
        closed[i] = (bl_trace_row){0};
        for (trace *t = open_traces; t; t = t->next) {
            add_row(&row[rows], &t->untaken[i]);
            t->untaken[i] = (bl_trace_row){0};
        }
        rows += row[rows].calls > 0;
    }
    release_list();
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

static void unlist(trace *t)
{
    hold_list();
    for (trace **at = &open_traces; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    for (size_t i = 0; i < BL_OPS_COUNT; i++)
        add_row(&closed[i], &t->untaken[i]);
    release_list();
}

static void close_both(bl_dev *d)
{
    unlist(trace_of(d));
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
    t->waits = inner->queues;
    bl_trace_reset(*d);
    hold_list();
    t->next = open_traces;
    open_traces = t;
    release_list();
    return BL_OK;
}
