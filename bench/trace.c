/* A device that times every op of another one. */
#include "trace.h"
#include "core/os.h"

enum {
#define X(op, params, args) TRACE_##op,
    BL_OPS_SIZE_LIST(X) BL_OPS_STATUS_LIST(X) BL_OPS_VOID_LIST(X) BL_OPS_OPTIONAL_LIST(X)
#undef X
        TRACE_COUNT
};
_Static_assert((int)TRACE_COUNT <= (int)TRACE_OPS, "a row for every op");

static void account(trace *t, int row, double start)
{
    t->row[row].seconds += bl_clock_seconds() - start;
    t->row[row].calls++;
}

#define X(op, params, args)                                                                        \
    static size_t trace_##op params                                                                \
    {                                                                                              \
        trace *t = d->impl;                                                                        \
        d = t->inner;                                                                              \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status trace_##op params                                                             \
    {                                                                                              \
        trace *t = d->impl;                                                                        \
        d = t->inner;                                                                              \
        double start = bl_clock_seconds();                                                         \
        bl_status status = d->ops->op args;                                                        \
        account(t, TRACE_##op, start);                                                             \
        return status;                                                                             \
    }
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void trace_##op params                                                                  \
    {                                                                                              \
        trace *t = d->impl;                                                                        \
        d = t->inner;                                                                              \
        double start = bl_clock_seconds();                                                         \
        d->ops->op args;                                                                           \
        account(t, TRACE_##op, start);                                                             \
    }
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

static const bl_ops trace_ops = {
#define X(op, params, args) .op = trace_##op,
    BL_OPS_SIZE_LIST(X) BL_OPS_STATUS_LIST(X) BL_OPS_VOID_LIST(X) BL_OPS_OPTIONAL_LIST(X)
#undef X
};

void trace_reset(trace *t)
{
    t->rows = TRACE_COUNT;
#define X(op_, params, args) t->row[TRACE_##op_] = (trace_row){.op = #op_};
    BL_OPS_SIZE_LIST(X)
    BL_OPS_STATUS_LIST(X)
    BL_OPS_VOID_LIST(X)
    BL_OPS_OPTIONAL_LIST(X)
#undef X
}

void trace_open(trace *t, bl_dev *inner)
{
    t->dev = *inner;
    t->dev.ops = &trace_ops;
    t->dev.impl = t;
    t->inner = inner;
    trace_reset(t);
}
