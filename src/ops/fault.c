/* A device whose memory only its ops can touch, around another device. */
#include "ops/fault.h"
#include "core/alloc.h"
#include "core/guard.h"

#include <stdio.h>

typedef struct fault {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops;
    char name[32];
} fault;

static bl_dev *inner_of(const bl_dev *d)
{
    return ((const fault *)d->impl)->inner;
}

/* Every op: open the memory, compute, close it.  What an op calls inside, such as the parts of a
 * composite, are ops of the inner device. */
#define X(op, params, args)                                                                        \
    static size_t fault_##op params                                                                \
    {                                                                                              \
        d = inner_of(d);                                                                           \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status fault_##op params                                                             \
    {                                                                                              \
        d = inner_of(d);                                                                           \
        bl_guard_enter();                                                                          \
        bl_status status = d->ops->op args;                                                        \
        bl_guard_leave();                                                                          \
        return status;                                                                             \
    }
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void fault_##op params                                                                  \
    {                                                                                              \
        d = inner_of(d);                                                                           \
        bl_guard_enter();                                                                          \
        d->ops->op args;                                                                           \
        bl_guard_leave();                                                                          \
    }
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

static const bl_ops fault_ops = {
#define X(op, params, args) .op = fault_##op,
    BL_OPS_LIST(X)
#undef X
};

/* ---- the six that are not the inner device's ---- */

static bl_status guarded_alloc(bl_dev *d, void **p, size_t bytes, bl_error *err)
{
    (void)d;
    return bl_guard_alloc(p, bytes, err);
}

static void guarded_free(bl_dev *d, void *p)
{
    (void)d;
    bl_guard_free(p);
}

static bl_status checked_sync(bl_dev *d, bl_error *err)
{
    BL_TRY(fault_sync(d, err));
    return bl_guard_check(err);
}

static bl_status checked_get(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    BL_TRY(fault_get(d, to, from, bytes, err));
    return bl_guard_check(err);
}

static bl_status checked_get_end(bl_dev *d, void *to, bl_error *err)
{
    BL_TRY(fault_get_end(d, to, err));
    return bl_guard_check(err);
}

static void close_both(bl_dev *d)
{
    bl_dev_close(inner_of(d));
    bl_free(d->impl);
}

bl_status bl_fault_open(bl_dev **d, bl_dev *inner, bl_error *err)
{
    *d = NULL;
    fault *f = bl_calloc(1, sizeof *f);
    if (!f) {
        bl_dev_close(inner);
        return bl_fail(err, BL_ENOMEM, "out of memory for a guarded device");
    }
    f->inner = inner;
    f->ops = fault_ops;
    f->ops.alloc = guarded_alloc;
    f->ops.free = guarded_free;
    f->ops.sync = checked_sync;
    f->ops.get = checked_get;
    f->ops.get_end = checked_get_end;
    f->ops.close = close_both;
    (void)snprintf(f->name, sizeof f->name, "fault:%s", inner->name);
    f->dev = *inner;
    f->dev.ops = &f->ops;
    f->dev.name = f->name;
    f->dev.impl = f;
    *d = &f->dev;
    return BL_OK;
}
