/* Numbers in a device's memory as doubles: what bl_get_KIND() gives, but without loss where the device
 * is in float64, for which it gives floats. */
#ifndef BL_TESTS_NUMBERS_H
#define BL_TESTS_NUMBERS_H

#include "core/alloc.h"
#include "ops/ops.h"

#include <math.h>

/* The larger, for the worst of many differences: a NaN is worse than everything, and stays. */
static inline double numbers_worst(double worst, double x)
{
    return isnan(x) ? INFINITY : fmax(worst, x);
}

static inline bl_status numbers_get(bl_dev *d, bl_kind kind, double *here, const void *there,
                                    size_t n, bl_error *err)
{
    if (bl_kind_bytes(d, kind) == sizeof *here)
        return BL_OP(d, get, here, there, n * sizeof *here, err);
    float *floats = bl_alloc_aligned(n, sizeof *floats);
    if (!floats)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu numbers", n);
    bl_status status = bl_dev_get(d, kind, floats, there, n, err);
    for (size_t i = 0; status == BL_OK && i < n; i++)
        here[i] = (double)floats[i];
    bl_free(floats);
    return status;
}

static inline bl_status numbers_put(bl_dev *d, bl_kind kind, void *there, const double *here,
                                    size_t n, bl_error *err)
{
    if (bl_kind_bytes(d, kind) == sizeof *here)
        return BL_OP(d, put, there, here, n * sizeof *here, err);
    float *floats = bl_alloc_aligned(n, sizeof *floats);
    if (!floats)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu numbers", n);
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)here[i];
    bl_status status = bl_dev_put(d, kind, there, floats, n, err);
    bl_free(floats);
    return status;
}

#endif
