/* The TTT layer forward (MODEL 3.2): one code with its step (MODEL 3.4), so training reads what
 * inference reads, bit for bit. */
#include "cpu/ttt_linear.h"

#include <string.h>

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

/* By the state of the batch, or from the row's start in the member's scratch. */
void bl_ttt_linear_task(const bl_ttt_task *t)
{
    const bl_ttt_op *op = t->op;
    const bl_ttt_state *state = op->state;
    const bl_ttt_params *p = op->p;
    const bl_ttt_carry *carry = state ? NULL : p->carry;
    const bl_ttt_head *x = &t->x;
    size_t F = op->s->F, C = op->s->C, n = t->number;
    float *local = t->local;
    bl_ttt_room room = room_from(&local, C, F);
    float *W = local, *b = W + F * F, *k = b + F, *h = k + C * F;
    if (state) {
        W = (float *)state->W + n * F * F;
        b = (float *)state->b + n * F;
        k = (float *)state->k + n * C * F;
        h = (float *)state->h + n * C * F;
    } else {
        bl_ttt_row_begin(t, W, p->W0, carry ? carry->from.W : NULL, F * F);
        bl_ttt_row_begin(t, b, p->b0, carry ? carry->from.b : NULL, F);
    }
    run(&t->call, &room, x->dq, W, b, k, h, x->q, x->k, x->v, x->lambda, op->position, op->s->T);
    if (carry) {
        bl_ttt_row_end(t, carry->to.W, W, p->W0, F * F);
        bl_ttt_row_end(t, carry->to.b, b, p->b0, F);
    }
}

size_t bl_cpu_ttt_linear_saved_bytes(bl_dev *d, const bl_ttt_shape *s)
{
    (void)d;
    (void)s;
    return 0;
}

void bl_cpu_ttt_linear_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q,
                           const bl_act *k, const bl_act *v, const bl_real *lambda,
                           const bl_ttt_params *p, const bl_ttt_shape *s)
{
    (void)saved;
    bl_ttt_op op = {.fn = bl_ttt_linear_task, .p = p, .s = s, .M = s->F};
    bl_ttt_forward(d, &op, o, q, k, v, lambda);
}
