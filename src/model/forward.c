/* The forward pass in order (MODEL 1-3), as one column of ops. */
#include "model/pass.h"
#include "model/sites.h"

/* x_out = x_in + dropout(BitLinear(xq)); x_out may hold x_in's copy already. */
static void residual(const bl_net *net, bl_pass *p, bl_act *x, const bl_q8 *xq, const bl_tern *w,
                     size_t in, uint32_t site)
{
    bl_dev *d = net->dev;
    size_t D = net->m.D;
    if (!p->dropout) {
        BL_OP(d, bitlinear_residual, x, p->y, xq, w, p->N, D, in);
        return;
    }
    BL_OP(d, bitlinear_fwd, p->y, xq, w, p->N, D, in);
    BL_OP(d, dropout, p->y, p->N * D, site, p->in.step);
    BL_OP(d, add, x, p->y, p->N * D);
}

/* The last rows of (from, u) to where the next window finds them; NULL: nothing is carried. */
static void keep_tail(const bl_net *net, const bl_pass *p, bl_act *to, const bl_act *from,
                      const bl_act *u)
{
    bl_dev *d = net->dev;
    size_t D = net->m.D, K = net->m.K;
    if (!to)
        return;
    BL_OP(d, copy, to, from, p->B * (K - 1) * D * d->act_bytes);
    BL_OP(d, conv_tail, to, u, p->B, p->T, D, K);
}

void bl_net_layer_acts(const bl_net *net, bl_pass *p, size_t l)
{
    const bl_config *c = &net->config;
    const bl_dims *m = &net->m;
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_terns *t = &net->terns[l];
    const bl_layer_acts *a = &p->layer[l];
    bl_dev *d = net->dev;
    size_t N = p->N, D = m->D, I = m->I;
    float eps = (float)c->rms_norm_eps;
    bl_ttt_shape shape = bl_net_ttt_shape(net, p->B, p->T);
    bl_ttt_params inner = bl_net_ttt_params(w);
    bl_layer_carry from, to;
    bl_ttt_carry rows;
    inner.carry = bl_carry_layer(p->carry, net, l, &rows, &from, &to);

    if (c->pre_conv) { /* x = x0 + conv(RMSNorm_pre(x0)) */
        BL_OP(d, rmsnorm_fwd, a->pn, NULL, a->rstd0, a->x0, w->pre_norm, eps, N, D);
        BL_OP(d, conv_fwd, a->x, a->pn, from.pre_tail, w->pre_conv, w->pre_conv_b, p->B, p->T, D,
              m->K);
        keep_tail(net, p, to.pre_tail, from.pre_tail, a->pn);
        BL_OP(d, add, a->x, a->x0, N * D);
    }

    /* x2 = x + TTT(RMSNorm(x)) */
    BL_OP(d, rmsnorm_fwd, a->xn, a->xq, a->rstd, a->x, w->seq_norm, eps, N, D);
    BL_OP(d, bitlinear_fwd, a->u, a->xq, t->q_proj, N, D, D);
    if (c->share_qk) {
        BL_OP(d, conv_fwd, a->q, a->u, from.tail, w->conv_q, w->conv_q_b, p->B, p->T, D, m->K);
        BL_OP(d, conv_fwd, a->k, a->u, from.tail, w->conv_k, w->conv_k_b, p->B, p->T, D, m->K);
        keep_tail(net, p, to.tail, from.tail, a->u);
    } else {
        BL_OP(d, bitlinear_fwd, a->k, a->xq, t->k_proj, N, D, D);
    }
    BL_OP(d, bitlinear_fwd, a->v, a->xq, t->v_proj, N, D, D);
    if (c->use_gate)
        BL_OP(d, bitlinear_fwd, a->z, a->xq, t->g_proj, N, D, D);
    BL_OP(d, lr_gate_fwd, a->lambda, a->xn, w->lr_w, w->lr_b, bl_net_lr_scale(net), N, D, m->H);
    BL_TTT_OP(net, fwd, a->o, a->ttt, a->q, a->k, a->v, a->lambda, &inner, &shape);
    BL_OP(d, gate_norm_fwd, a->yq, a->stats, a->o, a->z, w->post_w, w->post_b, w->attn_sub, eps, N,
          D);
    BL_OP(d, copy, a->x2, a->x, N * D * d->act_bytes);
    residual(net, p, a->x2, a->yq, t->o_proj, D, BL_SITE_TTT(l));

    /* x_next = x2 + SwiGLU(RMSNorm(x2)): up to its last product */
    BL_OP(d, rmsnorm_fwd, NULL, a->x2q, a->rstd2, a->x2, w->ffn_norm, eps, N, D);
    BL_OP(d, bitlinear_fwd, a->gate, a->x2q, t->gate_proj, N, I, D);
    BL_OP(d, bitlinear_fwd, a->up, a->x2q, t->up_proj, N, I, D);
    BL_OP(d, swiglu_norm_fwd, a->hq, a->rstd3, a->gate, a->up, w->ffn_sub, eps, N, I);
}

static void layer_fwd(const bl_net *net, bl_pass *p, size_t l)
{
    const bl_layer_acts *a = &p->layer[l];
    bl_act *x_next = *bl_pass_entry(net, p, l + 1);
    bl_net_layer_acts(net, p, l);
    BL_OP(net->dev, copy, x_next, a->x2, p->N * net->m.D * net->dev->act_bytes);
    residual(net, p, x_next, a->hq, net->terns[l].down_proj, net->m.I, BL_SITE_FFN(l));
}

void bl_net_fwd(const bl_net *net, bl_pass *p)
{
    const bl_dims *m = &net->m;
    bl_dev *d = net->dev;
    bl_act *x = *bl_pass_entry(net, p, 0);
    BL_OP(d, embed_fwd, x, net->w.embed, p->in.ids, p->N, m->D);
    if (p->dropout)
        BL_OP(d, dropout, x, p->N * m->D, BL_SITE_EMBED, p->in.step);
    for (size_t l = 0; l < m->L; l++)
        layer_fwd(net, p, l);
    BL_OP(d, rmsnorm_fwd, p->h, NULL, p->rstd, p->x, net->w.norm, (float)net->config.rms_norm_eps,
          p->N, m->D);
}

void bl_net_loss(const bl_net *net, bl_pass *p)
{
    BL_OP(net->dev, head_loss, p->loss, NULL, NULL, p->h, bl_net_head(net), p->in.targets, NULL,
          p->N, net->m.D, net->m.V);
}
