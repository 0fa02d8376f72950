/* Which sessions a batch reads.  Batch and sessions hold one list together, so that any of them may
 * be closed first. */
#ifndef BL_API_ROSTER_H
#define BL_API_ROSTER_H

#include "core/mutex.h"
#include "core/status.h"

typedef struct bl_roster {
    bl_mutex *lock; /* borrowed: of the model, which outlives both */
    size_t most, joined;
    int is_open; /* its batch is */
} bl_roster;

bl_status bl_roster_open(bl_roster **r, size_t most, bl_mutex *lock, bl_error *err) BL_NODISCARD;

/* The batch is gone: nobody is in it, and the last to leave frees the list.  NULL is fine. */
void bl_roster_close(bl_roster *r);

/* *place, of a session, becomes r; a batch that was closed is left.  BL_EINVAL when the session is
 * in a batch or this one is full. */
bl_status bl_roster_join(bl_roster *r, bl_roster **place, bl_error *err) BL_NODISCARD;

/* *place becomes NULL; NULL is fine. */
void bl_roster_leave(bl_roster **place);

#endif
