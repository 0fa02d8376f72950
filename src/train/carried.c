/* Carried rows: drawn, reset, saved and loaded. */
#include "train/carried.h"
#include "core/alloc.h"
#include "core/rng.h"

#include <string.h>

#define ROWS_TENSOR "carry.rows" /* [accum,B,3]: corpus, next token, whether it starts fresh */

bl_status bl_carried_open(bl_carried *c, const bl_net *net, const bl_share *share, size_t B,
                          bl_error *err)
{
    size_t accum = share->accum, ours = bl_share_slots(share), size = share->comm->size;
    *c = (bl_carried){.share = *share};
    BL_TRY(bl_carry_open(&c->states, net, ours, B, err));
    c->floats = bl_carry_floats(&c->states, net);
    c->row = bl_calloc(accum * B, sizeof *c->row);
    if (size > 1)
        c->gathered =
            bl_calloc((bl_share_leads(share) ? accum - ours : 1) * c->floats, sizeof *c->gathered);
    if (!c->row || (size > 1 && !c->gathered))
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu rows", accum * B);
    bl_carried_reset(c, net);
    return BL_OK;
}

void bl_carried_release(bl_carried *c, const bl_net *net)
{
    if (net->dev)
        bl_carry_release(&c->states, net);
    bl_free(c->row);
    bl_free(c->gathered);
    *c = (bl_carried){0};
}

static size_t rows_of(const bl_carried *c)
{
    return c->share.accum * c->states.B;
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

void bl_carried_move(bl_carried *c, uint64_t micro, int32_t *fresh)
{
    bl_mix_row *row = bl_carried_rows(c, micro);
    for (size_t b = 0; b < c->states.B; b++) {
        if (fresh)
            fresh[b] = row[b].fresh;
        row[b].fresh = 0; /* from here on it continues */
    }
}

/* ---- checkpoints ---- */

/* Where the leader keeps the states of another's micro-batch: its own come between them. */
static float *gathered(const bl_carried *c, uint64_t micro)
{
    return c->gathered + ((size_t)micro - bl_share_slot(&c->share, micro) - 1) * c->floats;
}

bl_status bl_carried_gather(bl_carried *c, const bl_net *net, bl_error *err)
{
    const bl_share *s = &c->share;
    if (!c->row || s->comm->size == 1)
        return BL_OK;
    for (uint64_t micro = 0; micro < s->accum; micro++) {
        float *host = bl_share_leads(s) ? gathered(c, micro) : c->gathered;
        if (bl_share_owner(s, micro) == 0)
            continue;
        if (bl_share_has(s, micro))
            BL_TRY(bl_carry_get(&c->states, net, bl_share_slot(s, micro), host, err));
        BL_TRY(bl_comm_broadcast(s->comm, host, c->floats * sizeof *host, bl_share_owner(s, micro),
                                 err));
    }
    return BL_OK;
}

static void shape_of(const bl_carried *c, size_t shape[3])
{
    shape[0] = c->share.accum;
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
    for (size_t micro = 0; micro < c->share.accum; micro++)
        BL_TRY(bl_carry_declare(&c->states, net, micro, w, err));
    return BL_OK;
}

static bl_status write_states(const bl_carried *c, const bl_net *net, float *own, bl_st_writer *w,
                              bl_error *err)
{
    const bl_share *s = &c->share;
    for (uint64_t micro = 0; micro < s->accum; micro++) {
        const float *host = own;
        if (bl_share_has(s, micro))
            BL_TRY(bl_carry_get(&c->states, net, bl_share_slot(s, micro), own, err));
        else
            host = gathered(c, micro);
        BL_TRY(bl_carry_write(&c->states, net, host, w, err));
    }
    return BL_OK;
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
    float *own = bl_calloc(c->floats, sizeof *own);
    bl_status status = own ? write_states(c, net, own, w, err)
                           : bl_fail(err, BL_ENOMEM, "out of memory for the states of the rows");
    bl_free(own);
    return status;
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
        BL_TRY(bl_st_read(t, i * sizeof numbers, sizeof numbers, numbers, err));
        if (numbers[0] < 0 || numbers[0] >= (int64_t)count || numbers[1] < 0 ||
            numbers[1] > INT64_MAX / 2 || numbers[2] < 0 || numbers[2] > 1)
            return bl_fail(err, BL_EFORMAT,
                           "%s: " ROWS_TENSOR ": row %zu is at no place of the data", path, i);
        c->row[i] = (bl_mix_row){.corpus = (uint32_t)numbers[0],
                                 .next = (uint64_t)numbers[1],
                                 .fresh = (int32_t)numbers[2]};
    }
    for (uint64_t micro = 0; micro < c->share.accum; micro++)
        if (bl_share_has(&c->share, micro))
            BL_TRY(bl_carry_load(&c->states, net, bl_share_slot(&c->share, micro), (size_t)micro,
                                 st, err));
    return BL_OK;
}
