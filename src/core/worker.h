/* A thread that does one job at a time for its owner.
 *
 * A fork() waits until the jobs in progress are done.  In the child a worker has no thread until it
 * is given a job. */
#ifndef BL_CORE_WORKER_H
#define BL_CORE_WORKER_H

#include "core/status.h"

typedef struct bl_worker bl_worker;

/* The thread takes no signals.  BL_ENOMEM when the system cannot start one. */
bl_status bl_worker_open(bl_worker **w, bl_error *err) BL_NODISCARD;
void bl_worker_close(bl_worker *w); /* waits for its job; NULL is fine */

/* Starts a job; none may be in progress.  What the owner wrote before, the job sees. */
void bl_worker_start(bl_worker *w, void (*job)(void *user), void *user);

/* Waits until the job, if there is one, is done; what it wrote, the owner sees. */
void bl_worker_wait(bl_worker *w);

#endif
