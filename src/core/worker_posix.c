/* A thread for one job at a time, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/worker.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/signal_mask.h"

#include <pthread.h>

struct bl_worker {
    pthread_t thread;
    int running;          /* there is a thread */
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t changed;
    int quit;
    void (*job)(void *user); /* NULL: none */
    void *user;
    bl_worker *next; /* of all workers of the process */
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static bl_worker *all;

static void *work(void *argument)
{
    bl_worker *w = argument;
    bl_call_thread();
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

static void ready(bl_worker *w)
{
    w->running = 0;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
}

static int run(bl_worker *w)
{
    bl_signal_mask before;
    bl_signals_hold(&before); /* the thread inherits the mask: signals go to the others */
    int failed = pthread_create(&w->thread, NULL, work, w);
    bl_signals_release(&before);
    w->running = !failed;
    return failed;
}

/* ---- fork(): all locks are held over it, so nothing is half done in the child ---- */

static void before_fork(void)
{
    (void)pthread_mutex_lock(&all_lock);
    for (bl_worker *w = all; w; w = w->next) {
        (void)pthread_mutex_lock(&w->lock);
        while (w->job)
            (void)pthread_cond_wait(&w->changed, &w->lock);
    }
}

static void in_parent(void)
{
    for (bl_worker *w = all; w; w = w->next)
        (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_mutex_unlock(&all_lock);
}

static void in_child(void)
{
    for (bl_worker *w = all; w; w = w->next)
        ready(w);
    (void)pthread_mutex_init(&all_lock, NULL);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- the owner's side ---- */

bl_status bl_worker_open(bl_worker **result, bl_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *result = NULL;
    bl_worker *w = bl_calloc(1, sizeof *w);
    if (!w)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (void)pthread_once(&once, watch_forks);
    ready(w);
    int failed = run(w);
    if (failed) {
        bl_free(w);
        return bl_fail_errno(err, BL_ENOMEM, failed, "the system gives no thread");
    }
    (void)pthread_mutex_lock(&all_lock);
    w->next = all;
    all = w;
    (void)pthread_mutex_unlock(&all_lock);
    *result = w;
    return BL_OK;
}

void bl_worker_close(bl_worker *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&all_lock);
    for (bl_worker **at = &all; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    (void)pthread_mutex_unlock(&all_lock);
    (void)pthread_mutex_lock(&w->lock);
    w->quit = 1;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->running)
        (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    bl_free(w);
}

void bl_worker_start(bl_worker *w, void (*job)(void *user), void *user)
{
    if (!w->running && run(w) != 0) {
        job(user); /* in a child to which the system gives no thread */
        return;
    }
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
