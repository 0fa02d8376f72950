/* A lock for what threads change in turn. */
#ifndef BL_CORE_MUTEX_H
#define BL_CORE_MUTEX_H

#include "core/status.h"

typedef struct bl_mutex bl_mutex;

bl_status bl_mutex_open(bl_mutex **m, bl_error *err) BL_NODISCARD;
void bl_mutex_close(bl_mutex *m); /* not held; NULL is fine */

/* A waiting thread sleeps. */
void bl_mutex_hold(bl_mutex *m);
void bl_mutex_release(bl_mutex *m);

#endif
