/* RUN/metrics.jsonl: a header record, then one JSON object a line for every step and event; and the
 * loss curve drawn from it. */
#ifndef BL_TRAIN_METRICS_H
#define BL_TRAIN_METRICS_H

#include "core/chart.h"

typedef struct bl_metrics {
    char *path;
    uint64_t bytes; /* of the file's whole records */
    bl_curve train, val;
} bl_metrics;

/* Starts a new file with its header record, or continues after the whole lines in the first
 * `keep_bytes` of an old one (records after a checkpoint are cut off on resume) and reads the
 * curves from it. */
bl_status bl_metrics_open(bl_metrics *m, const char *run_dir, int resume, uint64_t keep_bytes,
                          bl_error *err) BL_NODISCARD;
void bl_metrics_release(bl_metrics *m);

/* Appends the record of an event and flushes it. */
bl_status bl_metrics_record(bl_metrics *m, const bl_train_event *event, bl_error *err) BL_NODISCARD;

/* Puts all records on disk: called before a checkpoint records how many there are. */
bl_status bl_metrics_sync(const bl_metrics *m, bl_error *err) BL_NODISCARD;

/* RUN/loss.svg from the curves. */
bl_status bl_metrics_draw(const bl_metrics *m, const char *run_dir, bl_error *err) BL_NODISCARD;

#endif
