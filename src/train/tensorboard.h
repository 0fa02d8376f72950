/* RUN/events.out.tfevents.*: the scalars of a run as TensorBoard reads them.
 *
 * One file for each process that works on the run.  It begins with the step that it starts from,
 * and a reader forgets what earlier files said about that step and later ones: so a step trained
 * again after a resume is shown once, also by a TensorBoard that was running all the while, which a
 * file cut short behind its back would confuse. */
#ifndef BL_TRAIN_TENSORBOARD_H
#define BL_TRAIN_TENSORBOARD_H

#include "core/status.h"

typedef struct bl_tensorboard {
    char *path;
    uint64_t bytes; /* of whole records */
} bl_tensorboard;

/* Starts a file that sorts after those already in the folder.  The next step of the run is `next`.
 * On failure the file is gone again. */
bl_status bl_tensorboard_open(bl_tensorboard *b, const char *run_dir, uint64_t next,
                              bl_error *err) BL_NODISCARD;
void bl_tensorboard_release(bl_tensorboard *b);

/* Takes back what was said about step `next` and those after it. */
bl_status bl_tensorboard_restart(bl_tensorboard *b, uint64_t next, bl_error *err) BL_NODISCARD;

/* The scalars of an event, flushed; does nothing for an event that has none. */
bl_status bl_tensorboard_record(bl_tensorboard *b, const bl_train_event *event,
                                bl_error *err) BL_NODISCARD;
bl_status bl_tensorboard_sync(const bl_tensorboard *b, bl_error *err) BL_NODISCARD; /* to disk */

#endif
