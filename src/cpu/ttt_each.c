/* A TTT op over its (sequence, head)s: what each task gets, where its row begins and ends. */
#include "cpu/ttt.h"

#include <assert.h>
#include <math.h>
#include <string.h>

size_t bl_ttt_state_floats(size_t F, size_t M)
{
    return M == F ? F * F + F : F * M + M + M * F + F;
}

size_t bl_ttt_grad_floats(size_t F, size_t C, size_t M)
{
    return bl_ttt_state_floats(F, M) + 2 * F + C + 1;
}

void bl_ttt_rope(bl_cpu *c, const bl_ttt_shape *s)
{
    size_t C = s->C, F = s->F;
    float *cs = c->rope, *sn = cs + C * F;
    assert(C <= TTT_C_MOST);
    if (c->rope_C == C && c->rope_F == F && c->rope_theta <= s->rope_theta &&
        c->rope_theta >= s->rope_theta)
        return;
    for (size_t t = 0; t < C; t++)
        for (size_t i = 0; i < F; i += 2) {
            double a = (double)t * pow((double)s->rope_theta, -(double)i / (double)F);
            cs[t * F + i] = cs[t * F + i + 1] = (float)cos(a);
            sn[t * F + i] = -(float)sin(a);
            sn[t * F + i + 1] = (float)sin(a);
        }
    c->rope_C = C;
    c->rope_F = F;
    c->rope_theta = s->rope_theta;
}

void bl_ttt_begin(bl_ttt_op *op, const bl_cpu *c)
{
    const bl_ttt_params *p = op->p;
    const bl_ttt_shape *s = op->s;
    size_t C = s->C, F = s->F, M = op->M;
    const float *cs = c->rope, *sn = cs + C * F;
    op->c = c;
    op->work = s->B * s->T * s->H * F * M * (M == F ? 1 : 2);
    op->width = bl_ttt_grad_floats(F, C, M);
    op->call = (bl_ttt_call){.kern = &c->k,
                             .F = F,
                             .C = C,
                             .ld = s->H * F,
                             .H = s->H,
                             .cs = cs,
                             .sn = sn,
                             .gamma = (const float *)p->gamma,
                             .beta = (const float *)p->beta};
    const float *delta = (const float *)p->delta;
    for (size_t t = 0; t < C; t++) {
        float tau = 1.0f / (float)(t + 1) + delta[t];
        op->call.tau[t] = tau > 0.0f ? tau : 0.0f;
    }
}

/* What a head forgets when this call fills a chunk, or goes back through some. */
static void forget_at(bl_ttt_call *call, const bl_ttt_op *op, size_t head)
{
    const bl_ttt_params *p = op->p;
    size_t F = call->F, M = op->M;
    call->forgets = op->dp || op->position % call->C + op->s->T >= call->C;
    if (!call->forgets)
        return;
    bl_forget f = bl_forget_of((double)((const float *)p->half_life)[head]);
    call->rho = (float)f.rho;
    call->lost = (float)f.lost;
    call->start[0] = (const float *)p->W0 + head * F * M;
    call->start[1] = (const float *)p->b0 + head * M;
    if (!p->W2)
        return;
    call->start[2] = (const float *)p->W2 + head * M * F;
    call->start[3] = (const float *)p->b2 + head * F;
}

static void give_call(bl_ttt_task *t)
{
    const bl_ttt_op *op = t->op;
    size_t head = t->number % op->s->H;
    t->call = op->call;
    t->call.gamma += head * op->call.F;
    t->call.beta += head * op->call.F;
    if (op->p->half_life)
        forget_at(&t->call, op, head);
}

static void give_head(bl_ttt_task *t)
{
    const bl_ttt_shape *s = t->op->s;
    const bl_ttt_head *x = &t->op->x;
    size_t b = t->number / s->H, head = t->number % s->H;
    size_t first = b * s->T * s->H * s->F + head * s->F, row = b * s->T * s->H + head;
    t->x.q = x->q + first;
    t->x.k = x->k + first;
    t->x.v = x->v + first;
    t->x.lambda = x->lambda + row;
    t->x.dq = x->dq + first;
    if (!x->dout)
        return; /* forward */
    t->x.dout = x->dout + first;
    t->x.dk = x->dk + first;
    t->x.dv = x->dv + first;
    t->x.dlambda = x->dlambda + row;
}

/* Backward: the task's partial sums, at zero. */
static void give_part(bl_ttt_task *t)
{
    const bl_ttt_op *op = t->op;
    t->part = bl_cpu_part(op->c->ttt_grads, t->number, op->width);
    t->x.dgamma = t->part + bl_ttt_state_floats(op->s->F, op->M);
    t->x.dbeta = t->x.dgamma + op->s->F;
    t->x.dtau = t->x.dbeta + op->s->F;
    t->x.drho = t->x.dtau + op->s->C;
}

void bl_ttt_tasks(void *user, size_t first, size_t last, size_t member)
{
    const bl_ttt_op *op = user;
    bl_ttt_task t = {.op = op, .local = bl_cpu_local(op->c, member)};
    for (t.number = first; t.number < last; t.number++) {
        give_call(&t);
        give_head(&t);
        if (op->dp)
            give_part(&t);
        op->fn(&t);
    }
}

void bl_ttt_each(bl_dev *d, bl_ttt_op *op)
{
    bl_ttt_rope(bl_cpu_of(d), op->s);
    bl_ttt_begin(op, bl_cpu_of(d));
    bl_cpu_run(op->c, op->work, op->s->B * op->s->H, bl_ttt_tasks, op);
}

void bl_ttt_forward(bl_dev *d, bl_ttt_op *op, bl_act *o, const bl_act *q, const bl_act *k,
                    const bl_act *v, const bl_real *lambda)
{
    op->x = (bl_ttt_head){.q = (const float *)q,
                          .k = (const float *)k,
                          .v = (const float *)v,
                          .lambda = (const float *)lambda,
                          .dq = (float *)o};
    bl_ttt_each(d, op);
}

int bl_ttt_row_continues(const bl_ttt_task *t)
{
    const bl_ttt_carry *carry = t->op->p->carry;
    return carry && !((const int32_t *)carry->fresh)[t->number / t->op->s->H];
}

void bl_ttt_row_begin(const bl_ttt_task *t, float *W, const bl_param *W0, const bl_real *from,
                      size_t n)
{
    memcpy(W, (const float *)W0 + t->number % t->op->s->H * n, n * sizeof *W);
    if (bl_ttt_row_continues(t))
        t->op->c->k.add(W, (const float *)from + t->number * n, n);
}

void bl_ttt_row_end(const bl_ttt_task *t, bl_real *to_, const float *W, const bl_param *W0,
                    size_t n)
{
    float *to = (float *)to_ + t->number * n;
    const float *start = (const float *)W0 + t->number % t->op->s->H * n;
    for (size_t i = 0; i < n; i++)
        to[i] = W[i] - start[i];
}
