/* The backward pass: forward.c read from the bottom up (MODEL 3.5 is inside ttt_linear_bwd). */
#include "model/pass.h"
#include "model/sites.h"

/* The gradient of a residual branch's output: dx itself, or dx under the branch's dropout mask. */
static const bl_act *branch_gradient(const bl_net *net, bl_pass *p, uint32_t site)
{
    bl_dev *d = net->dev;
    size_t n = p->N * net->m.D;
    if (!p->dropout)
        return p->dx;
    BL_OP(d, copy, p->dy, p->dx, n * d->act_bytes);
    BL_OP(d, dropout, p->dy, n, site, p->in.step);
    return p->dy;
}

/* dx: in, the gradient of the layer's output; out, that of its input. */
static void layer_bwd(const bl_net *net, bl_pass *p, size_t l, const bl_layer_params *g)
{
    const bl_config *c = &net->config;
    const bl_dims *m = &net->m;
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_terns *t = &net->terns[l];
    const bl_layer_acts *a = &p->layer[l];
    bl_dev *d = net->dev;
    size_t N = p->N, D = m->D, I = m->I;
    bl_ttt_shape shape = bl_net_ttt_shape(net, p->B, p->T);
    bl_ttt_params inner = bl_net_ttt_params(w), dinner = bl_net_ttt_params(g);
    bl_layer_carry from, to;
    bl_ttt_carry rows;
    inner.carry = bl_carry_layer(p->carry, net, l, &rows, &from, &to);

    /* x_next = x2 + SwiGLU(RMSNorm(x2)) */
    const bl_act *dy = branch_gradient(net, p, BL_SITE_FFN(l));
    BL_OP(d, bitlinear_bwd_w, g->down_proj, dy, a->hq, N, D, I);
    BL_OP(d, bitlinear_bwd_x, p->dgate, dy, t->down_proj, 0, N, D, I);
    BL_OP(d, swiglu_norm_bwd, p->dgate, p->dup, g->ffn_sub, p->dgate, a->gate, a->up, w->ffn_sub,
          a->rstd3, N, I);
    BL_OP(d, bitlinear_bwd_w, g->gate_proj, p->dgate, a->x2q, N, I, D);
    BL_OP(d, bitlinear_bwd_w, g->up_proj, p->dup, a->x2q, N, I, D);
    BL_OP(d, bitlinear_bwd_x, p->dxn, p->dgate, t->gate_proj, 0, N, I, D);
    BL_OP(d, bitlinear_bwd_x, p->dxn, p->dup, t->up_proj, 1, N, I, D);
    BL_OP(d, rmsnorm_bwd, p->dx, g->ffn_norm, p->dxn, a->x2, a->rstd2, w->ffn_norm, N, D);

    /* x2 = x + TTT(RMSNorm(x)) */
    dy = branch_gradient(net, p, BL_SITE_TTT(l));
    BL_OP(d, bitlinear_bwd_w, g->o_proj, dy, a->yq, N, D, D);
    BL_OP(d, bitlinear_bwd_x, p->dxn, dy, t->o_proj, 0, N, D, D);
    BL_OP(d, gate_norm_bwd, p->dout, c->use_gate ? p->dz : NULL, g->post_w, g->post_b, g->attn_sub,
          p->dxn, a->o, a->z, w->post_w, w->post_b, w->attn_sub, a->stats, N, D);
    BL_TTT_OP(net, bwd, p->dq, p->dk, p->dv, p->dlambda, &dinner, p->dout, a->q, a->k, a->v,
              a->lambda, a->ttt, &inner, &shape);
    if (c->share_qk) {
        BL_OP(d, conv_bwd, p->du, g->conv_q, g->conv_q_b, p->dq, a->u, from.tail, w->conv_q, 0,
              p->B, p->T, D, m->K);
        BL_OP(d, conv_bwd, p->du, g->conv_k, g->conv_k_b, p->dk, a->u, from.tail, w->conv_k, 1,
              p->B, p->T, D, m->K);
    } else {
        BL_OP(d, bitlinear_bwd_w, g->k_proj, p->dk, a->xq, N, D, D);
    }
    const bl_act *du = c->share_qk ? p->du : p->dq;
    BL_OP(d, bitlinear_bwd_w, g->q_proj, du, a->xq, N, D, D);
    BL_OP(d, bitlinear_bwd_w, g->v_proj, p->dv, a->xq, N, D, D);
    BL_OP(d, bitlinear_bwd_x, p->dxn, du, t->q_proj, 0, N, D, D);
    BL_OP(d, bitlinear_bwd_x, p->dxn, p->dv, t->v_proj, 1, N, D, D);
    if (!c->share_qk)
        BL_OP(d, bitlinear_bwd_x, p->dxn, p->dk, t->k_proj, 1, N, D, D);
    if (c->use_gate) {
        BL_OP(d, bitlinear_bwd_w, g->g_proj, p->dz, a->xq, N, D, D);
        BL_OP(d, bitlinear_bwd_x, p->dxn, p->dz, t->g_proj, 1, N, D, D);
    }
    BL_OP(d, lr_gate_bwd, p->dxn, g->lr_w, g->lr_b, p->dlambda, a->lambda, a->xn, w->lr_w,
          bl_net_lr_scale(net), N, D, m->H);
    BL_OP(d, rmsnorm_bwd, p->dx, g->seq_norm, p->dxn, a->x, a->rstd, w->seq_norm, N, D);

    if (c->pre_conv) { /* x = x0 + conv(RMSNorm_pre(x0)) */
        BL_OP(d, conv_bwd, p->dxn, g->pre_conv, g->pre_conv_b, p->dx, a->pn, from.pre_tail,
              w->pre_conv, 0, p->B, p->T, D, m->K);
        BL_OP(d, rmsnorm_bwd, p->dx, g->pre_norm, p->dxn, a->x0, a->rstd0, w->pre_norm, N, D);
    }
}

void bl_net_loss_bwd(const bl_net *net, bl_pass *p, const bl_params *grads, bl_grads_fn *done,
                     void *user)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    size_t n = p->N * m->D;
    bl_param *dhead = net->config.tie_word_embeddings ? grads->embed : grads->head;
    BL_OP(d, head_loss, p->loss, p->dxn, dhead, p->h, bl_net_head(net), p->in.targets, p->in.step,
          p->N, m->D, m->V);
    BL_OP(d, zero, p->dx, n * d->act_bytes);
    BL_OP(d, rmsnorm_bwd, p->dx, grads->norm, p->dxn, p->x, p->rstd, net->w.norm, p->N, m->D);
    for (size_t l = m->L; l-- > 0;) {
        if (p->kind == BL_PASS_RECOMPUTE && l + 1 < m->L) /* the last layer's are still there */
            bl_net_layer_acts(net, p, l);
        layer_bwd(net, p, l, &grads->layer[l]);
        if (done)
            done(user, l);
    }
    if (p->dropout)
        BL_OP(d, dropout, p->dx, n, BL_SITE_EMBED, p->in.step);
    BL_OP(d, embed_bwd, grads->embed, p->dx, p->in.ids, p->N, m->D, m->V);
    if (done)
        done(user, SIZE_MAX);
}
