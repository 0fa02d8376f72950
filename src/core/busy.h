/* A handle at work: a second call on it, from its own callback or another thread, is noticed, except
 * where both only read it. */
#ifndef BL_CORE_BUSY_H
#define BL_CORE_BUSY_H

#include "core/status.h"

#include <stdatomic.h>

/* A member of the handle; all zero is idle. */
typedef struct bl_busy {
    atomic_int state;
} bl_busy;

/* BL_EBUSY, naming function and handle ("the session"), while another call is at work. */
bl_status bl_busy_enter(bl_busy *b, const char *handle, const char *where,
                        bl_error *err) BL_NODISCARD;

/* Returns 1 when the handle was closed meanwhile: the caller must free it now. */
int bl_busy_leave(bl_busy *b) BL_NODISCARD;

/* The same for a call that only reads the handle, any number of which may be at work at once. */
bl_status bl_busy_share(bl_busy *b, const char *handle, const char *where,
                        bl_error *err) BL_NODISCARD;
int bl_busy_unshare(bl_busy *b) BL_NODISCARD;

/* Returns 1 when the handle may be freed now, 0 when the call at work has to do it. */
int bl_busy_close(bl_busy *b) BL_NODISCARD;

/* Whether it was closed meanwhile: a long call then ends early. */
int bl_busy_closing(bl_busy *b) BL_NODISCARD;

#endif
