/* A device that computes nothing and holds nothing: it counts the memory that the calls made to it
 * would take on another device.
 *
 * What opens a model, a pass or a session measures itself by being opened here: there is no second
 * list of what will be allocated. */
#ifndef BL_OPS_MEASURE_H
#define BL_OPS_MEASURE_H

#include "ops/ops.h"

/* Counts for `inner`, which stays the caller's and is asked for sizes only.  Memory it hands out is
 * NULL; compute ops do nothing; get is BL_EUNSUPPORTED. */
bl_status bl_measure_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

/* Bytes of all allocations, and of the scratch for what was reserved; SIZE_MAX when they fit
 * nowhere.  d is a device of bl_measure_open(). */
size_t bl_measure_allocated(const bl_dev *d);
size_t bl_measure_scratch(const bl_dev *d);

#endif
