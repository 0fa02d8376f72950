/* A thread for one job at a time, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/worker.h"
#include "core/alloc.h"
#include "core/os.h"

#include <pthread.h>

struct bl_worker {
    pthread_t thread;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t changed;
    int quit;
    void (*job)(void *user); /* NULL: none */
    void *user;
};

static void *work(void *argument)
{
    bl_worker *w = argument;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        if (w->job) {
            (void)pthread_mutex_unlock(&w->lock);
            w->job(w->user); /* the owner does not touch these while a job is under way */
            (void)pthread_mutex_lock(&w->lock);
            w->job = NULL;
            (void)pthread_cond_broadcast(&w->changed);
        } else if (w->quit) {
            break;
        } else {
            (void)pthread_cond_wait(&w->changed, &w->lock);
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

bl_status bl_worker_open(bl_worker **result, bl_error *err)
{
    bl_signal_mask before;
    *result = NULL;
    bl_worker *w = bl_calloc(1, sizeof *w);
    if (!w)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    bl_signals_hold(&before); /* the thread inherits the mask: signals go to the others */
    int failed = pthread_create(&w->thread, NULL, work, w);
    bl_signals_release(&before);
    if (failed) {
        bl_free(w);
        return bl_fail_errno(err, BL_ENOMEM, failed, "the system gives no thread");
    }
    *result = w;
    return BL_OK;
}

void bl_worker_close(bl_worker *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->quit = 1;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    bl_free(w);
}

void bl_worker_start(bl_worker *w, void (*job)(void *user), void *user)
{
    (void)pthread_mutex_lock(&w->lock);
    w->job = job;
    w->user = user;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
}

void bl_worker_wait(bl_worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
    while (w->job)
        (void)pthread_cond_wait(&w->changed, &w->lock);
    (void)pthread_mutex_unlock(&w->lock);
}
