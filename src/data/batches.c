/* Batches made ahead: a worker fills one slot while the previous batch is in use. */
#include "data/batches.h"
#include "core/alloc.h"
#include "core/worker.h"

#include <assert.h>
#include <string.h>

struct bl_batches {
    bl_mix *mix;
    size_t N, turn; /* turn: how far into the round the mix is */
    bl_turns turns;
    bl_mix_cursor at; /* after the batch handed out last */

    bl_worker *worker; /* NULL: batches are made when asked for */
    int32_t *slot;     /* [2,N]; from here on the worker's until it is done */
    bl_mix_cursor behind;
    bl_status status;
    bl_error why;
};

/* The next batch of ours, past those of others before it and, at the end of a round, after it.
 * After a failure the place stays. */
static bl_status make(bl_batches *b, int32_t *x, int32_t *y, bl_error *err)
{
    const bl_turns *t = &b->turns;
    size_t before = b->turn ? t->stride - 1 : t->first;
    bl_mix_cursor place;
    bl_mix_at(b->mix, &place);
    bl_mix_skip(b->mix, before);
    bl_status status = bl_mix_next(b->mix, x, y, err);
    if (status != BL_OK)
        return bl_mix_seek(b->mix, &place, NULL) == BL_OK ? status : BL_EFORMAT;
    b->turn += before + 1;
    if (b->turn + t->stride > t->round) {
        bl_mix_skip(b->mix, t->round - b->turn);
        b->turn = 0;
    }
    return BL_OK;
}

static void fill_slot(void *user)
{
    bl_batches *b = user;
    b->status = make(b, b->slot, b->slot + b->N, &b->why);
    bl_mix_at(b->mix, &b->behind);
}

bl_status bl_batches_open(bl_batches **result, bl_mix *mix, size_t N, bl_turns turns, int ahead,
                          bl_error *err)
{
    *result = NULL;
    assert(turns.first < turns.stride && turns.first < turns.round);
    bl_batches *b = bl_calloc(1, sizeof *b);
    if (!b)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    *b = (bl_batches){.mix = mix, .N = N, .turns = turns};
    bl_mix_at(mix, &b->at);
    bl_status status = BL_OK;
    if (ahead) {
        b->slot = bl_calloc(2 * N, sizeof *b->slot);
        status = b->slot ? bl_worker_open(&b->worker, err)
                         : bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", N);
    }
    if (status != BL_OK) {
        bl_batches_close(b);
        return status;
    }
    if (ahead)
        bl_worker_start(b->worker, fill_slot, b);
    *result = b;
    return BL_OK;
}

void bl_batches_close(bl_batches *b)
{
    if (!b)
        return;
    bl_worker_close(b->worker);
    bl_free(b->slot);
    bl_free(b);
}

bl_status bl_batches_next(bl_batches *b, int32_t *x, int32_t *y, bl_error *err)
{
    if (!b->worker) {
        BL_TRY(make(b, x, y, err));
        bl_mix_at(b->mix, &b->at);
        return BL_OK;
    }
    bl_worker_wait(b->worker);
    bl_status status = b->status;
    if (status == BL_OK) {
        memcpy(x, b->slot, b->N * sizeof *x);
        memcpy(y, b->slot + b->N, b->N * sizeof *y);
        b->at = b->behind;
    } else {
        status = bl_fail(err, status, "%s", b->why.message);
    }
    bl_worker_start(b->worker, fill_slot, b); /* after an error: try again */
    return status;
}

bl_status bl_batches_continue(bl_batches *b, bl_mix_row *row, int32_t *x, int32_t *y, bl_error *err)
{
    assert(!b->worker);
    BL_TRY(bl_mix_continue(b->mix, row, x, y, err));
    bl_mix_at(b->mix, &b->at);
    return BL_OK;
}

void bl_batches_at(const bl_batches *b, bl_mix_cursor *cursor)
{
    *cursor = b->at;
}

bl_status bl_batches_seek(bl_batches *b, const bl_mix_cursor *cursor, bl_error *err)
{
    if (b->worker)
        bl_worker_wait(b->worker);
    BL_TRY(bl_mix_seek(b->mix, cursor, err)); /* if not, the slot still holds what comes next */
    b->at = *cursor;
    b->turn = 0;
    if (b->worker)
        bl_worker_start(b->worker, fill_slot, b);
    return BL_OK;
}
