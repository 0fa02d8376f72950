/* Evaluation: the mean loss of a model over a token file or a text. */
#include "infer/evaluate.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "data/walk.h"
#include "infer/feed.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The windows of a file one after the other: in file order, or, with a mask, of a walk. */
typedef struct window_reader {
    const bl_token_file *tokens;
    size_t T, windows, next;
    bl_walk walk; /* with a mask */
    uint64_t most;
} window_reader;

static bl_status open_reading(window_reader *r, const bl_net *net, const bl_token_file *tokens,
                              size_t T, uint64_t most, bl_error *err)
{
    size_t windows = bl_windows_count(tokens, T);
    if (most && most / T < windows)
        windows = most < T ? 1 : (size_t)(most / T);
    *r = (window_reader){.tokens = tokens, .T = T, .windows = windows, .most = most};
    return bl_token_file_mask(tokens)
               ? bl_walk_open(&r->walk, tokens, T, (int32_t)net->config.eos_token_id, err)
               : BL_OK;
}

static int is_over(const window_reader *r)
{
    if (r->walk.loader)
        return bl_walk_over(&r->walk) || (r->most && r->walk.done >= r->most);
    return r->next >= r->windows;
}

static uint64_t tokens_read(const window_reader *r)
{
    uint64_t all = r->windows * r->T;
    return !r->walk.loader ? r->next * r->T : r->walk.done < all ? r->walk.done : all;
}

static bl_status next_window(window_reader *r, int32_t *x, int32_t *y, bl_error *err)
{
    if (r->walk.loader)
        return bl_walk_next(&r->walk, x, y, err);
    return bl_windows_get(r->tokens, r->T, r->next++, x, y, err);
}

/* The next windows into the batch; rows for which there are none repeat the last, and do not
 * count. */
static bl_status put_windows(const bl_net *net, bl_pass *p, window_reader *r, int32_t *host,
                             bl_error *err)
{
    int32_t *x = host, *y = host + p->N;
    size_t T = p->T;
    for (size_t row = 0; row < p->B; row++, x += T, y += T) {
        if (!is_over(r)) {
            BL_TRY(next_window(r, x, y, err));
            continue;
        }
        memcpy(x, x - T, T * sizeof *x);
        for (size_t i = 0; i < T; i++)
            y[i] = -1;
    }
    BL_TRY(bl_put_id(net->dev, p->in.ids, host, p->N, err));
    return bl_put_id(net->dev, p->in.targets, host + p->N, p->N, err);
}

bl_status bl_evaluate_windows(const bl_net *net, bl_pass *p, const bl_token_file *tokens,
                              uint64_t most, bl_progress_fn *progress, void *user,
                              bl_positions *curve, double *nats, uint64_t *count, bl_error *err)
{
    assert(!p->dropout && p->kind == BL_PASS_LOSS);
    window_reader r;
    *nats = 0;
    *count = 0;
    BL_TRY(open_reading(&r, net, tokens, p->T, most, err));
    int32_t *host = bl_calloc(2 * p->N, sizeof *host);
    float *loss = bl_calloc(p->N, sizeof *loss);
    bl_status status = BL_OK;
    if (!host || !loss)
        status = bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", p->N);
    while (status == BL_OK && !is_over(&r)) {
        BL_TRY_GOTO(status, put_windows(net, p, &r, host, err), done);
        bl_net_fwd(net, p);
        bl_net_loss(net, p);
        BL_TRY_GOTO(status, bl_get_real(net->dev, loss, p->loss, p->N, err), done);
        for (size_t i = 0; i < p->N; i++) {
            if (host[p->N + i] < 0)
                continue;
            *nats += (double)loss[i];
            bl_positions_add(curve, i % p->T, (double)loss[i]);
            ++*count;
        }
        if (progress && progress(user, "evaluating", tokens_read(&r), r.windows * p->T, "tok") != 0)
            status = bl_fail(err, BL_EINTERRUPTED, "evaluation stopped");
    }
done:
    bl_walk_close(&r.walk);
    bl_free(host);
    bl_free(loss);
    return status;
}

double bl_log_sum_of(const float *logits, size_t V)
{
    float top = logits[0];
    for (size_t i = 1; i < V; i++) /* in float: gcc 12 for ARM breaks down over a fmax of doubles */
        top = fmaxf(top, logits[i]);
    double most = (double)top, sum = 0;
    for (size_t i = 0; i < V; i++)
        sum += exp((double)logits[i] - most);
    return most + log(sum);
}

double bl_loss_of(const float *logits, size_t V, int32_t target)
{
    return bl_log_sum_of(logits, V) - (double)logits[target];
}

bl_status bl_evaluate_document(bl_reader *r, bl_state *s, const bl_document_start *from,
                               const int32_t *ids, const unsigned char *counts, size_t count,
                               bl_positions *curve, double *nats, uint64_t *tokens, bl_error *err)
{
    const bl_net *net = r->net;
    size_t V = net->m.V;
    float *logits = bl_calloc(BL_READER_ROWS * V, sizeof *logits);
    int32_t *piece = bl_calloc(BL_READER_ROWS, sizeof *piece);
    bl_status status = BL_OK;
    *nats = 0;
    *tokens = 0;
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
            if (counts && !counts[first + t])
                continue;
            double loss = bl_loss_of(logits + t * V, V, target);
            *nats += loss;
            ++*tokens;
            bl_positions_add(curve, first + t, loss);
        }
    }
    bl_free(logits);
    bl_free(piece);
    return status;
}
