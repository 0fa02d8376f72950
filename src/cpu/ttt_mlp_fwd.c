/* TTT with an inner MLP forward (MODEL 3.6): one code with its step, so training reads what
 * inference reads, bit for bit. */
#include "cpu/ttt_mlp.h"

#include <string.h>

size_t bl_mlp_room_floats(size_t C, size_t F)
{
    return 4 * C * F + 5 * C * 4 * F + 2 * C * C + C;
}

bl_mlp_room bl_mlp_room_from(float **local, size_t C, size_t F, int backward)
{
    bl_mlp_room r = {0};
    size_t M = 4 * F;
    struct {
        float **to;
        size_t count;
        int backward;
    } parts[] = {{&r.q, C * F, 0},     {&r.z, C * F, 0},     {&r.z1, C * M, 0},
                 {&r.slope, C * M, 0}, {&r.xb, C * M, 0},    {&r.mix1, C * C, 0},
                 {&r.mix2, C * C, 0},  {&r.G, C * F, 1},     {&r.xh, C * F, 1},
                 {&r.rstd, C, 1},      {&r.curve, C * M, 1}, {&r.slope_xb, C * M, 1}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (backward || !parts[i].backward) {
            *parts[i].to = *local;
            *local += parts[i].count;
        }
    return r;
}

void bl_mlp_keys(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                 const bl_mlp_chunk *c, const float *v, const float *lambda, size_t at, size_t m)
{
    size_t F = call->F, M = 4 * F;
    const bl_kern *kern = call->kern;
    float *k = c->k + at * F, *x2 = c->x2 + at * M, *h1 = c->h1 + at * M, *h2 = c->h2 + at * F;
    bl_ttt_affine(call, room->z1, k, w->W1, w->b1, m, F, M);
    kern->gelu(x2, room->slope, room->curve, room->z1, m * M);
    bl_ttt_affine(call, room->z, x2, w->W2, w->b2, m, M, F);
    for (size_t i = 0; i < m; i++) {
        float *G = room->G ? room->G + i * F : NULL, *xh = room->xh ? room->xh + i * F : NULL;
        float rstd =
            kern->ttt_inner(h2 + i * F, G, xh, room->z + i * F, k + i * F, v + i * call->ld,
                            call->gamma, call->beta, lambda[i * call->H], F);
        if (room->rstd)
            room->rstd[i] = rstd;
    }
    /* h1 = lambda (G2 W2^T) gelu'(Z1) */
    kern->dots(h1, M, h2, F, w->W2, F, m, M, F);
    kern->mul(h1, h1, room->slope, m * M);
}

void bl_mlp_queries(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                    const bl_mlp_chunk *c, size_t at, size_t m)
{
    size_t F = call->F, M = 4 * F;
    bl_ttt_mix(call, room->mix1, room->q, c->k, at, m, F);
    bl_ttt_read(call, room->z1, room->q, w->W1, w->b1, room->mix1, c->h1, at, m, F, M);
    call->kern->gelu(room->xb, room->slope_xb, NULL, room->z1, m * M);
    bl_ttt_mix(call, room->mix2, room->xb, c->x2, at, m, M);
    bl_ttt_read(call, room->z, room->xb, w->W2, w->b2, room->mix2, c->h2, at, m, M, F);
}

void bl_mlp_fold(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_state *w,
                 const bl_mlp_chunk *c)
{
    size_t F = call->F, M = 4 * F;
    bl_ttt_fold(call, 0, w->W1, w->b1, c->k, c->h1, room->z1, F, M);
    bl_ttt_fold(call, 1, w->W2, w->b2, c->x2, c->h2, room->z1, M, F);
}

/* m more tokens of one chunk that holds `at` already. */
static void advance(const bl_ttt_call *call, const bl_mlp_room *room, float *o,
                    const bl_mlp_state *w, const bl_mlp_chunk *c, const float *q, const float *key,
                    const float *v, const float *lambda, size_t at, size_t m)
{
    size_t F = call->F, ld = call->ld, C = call->C, M = 4 * F;
    for (size_t i = 0; i < m; i++) {
        const float *cs = call->cs + (at + i) * F, *sn = call->sn + (at + i) * F;
        call->kern->rope(room->q + i * F, q + i * ld, cs, sn, F);
        call->kern->rope(c->k + (at + i) * F, key + i * ld, cs, sn, F);
    }
    bl_mlp_keys(call, room, w, c, v, lambda, at, m);
    bl_mlp_queries(call, room, w, c, at, m);
    for (size_t i = 0; i < m; i++)
        call->kern->ttt_out(o + i * ld, room->q + i * F, room->z + i * F, call->gamma, call->beta,
                            F);
    if (at + m < C)
        return;
    bl_mlp_fold(call, room, w, c);
    memset(c->k, 0, C * F * sizeof *c->k);
    memset(c->h1, 0, C * M * sizeof *c->h1);
    memset(c->x2, 0, C * M * sizeof *c->x2);
    memset(c->h2, 0, C * F * sizeof *c->h2);
}

/* T tokens of one (sequence, head) from position `position` on. */
static void run(const bl_ttt_call *call, const bl_mlp_room *room, float *o, const bl_mlp_state *w,
                const bl_mlp_chunk *c, const bl_ttt_head *x, uint64_t position, size_t T)
{
    for (size_t t = 0; t < T;) {
        size_t at = (size_t)((position + t) % call->C), m = bl_least(call->C - at, T - t);
        size_t skip = t * call->ld;
        advance(call, room, o + skip, w, c, x->q + skip, x->k + skip, x->v + skip,
                x->lambda + t * call->H, at, m);
        t += m;
    }
}

void bl_mlp_find(bl_mlp_state *w, bl_mlp_chunk *c, const bl_ttt_state *state, size_t task, size_t C,
                 size_t F)
{
    size_t M = 4 * F;
    *w = (bl_mlp_state){(float *)state->W + task * F * M, (float *)state->b + task * M,
                        (float *)state->W2 + task * M * F, (float *)state->b2 + task * F};
    *c = (bl_mlp_chunk){(float *)state->k + task * C * F, (float *)state->h + task * C * M,
                        (float *)state->x2 + task * C * M, (float *)state->h2 + task * C * F};
}

void bl_mlp_begin(const bl_ttt_task *t, const bl_mlp_state *w)
{
    const bl_ttt_params *p = t->op->p;
    const bl_ttt_rows none = {0}, *from = p->carry ? &p->carry->from : &none;
    size_t F = t->op->s->F, M = 4 * F;
    bl_ttt_row_begin(t, w->W1, p->W0, from->W, F * M);
    bl_ttt_row_begin(t, w->b1, p->b0, from->b, M);
    bl_ttt_row_begin(t, w->W2, p->W2, from->W2, M * F);
    bl_ttt_row_begin(t, w->b2, p->b2, from->b2, F);
}

static void end_row(const bl_ttt_task *t, const bl_mlp_state *w)
{
    const bl_ttt_params *p = t->op->p;
    const bl_ttt_rows *to = &p->carry->to;
    size_t F = t->op->s->F, M = 4 * F;
    bl_ttt_row_end(t, to->W, w->W1, p->W0, F * M);
    bl_ttt_row_end(t, to->b, w->b1, p->b0, M);
    bl_ttt_row_end(t, to->W2, w->W2, p->W2, M * F);
    bl_ttt_row_end(t, to->b2, w->b2, p->b2, F);
}

/* By the state of the batch, or from the row's start in the member's scratch. */
void bl_mlp_task(const bl_ttt_task *t)
{
    const bl_ttt_op *op = t->op;
    size_t F = op->s->F, C = op->s->C, M = 4 * F;
    float *local = t->local;
    bl_mlp_room room = bl_mlp_room_from(&local, C, F, 0);
    bl_mlp_state w;
    bl_mlp_chunk c;
    if (op->state) {
        bl_mlp_find(&w, &c, op->state, t->number, C, F);
    } else {
        w = (bl_mlp_state){local, local + F * M, local + F * M + M, local + 2 * F * M + M};
        c.k = w.b2 + F, c.h2 = c.k + C * F, c.h1 = c.h2 + C * F, c.x2 = c.h1 + C * M;
        bl_mlp_begin(t, &w);
    }
    run(&t->call, &room, t->x.dq, &w, &c, &t->x, op->position, op->s->T);
    if (!op->state && op->p->carry)
        end_row(t, &w);
}

size_t bl_cpu_ttt_mlp_saved_bytes(bl_dev *d, const bl_ttt_shape *s)
{
    (void)d;
    (void)s;
    return 0;
}

void bl_cpu_ttt_mlp_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,
                        const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,
                        const bl_ttt_shape *s)
{
    (void)saved;
    bl_ttt_op op = {.fn = bl_mlp_task, .p = p, .s = s, .M = 4 * s->F};
    bl_ttt_forward(d, &op, o, q, k, v, lambda);
}
