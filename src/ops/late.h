/* A device that computes as late as it may, around another device. */
#ifndef BL_OPS_LATE_H
#define BL_OPS_LATE_H

#include "ops/ops.h"

/* Around `inner`, which is taken over, also on failure.  Ops, puts and the gets that begin are only
 * enqueued; they run, in their order, when something waits for them, and no further than that:
 * get_end runs what its get_begin waits for, every other call that returns a status, and free, all of
 * it.  So it shows on any machine what a device does that is slower than its host. */
bl_status bl_late_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

/* How many puts and gets wait in the queue; d is a device of bl_late_open(). */
size_t bl_late_waiting(const bl_dev *d);

#endif
