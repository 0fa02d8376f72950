/* A device that computes nothing and holds nothing: it counts the memory that its calls would take
 * on another device.
 *
 * A model, a pass or a session is measured by opening it on this device: there is no second list of
 * what will be allocated. */
#ifndef BL_OPS_MEASURE_H
#define BL_OPS_MEASURE_H

#include "ops/ops.h"

/* Counts for `inner`, which stays the caller's and is asked for sizes only.  The memory handed out
 * is NULL; compute ops do nothing; get and get_begin are BL_EUNSUPPORTED. */
bl_status bl_measure_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

/* Bytes of all allocations, and of the scratch for what was reserved; SIZE_MAX when they exceed any
 * memory.  d is a device of bl_measure_open(). */
size_t bl_measure_allocated(const bl_dev *d);
size_t bl_measure_scratch(const bl_dev *d);

/* Sets machine, and device to the name of a device with memory of its own, else to "". */
void bl_measure_machine(bl_plan_result *plan, bl_dev *d);

/* Is there as much memory as planned?  BL_EDEVICE when a device, by the name that the user gave it,
 * has too little of its own, BL_ENOMEM when the host has.  `what` begins the message, the remedy
 * ends it. */
bl_status bl_measure_fits(const bl_plan_result *plan, const char *device, const char *what,
                          const char *remedy, bl_error *err) BL_NODISCARD;

#endif
