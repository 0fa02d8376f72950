/* Reading tokens into a sequence, in pieces that a decoding pass can take. */
#include "infer/feed.h"
#include "core/watch.h"
#include "model/base.h"

#include <math.h>

bl_status bl_infer_check_ids(const bl_net *net, const int32_t *ids, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= net->m.V)
            return bl_fail(err, BL_EFORMAT,
                           "token %zu is id %ld, past the model's vocabulary of %zu", i,
                           (long)ids[i], net->m.V);
    return BL_OK;
}

static bl_status not_finite(size_t logit, uint64_t token, bl_error *err)
{
    return bl_fail(err, BL_EFORMAT,
                   "logit %zu after token %llu is not a number: weights or a memory that are too "
                   "large, or damaged",
                   logit, (unsigned long long)token);
}

bl_status bl_infer_check_logits(const bl_state *s, const float *logits, size_t rows, size_t V,
                                bl_error *err)
{
    for (size_t i = 0; i < rows * V; i++)
        if (!isfinite(logits[i]))
            return not_finite(i % V, s->position - rows + i / V, err);
    return BL_OK;
}

bl_status bl_infer_check_best(const bl_state *s, const bl_candidate *best, size_t top, size_t V,
                              bl_error *err)
{
    size_t odd = (size_t)best[top].id;
    return odd < V ? not_finite(odd, s->position - 1, err) : BL_OK;
}

/* How many of `left` tokens the next pass reads; with logits of each? */
static size_t piece_of(const bl_state *s, const bl_reader *r, size_t left, int every)
{
    size_t most = bl_base_room(s, r->net), rows = every ? r->outs : r->rows;
    most = most < rows ? most : rows;
    return left < most ? left : most;
}

/* What is wanted of `rows` rows of the reader's logits, or of the best of one. */
static bl_status take(bl_reader *r, const bl_state *s, size_t rows, float *logits, size_t top,
                      bl_error *err)
{
    size_t V = r->net->m.V;
    if (!logits)
        return bl_infer_check_best(s, r->best, top, V, err);
    BL_TRY(bl_get_real(r->net->dev, logits, r->logits, rows * V, err));
    return bl_infer_check_logits(s, logits, rows, V, err);
}

/* A pass whose best logits are wanted, or none. */
static bl_status pass(bl_reader *r, const bl_piece *piece, size_t top, bl_error *err)
{
    r->top = top;
    bl_status status = bl_reader_feed(r, piece, 1, err);
    r->top = 0;
    return status;
}

bl_status bl_infer_read(bl_reader *r, bl_state *s, const int32_t *ids, size_t count,
                        const bl_wanted *w, bl_error *err)
{
    size_t V = r->net->m.V;
    BL_TRY(bl_infer_check_ids(r->net, ids, count, err));
    for (size_t done = 0; done < count;) {
        int every = w->logits && w->every;
        size_t T = piece_of(s, r, count - done, every);
        int last = done + T == count;
        bl_piece piece = {.state = s, .ids = ids + done, .T = T};
        if (every || (last && (w->logits || w->top)))
            piece.want = every ? BL_LOGITS_EVERY : BL_LOGITS_LAST;
        BL_TRY(pass(r, &piece, last && !w->logits ? w->top : 0, err));
        if (piece.want != BL_LOGITS_NONE)
            BL_TRY(
                take(r, s, every ? T : 1, every ? w->logits + done * V : w->logits, w->top, err));
        done += T;
        if (!last)
            BL_TRY(bl_watch_poll(done, count, err));
    }
    return BL_OK;
}

bl_status bl_infer_last(bl_reader *r, const bl_state *s, const bl_wanted *w, bl_error *err)
{
    r->top = w->logits ? 0 : w->top;
    bl_status status = bl_reader_logits(r, s, err);
    r->top = 0;
    return status == BL_OK ? take(r, s, 1, w->logits, w->top, err) : status;
}

bl_status bl_infer_feed(bl_reader *r, bl_state *s, const int32_t *ids, size_t count, float *logits,
                        int every, bl_error *err)
{
    const bl_wanted wanted = {.logits = logits, .every = every};
    return bl_infer_read(r, s, ids, count, &wanted, err);
}
