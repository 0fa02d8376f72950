/* TTT with an inner MLP backward (MODEL 3.6).
 *
 * Per (sequence, head): a sweep forward keeps W1, b1, W2 and b2 at every chunk's start, a sweep
 * backward makes each chunk again and takes its adjoint. */
#include "cpu/ttt_mlp.h"

#include <string.h>

/* One head's room in a thread's scratch. */
typedef struct bl_mlp_tape {
    float *states; /* [chunks, F M + M + M F + F] */
    bl_mlp_chunk chunk;
    float *dzb, *dq, *dk, *dG, *de, *dz;         /* [C,F]; dzb = dZb2, dG = dG2, dz = dZ2 */
    float *H, *G1, *dxb, *dx2, *dG1, *dz1, *tmp; /* [C,M] */
    float *W1t, *W2t, *dWt;                      /* W1, W2 and a gradient of them transposed */
    float *S;                                    /* [C,C] */
    bl_ttt_squares squares;
    bl_mlp_state d; /* the gradients of the state: in the task's partial sums */
    float *sum;     /* of them over the chunks that forgot */
} bl_mlp_tape;

static size_t state_floats(size_t F)
{
    return bl_ttt_state_floats(F, 4 * F);
}

static bl_mlp_state state_at(float *base, size_t F)
{
    size_t M = 4 * F;
    return (bl_mlp_state){base, base + F * M, base + F * M + M, base + 2 * F * M + M};
}

static size_t tape_plan(bl_mlp_tape *t, float *base, size_t T, size_t C, size_t F)
{
    size_t M = 4 * F;
    const bl_ttt_part parts[] = {{&t->states, bl_blocks(T, C) * state_floats(F)},
                                 {&t->chunk.k, C * F},
                                 {&t->chunk.h1, C * M},
                                 {&t->chunk.x2, C * M},
                                 {&t->chunk.h2, C * F},
                                 {&t->dzb, C * F},
                                 {&t->dq, C * F},
                                 {&t->dk, C * F},
                                 {&t->dG, C * F},
                                 {&t->de, C * F},
                                 {&t->dz, C * F},
                                 {&t->H, C * M},
                                 {&t->G1, C * M},
                                 {&t->dxb, C * M},
                                 {&t->dx2, C * M},
                                 {&t->dG1, C * M},
                                 {&t->dz1, C * M},
                                 {&t->tmp, C * M},
                                 {&t->sum, state_floats(F)},
                                 {&t->W1t, F * M},
                                 {&t->W2t, M * F},
                                 {&t->dWt, M * F},
                                 {&t->squares.coef, C * C},
                                 {&t->squares.dC, C * C},
                                 {&t->S, C * C}};
    return bl_ttt_lay_out(parts, sizeof parts / sizeof *parts, base);
}

/* The tape and the chunk's room; the forward op needs less. */
size_t bl_ttt_mlp_local_floats(const bl_limits *most)
{
    bl_mlp_tape tape;
    return tape_plan(&tape, NULL, most->T, most->C, most->F) + bl_mlp_room_floats(most->C, most->F);
}

/* The states before every chunk. */
static void sweep_forward(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_tape *t,
                          const bl_ttt_head *x, size_t T)
{
    size_t F = call->F, C = call->C, size = state_floats(F);
    for (size_t first = 0, n = 0; first + C < T; first += C, n++) {
        bl_mlp_state w = state_at(t->states + n * size, F);
        bl_mlp_state next = state_at(t->states + (n + 1) * size, F);
        bl_ttt_rotate(call, x, room->q, t->chunk.k, first, C);
        bl_mlp_keys(call, room, &w, &t->chunk, x->v + first * call->ld, x->lambda + first * call->H,
                    0, C);
        memcpy(next.W1, w.W1, size * sizeof *w.W1);
        bl_mlp_fold(call, room, &next, &t->chunk);
    }
}

/* The queries' way back: dXb, dX2, dG2 of the second matrix, dQ, dK, dG1 of the first. */
static void back_queries(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_tape *t,
                         const bl_mlp_state *w, const bl_ttt_head *x, float *dlam, size_t first,
                         size_t m)
{
    size_t F = call->F, M = 4 * F;
    const bl_mlp_chunk *c = &t->chunk;
    bl_ttt_reader second = {.q = room->xb,
                            .k = c->x2,
                            .W = w->W2,
                            .G = room->G,
                            .dzb = t->dzb,
                            .S = t->S,
                            .mix = room->mix2,
                            .dq = t->dxb,
                            .dk = t->dx2,
                            .dG = t->dG,
                            .Wt = t->W2t,
                            .in = M,
                            .out = F};
    memset(t->dxb, 0, m * M * sizeof *t->dxb);
    bl_ttt_dots(call, t->S, room->xb, c->x2, 0, m, M);
    bl_ttt_read_bwd(call, &second, &t->squares, x, dlam, first, m);
    call->kern->mul(t->dxb, t->dxb, room->slope_xb, m * M); /* dZb1 = dXb gelu'(Zb1) */
    bl_ttt_reader one = {.q = room->q,
                         .k = c->k,
                         .W = w->W1,
                         .G = t->G1,
                         .dzb = t->dxb,
                         .S = t->S,
                         .mix = room->mix1,
                         .dq = t->dq,
                         .dk = t->dk,
                         .dG = t->dG1,
                         .Wt = t->W1t,
                         .in = F,
                         .out = M};
    bl_ttt_dots(call, t->S, room->q, c->k, 0, m, F);
    bl_ttt_read_bwd(call, &one, &t->squares, x, dlam, first, m);
}

/* The keys' way back, then the state's gradients before this chunk. */
static void back_keys(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_tape *t,
                      const bl_mlp_state *w, const bl_ttt_head *x, size_t first, size_t m)
{
    size_t F = call->F, M = 4 * F, ld = call->ld;
    const bl_kern *kern = call->kern;
    /* dZ1 = dG1 H gelu''(Z1);  dH = dG1 gelu'(Z1);  dG2 += dH W2;  dW2 += dH^T G2 */
    kern->mul(t->dz1, t->dG1, t->H, m * M);
    kern->mul(t->dz1, t->dz1, room->curve, m * M);
    kern->mul(t->dG1, t->dG1, room->slope, m * M);
    kern->matmul(t->dG, F, t->dG1, M, 1, w->W2, F, m, F, M);
    kern->matmul(t->d.W2, F, t->dG1, 1, M, room->G, F, M, F, m);

    for (size_t i = 0; i < m; i++) {
        kern->ttt_inner_bwd(t->dz + i * F, t->de + i * F, x->dgamma, x->dbeta, t->dG + i * F,
                            room->G + i * F, room->xh + i * F, room->rstd[i], t->chunk.k + i * F,
                            x->v + (first + i) * ld, call->gamma, call->beta, F);
        kern->add(t->dk + i * F, t->de + i * F, F);
        float *dv = x->dv + (first + i) * ld;
        for (size_t j = 0; j < F; j++)
            dv[j] = -t->de[i * F + j];
    }
    /* dX2 += dZ2 W2^T;  dZ1 += dX2 gelu'(Z1);  dK += dZ1 W1^T */
    kern->matmul(t->dx2, M, t->dz, F, 1, t->W2t, M, m, M, F);
    kern->mul(t->dx2, t->dx2, room->slope, m * M);
    kern->add(t->dz1, t->dx2, m * M);
    kern->matmul(t->dk, F, t->dz1, M, 1, t->W1t, F, m, F, M);

    bl_ttt_state_bwd(call, t->d.W2, t->d.b2, room->xb, t->dzb, t->chunk.x2, t->dz, m, M, F);
    bl_ttt_state_bwd(call, t->d.W1, t->d.b1, room->q, t->dxb, t->chunk.k, t->dz1, m, F, M);
}

static void back_chunk(const bl_ttt_call *call, const bl_mlp_room *room, const bl_mlp_tape *t,
                       const bl_ttt_head *x, size_t n, size_t T)
{
    size_t F = call->F, M = 4 * F, C = call->C, first = n * C, m = bl_least(C, T - first);
    const bl_kern *kern = call->kern;
    bl_mlp_state w = state_at(t->states + n * state_floats(F), F);
    float dlam[TTT_C_MOST] = {0};
    bl_ttt_rotate(call, x, room->q, t->chunk.k, first, m);
    bl_mlp_keys(call, room, &w, &t->chunk, x->v + first * call->ld, x->lambda + first * call->H, 0,
                m);
    kern->dots(t->H, M, room->G, F, w.W2, F, m, M, F); /* H = G2 W2^T, G1 = H gelu'(Z1) */
    kern->mul(t->G1, t->H, room->slope, m * M);
    bl_mlp_queries(call, room, &w, &t->chunk, 0, m);
    for (size_t i = 0; i < m; i++) {
        const float *dout = x->dout + (first + i) * call->ld;
        kern->ttt_out_bwd(t->dzb + i * F, x->dgamma, x->dbeta, dout, room->z + i * F, call->gamma,
                          F);
        memcpy(t->dq + i * F, dout, F * sizeof *dout);
        bl_ttt_fetch_out(call, x, first + i);
    }
    back_queries(call, room, t, &w, x, dlam, first, m);
    if (first + C < T) { /* nobody reads the last chunk's state */
        const bl_mlp_chunk *c = &t->chunk;
        bl_ttt_updater one = {c->k, t->G1, t->d.W1, t->d.b1, t->dk, t->dG1, t->tmp, t->dWt, F, M};
        bl_ttt_updater second = {c->x2, room->G, t->d.W2, t->d.b2, t->dx2,
                                 t->dG, t->tmp,  t->dWt,  M,       F};
        bl_ttt_update_bwd(call, &one, x, dlam, first, m);
        bl_ttt_update_bwd(call, &second, x, dlam, first, m);
        if (call->forgets) {
            bl_ttt_forget_bwd(call, 0, t->d.W1, t->d.b1, t->sum, w.W1, w.b1, x, F, M);
            bl_ttt_forget_bwd(call, 1, t->d.W2, t->d.b2, t->sum + F * M + M, w.W2, w.b2, x, M, F);
        }
    }
    back_keys(call, room, t, &w, x, first, m);
    bl_ttt_hand_out(call, x, t->dq, t->dk, dlam, first, m);
}

/* The gradients of a task, those of parameters as partial sums. */
static void bwd_task(const bl_ttt_task *t)
{
    size_t F = t->op->s->F, C = t->op->s->C, T = t->op->s->T;
    float *local = t->local;
    bl_mlp_tape tape;
    local += tape_plan(&tape, local, T, C, F);
    bl_mlp_room room = bl_mlp_room_from(&local, C, F, 1);
    bl_mlp_state w = state_at(tape.states, F);
    bl_mlp_begin(t, &w);
    tape.d = state_at(t->part, F);
    memset(tape.sum, 0, state_floats(F) * sizeof *tape.sum);
    sweep_forward(&t->call, &room, &tape, &t->x, T);
    for (size_t n = bl_blocks(T, C); n-- > 0;)
        back_chunk(&t->call, &room, &tape, &t->x, n, T);
    bl_ttt_start_bwd(t, tape.sum);
}

void bl_cpu_ttt_mlp_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                        const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                        const bl_act *k, const bl_act *v, const bl_real *lambda,
                        const bl_dev_saved *saved, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    (void)saved;
    bl_ttt_op op = {.fn = bwd_task, .p = p, .dp = dp, .s = s, .M = 4 * s->F};
    bl_ttt_backward(d, &op, dq, dk, dv, dlambda, dout, q, k, v, lambda);
}
