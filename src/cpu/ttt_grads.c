/* The adjoint of the TTT layer: what both inner models share (MODEL 3.5). */
#include "cpu/ttt.h"

#include <string.h>

size_t bl_ttt_lay_out(const bl_ttt_part *parts, size_t count, float *base)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        *parts[i].to = base ? base + used : NULL;
        used += bl_blocks(parts[i].count, 16) * 16;
    }
    return used;
}

void bl_ttt_rotate(const bl_ttt_call *call, const bl_ttt_head *x, float *q, float *k, size_t first,
                   size_t m)
{
    size_t F = call->F, ld = call->ld;
    for (size_t i = 0; i < m; i++) {
        const float *cs = call->cs + i * F, *sn = call->sn + i * F;
        call->kern->rope(q + i * F, x->q + (first + i) * ld, cs, sn, F);
        call->kern->rope(k + i * F, x->k + (first + i) * ld, cs, sn, F);
    }
}

void bl_ttt_hand_out(const bl_ttt_call *call, const bl_ttt_head *x, const float *dq,
                     const float *dk, const float *dlam, size_t first, size_t m)
{
    size_t F = call->F;
    for (size_t i = 0; i < m; i++) {
        const float *cs = call->cs + i * F, *sn = call->sn + i * F;
        float back[TTT_F_MOST]; /* -sin: rotation by -a */
        for (size_t j = 0; j < F; j++)
            back[j] = -sn[j];
        call->kern->rope(x->dq + (first + i) * call->ld, dq + i * F, cs, back, F);
        call->kern->rope(x->dk + (first + i) * call->ld, dk + i * F, cs, back, F);
        x->dlambda[(first + i) * call->H] = dlam[i];
    }
}

/* coef holds -C = -rate (S + 1) on and below the diagonal, dC becomes dS = dC o rate; dlambda and
 * dtau take their sums over drate = dC o (S + 1). */
void bl_ttt_read_bwd(const bl_ttt_call *call, const bl_ttt_reader *r, const bl_ttt_squares *sq,
                     const bl_ttt_head *x, float *dlam, size_t first, size_t m)
{
    size_t C = call->C, in = r->in, out = r->out;
    const bl_kern *kern = call->kern;
    const float *lambda = x->lambda + first * call->H;
    kern->transpose(r->Wt, in, r->W, out, in, out);
    kern->matmul(r->dq, in, r->dzb, out, 1, r->Wt, in, m, in, out); /* dQ += dZb W^T */

    bl_ttt_dots(call, sq->dC, r->dzb, r->G, 0, m, out);
    float lam[TTT_C_MOST];
    for (size_t j = 0; j < m; j++)
        lam[j] = lambda[j * call->H];
    for (size_t i = 0; i < m; i++) {
        const float *S = r->S + i * C, *mix = r->mix + i * C;
        float *coef = sq->coef + i * C, *dC = sq->dC + i * C, tau = call->tau[i], dtau = 0;
        for (size_t j = 0; j <= i; j++) {
            float drate = -dC[j] * (S[j] + 1.0f);
            coef[j] = mix[j] * lam[j];
            dC[j] = -dC[j] * (tau * lam[j]);
            dlam[j] += drate * tau;
            dtau += drate * lam[j];
        }
        memset(coef + i + 1, 0, (m - i - 1) * sizeof *coef);
        memset(dC + i + 1, 0, (m - i - 1) * sizeof *dC);
        x->dtau[i] += dtau;
    }
    memset(r->dG, 0, m * out * sizeof *r->dG);
    memset(r->dk, 0, m * in * sizeof *r->dk);
    kern->matmul(r->dG, out, sq->coef, 1, C, r->dzb, out, m, out, m); /* dG = -C^T dZb */
    kern->matmul(r->dq, in, sq->dC, C, 1, r->k, in, m, in, m);        /* dQ += dS K */
    kern->matmul(r->dk, in, sq->dC, 1, C, r->q, in, m, in, m);        /* dK = dS^T Q */
}

void bl_ttt_update_bwd(const bl_ttt_call *call, const bl_ttt_updater *u, const bl_ttt_head *x,
                       float *dlam, size_t first, size_t m)
{
    size_t in = u->in, out = u->out;
    const bl_kern *kern = call->kern;
    const float *lambda = x->lambda + first * call->H;
    float tau = call->tau[call->C - 1];
    bl_ttt_affine(call, u->tmp, u->k, u->dW, u->db, m, in, out); /* K dW' + db' */
    for (size_t i = 0; i < m; i++) {
        float lam = lambda[i * call->H], dr;
        kern->axpy(u->dG + i * out, -(tau * lam), u->tmp + i * out, out);
        /* dr = -K . (G dW'^T) - G . db' = -G . (K dW' + db') */
        kern->dots(&dr, 1, u->G + i * out, out, u->tmp + i * out, out, 1, 1, out);
        dlam[i] -= tau * dr;
        x->dtau[call->C - 1] -= dr * lam;
    }
    /* dK -= tau lambda G dW'^T */
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < out; j++)
            u->tmp[i * out + j] = -(tau * lambda[i * call->H]) * u->G[i * out + j];
    kern->transpose(u->dWt, in, u->dW, out, in, out);
    kern->matmul(u->dk, in, u->tmp, out, 1, u->dWt, in, m, in, out);
}

void bl_ttt_state_bwd(const bl_ttt_call *call, float *dW, float *db, const float *q,
                      const float *dzb, const float *k, const float *dz, size_t m, size_t in,
                      size_t out)
{
    const bl_kern *kern = call->kern;
    kern->matmul(dW, out, q, 1, in, dzb, out, in, out, m);
    kern->matmul(dW, out, k, 1, in, dz, out, in, out, m);
    for (size_t i = 0; i < m; i++) {
        kern->add(db, dzb + i * out, out);
        kern->add(db, dz + i * out, out);
    }
}

void bl_ttt_forget_bwd(const bl_ttt_call *call, int matrix, float *dW, float *db, float *sum,
                       const float *W, const float *b, const bl_ttt_head *x, size_t in, size_t out)
{
    const float *const *start = call->start + 2 * matrix;
    *x->drho += call->kern->forget_bwd(dW, sum, W, start[0], call->rho, in * out);
    *x->drho += call->kern->forget_bwd(db, sum + in * out, b, start[1], call->rho, out);
}

void bl_ttt_start_bwd(const bl_ttt_task *t, const float *sum)
{
    size_t state = bl_ttt_state_floats(t->op->s->F, t->op->M);
    if (bl_ttt_row_continues(t))
        memset(t->part, 0, state * sizeof *t->part);
    if (t->call.forgets)
        t->call.kern->axpy(t->part, t->call.lost, sum, state);
}

/* to[i] += sum over sequences of the tasks' parts, ascending. */
static void gather(const bl_ttt_op *op, float *to, size_t offset, size_t count, size_t head)
{
    const bl_cpu *c = op->c;
    for (size_t b = 0; b < op->s->B; b++)
        c->k.add(to, c->ttt_grads + (b * op->s->H + head) * op->width + offset, count);
}

/* dhalf_life[head] += every sequence's drho, at `offset` of its part. */
static void gather_half_life(const bl_ttt_op *op, size_t offset, size_t head)
{
    double drho = 0, a = (double)((const float *)op->p->half_life)[head];
    for (size_t b = 0; b < op->s->B; b++)
        drho += (double)op->c->ttt_grads[(b * op->s->H + head) * op->width + offset];
    ((float *)op->dp->half_life)[head] += (float)(drho * bl_forget_of(a).slope);
}

/* A part holds W0, b0, W2, b2, gamma and beta of its head, then dtau and drho. */
static void gather_heads(void *user, size_t first, size_t last, size_t member)
{
    const bl_ttt_op *op = user;
    const bl_ttt_params *dp = op->dp;
    size_t F = op->s->F, M = op->M, inner = M > F ? M * F : 0, bias = M > F ? F : 0;
    void *const to[] = {dp->W0, dp->b0, dp->W2, dp->b2, dp->gamma, dp->beta};
    const size_t sizes[] = {F * M, M, inner, bias, F, F};
    (void)member;
    for (size_t head = first; head < last; head++) {
        size_t offset = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; offset += sizes[i++])
            if (sizes[i])
                gather(op, (float *)to[i] + head * sizes[i], offset, sizes[i], head);
        if (op->p->half_life)
            gather_half_life(op, offset + op->s->C, head);
    }
}

/* ddelta += every task's dtau where tau > 0. */
static void gather_delta(const bl_ttt_op *op)
{
    size_t F = op->s->F, offset = bl_ttt_state_floats(F, op->M) + 2 * F;
    for (size_t task = 0; task < op->s->B * op->s->H; task++)
        for (size_t t = 0; t < op->s->C; t++)
            if (op->call.tau[t] > 0.0f)
                ((float *)op->dp->delta)[t] += op->c->ttt_grads[task * op->width + offset + t];
}

void bl_ttt_backward(bl_dev *d, bl_ttt_op *op, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                     const bl_act *dout, const bl_act *q, const bl_act *k, const bl_act *v,
                     const bl_real *lambda)
{
    op->x = (bl_ttt_head){.q = (const float *)q,
                          .k = (const float *)k,
                          .v = (const float *)v,
                          .dout = (const float *)dout,
                          .lambda = (const float *)lambda,
                          .dq = (float *)dq,
                          .dk = (float *)dk,
                          .dv = (float *)dv,
                          .dlambda = (float *)dlambda};
    bl_ttt_each(d, op);
    bl_cpu_run(op->c, op->work, op->s->H, gather_heads, op);
    gather_delta(op);
}
