/* RUN/events.out.tfevents.*: the scalars of a run as TensorBoard reads them.
 *
 * One file for each process that works on the run.  It begins by saying from which step on it
 * speaks, and a reader forgets what earlier files said of that step and later ones: so a step that
 * was trained again after a resume is shown once, also by a TensorBoard that was running all the
 * while, which a file cut short behind its back would confuse. */
#ifndef BL_TRAIN_TENSORBOARD_H
#define BL_TRAIN_TENSORBOARD_H

#include "core/status.h"

typedef struct bl_tensorboard {
    char *path;
    uint64_t bytes; /* of whole records */
} bl_tensorboard;

/* Starts a file that sorts behind those already in the folder.  The next step of the run is
 * `next`.  On failure the file is gone again. */
bl_status bl_tensorboard_open(bl_tensorboard *b, const char *run_dir, uint64_t next,
                              bl_error *err) BL_NODISCARD;
void bl_tensorboard_release(bl_tensorboard *b);

/* Takes back what was said of step `next` and those after it. */
bl_status bl_tensorboard_restart(bl_tensorboard *b, uint64_t next, bl_error *err) BL_NODISCARD;

/* The scalars of an event, flushed; does nothing for an event that has none. */
bl_status bl_tensorboard_record(bl_tensorboard *b, const bl_train_event *event,
                                bl_error *err) BL_NODISCARD;
bl_status bl_tensorboard_sync(const bl_tensorboard *b, bl_error *err) BL_NODISCARD; /* to disk */

#endif
