/* A device that records the calls between two waits, and runs them from the record. */
#ifndef BL_OPS_GRAPH_H
#define BL_OPS_GRAPH_H

#include "ops/ops.h"

/* Around `inner`, which is taken over, also on failure.  Compute ops are only noted, with what they
 * point to on the host; an op that may wait (put, get, sync, ...) first runs what was noted.  If
 * the same calls with the same arguments have been run before, they are replayed from the first
 * record, as a device does that captures a graph: what differs from one time to the next must be in
 * device memory.  Closing tells through bl_log() how many were recorded and replayed. */
bl_status bl_graph_open(bl_dev **d, bl_dev *inner, bl_error *err) BL_NODISCARD;

typedef struct bl_graph_counts {
    size_t recorded, replayed; /* pieces between two waits */
} bl_graph_counts;

/* d is a device of bl_graph_open(). */
bl_graph_counts bl_graph_counted(const bl_dev *d);

/* Runs once more what was run last, with nobody calling its ops. */
void bl_graph_replay(bl_dev *d);

#endif
