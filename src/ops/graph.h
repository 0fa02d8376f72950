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

/* How a device runs a record by itself.  All are called with `inner`. */
typedef struct bl_capture {
    /* Before any op of the inner device is called: by which thread may differ from time to time. */
    void (*enter)(bl_dev *d);
    /* From begin to end compute ops are taken down by the device and not run.  0 and NULL: it could
     * not, and has forgotten why; the ops are run in the usual way. */
    int (*begin)(bl_dev *d);
    void *(*end)(bl_dev *d);
    void (*run)(bl_dev *d, void *captured);
    void (*release)(bl_dev *d, void *captured);
} bl_capture; /* captures are released before `reserve`, which may move the scratch */

/* The same for a device that captures: what is replayed for the first time is captured, and from
 * then on the device runs it.  It keeps the name of `inner`.  `capture` must outlive it. */
bl_status bl_graph_open_capturing(bl_dev **d, bl_dev *inner, const bl_capture *capture,
                                  bl_error *err) BL_NODISCARD;

typedef struct bl_graph_counts {
    size_t recorded, replayed; /* pieces between two waits */
} bl_graph_counts;

/* d is a device of bl_graph_open(). */
bl_graph_counts bl_graph_counted(const bl_dev *d);

/* Runs once more what was run last, with nobody calling its ops. */
void bl_graph_replay(bl_dev *d);

#endif
