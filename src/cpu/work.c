/* How the CPU backend shares the work of an op among threads, and adds up its partial sums. */
#include "cpu/cpu_impl.h"

enum {
    MEMBER_WORK = 16384, /* element visits that make one more thread worthwhile */
    REDUCE_COLUMNS = 256
};

void bl_cpu_run(const bl_cpu *c, size_t work, size_t count, bl_team_fn *fn, void *op)
{
    bl_team_run(bl_least(c->threads, work / MEMBER_WORK), count, fn, op);
}

typedef struct reduction {
    const bl_cpu *c;
    float *to;
    const float *part;
    size_t blocks, width;
} reduction;

static void reduce_columns(void *user, size_t first, size_t last, size_t member)
{
    const reduction *r = user;
    (void)member;
    for (size_t k = first; k < last; k++)
        for (size_t j = 0, i = k * REDUCE_COLUMNS; j < r->blocks; j++)
            r->c->k.add(r->to + i, r->part + j * r->width + i,
                        bl_least(r->width - i, REDUCE_COLUMNS));
}

void bl_cpu_reduce(const bl_cpu *c, float *to, const float *part, size_t blocks, size_t width)
{
    reduction r = {c, to, part, blocks, width};
    bl_cpu_run(c, blocks * width, bl_blocks(width, REDUCE_COLUMNS), reduce_columns, &r);
}
