/* The op table's small helpers: completing it, and float32 across the host-device border. */
#include "ops/ops.h"
#include "ops/composite.h"
#include "core/alloc.h"

#include <assert.h>
#include <string.h>

void bl_ops_complete(bl_ops *ops)
{
    if (!ops->bitlinear_residual)
        ops->bitlinear_residual = bl_composite_bitlinear_residual;
#define X(op, params, args) assert(ops->op);
    BL_OPS_LIST(X)
#undef X
}

void bl_limits_grow(bl_limits *most, const bl_limits *more)
{
#define X(letter) most->letter = most->letter > more->letter ? most->letter : more->letter;
    BL_LIMITS(X)
#undef X
}

void bl_dev_close(bl_dev *d)
{
    if (d)
        d->ops->close(d);
}

bl_status bl_dev_put_f32(bl_dev *d, void *to, const float *from, size_t n, size_t element_bytes,
                         bl_error *err)
{
    if (element_bytes == sizeof(float))
        return BL_OP(d, put, to, from, n * sizeof(float), err);
    assert(element_bytes == sizeof(double));
    double *wide = bl_calloc(n, sizeof *wide);
    if (!wide)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu doubles", n);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)from[i];
    bl_status status = BL_OP(d, put, to, wide, n * sizeof *wide, err);
    bl_free(wide);
    return status;
}

bl_status bl_dev_get_f32(bl_dev *d, float *to, const void *from, size_t n, size_t element_bytes,
                         bl_error *err)
{
    if (element_bytes == sizeof(float))
        return BL_OP(d, get, to, from, n * sizeof(float), err);
    assert(element_bytes == sizeof(double));
    double *wide = bl_calloc(n, sizeof *wide);
    if (!wide)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu doubles", n);
    bl_status status = BL_OP(d, get, wide, from, n * sizeof *wide, err);
    if (status == BL_OK)
        for (size_t i = 0; i < n; i++)
            to[i] = (float)wide[i];
    bl_free(wide);
    return status;
}
