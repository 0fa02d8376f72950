/* Carried rows: drawn, reset, saved and loaded. */
#include "train/carried.h"
#include "core/alloc.h"
#include "core/rng.h"

#include <string.h>

#define ROWS_TENSOR "carry.rows" /* [accum,B,3]: corpus, next token, whether it begins anew */

bl_status bl_carried_open(bl_carried *c, const bl_net *net, size_t accum, size_t B, bl_error *err)
{
    BL_TRY(bl_carry_open(&c->states, net, accum, B, err));
    c->row = bl_calloc(accum * B, sizeof *c->row);
    c->fresh = bl_calloc(B, sizeof *c->fresh);
    if (!c->row || !c->fresh)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu rows", accum * B);
    bl_carried_reset(c, net);
    return BL_OK;
}

void bl_carried_release(bl_carried *c, const bl_net *net)
{
    if (net->dev)
        bl_carry_release(&c->states, net);
    bl_free(c->row);
    bl_free(c->fresh);
    *c = (bl_carried){0};
}

static size_t rows_of(const bl_carried *c)
{
    return c->states.slots * c->states.B;
}

void bl_carried_reset(bl_carried *c, const bl_net *net)
{
    if (!c->row)
        return;
    bl_carry_clear(&c->states, net);
    for (size_t i = 0; i < rows_of(c); i++)
        c->row[i] = (bl_mix_row){.fresh = 1};
}

bl_mix_row *bl_carried_rows(const bl_carried *c, uint64_t micro)
{
    return c->row + micro * c->states.B;
}

void bl_carried_draw(bl_carried *c, double probability, uint64_t seed, uint64_t step,
                     uint64_t micro)
{
    bl_mix_row *row = bl_carried_rows(c, micro);
    uint64_t base = (step * 65536 + micro) << 32;
    for (size_t b = 0; b < c->states.B; b++)
        if ((double)bl_rng_uniform(seed, BL_RNG_CARRY, base + b) < probability)
            row[b].fresh = 1;
}

bl_status bl_carried_begin(bl_carried *c, const bl_net *net, uint64_t micro, bl_error *err)
{
    bl_mix_row *row = bl_carried_rows(c, micro);
    for (size_t b = 0; b < c->states.B; b++) {
        c->fresh[b] = row[b].fresh;
        row[b].fresh = 0; /* from here on it continues */
    }
    return bl_carry_begin(&c->states, net, (size_t)micro, c->fresh, err);
}

/* ---- checkpoints ---- */

static void shape_of(const bl_carried *c, size_t shape[3])
{
    shape[0] = c->states.slots;
    shape[1] = c->states.B;
    shape[2] = 3;
}

bl_status bl_carried_declare(const bl_carried *c, const bl_net *net, bl_st_writer *w, bl_error *err)
{
    size_t shape[3];
    if (!c->row)
        return BL_OK;
    shape_of(c, shape);
    BL_TRY(bl_st_writer_declare(w, ROWS_TENSOR, BL_I64, 3, shape, err));
    return bl_carry_declare(&c->states, net, w, err);
}

bl_status bl_carried_write(const bl_carried *c, const bl_net *net, bl_st_writer *w, bl_error *err)
{
    if (!c->row)
        return BL_OK;
    for (size_t i = 0; i < rows_of(c); i++) {
        const bl_mix_row *row = &c->row[i];
        int64_t numbers[3] = {row->corpus, (int64_t)row->next, row->fresh};
        BL_TRY(bl_st_writer_data(w, numbers, sizeof numbers, err));
    }
    return bl_carry_write(&c->states, net, w, err);
}

bl_status bl_carried_load(bl_carried *c, const bl_net *net, const bl_st *st, const char *path,
                          size_t count, bl_error *err)
{
    size_t shape[3];
    const bl_st_tensor *t = bl_st_find(st, ROWS_TENSOR);
    shape_of(c, shape);
    if (!t || t->dtype != BL_I64 || t->rank != 3 || memcmp(t->shape, shape, sizeof shape) != 0)
        return bl_fail(err, BL_EFORMAT, "%s: no tensor " ROWS_TENSOR " of %zu x %zu rows", path,
                       shape[0], shape[1]);
    for (size_t i = 0; i < rows_of(c); i++) {
        int64_t numbers[3];
        BL_TRY(bl_st_read(st, t, i * sizeof numbers, sizeof numbers, numbers, err));
        if (numbers[0] < 0 || numbers[0] >= (int64_t)count || numbers[1] < 0 ||
            numbers[1] > INT64_MAX / 2 || numbers[2] < 0 || numbers[2] > 1)
            return bl_fail(err, BL_EFORMAT,
                           "%s: " ROWS_TENSOR ": row %zu is at no place of the data", path, i);
        c->row[i] = (bl_mix_row){.corpus = (uint32_t)numbers[0],
                                 .next = (uint64_t)numbers[1],
                                 .fresh = (int32_t)numbers[2]};
    }
    return bl_carry_load(&c->states, net, st, err);
}
