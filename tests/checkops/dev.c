/* Cases of what a device does beside computing: memory, put and get. */
#include "io.h"

#include <stdlib.h>

/* put, copy and zero against each other: what comes back is exact. */
static void run_memory(io *b, const shape *s)
{
    bl_error err;
    bl_limits small = {1, 1, 16, 1, 16, 1, 2, 1, 2, 16};
    size_t n = shape_rows(s) * s->D;
    char *to = io_out(b, "copied", 2 * n, 1);
    must(BL_OP(b->d, reserve, &small, &err), &err); /* never shrinks */
    if (BL_OP(b->d, scratch_bytes, &small) >= SIZE_MAX / 2 || !b->d->ops->memory_bytes(b->d))
        abort();
    BL_OP(b->d, copy, to + n, io_in(b, n, 1), n * sizeof(float));
    BL_OP(b->d, zero, to + n * sizeof(float), n);
    must(BL_OP(b->d, sync, &err), &err);
}

const op_case dev_cases[] = {
    {"alloc free put get copy zero reserve scratch_bytes memory_bytes sync", run_memory, 0, 0, -1,
     0, 0},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
