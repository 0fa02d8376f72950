/* The op table's small helpers. */
#include "ops/ops.h"
#include "ops/composite.h"

#include <assert.h>

void bl_ops_complete(bl_ops *ops)
{
    if (!ops->bitlinear_residual)
        ops->bitlinear_residual = bl_composite_bitlinear_residual;
    if (!ops->decode)
        ops->decode = bl_composite_decode;
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
