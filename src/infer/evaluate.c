/* Evaluation: the mean loss of a model over a token file or a text. */
#include "infer/evaluate.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "data/loader.h"
#include "infer/feed.h"

#include <assert.h>
#include <math.h>

/* Windows first .. first + n - 1 into the batch; rows past n repeat the last and do not count. */
static bl_status put_windows(const bl_net *net, bl_pass *p, const bl_token_file *tokens,
                             size_t first, size_t n, int32_t *host, bl_error *err)
{
    for (size_t row = 0; row < p->B; row++) {
        size_t window = first + (row < n ? row : n - 1);
        BL_TRY(
            bl_windows_get(tokens, p->T, window, host + row * p->T, host + p->N + row * p->T, err));
    }
    BL_TRY(bl_put_id(net->dev, p->in.ids, host, p->N, err));
    return bl_put_id(net->dev, p->in.targets, host + p->N, p->N, err);
}

bl_status bl_evaluate_windows(const bl_net *net, bl_pass *p, const bl_token_file *tokens,
                              uint64_t most, bl_progress_fn *progress, void *user,
                              bl_positions *curve, double *nats, uint64_t *count, bl_error *err)
{
    assert(!p->dropout && p->kind == BL_PASS_LOSS);
    size_t windows = bl_windows_count(tokens, p->T);
    if (most && most / p->T < windows)
        windows = most < p->T ? 1 : (size_t)(most / p->T);
    int32_t *host = bl_calloc(2 * p->N, sizeof *host);
    float *loss = bl_calloc(p->N, sizeof *loss);
    bl_status status = BL_OK;
    *nats = 0;
    *count = 0;
    if (!host || !loss)
        status = bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", p->N);
    for (size_t first = 0; status == BL_OK && first < windows; first += p->B) {
        size_t n = windows - first < p->B ? windows - first : p->B;
        BL_TRY_GOTO(status, put_windows(net, p, tokens, first, n, host, err), done);
        bl_net_fwd(net, p);
        bl_net_loss(net, p);
        BL_TRY_GOTO(status, bl_get_real(net->dev, loss, p->loss, p->N, err), done);
        for (size_t i = 0; i < n * p->T; i++) {
            *nats += (double)loss[i];
            bl_positions_add(curve, i % p->T, (double)loss[i]);
        }
        *count += n * p->T;
        if (progress && progress(user, "evaluating", *count, windows * p->T, "tok") != 0)
            status = bl_fail(err, BL_EINTERRUPTED, "evaluation stopped");
    }
done:
    bl_free(host);
    bl_free(loss);
    return status;
}

double bl_loss_of(const float *logits, size_t V, int32_t target)
{
    float top = logits[0];
    for (size_t i = 1; i < V; i++) /* in float: gcc 12 for ARM breaks down over a fmax of doubles */
        top = fmaxf(top, logits[i]);
    double most = (double)top, sum = 0;
    for (size_t i = 0; i < V; i++)
        sum += exp((double)logits[i] - most);
    return most + log(sum) - (double)logits[target];
}

bl_status bl_evaluate_document(bl_reader *r, bl_state *s, const bl_document_start *from,
                               const int32_t *ids, size_t count, bl_positions *curve, double *nats,
                               uint64_t *tokens, bl_error *err)
{
    const bl_net *net = r->net;
    size_t V = net->m.V;
    float *logits = bl_calloc(BL_READER_ROWS * V, sizeof *logits);
    int32_t *piece = bl_calloc(BL_READER_ROWS, sizeof *piece);
    bl_status status = BL_OK;
    *nats = 0;
    *tokens = count + 1;
    if (!logits || !piece)
        status = bl_fail(err, BL_ENOMEM, "out of memory for %zu logits", BL_READER_ROWS * V);
    if (status == BL_OK)
        status =
            from->state ? bl_state_copy(s, net, from->state, err) : bl_state_start(s, net, err);
    /* Row 0 is the token before, row t the t-th id; row t predicts id t + 1, the last one the end
     * of text. */
    for (size_t first = 0; status == BL_OK && first <= count; first += BL_READER_ROWS) {
        size_t n = count + 1 - first < BL_READER_ROWS ? count + 1 - first : BL_READER_ROWS;
        for (size_t t = 0; t < n; t++)
            piece[t] = first + t == 0 ? from->token : ids[first + t - 1];
        status = bl_infer_feed(r, s, piece, n, logits, 1, err);
        if (status == BL_OK)
            status = bl_watch_poll(first + n, count + 1, err);
        for (size_t t = 0; status == BL_OK && t < n; t++) {
            int32_t target = first + t < count ? ids[first + t] : (int32_t)net->config.eos_token_id;
            if (target < 0 || (size_t)target >= V) {
                status = bl_fail(err, BL_EFORMAT, "id %ld is past the model's vocabulary of %zu",
                                 (long)target, V);
                break;
            }
            double loss = bl_loss_of(logits + t * V, V, target);
            *nats += loss;
            bl_positions_add(curve, first + t, loss);
        }
    }
    bl_free(logits);
    bl_free(piece);
    return status;
}
