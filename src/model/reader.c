/* Reading tokens: pieces of one or many sequences through all layers, each with its own state
 * (MODEL 3.4).
 *
 * Ops that treat rows alike get the rows of all pieces at once; convolutions and the TTT op, which
 * depend on what came before, are called for each piece.  No op's result depends on how many rows
 * are computed beside it, so a sequence has the same bits alone and in company. */
#include "model/reader.h"
#include "core/alloc.h"
#include "model/base.h"
#include "model/sites.h"

#include <assert.h>
#include <string.h>

/* The most that head_top is asked for. */
static size_t most_best(const bl_dims *m)
{
    return m->V < BL_TOP_MOST ? m->V : BL_TOP_MOST;
}

/* As many as a thread's cache holds of a layer's rows, and where several share them, two tiles of a
 * product.  Devices that queue are kept waiting by short passes. */
size_t bl_reader_rows(const bl_dev *d, size_t threads)
{
    if (d->queues)
        return BL_READER_QUEUED;
    return threads > 1 ? BL_READER_MOST : BL_READER_MOST / 2;
}

static void bind(bl_reader *r, bl_arena *arena)
{
    const bl_dims *m = &r->net->m;
    bl_dev *d = r->net->dev;
    size_t N = r->rows;
    bl_act **rows[] = {&r->x, &r->xn, &r->u, &r->q, &r->k, &r->v, &r->z, &r->o, &r->h, &r->y};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bl_arena_push(arena, N * m->D, d->act_bytes);
    r->gate = bl_arena_push(arena, N * m->I, d->act_bytes);
    r->up = bl_arena_push(arena, N * m->I, d->act_bytes);
    r->rstd = bl_arena_push(arena, N, d->real_bytes);
    r->lambda = bl_arena_push(arena, N * m->H, d->real_bytes);
    r->stats = bl_arena_push(arena, N * 3, d->real_bytes);
    r->logits = bl_arena_push(arena, r->outs * m->V, d->real_bytes);
    r->xq = bl_arena_push(arena, 1, BL_OP(d, q8_bytes, N, m->D));
    r->hq = bl_arena_push(arena, 1, BL_OP(d, q8_bytes, N, m->I));
    r->best_at =
        bl_arena_push(arena, r->outs * (most_best(m) + 1), bl_kind_bytes(d, BL_KIND_candidate));
    r->ids = bl_arena_push(arena, N, bl_kind_bytes(d, BL_KIND_id));
    r->some_rows = bl_arena_push(arena, r->some ? BL_READER_ROWS * m->D : 0, d->act_bytes);
    r->some_at = bl_arena_push(arena, BL_READER_ROWS, bl_kind_bytes(d, BL_KIND_id));
    r->step = bl_arena_push(arena, r->sequences, bl_kind_bytes(d, BL_KIND_step));
    r->decode_at = bl_arena_push(arena, r->sequences, sizeof(bl_decode_row));
    r->decode_layers = bl_arena_push(arena, m->L, sizeof(bl_decode_layer));
}

/* Asks whether the device decodes in one call, and tells it the layers. */
static bl_status open_decode(bl_reader *r, bl_error *err)
{
    const bl_net *net = r->net;
    r->decode = bl_decode_model_of(net);
    r->decode_rows = BL_IS_MLP(&net->config) ? 0 : BL_OP(net->dev, decode_rows, &r->decode);
    if (!r->decode_rows)
        return BL_OK;
    bl_decode_layer *layers = bl_calloc(net->m.L, sizeof *layers);
    if (!layers)
        return bl_fail(err, BL_ENOMEM, "out of memory to describe %zu layers", net->m.L);
    bl_status status = bl_decode_layers(layers, &r->decode, net, err);
    if (status == BL_OK)
        status =
            bl_dev_put_block(net->dev, r->decode_layers, layers, net->m.L * sizeof *layers, err);
    r->decode.layer = r->decode_layers;
    bl_free(layers);
    return status;
}

static bl_status open_block(bl_reader *r, bl_error *err)
{
    const bl_net *net = r->net;
    bl_limits most = bl_net_limits(net, 1, r->rows);
    bl_arena arena;
    r->best = bl_calloc(r->outs * (most_best(&net->m) + 1), sizeof *r->best);
    if (!r->best)
        return bl_fail(err, BL_ENOMEM, "out of memory for the best logits of %zu tokens", r->outs);
    BL_TRY(BL_OP(net->dev, reserve, &most, err));
    bl_arena_measure(&arena);
    bind(r, &arena);
    BL_TRY(bl_arena_status(&arena, "the room to read in", err));
    r->bytes = bl_arena_bytes(&arena);
    BL_TRY(BL_OP(net->dev, alloc, &r->block, r->bytes, err));
    bl_arena_bind(&arena, r->block, r->bytes);
    bind(r, &arena);
    return open_decode(r, err);
}

/* A half of them.  Only where rows of activations are what rows of parameters are; a device that
 * queues makes all as fast. */
static size_t some_of(const bl_net *net)
{
    const bl_dev *d = net->dev;
    return d->queues || d->act_bytes != d->param_bytes ? 0 : net->m.V / 2;
}

bl_status bl_reader_open(bl_reader *r, const bl_net *net, size_t rows, size_t sequences,
                         bl_error *err)
{
    size_t outs = sequences > BL_READER_ROWS ? sequences : BL_READER_ROWS;
    *r = (bl_reader){.net = net,
                     .rows = rows,
                     .outs = rows < outs ? rows : outs,
                     .sequences = sequences,
                     .some = some_of(net),
                     .host_step = bl_calloc(sequences, sizeof *r->host_step),
                     .host_ids = bl_calloc(rows, sizeof *r->host_ids),
                     .host_rows = bl_calloc(sequences, sizeof *r->host_rows),
                     .some_ids = bl_calloc(some_of(net), sizeof *r->some_ids),
                     .some_logits = bl_calloc(some_of(net), sizeof *r->some_logits),
                     .host = bl_calloc(net->m.V, sizeof *r->host)};
    bl_status status =
        r->host_step && r->host_ids && r->host_rows && r->some_ids && r->some_logits && r->host
            ? open_block(r, err)
            : bl_fail(err, BL_ENOMEM, "out of memory to read %zu tokens", rows);
    if (status != BL_OK)
        bl_reader_release(r);
    return status;
}

void bl_reader_release(bl_reader *r)
{
    if (r->net) {
        BL_OP(r->net->dev, free, r->block);
        bl_some_heads_release(&r->heads, r->net);
    }
    bl_free(r->best);
    bl_free(r->host_step);
    bl_free(r->host_ids);
    bl_free(r->host_rows);
    bl_free(r->some_ids);
    bl_free(r->some_logits);
    bl_free(r->host);
    *r = (bl_reader){0};
}

/* ---- a pass ---- */

/* Row n of rows of `width` elements. */
static bl_act *act_row(const bl_reader *r, bl_act *rows, size_t n)
{
    return (bl_act *)((char *)rows + n * r->net->m.D * r->net->dev->act_bytes);
}

static bl_real *real_row(const bl_reader *r, bl_real *rows, size_t n, size_t width)
{
    return (bl_real *)((char *)rows + n * width * r->net->dev->real_bytes);
}

static bl_dev_step *step_of(const bl_reader *r, size_t piece)
{
    return (bl_dev_step *)((char *)r->step + piece * bl_kind_bytes(r->net->dev, BL_KIND_step));
}

/* y = conv(u) of a piece whose rows begin with row n. */
static void conv(const bl_reader *r, bl_act *y, size_t n, size_t T, const bl_act *tail,
                 const bl_param *w, const bl_param *bias)
{
    const bl_dims *m = &r->net->m;
    BL_OP(r->net->dev, conv_fwd, act_row(r, y, n), act_row(r, r->u, n), tail, w, bias, 1, T, m->D,
          m->K);
}

static void conv_tail(const bl_reader *r, bl_act *tail, size_t n, size_t T)
{
    BL_OP(r->net->dev, conv_tail, tail, act_row(r, r->u, n), 1, T, r->net->m.D, r->net->m.K);
}

static void pre_conv(const bl_reader *r, size_t l, const bl_piece *pieces, size_t count, size_t N)
{
    const bl_net *net = r->net;
    const bl_layer_params *w = &net->w.layer[l];
    size_t D = net->m.D;
    BL_OP(net->dev, rmsnorm_fwd, r->u, NULL, r->rstd, r->x, w->pre_norm,
          (float)net->config.rms_norm_eps, N, D);
    for (size_t i = 0, n = 0; i < count; n += pieces[i++].T) {
        const bl_layer_state *a = &pieces[i].state->layer[l];
        conv(r, r->y, n, pieces[i].T, a->pre_tail, w->pre_conv, w->pre_conv_b);
        conv_tail(r, a->pre_tail, n, pieces[i].T);
    }
    BL_OP(net->dev, add, r->x, r->y, N * D);
}

/* q and k from one projection, each through a convolution of its own. */
static void shared_qk(const bl_reader *r, size_t l, const bl_piece *pieces, size_t count, size_t N)
{
    const bl_net *net = r->net;
    const bl_layer_params *w = &net->w.layer[l];
    size_t D = net->m.D;
    BL_OP(net->dev, bitlinear_fwd, r->u, r->xq, net->terns[l].q_proj, N, D, D);
    for (size_t i = 0, n = 0; i < count; n += pieces[i++].T) {
        const bl_layer_state *a = &pieces[i].state->layer[l];
        conv(r, r->q, n, pieces[i].T, a->tail, w->conv_q, w->conv_q_b);
        conv(r, r->k, n, pieces[i].T, a->tail, w->conv_k, w->conv_k_b);
        conv_tail(r, a->tail, n, pieces[i].T);
    }
}

static void ttt(const bl_reader *r, size_t l, const bl_piece *pieces, size_t count)
{
    const bl_net *net = r->net;
    for (size_t i = 0, n = 0; i < count; n += pieces[i++].T) {
        bl_ttt_shape shape = bl_net_ttt_shape(net, 1, pieces[i].T);
        bl_ttt_params inner = bl_base_params(pieces[i].state, net, l);
        BL_TTT_OP(net, step, act_row(r, r->o, n), &pieces[i].state->layer[l].ttt,
                  act_row(r, r->q, n), act_row(r, r->k, n), act_row(r, r->v, n),
                  real_row(r, r->lambda, n, net->m.H), &inner, &shape, step_of(r, i));
    }
}

static void layer_step(const bl_reader *r, size_t l, const bl_piece *pieces, size_t count, size_t N)
{
    const bl_net *net = r->net;
    const bl_config *c = &net->config;
    const bl_dims *m = &net->m;
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_terns *t = &net->terns[l];
    bl_dev *d = net->dev;
    size_t D = m->D, I = m->I;
    float eps = (float)c->rms_norm_eps;

    if (c->pre_conv)
        pre_conv(r, l, pieces, count, N);
    BL_OP(d, rmsnorm_fwd, r->xn, r->xq, r->rstd, r->x, w->seq_norm, eps, N, D);
    if (c->share_qk) {
        shared_qk(r, l, pieces, count, N);
    } else {
        BL_OP(d, bitlinear_fwd, r->q, r->xq, t->q_proj, N, D, D);
        BL_OP(d, bitlinear_fwd, r->k, r->xq, t->k_proj, N, D, D);
    }
    BL_OP(d, bitlinear_fwd, r->v, r->xq, t->v_proj, N, D, D);
    if (c->use_gate)
        BL_OP(d, bitlinear_fwd, r->z, r->xq, t->g_proj, N, D, D);
    BL_OP(d, lr_gate_fwd, r->lambda, r->xn, w->lr_w, w->lr_b, bl_net_lr_scale(net), N, D, m->H);
    ttt(r, l, pieces, count);
    BL_OP(d, gate_norm_fwd, r->xq, r->stats, r->o, c->use_gate ? r->z : NULL, w->post_w, w->post_b,
          w->attn_sub, eps, N, D);
    BL_OP(d, bitlinear_residual, r->x, r->y, r->xq, t->o_proj, N, D, D);

    BL_OP(d, rmsnorm_fwd, NULL, r->xq, r->rstd, r->x, w->ffn_norm, eps, N, D);
    BL_OP(d, bitlinear_fwd, r->gate, r->xq, t->gate_proj, N, I, D);
    BL_OP(d, bitlinear_fwd, r->up, r->xq, t->up_proj, N, I, D);
    BL_OP(d, swiglu_norm_fwd, r->hq, r->rstd, r->gate, r->up, w->ffn_sub, eps, N, I);
    BL_OP(d, bitlinear_residual, r->x, r->y, r->hq, t->down_proj, N, D, I);
}

/* r->h: n rows of what the layers made, for the head. */
static void head_norm(const bl_reader *r, const bl_act *x, size_t n)
{
    const bl_net *net = r->net;
    BL_OP(net->dev, rmsnorm_fwd, r->h, NULL, r->rstd, x, net->w.norm,
          (float)net->config.rms_norm_eps, n, net->m.D);
}

/* Logits of n rows of what the layers made, or the best of them, or both. */
static void head(const bl_reader *r, const bl_act *x, size_t n)
{
    const bl_net *net = r->net;
    const bl_dims *m = &net->m;
    head_norm(r, x, n);
    const bl_param *E = bl_net_head(net);
    if (r->top && !r->logits_too) {
        BL_OP(net->dev, head_best, r->best_at, r->logits, r->h, E, net->coarse, n, m->D, m->V,
              r->top);
        return;
    }
    BL_OP(net->dev, head_logits, r->logits, r->h, E, n, m->D, m->V);
    if (r->top)
        BL_OP(net->dev, head_top, r->best_at, r->logits, n, m->V, r->top);
}

/* The best of n rows to the host, which waits for all as a sync does. */
static bl_status get_best(bl_reader *r, size_t n, bl_error *err)
{
    return bl_get_candidate(r->net->dev, r->best, r->best_at, n * (r->top + 1), err);
}

static size_t wanted(const bl_piece *p)
{
    return p->want == BL_LOGITS_EVERY ? p->T : p->want == BL_LOGITS_LAST;
}

/* The rows of x that logits are wanted of: where they are, or next to each other in y when others
 * lie between them. */
static const bl_act *wanted_rows(const bl_reader *r, const bl_piece *pieces, size_t count,
                                 size_t *total)
{
    size_t row = r->net->m.D * r->net->dev->act_bytes, first = 0, next = 0;
    int adjacent = 1;
    *total = 0;
    for (size_t i = 0, n = 0; i < count; n += pieces[i++].T) {
        size_t rows = wanted(&pieces[i]), at = n + pieces[i].T - rows;
        if (!rows)
            continue;
        first = *total ? first : at;
        adjacent = adjacent && (!*total || at == next);
        next = at + rows;
        *total += rows;
    }
    assert(*total <= r->outs);
    if (adjacent)
        return act_row(r, r->x, first);
    for (size_t i = 0, n = 0, to = 0; i < count; n += pieces[i++].T) {
        size_t rows = wanted(&pieces[i]);
        if (rows)
            BL_OP(r->net->dev, copy, act_row(r, r->y, to), act_row(r, r->x, n + pieces[i].T - rows),
                  rows * row);
        to += rows;
    }
    return r->y;
}

/* Positions and ids to the device; how many rows there are. */
static bl_status put_pieces(bl_reader *r, const bl_piece *pieces, size_t count, bl_error *err)
{
    bl_dev *d = r->net->dev;
    r->filled = 0;
    for (size_t i = 0; i < count; i++) {
        const bl_piece *p = &pieces[i];
        assert(p->T > 0 && p->T <= r->rows - r->filled && p->T <= bl_base_room(p->state, r->net));
        r->host_step[i] = (bl_step){.position = p->state->position};
        memcpy(r->host_ids + r->filled, p->ids, p->T * sizeof *p->ids);
        r->filled += p->T;
    }
    BL_TRY(bl_put_step(d, r->step, r->host_step, count, err));
    return bl_put_id(d, r->ids, r->host_ids, r->filled, err);
}

/* x of every row and the states' `last`, layer by layer. */
static bl_status through_layers(bl_reader *r, const bl_piece *pieces, size_t count, bl_error *err)
{
    const bl_net *net = r->net;
    bl_dev *d = net->dev;
    BL_TRY(put_pieces(r, pieces, count, err));
    BL_OP(d, embed_fwd, r->x, net->w.embed, r->ids, r->filled, net->m.D);
    for (size_t l = 0; l < net->m.L; l++)
        layer_step(r, l, pieces, count, r->filled);
    for (size_t i = 0, n = 0; i < count; i++) {
        n += pieces[i].T;
        BL_OP(d, copy, pieces[i].state->last, act_row(r, r->x, n - 1), net->m.D * d->act_bytes);
    }
    return BL_OK;
}

/* The same in one call, of pieces of one token each. */
static bl_status in_one_call(bl_reader *r, const bl_piece *pieces, size_t count, bl_error *err)
{
    bl_dev *d = r->net->dev;
    for (size_t i = 0; i < count; i++)
        r->host_rows[i] = bl_decode_row_of(pieces[i].state, pieces[i].ids[0]);
    r->filled = 0;
    BL_TRY(bl_dev_put_block(d, r->decode_at, r->host_rows, count * sizeof *r->host_rows, err));
    r->filled = count;
    for (size_t i = 0; i < count; i += r->decode_rows) {
        size_t n = count - i < r->decode_rows ? count - i : r->decode_rows;
        BL_OP(d, decode, act_row(r, r->x, i), &r->decode,
              (bl_dev_rows *)((char *)r->decode_at + i * sizeof(bl_decode_row)), n);
    }
    return BL_OK;
}

static int is_decoding(const bl_reader *r, const bl_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pieces[i].T != 1)
            return 0;
    return r->decode_rows > 0;
}

bl_status bl_reader_feed(bl_reader *r, const bl_piece *pieces, size_t count, bl_error *err)
{
    const bl_net *net = r->net;
    bl_dev *d = net->dev;
    size_t rows;
    assert(count > 0 && count <= r->sequences);
    BL_TRY(is_decoding(r, pieces, count) ? in_one_call(r, pieces, count, err)
                                         : through_layers(r, pieces, count, err));
    for (size_t i = 0; i < count; i++) {
        bl_state *s = pieces[i].state;
        s->position += pieces[i].T;
        s->has_last = 1;
        bl_base_settle(s, net);
    }
    const bl_act *last = wanted_rows(r, pieces, count, &rows);
    if (rows)
        head(r, last, rows);
    return r->top && rows ? get_best(r, rows, err) : BL_OP(d, sync, err);
}

bl_status bl_reader_logits(bl_reader *r, const bl_state *s, bl_error *err)
{
    assert(s->has_last);
    head(r, s->last, 1);
    return r->top ? get_best(r, 1, err) : BL_OP(r->net->dev, sync, err);
}

/* The rows of E that are wanted, gathered a few at a time, are a smaller E. */
bl_status bl_reader_some(bl_reader *r, const bl_state *s, size_t n, bl_error *err)
{
    const bl_net *net = r->net;
    bl_dev *d = net->dev;
    size_t D = net->m.D;
    const bl_param *E = bl_net_head(net);
    assert(s->has_last && n <= r->some / 2);
    head_norm(r, s->last, 1);
    for (size_t at = 0, rows; at < n; at += rows) {
        rows = n - at < BL_READER_ROWS ? n - at : BL_READER_ROWS;
        BL_TRY(bl_put_id(d, r->some_at, r->some_ids + at, rows, err));
        BL_OP(d, embed_fwd, r->some_rows, E, r->some_at, rows, D);
        BL_OP(d, head_logits, real_row(r, r->logits, at, 1), r->h,
              (const bl_param *)(const void *)r->some_rows, 1, D, rows);
    }
    BL_TRY(bl_get_real(d, r->some_logits, r->logits, n, err));
    for (size_t i = 0; i < n; i++)
        r->host[r->some_ids[i]] = r->some_logits[i];
    return BL_OK;
}

bl_status bl_reader_best_of(bl_reader *r, const bl_state *s, size_t n, size_t top, int *there,
                            bl_error *err)
{
    enum { LEAST = 2 * BL_READER_ROWS };
    const bl_net *net = r->net;
    const bl_some_head *h = NULL;
    bl_candidate *best = r->best;
    assert(s->has_last && n <= r->some);
    if (n >= LEAST && n >= top)
        BL_TRY(bl_some_head_of(&r->heads, net, r->some_ids, n, &h, err));
    *there = h != NULL;
    if (!h)
        return BL_OK;
    head_norm(r, s->last, 1);
    BL_OP(net->dev, head_best, r->best_at, r->logits, r->h, (const bl_param *)(void *)h->rows,
          h->coarse, 1, net->m.D, n, top);
    BL_TRY(bl_get_candidate(net->dev, best, r->best_at, top + 1, err));
    for (size_t i = 0; i < top; i++)
        best[i].id = h->ids[best[i].id];
    best[top].id = (size_t)best[top].id < n ? h->ids[best[top].id] : (int32_t)net->m.V;
    return BL_OK;
}

bl_status bl_reader_get(const bl_reader *r, size_t row, float *logits, bl_error *err)
{
    size_t V = r->net->m.V;
    return bl_get_real(r->net->dev, logits, real_row(r, r->logits, row, V), V, err);
}

bl_status bl_reader_loss(bl_reader *r, bl_pass *p, const int32_t *targets, float *loss,
                         bl_error *err)
{
    const bl_net *net = r->net;
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    assert(r->filled && r->filled <= p->N);
    BL_TRY(bl_put_id(d, p->in.targets, targets, r->filled, err));
    head_norm(r, r->x, r->filled);
    BL_OP(d, head_loss, p->loss, NULL, NULL, r->h, bl_net_head(net), p->in.targets, NULL, r->filled,
          m->D, m->V);
    return bl_get_real(d, loss, p->loss, r->filled, err);
}
