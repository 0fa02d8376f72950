/* A device that times every op of another one; generated from the op list. */
#ifndef BL_BENCH_TRACE_H
#define BL_BENCH_TRACE_H

#include "ops/ops.h"

enum { TRACE_OPS = 64 };

typedef struct trace_row {
    const char *op;
    double seconds;
    size_t calls;
} trace_row;

typedef struct trace {
    bl_dev dev; /* to be used in place of `inner` */
    bl_dev *inner;
    trace_row row[TRACE_OPS];
    size_t rows;
} trace;

/* `inner` stays the caller's. */
void trace_open(trace *t, bl_dev *inner);
void trace_reset(trace *t);

#endif
