/* A heap whose blocks can be touched only between enter and leave: how a machine without a device
 * shows that nobody looks behind a device pointer (src/ops/fault.h). */
#ifndef BL_CORE_GUARD_H
#define BL_CORE_GUARD_H

#include "core/status.h"

/* Every block of the process opens with the first enter and closes with the last leave, so that
 * threads may be inside at the same time.  Outside, any access ends the process with SIGSEGV.
 *
 * A block begins at a 64-byte boundary and ends less than 64 bytes before a page that is never
 * open; it is full of bytes 0xFF (floats are NaN, ids -1).  Threads: all functions, any. */
bl_status bl_guard_alloc(void **p, size_t bytes, bl_error *err) BL_NODISCARD;
void bl_guard_free(void *p); /* NULL is fine */

void bl_guard_enter(void);
void bl_guard_leave(void);

/* BL_EDEVICE when something was written between a block and the borders of its pages, or the system
 * refused to open or close one. */
bl_status bl_guard_check(bl_error *err) BL_NODISCARD;

#endif
