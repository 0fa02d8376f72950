/* A lock, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/mutex.h"
#include "core/alloc.h"

#include <pthread.h>

struct bl_mutex {
    pthread_mutex_t lock;
};

bl_status bl_mutex_open(bl_mutex **m, bl_error *err)
{
    *m = bl_calloc(1, sizeof **m);
    if (!*m)
        return bl_fail(err, BL_ENOMEM, "out of memory for a lock");
    (void)pthread_mutex_init(&(*m)->lock, NULL);
    return BL_OK;
}

void bl_mutex_close(bl_mutex *m)
{
    if (m)
        (void)pthread_mutex_destroy(&m->lock);
    bl_free(m);
}

void bl_mutex_hold(bl_mutex *m)
{
    (void)pthread_mutex_lock(&m->lock);
}

void bl_mutex_release(bl_mutex *m)
{
    (void)pthread_mutex_unlock(&m->lock);
}
