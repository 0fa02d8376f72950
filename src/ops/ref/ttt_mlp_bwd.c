/* The backward pass of the TTT layer with an inner MLP (MODEL 3.6), from the saved W1, b1, W2 and
 * b2 of every chunk. */
#include "ops/ref/ttt.h"

#include <string.h>

/* Gradients beside those of ttt_grads, whose dG and dZ are those of the second matrix (dG2, dZ2)
 * and whose dW and db are those of the first (dW1, db1). */
typedef struct mlp_grads {
    ttt_grads g;
    double *dXb, *dX2, *dG1, *dH, *dZ1; /* [n,M] */
    double *dW2, *dW2_next, *dW2_0;     /* [M,F] */
    double *db2, *db2_next, *db2_0;     /* [F] */
} mlp_grads;

static void push_grads(mlp_grads *m, bl_arena *scratch, size_t C, size_t F)
{
    size_t M = 4 * F;
    double **rows[] = {&m->dXb, &m->dX2, &m->dG1, &m->dH, &m->dZ1};
    double **states[] = {&m->dW2, &m->dW2_next, &m->dW2_0};
    double **biases[] = {&m->db2, &m->db2_next, &m->db2_0};
    REF(grads_push)(&m->g, scratch, C, F, M);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, C * M);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        *states[i] = REF(doubles)(scratch, M * F);
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++)
        *biases[i] = REF(doubles)(scratch, F);
}

void REF(mlp_grads_measure)(bl_arena *scratch, size_t C, size_t F)
{
    mlp_grads g;
    push_grads(&g, scratch, C, F);
}

/* The queries' way: Zb2 = Xb W2 + b2 - C2 G2, Xb = gelu(Zb1), Zb1 = Q W1 + b1 - C1 G1. */
static void queries_bwd(mlp_grads *m, const ttt_mlp_chunk *x)
{
    const ttt_chunk *c = &x->c;
    ttt_grads *g = &m->g;
    size_t n = c->n, F = c->F, M = c->M;
    ttt_reader second = {.Q = x->Xb,
                         .K = x->X2,
                         .W = x->W2,
                         .G = c->G,
                         .S = x->S2,
                         .mix = x->mix2,
                         .dZb = g->dZb,
                         .dQ = m->dXb,
                         .dK = m->dX2,
                         .dW = m->dW2,
                         .db = m->db2,
                         .dG = g->dG,
                         .in = M,
                         .out = F};
    REF(clear)(m->dXb, n * M);
    REF(read_bwd)(&second, g, c);

    /* dZb1 = dXb gelu'(Zb1) */
    for (size_t i = 0; i < n * M; i++)
        m->dXb[i] *= REF(gelu_slope)(x->Zb1[i]);
    ttt_reader first = {.Q = c->Q,
                        .K = c->K,
                        .W = c->W,
                        .G = x->G1,
                        .S = c->S,
                        .mix = c->mix,
                        .dZb = m->dXb,
                        .dQ = g->dQ,
                        .dK = g->dK,
                        .dW = g->dW,
                        .db = g->db,
                        .dG = m->dG1,
                        .in = F,
                        .out = M};
    REF(read_bwd)(&first, g, c);
}

/* The keys' way: Z1 = K W1 + b1, X2 = gelu(Z1), Z2 = X2 W2 + b2, G1 = H gelu'(Z1), H = G2 W2^T:
 *   dH = dG1 gelu'(Z1);  dG2 += dH W2;  dW2 += dH^T G2;  dZ1 = dG1 H gelu''(Z1)
 *   dZ2, de from dG2;  dX2 += dZ2 W2^T;  dW2 += X2^T dZ2;  db2 += sum dZ2
 *   dZ1 += dX2 gelu'(Z1);  dK += dZ1 W1^T;  dW1 += K^T dZ1;  db1 += sum dZ1 */
static void keys_bwd(mlp_grads *m, const ttt_mlp_chunk *x)
{
    const ttt_chunk *c = &x->c;
    ttt_grads *g = &m->g;
    size_t n = c->n, F = c->F, M = c->M;
    for (size_t i = 0; i < n * M; i++) {
        m->dH[i] = m->dG1[i] * REF(gelu_slope)(x->Z1[i]);
        m->dZ1[i] = m->dG1[i] * x->H[i] * REF(gelu_curve)(x->Z1[i]);
    }
    REF(add_nn)(g->dG, 1, m->dH, x->W2, n, M, F);
    REF(add_tn)(m->dW2, 1, m->dH, c->G, M, n, F);

    REF(inner_bwd)(g, c);
    REF(add_nt)(m->dX2, 1, g->dZ, x->W2, n, F, M);
    REF(add_tn)(m->dW2, 1, x->X2, g->dZ, M, n, F);
    REF(add_rows)(m->db2, g->dZ, n, F);

    for (size_t i = 0; i < n * M; i++)
        m->dZ1[i] += m->dX2[i] * REF(gelu_slope)(x->Z1[i]);
    REF(add_nt)(g->dK, 1, m->dZ1, c->W, n, M, F);
    REF(add_tn)(g->dW, 1, c->K, m->dZ1, F, n, M);
    REF(add_rows)(g->db, m->dZ1, n, M);
}

/* What each of the four forgets; dW' of the next chunk's start is taken from the copies. */
static void chunk_forget_bwd(mlp_grads *m, const ttt_mlp_chunk *x, const bl_ttt_params *p, size_t h,
                             const bl_forget *f)
{
    const ttt_chunk *c = &x->c;
    ttt_grads *g = &m->g;
    size_t F = c->F, M = c->M;
    const BL_REAL *W1 = (const void *)p->W0, *b1 = (const void *)p->b0;
    const BL_REAL *W2 = (const void *)p->W2, *b2 = (const void *)p->b2;
    REF(forget_bwd)(g, g->dW, g->dW0, c, c->W, W1 + h * F * M, f, F * M);
    REF(forget_bwd)(g, g->db, g->db0, c, c->b, b1 + h * M, f, M);
    REF(forget_bwd)(g, m->dW2, m->dW2_0, c, x->W2, W2 + h * M * F, f, M * F);
    REF(forget_bwd)(g, m->db2, m->db2_0, c, x->b2, b2 + h * F, f, F);
}

static void chunk_bwd(mlp_grads *m, const ttt_mlp_chunk *x, const bl_ttt_params *p, size_t h,
                      const bl_forget *f)
{
    const ttt_chunk *c = &x->c;
    ttt_grads *g = &m->g;
    size_t F = c->F, M = c->M;
    memcpy(g->dW_next, g->dW, F * M * sizeof *g->dW);
    memcpy(g->db_next, g->db, M * sizeof *g->db);
    memcpy(m->dW2_next, m->dW2, M * F * sizeof *m->dW2);
    memcpy(m->db2_next, m->db2, F * sizeof *m->db2);
    if (p->half_life)
        chunk_forget_bwd(m, x, p, h, f);
    REF(output_bwd)(g, c);
    queries_bwd(m, x);
    ttt_updater first = {c->K, x->G1, g->dW_next, g->db_next, g->dK, m->dG1, F, M};
    ttt_updater second = {x->X2, c->G, m->dW2_next, m->db2_next, m->dX2, g->dG, M, F};
    REF(update_bwd)(&first, g, c);
    REF(update_bwd)(&second, g, c);
    REF(steps_bwd)(g, c);
    keys_bwd(m, x);
}

/* W1, b1, W2, b2 of a chunk's start, as ttt_mlp_fwd saved them. */
static void load_state(ttt_mlp_chunk *x, const double *saved)
{
    size_t F = x->c.F, M = x->c.M;
    double *parts[] = {x->c.W, x->c.b, x->W2, x->b2};
    size_t sizes[] = {F * M, M, M * F, F};
    for (size_t i = 0; i < 4; saved += sizes[i++])
        memcpy(parts[i], saved, sizes[i] * sizeof *saved);
}

static void head_bwd(mlp_grads *m, ttt_mlp_chunk *x, const bl_ttt_params *dp, size_t h)
{
    ttt_grads *g = &m->g;
    size_t F = x->c.F, M = x->c.M;
    REF(add_to)(dp->W0, h * F * M, g->dW0, F * M);
    REF(add_to)(dp->b0, h * M, g->db0, M);
    REF(add_to)(dp->W2, h * M * F, m->dW2_0, M * F);
    REF(add_to)(dp->b2, h * F, m->db2_0, F);
    REF(add_to)(dp->gamma, h * F, g->dgamma, F);
    REF(add_to)(dp->beta, h * F, g->dbeta, F);
}

void REF(ttt_mlp_bwd)(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                      const bl_ttt_params *dp, const bl_act *dout, const bl_act *q, const bl_act *k,
                      const bl_act *v, const bl_real *lambda, const bl_dev_saved *saved_,
                      const bl_ttt_params *p, const bl_ttt_shape *s)
{
    ttt_outputs to = {(void *)dq, (void *)dk, (void *)dv, (void *)dlambda};
    size_t F = s->F, M = 4 * F, chunks = (s->T + s->C - 1) / s->C;
    size_t state = 2 * F * M + M + F;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    ttt_mlp_chunk x;
    mlp_grads m;
    ttt_grads *g = &m.g;
    REF(mlp_chunk_push)(&x, scratch, s->C, F);
    push_grads(&m, scratch, s->C, F);

    REF(clear)(g->ddelta, s->C);
    for (size_t h = 0; h < s->H; h++) {
        double *sums[] = {g->dgamma, g->dbeta, g->dW0, g->db0, m.dW2_0, m.db2_0};
        size_t sizes[] = {F, F, F * M, M, M * F, F};
        for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
            REF(clear)(sums[i], sizes[i]);
        g->drho = 0;
        bl_forget f = {0};
        if (p->half_life)
            f = REF(head_forget)(p, h);
        for (size_t b = 0; b < s->B; b++) {
            REF(clear)(g->dW, F * M);
            REF(clear)(g->db, M);
            REF(clear)(m.dW2, M * F);
            REF(clear)(m.db2, F);
            for (size_t i = chunks; i-- > 0;) {
                ttt_place at = {b, h, i * s->C};
                load_state(&x, (const double *)(const void *)saved_ +
                                   ((b * s->H + h) * chunks + i) * state);
                REF(chunk_load)
                (&x.c, s, p, at, (const void *)q, (const void *)k, (const void *)v,
                 (const void *)lambda);
                REF(mlp_chunk_fwd)(&x);
                REF(grads_load)(g, &x.c, s, at, (const void *)dout);
                chunk_bwd(&m, &x, p, h, &f);
                REF(grads_store)(&to, g, &x.c, s, at);
            }
            if (REF(row_continues)(p, b))
                continue;
            REF(add_rows)(g->dW0, g->dW, 1, F * M);
            REF(add_rows)(g->db0, g->db, 1, M);
            REF(add_rows)(m.dW2_0, m.dW2, 1, M * F);
            REF(add_rows)(m.db2_0, m.db2, 1, F);
        }
        head_bwd(&m, &x, dp, h);
        if (p->half_life)
            REF(half_life_bwd)(dp, h, g->drho, &f);
    }
    REF(add_to)(dp->delta, 0, g->ddelta, s->C);
    bl_arena_rewind(scratch, mark);
}
