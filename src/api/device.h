/* Devices by name: a back end, with wrappers before and an index after it. */
#ifndef BL_API_DEVICE_H
#define BL_API_DEVICE_H

#include "bitllama.h"
#include "format/options.h"
#include "ops/ops.h"

/* The device of a request.  Its name is that of a back end, "cpu", "ref" (float), "ref64" or a
 * plug-in (docs/ARCHITECTURE.md), with any of "trace:" (src/ops/trace.h), "fault:"
 * (src/ops/fault.h), "graph:" (src/ops/graph.h) and "late:" (src/ops/late.h) before it and ":N",
 * the index, after it.
 * BL_EINVAL lists the names; BL_EDEVICE (no such device, in the back end's words; a known plug-in that
 * is not installed), BL_EUNSUPPORTED, BL_ENOMEM. */
bl_status bl_device_open(bl_dev **d, const bl_device_request *request, bl_error *err) BL_NODISCARD;

/* "NAME: what it is" of the device of a request that was opened. */
void bl_device_describe(const bl_device_request *request, char *text, size_t cap);

/* What a set of BL_OPTIONS_DEVICE (NULL: its defaults) and what a run's options ask for; the name
 * points into them.  For training `precision` auto is settled where the CPU computes; other devices
 * do that when they are opened. */
bl_device_request bl_device_requested(const bl_options *options, int ternary);
bl_device_request bl_device_of_training(const bl_train_options *options, int ternary);

/* Is that, without what is before and after its name, the CPU's back end? */
int bl_device_is_cpu(const char *name);

/* BL_PRECISION_F32 or _BF16: what an opened device makes of its request. */
int bl_device_precision(const bl_dev *d, const bl_device_request *request);

#endif
