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

bl_status bl_infer_check_logits(const bl_state *s, const float *logits, size_t rows, size_t V,
                                bl_error *err)
{
    for (size_t i = 0; i < rows * V; i++)
        if (!isfinite(logits[i]))
            return bl_fail(
                err, BL_EFORMAT,
                "logit %zu after token %llu is not a number: weights or a memory that are "
                "too large, or damaged",
                i % V, (unsigned long long)(s->position - rows + i / V));
    return BL_OK;
}

/* How many of `left` tokens the next pass reads. */
static size_t piece_of(const bl_state *s, const bl_reader *r, size_t left)
{
    size_t most = bl_base_room(s, r->net);
    most = most < r->rows ? most : r->rows;
    return left < most ? left : most;
}

bl_status bl_infer_feed(bl_reader *r, bl_state *s, const int32_t *ids, size_t count, float *logits,
                        int every, bl_error *err)
{
    const bl_net *net = r->net;
    size_t V = net->m.V;
    BL_TRY(bl_infer_check_ids(net, ids, count, err));
    for (size_t done = 0; done < count;) {
        size_t T = piece_of(s, r, count - done);
        int last = done + T == count;
        bl_piece piece = {.state = s, .ids = ids + done, .T = T};
        if (logits && (every || last))
            piece.want = every ? BL_LOGITS_EVERY : BL_LOGITS_LAST;
        BL_TRY(bl_reader_feed(r, &piece, 1, err));
        if (piece.want != BL_LOGITS_NONE) {
            size_t rows = every ? T : 1;
            float *to = every ? logits + done * V : logits;
            BL_TRY(bl_get_real(net->dev, to, r->logits, rows * V, err));
            BL_TRY(bl_infer_check_logits(s, to, rows, V, err));
        }
        done += T;
        if (!last)
            BL_TRY(bl_watch_poll(done, count, err));
    }
    return BL_OK;
}
