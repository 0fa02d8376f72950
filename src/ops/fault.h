/* A device whose memory only its ops can touch, around another device; generated from the op list.
 *
 * It proves on a machine without a GPU that the model, the trainer and the sessions never look
 * behind a device pointer, and that no op reads what nobody wrote or writes past a block. */
#ifndef BL_OPS_FAULT_H
#define BL_OPS_FAULT_H

#include "ops/ops.h"

/* `inner` must compute in host memory; it is taken over, also on failure.  Memory is that of
 * core/guard.h: closed outside ops, NaN when fresh, a closed page after every block.  sync reports
 * what was written outside a block as BL_EDEVICE. */
bl_status bl_fault_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

#endif
