/* The TTT layer backward (MODEL 3.5).
 *
 * Per (sequence, head): a sweep forward recomputes W, b before every chunk and G, xh of every token
 * (cheaper than storing them: one product and one update a chunk), then comes a sweep backward.
 * Everything of one head stays in this core's cache. */
#include "cpu/ttt.h"

#include <string.h>

/* One head's room in a thread's scratch. */
typedef struct bl_ttt_tape {
    float *W, *b;                     /* [chunks + 1, F,F], [chunks + 1, F] before each chunk */
    float *q, *k, *h, *G, *xh, *rstd; /* [T,F] rotated q, k; h = lambda G; [T] 1/sigma */
    float *Wt, *dWt;                  /* [F,F] W and dW transposed */
    float *dW, *db;                   /* the gradients of the state: in the task's partial sums */
    float *sum;                       /* [F F + F] of them over the chunks that forgot */
    float *zb, *dzb, *dq, *dk, *dG, *de, *dz, *tmp; /* [C,F] */
    float *S, *mix;                                 /* [C,C] */
    bl_ttt_squares squares;
} bl_ttt_tape;

static size_t tape_plan(bl_ttt_tape *t, float *base, size_t T, size_t C, size_t F)
{
    size_t chunks = bl_blocks(T, C), rows = chunks * C;
    const bl_ttt_part parts[] = {{&t->W, (chunks + 1) * F * F},
                                 {&t->b, (chunks + 1) * F},
                                 {&t->q, rows * F},
                                 {&t->k, rows * F},
                                 {&t->h, rows * F},
                                 {&t->G, rows * F},
                                 {&t->xh, rows * F},
                                 {&t->rstd, rows},
                                 {&t->sum, F * F + F},
                                 {&t->Wt, F * F},
                                 {&t->dWt, F * F},
                                 {&t->zb, C * F},
                                 {&t->dzb, C * F},
                                 {&t->dq, C * F},
                                 {&t->dk, C * F},
                                 {&t->dG, C * F},
                                 {&t->de, C * F},
                                 {&t->dz, C * F},
                                 {&t->tmp, C * F},
                                 {&t->mix, C * C},
                                 {&t->squares.coef, C * C},
                                 {&t->squares.dC, C * C},
                                 {&t->S, C * C}};
    return bl_ttt_lay_out(parts, sizeof parts / sizeof *parts, base);
}

size_t bl_ttt_linear_local_floats(const bl_limits *most)
{
    bl_ttt_tape tape;
    return tape_plan(&tape, NULL, most->T, most->C, most->F);
}

/* W, b, q, k, h, G, xh, 1/sigma of all chunks. */
static void sweep_forward(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                          size_t T)
{
    size_t F = call->F, C = call->C, ld = call->ld;
    for (size_t first = 0, n = 0; first < T; first += C, n++) {
        size_t m = bl_least(C, T - first), at = first * F;
        const float *W = t->W + n * F * F, *b = t->b + n * F;
        bl_ttt_rotate(call, x, t->q + at, t->k + at, first, m);
        bl_ttt_affine(call, t->zb, t->k + at, W, b, m, F, F);
        for (size_t i = 0; i < m; i++)
            t->rstd[first + i] =
                call->kern->ttt_inner(t->h + at + i * F, t->G + at + i * F, t->xh + at + i * F,
                                      t->zb + i * F, t->k + at + i * F, x->v + (first + i) * ld,
                                      call->gamma, call->beta, x->lambda[(first + i) * call->H], F);
        if (first + C >= T)
            break;
        memcpy(t->W + (n + 1) * F * F, W, F * F * sizeof *W);
        memcpy(t->b + (n + 1) * F, b, F * sizeof *b);
        bl_ttt_fold(call, 0, t->W + (n + 1) * F * F, t->b + (n + 1) * F, t->k + at, t->h + at,
                    t->tmp, F, F);
    }
}

/* The current chunk: rows of the tape and of the tensors. */
typedef struct bl_ttt_chunk {
    size_t first, m;
    const float *W, *b, *q, *k, *h, *G, *xh, *rstd;
} bl_ttt_chunk;

/* "output" and "read": dzb, dq, dG, dK. */
static void back_read(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                      const bl_ttt_chunk *ch, float *dlam)
{
    size_t F = call->F, m = ch->m;
    bl_ttt_dots(call, t->S, ch->q, ch->k, 0, m, F);
    bl_ttt_weigh(call, t->mix, t->S, 0, m);
    bl_ttt_read(call, t->zb, ch->q, ch->W, ch->b, t->mix, ch->h, 0, m, F, F);
    for (size_t i = 0; i < m; i++) {
        const float *dout = x->dout + (ch->first + i) * call->ld;
        call->kern->ttt_out_bwd(t->dzb + i * F, x->dgamma, x->dbeta, dout, t->zb + i * F,
                                call->gamma, F);
        memcpy(t->dq + i * F, dout, F * sizeof *dout);
        bl_ttt_fetch_out(call, x, ch->first + i);
    }
    bl_ttt_reader read = {.q = ch->q,
                          .k = ch->k,
                          .W = ch->W,
                          .G = ch->G,
                          .dzb = t->dzb,
                          .S = t->S,
                          .mix = t->mix,
                          .dq = t->dq,
                          .dk = t->dk,
                          .dG = t->dG,
                          .Wt = t->Wt,
                          .in = F,
                          .out = F};
    bl_ttt_read_bwd(call, &read, &t->squares, x, dlam, ch->first, m);
}

/* "inner", then the state's gradients before this chunk. */
static void back_inner(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                       const bl_ttt_chunk *ch)
{
    size_t F = call->F, ld = call->ld, m = ch->m;
    const bl_kern *kern = call->kern;
    for (size_t i = 0; i < m; i++) {
        kern->ttt_inner_bwd(t->dz + i * F, t->de + i * F, x->dgamma, x->dbeta, t->dG + i * F,
                            ch->G + i * F, ch->xh + i * F, ch->rstd[i], ch->k + i * F,
                            x->v + (ch->first + i) * ld, call->gamma, call->beta, F);
        kern->add(t->dk + i * F, t->de + i * F, F);
        float *dv = x->dv + (ch->first + i) * ld;
        for (size_t j = 0; j < F; j++)
            dv[j] = -t->de[i * F + j];
    }
    kern->matmul(t->dk, F, t->dz, F, 1, t->Wt, F, m, F, F); /* dK += dZ W^T */
    bl_ttt_state_bwd(call, t->dW, t->db, ch->q, t->dzb, ch->k, t->dz, m, F, F);
}

static void back_chunk(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                       size_t n, size_t T)
{
    size_t F = call->F, C = call->C, first = n * C, at = first * F;
    bl_ttt_chunk ch = {.first = first,
                       .m = bl_least(C, T - first),
                       .W = t->W + n * F * F,
                       .b = t->b + n * F,
                       .q = t->q + at,
                       .k = t->k + at,
                       .h = t->h + at,
                       .G = t->G + at,
                       .xh = t->xh + at,
                       .rstd = t->rstd + first};
    float dlam[TTT_C_MOST] = {0};
    back_read(call, t, x, &ch, dlam);
    bl_ttt_updater update = {ch.k, ch.G, t->dW, t->db, t->dk, t->dG, t->tmp, t->dWt, F, F};
    if (first + C < T) { /* nobody reads the last chunk's W' */
        bl_ttt_update_bwd(call, &update, x, dlam, first, ch.m);
        if (call->forgets)
            bl_ttt_forget_bwd(call, 0, t->dW, t->db, t->sum, ch.W, ch.b, x, F, F);
    }
    back_inner(call, t, x, &ch);
    bl_ttt_hand_out(call, x, t->dq, t->dk, dlam, first, ch.m);
}

/* The gradients of a task, those of parameters as partial sums. */
static void bwd_task(const bl_ttt_task *t)
{
    const bl_ttt_params *p = t->op->p;
    const bl_ttt_rows none = {0}, *from = p->carry ? &p->carry->from : &none;
    size_t F = t->op->s->F, C = t->op->s->C, T = t->op->s->T;
    bl_ttt_tape tape;
    (void)tape_plan(&tape, t->local, T, C, F);
    bl_ttt_row_begin(t, tape.W, p->W0, from->W, F * F);
    bl_ttt_row_begin(t, tape.b, p->b0, from->b, F);
    tape.dW = t->part;
    tape.db = t->part + F * F;
    memset(tape.sum, 0, (F * F + F) * sizeof *tape.sum);
    sweep_forward(&t->call, &tape, &t->x, T);
    for (size_t n = bl_blocks(T, C); n-- > 0;)
        back_chunk(&t->call, &tape, &t->x, n, T);
    bl_ttt_start_bwd(t, tape.sum);
}

void bl_cpu_ttt_linear_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                           const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                           const bl_act *k, const bl_act *v, const bl_real *lambda,
                           const bl_dev_saved *saved, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    (void)saved;
    bl_ttt_op op = {.fn = bwd_task, .p = p, .dp = dp, .s = s, .M = s->F};
    bl_ttt_backward(d, &op, dq, dk, dv, dlambda, dout, q, k, v, lambda);
}
