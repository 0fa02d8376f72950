/* Decoding: a sequence read in pieces of any size, with a state of constant size (MODEL 3.4). */
#include "model/decode.h"
#include "core/alloc.h"
#include "model/base.h"
#include "model/sites.h"

#include <assert.h>

static void bind_state(bl_decode *s, bl_arena *arena, const bl_net *net)
{
    const bl_config *c = &net->config;
    bl_dev *d = net->dev;
    for (size_t l = 0; l < net->m.L; l++) {
        bl_layer_state *a = &s->layer[l];
#define X(type, member, key, shape, present)                                                       \
    a->member = (present)                                                                          \
                    ? bl_arena_push(arena, bl_shape_elements(&net->m, shape), d->type##_bytes)     \
                    : NULL;
        BL_LAYER_STATE(X)
#undef X
    }
}

static void bind_work(bl_decode *s, bl_arena *arena, const bl_net *net)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    size_t P = BL_DECODE_ROWS;
    bl_act **rows[] = {&s->x, &s->xn, &s->u, &s->q, &s->k, &s->v, &s->z, &s->o, &s->h, &s->y};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bl_arena_push(arena, P * m->D, d->act_bytes);
    s->gate = bl_arena_push(arena, P * m->I, d->act_bytes);
    s->up = bl_arena_push(arena, P * m->I, d->act_bytes);
    s->rstd = bl_arena_push(arena, P, d->real_bytes);
    s->lambda = bl_arena_push(arena, P * m->H, d->real_bytes);
    s->stats = bl_arena_push(arena, P * 3, d->real_bytes);
    s->logits = bl_arena_push(arena, P * m->V, d->real_bytes);
    s->xq = bl_arena_push(arena, 1, BL_OP(d, q8_bytes, P, m->D));
    s->hq = bl_arena_push(arena, 1, BL_OP(d, q8_bytes, P, m->I));
    s->ids = bl_arena_push(arena, P, sizeof *s->ids);
    s->step = bl_arena_push(arena, 1, sizeof *s->step);
}

/* Runs a plan twice: once to measure, once over the block it asks for. */
static bl_status bind_block(bl_decode *s, const bl_net *net, void **block, size_t *bytes,
                            void (*bind)(bl_decode *, bl_arena *, const bl_net *), bl_error *err)
{
    bl_arena arena;
    bl_arena_measure(&arena);
    bind(s, &arena, net);
    BL_TRY(bl_arena_status(&arena, "buffers of a session", err));
    *bytes = bl_arena_bytes(&arena);
    BL_TRY(BL_OP(net->dev, alloc, block, *bytes, err));
    bl_arena_bind(&arena, *block, *bytes);
    bind(s, &arena, net);
    return BL_OK;
}

bl_status bl_decode_open(bl_decode *s, const bl_net *net, bl_error *err)
{
    *s = (bl_decode){0};
    s->layer = bl_calloc(net->m.L, sizeof *s->layer);
    if (!s->layer)
        return bl_fail(err, BL_ENOMEM, "out of memory for a session");
    bl_limits most = bl_net_limits(net, 1, BL_DECODE_ROWS);
    bl_status status = BL_OK;
    BL_TRY_GOTO(status, BL_OP(net->dev, reserve, &most, err), fail);
    BL_TRY_GOTO(status, bind_block(s, net, &s->state_block, &s->state_bytes, bind_state, err),
                fail);
    BL_TRY_GOTO(status, bind_block(s, net, &s->block, &s->bytes, bind_work, err), fail);
    BL_TRY_GOTO(status, bl_decode_start(s, net, err), fail);
    return BL_OK;
fail:
    bl_decode_release(s, net);
    return status;
}

void bl_decode_release(bl_decode *s, const bl_net *net)
{
    bl_base_drop(s, net);
    BL_OP(net->dev, free, s->state_block);
    BL_OP(net->dev, free, s->block);
    bl_free(s->layer);
    *s = (bl_decode){0};
}

bl_status bl_decode_start(bl_decode *s, const bl_net *net, bl_error *err)
{
    bl_dev *d = net->dev;
    bl_ttt_shape shape = bl_net_ttt_shape(net, 1, 1);
    bl_base_drop(s, net);
    BL_OP(d, zero, s->state_block, s->state_bytes);
    for (size_t l = 0; l < net->m.L; l++) {
        bl_ttt_params inner = bl_net_ttt_params(&net->w.layer[l]);
        BL_TTT_OP(net, start, &s->layer[l].ttt, &inner, &shape);
    }
    s->position = 0;
    s->rows = 0;
    return BL_OP(d, sync, err);
}

bl_status bl_decode_copy(bl_decode *to, const bl_net *net, const bl_decode *from, bl_error *err)
{
    assert(to->state_bytes == from->state_bytes);
    BL_TRY(bl_base_copy(to, net, from, err));
    BL_OP(net->dev, copy, to->state_block, from->state_block, from->state_bytes);
    to->position = from->position;
    to->rows = from->rows != 0;
    if (to->rows) {
        size_t row = net->m.D * net->dev->act_bytes;
        BL_OP(net->dev, copy, to->x, (const char *)from->x + (from->rows - 1) * row, row);
    }
    return BL_OP(net->dev, sync, err);
}

static void layer_step(bl_decode *s, const bl_net *net, size_t l, size_t T)
{
    const bl_config *c = &net->config;
    const bl_dims *m = &net->m;
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_terns *t = &net->terns[l];
    const bl_layer_state *a = &s->layer[l];
    bl_dev *d = net->dev;
    size_t D = m->D, I = m->I, K = m->K;
    float eps = (float)c->rms_norm_eps;
    bl_ttt_shape shape = bl_net_ttt_shape(net, 1, T);
    bl_ttt_params inner = bl_base_params(s, net, l);

    if (c->pre_conv) {
        BL_OP(d, rmsnorm_fwd, s->u, NULL, s->rstd, s->x, w->pre_norm, eps, T, D);
        BL_OP(d, conv_fwd, s->y, s->u, a->pre_tail, w->pre_conv, w->pre_conv_b, 1, T, D, K);
        BL_OP(d, conv_tail, a->pre_tail, s->u, 1, T, D, K);
        BL_OP(d, add, s->x, s->y, T * D);
    }
    BL_OP(d, rmsnorm_fwd, s->xn, s->xq, s->rstd, s->x, w->seq_norm, eps, T, D);
    if (c->share_qk) {
        BL_OP(d, bitlinear_fwd, s->u, s->xq, t->q_proj, T, D, D);
        BL_OP(d, conv_fwd, s->q, s->u, a->tail, w->conv_q, w->conv_q_b, 1, T, D, K);
        BL_OP(d, conv_fwd, s->k, s->u, a->tail, w->conv_k, w->conv_k_b, 1, T, D, K);
        BL_OP(d, conv_tail, a->tail, s->u, 1, T, D, K);
    } else {
        BL_OP(d, bitlinear_fwd, s->q, s->xq, t->q_proj, T, D, D);
        BL_OP(d, bitlinear_fwd, s->k, s->xq, t->k_proj, T, D, D);
    }
    BL_OP(d, bitlinear_fwd, s->v, s->xq, t->v_proj, T, D, D);
    if (c->use_gate)
        BL_OP(d, bitlinear_fwd, s->z, s->xq, t->g_proj, T, D, D);
    BL_OP(d, lr_gate_fwd, s->lambda, s->xn, w->lr_w, w->lr_b, bl_net_lr_scale(net), T, D, m->H);
    BL_TTT_OP(net, step, s->o, &a->ttt, s->q, s->k, s->v, s->lambda, &inner, &shape, s->step);
    BL_OP(d, gate_norm_fwd, s->xq, s->stats, s->o, c->use_gate ? s->z : NULL, w->post_w, w->post_b,
          w->attn_sub, eps, T, D);
    BL_OP(d, bitlinear_residual, s->x, s->y, s->xq, t->o_proj, T, D, D);

    BL_OP(d, rmsnorm_fwd, NULL, s->xq, s->rstd, s->x, w->ffn_norm, eps, T, D);
    BL_OP(d, bitlinear_fwd, s->gate, s->xq, t->gate_proj, T, I, D);
    BL_OP(d, bitlinear_fwd, s->up, s->xq, t->up_proj, T, I, D);
    BL_OP(d, swiglu_norm_fwd, s->hq, s->rstd, s->gate, s->up, w->ffn_sub, eps, T, I);
    BL_OP(d, bitlinear_residual, s->x, s->y, s->hq, t->down_proj, T, D, I);
}

/* The logits of the last `n` tokens read. */
static void head_rows(bl_decode *s, const bl_net *net, size_t n)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    const bl_act *last = (const bl_act *)((const char *)s->x + (s->rows - n) * m->D * d->act_bytes);
    BL_OP(d, rmsnorm_fwd, s->h, NULL, s->rstd, last, net->w.norm, (float)net->config.rms_norm_eps,
          n, m->D);
    BL_OP(d, head_logits, s->logits, s->h, bl_net_head(net), n, m->D, m->V);
}

bl_status bl_decode_logits(bl_decode *s, const bl_net *net, bl_error *err)
{
    assert(s->rows);
    head_rows(s, net, 1);
    return BL_OP(net->dev, sync, err);
}

bl_status bl_decode_loss(bl_decode *s, const bl_net *net, bl_pass *p, const int32_t *targets,
                         float *loss, bl_error *err)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    assert(s->rows && s->rows <= p->N);
    BL_TRY(BL_OP(d, put, p->targets, targets, s->rows * sizeof *targets, err));
    BL_OP(d, rmsnorm_fwd, s->h, NULL, s->rstd, s->x, net->w.norm, (float)net->config.rms_norm_eps,
          s->rows, m->D);
    BL_OP(d, head_loss, p->loss, NULL, NULL, s->h, bl_net_head(net), p->targets, 1.0f, s->rows,
          m->D, m->V);
    return bl_dev_get_f32(d, loss, p->loss, s->rows, d->real_bytes, err);
}

bl_status bl_decode_feed(bl_decode *s, const bl_net *net, const int32_t *ids, size_t T, int every,
                         int want_logits, bl_error *err)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    assert(T > 0 && T <= bl_decode_room(s, net));
    bl_step step = {.position = s->position};
    BL_TRY(BL_OP(d, put, s->step, &step, sizeof step, err));
    BL_TRY(BL_OP(d, put, s->ids, ids, T * sizeof *ids, err));
    BL_OP(d, embed_fwd, s->x, net->w.embed, s->ids, T, m->D);
    for (size_t l = 0; l < m->L; l++)
        layer_step(s, net, l, T);
    s->position += T;
    s->rows = T;
    bl_base_settle(s, net);
    if (want_logits)
        head_rows(s, net, every ? T : 1);
    return BL_OP(d, sync, err);
}
