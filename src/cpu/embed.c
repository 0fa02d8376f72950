/* The embedding: rows by their ids, and the gradient by columns. */
#include "cpu/cpu_impl.h"

#include <string.h>

enum { EMBED_COLUMNS = 64 };

typedef struct embed_op {
    const bl_cpu *c;
    const int32_t *ids;
    size_t N, D;
    const float *from;
    float *to;
} embed_op;

static void embed_rows(void *user, size_t first, size_t last, size_t member)
{
    const embed_op *a = user;
    (void)member;
    for (size_t n = first; n < last; n++)
        memcpy(a->to + n * a->D, a->from + (size_t)a->ids[n] * a->D, a->D * sizeof *a->to);
}

void bl_cpu_embed_fwd(bl_dev *d, bl_act *x, const bl_param *E, const bl_dev_id *ids, size_t N,
                      size_t D)
{
    embed_op a = {
        .ids = (const int32_t *)ids, .N = N, .D = D, .from = (const float *)E, .to = (float *)x};
    bl_cpu_run(bl_cpu_of(d), N * D, N, embed_rows, &a);
}

/* Cut by columns, so that rows of equal id are added in ascending order without a lock. */
static void embed_columns(void *user, size_t first, size_t last, size_t member)
{
    const embed_op *a = user;
    size_t D = a->D;
    (void)member;
    for (size_t i = first * EMBED_COLUMNS; i < bl_least(last * EMBED_COLUMNS, D);
         i += EMBED_COLUMNS)
        for (size_t n = 0; n < a->N; n++)
            a->c->k.add(a->to + (size_t)a->ids[n] * D + i, a->from + n * D + i,
                        bl_least(D - i, EMBED_COLUMNS));
}

void bl_cpu_embed_bwd(bl_dev *d, bl_param *dE, const bl_act *dx, const bl_dev_id *ids, size_t N,
                      size_t D, size_t V)
{
    (void)V;
    embed_op a = {bl_cpu_of(d), (const int32_t *)ids, N, D, (const float *)dx, (float *)dE};
    bl_cpu_run(a.c, N * D, bl_blocks(D, EMBED_COLUMNS), embed_columns, &a);
}
