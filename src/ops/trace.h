/* A device that counts and times every op of another one; generated from the op list. */
#ifndef BL_OPS_TRACE_H
#define BL_OPS_TRACE_H

#include "ops/ops.h"

typedef struct bl_trace_row {
    const char *op;
    double seconds; /* between the call and its return: the waits of a device that only enqueues
                       show in put, get and sync */
    size_t calls;
    double bytes, int_ops, float_ops, bf16_ops; /* by shapes (ops/cost.h) */
} bl_trace_row;

/* Around `inner`, which is taken over, also on failure.  Closing writes the table through
 * bl_log(), a line an op. */
bl_status bl_trace_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

/* Forgets what was counted. */
void bl_trace_reset(bl_dev *d);

/* Whether to wait after every compute op, so that on a device that only enqueues each has its own
 * time, as such a device begins with; what fails there is not reported. */
void bl_trace_wait(bl_dev *d, int waits);

/* The ops called since, slowest first; returns how many.  d is a device of bl_trace_open(). */
size_t bl_trace_rows(const bl_dev *d, bl_trace_row row[BL_OPS_COUNT]);

/* The same of all traced devices of the process since the last call, those that were closed
 * included; no such device may be computing. */
size_t bl_trace_take(bl_trace_row row[BL_OPS_COUNT]);

#endif
