/* One state through a whole text, compared with fresh states: the loss of a stream by position. */
#include "infer/stream_loss.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "infer/feed.h"

#include <assert.h>
#include <string.h>

/* Tokens of a window that are only read; how far windows are apart. */
static size_t half_of(const bl_stream_loss *e)
{
    return e->p->T / 2;
}

static size_t stride_of(const bl_stream_loss *e)
{
    return e->p->T - half_of(e);
}

bl_status bl_stream_loss_open(bl_stream_loss *e, bl_reader *r, bl_state *s, bl_pass *p,
                              uint64_t most, bl_error *err)
{
    assert(!p->dropout && p->kind == BL_PASS_LOSS);
    *e = (bl_stream_loss){.r = r, .s = s, .p = p, .most = most};
    e->cap = p->B * stride_of(e) + half_of(e) + 1;
    e->ids = bl_calloc(e->cap, sizeof *e->ids);
    e->host = bl_calloc(2 * p->N, sizeof *e->host);
    e->loss = bl_calloc(p->N, sizeof *e->loss);
    bl_status status = BL_OK;
    e->counts = bl_calloc(e->cap, 1);
    if (!e->ids || !e->counts || !e->host || !e->loss)
        status = bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", p->N);
    if (status == BL_OK)
        status = bl_positions_open_doubling(&e->stream, err);
    if (status == BL_OK)
        status = bl_positions_open_doubling(&e->fresh, err);
    if (status == BL_OK)
        status = bl_state_start(s, r->net, err);
    if (status != BL_OK)
        bl_stream_loss_release(e);
    return status;
}

void bl_stream_loss_release(bl_stream_loss *e)
{
    bl_free(e->ids);
    bl_free(e->counts);
    bl_free(e->host);
    bl_free(e->loss);
    bl_positions_release(&e->stream);
    bl_positions_release(&e->fresh);
    *e = (bl_stream_loss){0};
}

int bl_stream_loss_is_full(const bl_stream_loss *e)
{
    return e->most && e->base + e->held > e->most;
}

/* The held tokens from .. n - 1 and what follows each, with the state that has read all before. */
static bl_status score_stream(bl_stream_loss *e, size_t from, size_t n, bl_error *err)
{
    size_t most = e->p->N < BL_READER_ROWS ? e->p->N : BL_READER_ROWS;
    for (size_t t = from; t < n; t += most) {
        size_t rows = n - t < most ? n - t : most;
        BL_TRY(bl_watch_poll(0, 1, err));
        const bl_piece piece = {.state = e->s, .ids = e->ids + t, .T = rows};
        BL_TRY(bl_reader_feed(e->r, &piece, 1, err));
        BL_TRY(bl_reader_loss(e->r, e->p, e->ids + t + 1, e->loss, err));
        for (size_t i = 0; i < rows; i++) {
            if (!e->counts[t + i + 1])
                continue;
            e->counted++;
            e->nats += (double)e->loss[i];
            bl_positions_add(&e->stream, e->base + t + i, (double)e->loss[i]);
        }
    }
    return BL_OK;
}

/* Window `row` of those that begin in what is held: filled up with its last token where that ends,
 * because a token changes no prediction before it. */
static void fill_row(const bl_stream_loss *e, size_t row)
{
    const bl_pass *p = e->p;
    size_t begin = row * stride_of(e);
    for (size_t i = 0; i < p->T; i++) {
        size_t at = begin + i, last = e->held - 1;
        e->host[row * p->T + i] = e->ids[at < last ? at : last];
        e->host[p->N + row * p->T + i] = e->ids[at < last ? at + 1 : last];
    }
}

static bl_status score_fresh(bl_stream_loss *e, size_t n, bl_error *err)
{
    bl_pass *p = e->p;
    bl_dev *d = e->r->net->dev;
    size_t half = half_of(e), stride = stride_of(e);
    for (size_t row = 0; row < p->B; row++)
        fill_row(e, row);
    BL_TRY(bl_put_id(d, p->in.ids, e->host, p->N, err));
    BL_TRY(bl_put_id(d, p->in.targets, e->host + p->N, p->N, err));
    bl_net_fwd(e->r->net, p);
    bl_net_loss(e->r->net, p);
    BL_TRY(bl_get_real(d, e->loss, p->loss, p->N, err));
    for (size_t row = 0; row < p->B; row++) {
        size_t begin = row * stride;
        for (size_t i = e->base + begin ? half : 0; i < p->T && begin + i < n; i++)
            if (e->counts[begin + i + 1])
                bl_positions_add(&e->fresh, e->base + begin + i, (double)e->loss[row * p->T + i]);
    }
    return BL_OK;
}

/* All that is held and has a token after it. */
static bl_status score(bl_stream_loss *e, bl_error *err)
{
    size_t n = e->held - 1, from = (size_t)(e->scored - e->base);
    BL_TRY(score_stream(e, from, n, err));
    BL_TRY(bl_watch_poll(0, 1, err));
    BL_TRY(score_fresh(e, n, err));
    e->scored = e->base + n;
    return BL_OK;
}

bl_status bl_stream_loss_read(bl_stream_loss *e, const int32_t *ids, const unsigned char *counts,
                              size_t count, bl_error *err)
{
    BL_TRY(bl_infer_check_ids(e->r->net, ids, count, err));
    while (count && !bl_stream_loss_is_full(e)) {
        size_t n = e->cap - e->held;
        n = n < count ? n : count;
        uint64_t left = e->most - (e->base + e->held); /* and one more: what comes after the last */
        if (e->most && left < n)
            n = (size_t)left + 1;
        memcpy(e->ids + e->held, ids, n * sizeof *ids);
        if (counts)
            memcpy(e->counts + e->held, counts, n);
        else
            memset(e->counts + e->held, 1, n);
        counts = counts ? counts + n : NULL;
        e->held += n;
        ids += n;
        count -= n;
        if (e->held < e->cap)
            continue;
        BL_TRY(score(e, err));
        size_t read =
            e->p->B * stride_of(e); /* the last window's second half is the next one's first */
        e->held -= read;
        e->base += read;
        memmove(e->ids, e->ids + read, e->held * sizeof *e->ids);
        memmove(e->counts, e->counts + read, e->held);
    }
    return BL_OK;
}

bl_status bl_stream_loss_read_file(bl_stream_loss *e, const bl_token_file *tokens, size_t at,
                                   size_t count, bl_error *err)
{
    int32_t ids[BL_STREAM_PIECE];
    unsigned char counts[BL_STREAM_PIECE];
    const bl_mask *mask = bl_token_file_mask(tokens);
    assert(count <= BL_STREAM_PIECE);
    BL_TRY(bl_token_file_get(tokens, at, count, ids, err));
    if (mask)
        BL_TRY(bl_mask_get(mask, at, count, counts, err));
    return bl_stream_loss_read(e, ids, mask ? counts : NULL, count, err);
}

bl_status bl_stream_loss_end(bl_stream_loss *e, bl_error *err)
{
    return e->held && e->base + e->held - 1 > e->scored ? score(e, err) : BL_OK;
}

/* A point of the stream, to which the fresh loss of its bin is added. */
typedef struct pairing {
    const bl_positions *fresh;
    size_t bin;
    bl_stream_point_fn *fn;
    void *user;
} pairing;

static void pair_up(void *user, const bl_eval_point *point)
{
    pairing *p = user;
    while (!p->fresh->tokens[p->bin])
        p->bin++;
    bl_stream_point both = {.size = sizeof both,
                            .first = point->first,
                            .last = point->last,
                            .tokens = point->tokens,
                            .loss = point->loss,
                            .fresh = p->fresh->nats[p->bin] / (double)p->fresh->tokens[p->bin]};
    assert(p->fresh->tokens[p->bin] == point->tokens);
    p->bin++;
    p->fn(p->user, &both);
}

void bl_stream_loss_tell(const bl_stream_loss *e, bl_stream_point_fn *fn, void *user)
{
    pairing p = {.fresh = &e->fresh, .fn = fn, .user = user};
    bl_positions_tell(&e->stream, pair_up, &p);
}
