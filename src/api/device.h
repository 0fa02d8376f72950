/* Devices by name: the one place that knows which backends there are. */
#ifndef BL_API_DEVICE_H
#define BL_API_DEVICE_H

#include "ops/ops.h"

/* "cpu", "ref" (float) or "ref64", with any of "trace:" (src/ops/trace.h) and "fault:"
 * (src/ops/fault.h) in front.  threads 0: all cores.  BL_EINVAL lists the names. */
bl_status bl_device_open(bl_dev **d, const char *name, int ternary, size_t threads,
                         bl_error *err) BL_NODISCARD;

#endif
