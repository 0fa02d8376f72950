/* The TTT layer forward (MODEL 3.2) and its step (MODEL 3.4): one code, so training reads what
 * inference reads, bit for bit. */
#include "cpu/ttt.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void bl_ttt_begin(bl_cpu *c, bl_ttt_op *op, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    size_t C = s->C, F = s->F;
    assert(C <= TTT_C_MOST);
    float *cs = c->rope, *sn = cs + C * F;
    if (c->rope_C != C || c->rope_F != F || c->rope_theta < s->rope_theta ||
        c->rope_theta > s->rope_theta) {
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
    op->c = c;
    op->p = p;
    op->s = s;
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
    size_t F = call->F, M = p->W2 ? 4 * F : F;
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

bl_ttt_call bl_ttt_call_at(const bl_ttt_op *op, size_t task)
{
    bl_ttt_call call = op->call;
    size_t head = task % op->s->H;
    call.gamma += head * call.F;
    call.beta += head * call.F;
    if (op->p->half_life)
        forget_at(&call, op, head);
    return call;
}

size_t bl_ttt_work(const bl_ttt_shape *s, size_t M)
{
    return s->B * s->T * s->H * s->F * M * (M == s->F ? 1 : 2);
}

bl_ttt_head bl_ttt_head_at(const bl_ttt_op *op, size_t task)
{
    const bl_ttt_shape *s = op->s;
    const bl_ttt_head *x = &op->x;
    size_t b = task / s->H, head = task % s->H;
    size_t first = b * s->T * s->H * s->F + head * s->F, row = b * s->T * s->H + head;
    bl_ttt_head at = {.q = x->q + first,
                      .k = x->k + first,
                      .v = x->v + first,
                      .lambda = x->lambda + row,
                      .dq = x->dq + first};
    if (!x->dout)
        return at; /* forward */
    at.dout = x->dout + first;
    at.dk = x->dk + first;
    at.dv = x->dv + first;
    at.dlambda = x->dlambda + row;
    return at;
}

void bl_ttt_mix(const bl_ttt_call *call, float *mix, const float *q, const float *k, size_t at,
                size_t m, size_t in)
{
    size_t C = call->C;
    call->kern->dots(mix, C, q, in, k, in, m, at + m, in);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < at + m; j++)
            mix[i * C + j] = j <= at + i ? -call->tau[at + i] * (mix[i * C + j] + 1.0f) : 0.0f;
}

void bl_ttt_affine(const bl_ttt_call *call, float *z, const float *k, const float *W,
                   const float *b, size_t m, size_t in, size_t out)
{
    for (size_t i = 0; i < m; i++)
        memcpy(z + i * out, b, out * sizeof *z);
    call->kern->matmul(z, out, k, in, 1, W, out, m, out, in);
}

void bl_ttt_read(const bl_ttt_call *call, float *zb, const float *q, const float *W, const float *b,
                 const float *mix, const float *h, size_t at, size_t m, size_t in, size_t out)
{
    bl_ttt_affine(call, zb, q, W, b, m, in, out);
    call->kern->matmul(zb, out, mix, call->C, 1, h, out, m, out, at + m);
}

void bl_ttt_fold(const bl_ttt_call *call, int matrix, float *W, float *b, const float *k,
                 const float *h, float *tmp, size_t in, size_t out)
{
    size_t C = call->C;
    float tau = call->tau[C - 1];
    if (call->forgets) {
        const float *const *start = call->start + 2 * matrix;
        call->kern->forget(W, start[0], call->rho, in * out);
        call->kern->forget(b, start[1], call->rho, out);
    }
    for (size_t i = 0; i < C * in; i++)
        tmp[i] = -tau * k[i];
    call->kern->matmul(W, out, tmp, 1, in, h, out, in, out, C);
    for (size_t j = 0; j < C; j++)
        call->kern->axpy(b, -tau, h + j * out, out);
}

int bl_ttt_row_continues(const bl_ttt_op *op, size_t task)
{
    return op->p->carry && !op->p->carry->fresh[task / op->s->H];
}

void bl_ttt_row_begin(const bl_ttt_op *op, size_t task, float *W, const bl_param *W0,
                      const bl_real *from, size_t n)
{
    memcpy(W, (const float *)W0 + task % op->s->H * n, n * sizeof *W);
    if (bl_ttt_row_continues(op, task))
        op->c->k.add(W, (const float *)from + task * n, n);
}

void bl_ttt_row_end(const bl_ttt_op *op, size_t task, bl_real *to_, const float *W,
                    const bl_param *W0, size_t n)
{
    float *to = (float *)to_ + task * n;
    const float *start = (const float *)W0 + task % op->s->H * n;
    for (size_t i = 0; i < n; i++)
        to[i] = W[i] - start[i];
}

/* Room of one chunk, from a thread's scratch. */
typedef struct bl_ttt_room {
    float *q, *z, *mix; /* [C,F] rotated queries, [C,F], [C,C] */
} bl_ttt_room;

/* m more tokens of one chunk that holds `at` already; k and h are the chunk's buffers. */
static void advance(const bl_ttt_call *call, const bl_ttt_room *room, float *o, float *W, float *b,
                    float *k, float *h, const float *q, const float *key, const float *v,
                    const float *lambda, size_t at, size_t m)
{
    size_t F = call->F, ld = call->ld;
    const bl_kern *kern = call->kern;
    for (size_t i = 0; i < m; i++) {
        const float *cs = call->cs + (at + i) * F, *sn = call->sn + (at + i) * F;
        kern->rope(room->q + i * F, q + i * ld, cs, sn, F);
        kern->rope(k + (at + i) * F, key + i * ld, cs, sn, F);
    }
    bl_ttt_affine(call, room->z, k + at * F, W, b, m, F, F);
    for (size_t i = 0; i < m; i++)
        kern->ttt_inner(h + (at + i) * F, NULL, NULL, room->z + i * F, k + (at + i) * F, v + i * ld,
                        call->gamma, call->beta, lambda[i * call->H], F);
    bl_ttt_mix(call, room->mix, room->q, k, at, m, F);
    bl_ttt_read(call, room->z, room->q, W, b, room->mix, h, at, m, F, F);
    for (size_t i = 0; i < m; i++)
        kern->ttt_out(o + i * ld, room->q + i * F, room->z + i * F, call->gamma, call->beta, F);
    if (at + m < call->C)
        return;
    bl_ttt_fold(call, 0, W, b, k, h, room->z, F, F);
    memset(k, 0, call->C * F * sizeof *k);
    memset(h, 0, call->C * F * sizeof *h);
}

/* T tokens of one (sequence, head) from position `position` on. */
static void run(const bl_ttt_call *call, const bl_ttt_room *room, float *o, float *W, float *b,
                float *k, float *h, const float *q, const float *key, const float *v,
                const float *lambda, uint64_t position, size_t T)
{
    for (size_t t = 0; t < T;) {
        size_t at = (size_t)((position + t) % call->C), m = bl_least(call->C - at, T - t);
        size_t skip = t * call->ld;
        advance(call, room, o + skip, W, b, k, h, q + skip, key + skip, v + skip,
                lambda + t * call->H, at, m);
        t += m;
    }
}

static bl_ttt_room room_from(float **local, size_t C, size_t F)
{
    bl_ttt_room room = {.q = *local, .z = *local + C * F, .mix = *local + 2 * C * F};
    *local += 2 * C * F + C * C;
    return room;
}

size_t bl_cpu_ttt_linear_saved_bytes(bl_dev *d, const bl_ttt_shape *s)
{
    (void)d;
    (void)s;
    return 0;
}

/* The tasks' tokens, by the state of the batch or from the start in the member's scratch. */
static void run_tasks(void *user, size_t first, size_t last, size_t member)
{
    const bl_ttt_op *op = user;
    const bl_ttt_state *state = op->state;
    size_t F = op->s->F, C = op->s->C;
    for (size_t task = first; task < last; task++) {
        const bl_ttt_params *p = op->p;
        const bl_ttt_carry *carry = state ? NULL : p->carry;
        bl_ttt_call call = bl_ttt_call_at(op, task);
        bl_ttt_head x = bl_ttt_head_at(op, task);
        float *local = bl_cpu_local(op->c, member);
        bl_ttt_room room = room_from(&local, C, F);
        float *W = local, *b = W + F * F, *k = b + F, *h = k + C * F;
        if (state) {
            W = (float *)state->W + task * F * F;
            b = (float *)state->b + task * F;
            k = (float *)state->k + task * C * F;
            h = (float *)state->h + task * C * F;
        } else {
            bl_ttt_row_begin(op, task, W, p->W0, carry ? carry->from.W : NULL, F * F);
            bl_ttt_row_begin(op, task, b, p->b0, carry ? carry->from.b : NULL, F);
        }
        run(&call, &room, x.dq, W, b, k, h, x.q, x.k, x.v, x.lambda, op->position, op->s->T);
        if (carry) {
            bl_ttt_row_end(op, task, carry->to.W, W, p->W0, F * F);
            bl_ttt_row_end(op, task, carry->to.b, b, p->b0, F);
        }
    }
}

void bl_cpu_ttt_linear_fwd(bl_dev *d, bl_act *o, void *saved, const bl_act *q, const bl_act *k,
                           const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,
                           const bl_ttt_shape *s)
{
    (void)saved;
    bl_ttt_op op = {.x = {.q = (const float *)q,
                          .k = (const float *)k,
                          .v = (const float *)v,
                          .lambda = (const float *)lambda,
                          .dq = (float *)o}};
    bl_ttt_begin(bl_cpu_of(d), &op, p, s);
    bl_cpu_run(op.c, bl_ttt_work(s, s->F), s->B * s->H, run_tasks, &op);
}

void bl_cpu_ttt_linear_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                             const bl_ttt_shape *s)
{
    (void)d;
    size_t W = s->H * s->F * s->F, b = s->H * s->F, rows = b * s->C;
    for (size_t i = 0; i < s->B; i++) {
        memcpy((float *)state->W + i * W, p->W0, W * sizeof(float));
        memcpy((float *)state->b + i * b, p->b0, b * sizeof(float));
        memset((float *)state->k + i * rows, 0, rows * sizeof(float));
        memset((float *)state->h + i * rows, 0, rows * sizeof(float));
    }
}

void bl_cpu_ttt_linear_step(bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,
                            const bl_act *k, const bl_act *v, const bl_real *lambda,
                            const bl_ttt_params *p, const bl_ttt_shape *s, const bl_step *step)
{
    bl_ttt_op op = {.state = state,
                    .position = step->position,
                    .x = {.q = (const float *)q,
                          .k = (const float *)k,
                          .v = (const float *)v,
                          .lambda = (const float *)lambda,
                          .dq = (float *)o}};
    bl_ttt_begin(bl_cpu_of(d), &op, p, s);
    bl_cpu_run(op.c, bl_ttt_work(s, s->F), s->B * s->H, run_tasks, &op);
}
