/* The embedding: rows by their ids, and the gradient by columns. */
#include "cpu/cpu_impl.h"

#include <string.h>

enum { EMBED_COLUMNS = 64 };

size_t bl_cpu_narrow_tables(bl_dev *d)
{
    (void)d;
    return 1;
}

bl_cpu_table bl_cpu_table_open(const bl_param *E, size_t D)
{
    bl_table_form form = bl_table_form_of(E);
    return (bl_cpu_table){.rows = (const char *)E - form,
                          .form = form,
                          .D = D,
                          .bytes = bl_table_row_bytes(form, D, sizeof(float))};
}

const float *bl_cpu_table_rows(const bl_kern *k, const bl_cpu_table *t, size_t first, size_t n,
                               float *room)
{
    const void *from = t->rows + first * t->bytes;
    if (t->form == BL_TABLE_PARAMS)
        return from;
    if (t->form == BL_TABLE_BF16) {
        k->widen_bf16(room, from, n * t->D);
        return room;
    }
    for (size_t i = 0; i < n; i++) {
        const char *row = (const char *)from + i * t->bytes;
        float scale;
        memcpy(&scale, row, sizeof scale);
        k->widen_int8(room + i * t->D, (const int8_t *)row + sizeof scale, scale, t->D);
    }
    return room;
}

typedef struct embed_op {
    const bl_cpu *c;
    const int32_t *ids;
    size_t N, D;
    const float *from;
    float *to;
    bl_cpu_table table;
} embed_op;

static void embed_rows(void *user, size_t first, size_t last, size_t member)
{
    const embed_op *a = user;
    (void)member;
    for (size_t n = first; n < last; n++) {
        float *to = a->to + n * a->D;
        const float *row = bl_cpu_table_rows(&a->c->k, &a->table, (size_t)a->ids[n], 1, to);
        if (row != to)
            memcpy(to, row, a->D * sizeof *to);
    }
}

void bl_cpu_embed_fwd(bl_dev *d, bl_act *x, const bl_param *E, const bl_dev_id *ids, size_t N,
                      size_t D)
{
    embed_op a = {.c = bl_cpu_of(d),
                  .ids = (const int32_t *)ids,
                  .N = N,
                  .D = D,
                  .to = (float *)x,
                  .table = bl_cpu_table_open(E, D)};
    bl_cpu_run(a.c, N * D, N, embed_rows, &a);
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
    embed_op a = {.c = bl_cpu_of(d),
                  .ids = (const int32_t *)ids,
                  .N = N,
                  .D = D,
                  .from = (const float *)dx,
                  .to = (float *)dE};
    bl_cpu_run(a.c, N * D, bl_blocks(D, EMBED_COLUMNS), embed_columns, &a);
}
