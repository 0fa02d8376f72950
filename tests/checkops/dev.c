/* Cases of what a device does beside computing: memory, put and get. */
#include "io.h"

#include <stdlib.h>
#include <string.h>

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

/* What was there when a get was begun comes back, whatever is put there until it ends; so often that
 * the device's own room for such pieces is used many times over. */
static void run_gets(io *b, const shape *s)
{
    enum { WORDS = 32, PUT = 1 << 18, ROUNDS = 100 };
    static uint32_t put[2][PUT / sizeof(uint32_t)], got[2][WORDS];
    bl_error err;
    char *p = io_bytes(b, PUT), *out = io_out(b, "rounds", shape_rows(s), 1);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t *here = put[i % 2], *before = got[(i + 1) % 2];
        for (size_t w = 0; w < WORDS; w++)
            here[w] = here[PUT / sizeof *here - 1 - w] = i * WORDS + (uint32_t)w;
        must(BL_OP(b->d, put, p, here, PUT - i % 3 * 64, &err), &err);
        memset(got[i % 2], 0, sizeof got[0]);
        must(BL_OP(b->d, get_begin, got[i % 2], p, sizeof got[0], &err), &err);
        memset(here, 0, sizeof put[0]);
        if (!i)
            continue;
        must(BL_OP(b->d, get_end, before, &err), &err);
        for (size_t w = 0; w < WORDS; w++)
            if (before[w] != (i - 1) * WORDS + (uint32_t)w)
                abort();
    }
    must(BL_OP(b->d, get_end, got[(ROUNDS - 1) % 2], &err), &err);
    if (got[(ROUNDS - 1) % 2][1] != (ROUNDS - 1) * WORDS + 1)
        abort();
    must(BL_OP(b->d, get_begin, put[0], p, PUT, &err), &err); /* a large one */
    must(BL_OP(b->d, get_end, put[0], &err), &err);
    if (put[0][PUT / sizeof(uint32_t) - 2] != (ROUNDS - 1) * WORDS + 1)
        abort();
    BL_OP(b->d, zero, out, shape_rows(s) * sizeof(float));
}

const op_case dev_cases[] = {
    {"alloc free put get copy zero reserve scratch_bytes memory_bytes sync", run_memory, 0, 0, -1,
     0, 0},
    {"get_begin get_end", run_gets, 0, 0, -1, 0, 0},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
