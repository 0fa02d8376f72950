/* The reference device's scratch: rows and matrices that an op takes while it runs. */
#include "ops/ref/ref.h"

#include <assert.h>

bl_arena *REF(scratch)(bl_dev *d)
{
    ref_device *r = d->impl;
    return &r->scratch;
}

/* NULL only while reserve() measures: an arena with a size and no memory.  Otherwise the shapes are
 * past what was reserved. */
static void *push(bl_arena *a, size_t count, size_t size)
{
    void *p = bl_arena_push(a, count, size);
    assert(p || (!a->base && a->size));
    return p;
}

double *REF(doubles)(bl_arena *a, size_t count)
{
    return push(a, count, sizeof(double));
}

BL_REAL *REF(reals)(bl_arena *a, size_t count)
{
    return push(a, count, sizeof(BL_REAL));
}
