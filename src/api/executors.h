/* Executors: what computes over a model, a device with room to read in.  A call takes one of the
 * model's and gives it back, so that many sessions need as many as compute at once. */
#ifndef BL_API_EXECUTORS_H
#define BL_API_EXECUTORS_H

#include "core/mutex.h"
#include "format/options.h"
#include "model/reader.h"

typedef struct bl_executor bl_executor;
struct bl_executor {
    bl_executor *next; /* idle too */
    size_t threads;
    bl_net net; /* the model's, on a device of the executor's own */
    bl_reader reader;
    int has_room; /* the reader is open */
};

/* A member of a model, whose network and device must outlive it. */
typedef struct bl_executors {
    const bl_net *net;
    const bl_options *device; /* what the model was opened with */
    bl_mutex *lock;           /* of what follows, and of memory on the model's own device */
    bl_executor *idle;
    size_t users; /* sessions: with the last of them the idle ones go */
} bl_executors;

bl_status bl_executors_open(bl_executors *all, const bl_net *net, const bl_options *device,
                            bl_error *err) BL_NODISCARD;
void bl_executors_close(bl_executors *all);
void bl_executors_enter(bl_executors *all);
void bl_executors_leave(bl_executors *all);

/* The threads of an executor for these options (bl_session_open()): NULL, or nothing set but
 * `threads`; BL_EINVAL when there is more. */
bl_status bl_executors_threads(const bl_executors *all, const bl_options *device, size_t *threads,
                               bl_error *err) BL_NODISCARD;

/* The model's network on a second device of the same kind with its own scratch, so that several
 * threads can compute with one set of weights.  threads 0: the model's.  End it with
 * bl_dev_close(view->dev). */
bl_status bl_executors_view(const bl_executors *all, size_t threads, bl_net *view,
                            bl_error *err) BL_NODISCARD;

/* One for the caller alone, an idle one if there is any; with `room`, its reader is open for one
 * sequence.  BL_ENOMEM, BL_EDEVICE.  Threads: these two, any. */
bl_status bl_executor_take(bl_executor **e, bl_executors *all, size_t threads, int room,
                           bl_error *err) BL_NODISCARD;
void bl_executor_give(bl_executor *e, bl_executors *all);

#endif
