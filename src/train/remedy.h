/* What to do better next time when a run ended badly, from its curves. */
#ifndef BL_TRAIN_REMEDY_H
#define BL_TRAIN_REMEDY_H

#include "train/metrics.h"

/* 0 when it did; 1 and one line with the remedy in `text` when it ended worse than it began or well
 * above its best.  Runs of fewer than 20 steps are too short to tell. */
int bl_run_remedy(char *text, size_t room, const bl_curve *train, const bl_curve *val);

/* The same for a stream's last octave: worse than fresh states by more than 0.05 nats a token.
 * `forgets`: the model does (MODEL 3.7). */
int bl_stream_remedy(char *text, size_t room, const bl_stream_point *end, int forgets);

#endif
