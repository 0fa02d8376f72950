/* A device that counts the memory that another would hold. */
#include "ops/measure.h"
#include "core/alloc.h"

#include <stdio.h>

typedef struct measure {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops;
    bl_limits most;
    size_t allocated;
} measure;

static measure *measure_of(const bl_dev *d)
{
    return d->impl;
}

static void ignore(bl_dev *d, ...)
{
    (void)d;
}

#define X(op, params, args)                                                                        \
    static size_t measure_##op params                                                              \
    {                                                                                              \
        d = measure_of(d)->inner;                                                                  \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status measure_##op params                                                           \
    {                                                                                              \
        ignore args;                                                                               \
        return BL_OK;                                                                              \
    }
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void measure_##op params                                                                \
    {                                                                                              \
        ignore args;                                                                               \
    }
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

static const bl_ops measure_ops = {
#define X(op, params, args) .op = measure_##op,
    BL_OPS_LIST(X)
#undef X
};

static bl_status count(bl_dev *d, void **p, size_t bytes, bl_error *err)
{
    measure *m = measure_of(d);
    (void)err;
    *p = NULL;
    m->allocated = bytes < SIZE_MAX - m->allocated ? m->allocated + bytes : SIZE_MAX;
    return BL_OK;
}

static bl_status note_limits(bl_dev *d, const bl_limits *most, bl_error *err)
{
    (void)err;
    bl_limits_grow(&measure_of(d)->most, most);
    return BL_OK;
}

static bl_status get_nothing(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    (void)to, (void)from, (void)bytes;
    return bl_fail(err, BL_EUNSUPPORTED, "%s: nothing was computed", d->name);
}

static void close_this(bl_dev *d)
{
    bl_free(d->impl);
}

size_t bl_measure_allocated(const bl_dev *d)
{
    return measure_of(d)->allocated;
}

size_t bl_measure_scratch(const bl_dev *d)
{
    const measure *m = measure_of(d);
    return m->most.B ? BL_OP(m->inner, scratch_bytes, &m->most) : 0;
}

/* The memory of a back end on the host is what bl_host_memory_bytes() says, which a process with
 * limits of its own may use up from one call to the next. */
void bl_measure_machine(bl_plan_result *plan, bl_dev *d)
{
    size_t before = bl_host_memory_bytes();
    size_t bytes = d->ops->memory_bytes(d);
    size_t after = bl_host_memory_bytes();
    int host = (before <= bytes && bytes <= after) || (after <= bytes && bytes <= before);
    int known = bytes < SIZE_MAX;
    plan->machine = known ? bytes : UINT64_MAX;
    (void)snprintf(plan->device, sizeof plan->device, "%s", known && !host ? d->name : "");
}

bl_status bl_measure_fits(const bl_plan_result *plan, const char *device, const char *what,
                          const char *remedy, bl_error *err)
{
    double needed = (double)plan->total * 1e-9, there = (double)plan->machine * 1e-9;
    if (plan->total <= plan->machine)
        return BL_OK;
    if (*plan->device)
        return bl_fail(err, BL_EDEVICE,
                       "%s needs %.3f GB of memory, and device %s has %.3f GB free%s", what, needed,
                       device, there, remedy);
    return bl_fail(err, BL_ENOMEM, "%s needs %.2f GB of memory, and there are %.2f GB%s", what,
                   needed, there, remedy);
}

bl_status bl_measure_open(bl_dev **d, bl_dev *inner, bl_error *err)
{
    *d = NULL;
    measure *m = bl_calloc(1, sizeof *m);
    if (!m)
        return bl_fail(err, BL_ENOMEM, "out of memory to measure memory");
    m->inner = inner;
    m->ops = measure_ops;
    m->ops.alloc = count;
    m->ops.reserve = note_limits;
    m->ops.get = m->ops.get_begin = get_nothing;
    m->ops.close = close_this;
    m->dev = *inner;
    m->dev.ops = &m->ops;
    m->dev.impl = m;
    *d = &m->dev;
    return BL_OK;
}
