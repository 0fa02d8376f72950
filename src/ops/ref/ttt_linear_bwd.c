/* The backward pass of the TTT layer (MODEL 3.5): chunks from the last to the first, each computed
 * again from the W and b that the forward pass saved at its start. */
#include "ops/ref/ttt.h"

#include <string.h>

static void chunk_bwd(ttt_grads *g, const ttt_chunk *c, const bl_ttt_params *p, size_t h,
                      const bl_forget *f)
{
    size_t n = c->n, F = c->F;
    memcpy(g->dW_next, g->dW, F * F * sizeof *g->dW);
    memcpy(g->db_next, g->db, F * sizeof *g->db);
    if (p->half_life) {
        const BL_REAL *W0 = (const void *)p->W0, *b0 = (const void *)p->b0;
        REF(forget_bwd)(g, g->dW, g->dW0, c, c->W, W0 + h * F * F, f, F * F);
        REF(forget_bwd)(g, g->db, g->db0, c, c->b, b0 + h * F, f, F);
    }
    REF(output_bwd)(g, c);
    ttt_reader read = {.Q = c->Q,
                       .K = c->K,
                       .W = c->W,
                       .G = c->G,
                       .S = c->S,
                       .mix = c->mix,
                       .dZb = g->dZb,
                       .dQ = g->dQ,
                       .dK = g->dK,
                       .dW = g->dW,
                       .db = g->db,
                       .dG = g->dG,
                       .in = F,
                       .out = F};
    REF(read_bwd)(&read, g, c);
    ttt_updater update = {c->K, c->G, g->dW_next, g->db_next, g->dK, g->dG, F, F};
    REF(update_bwd)(&update, g, c);
    REF(steps_bwd)(g, c);
    REF(inner_bwd)(g, c);
    /* Z = K W + b:  dK += dZ W^T;  dW += K^T dZ;  db += sum dZ */
    REF(add_nt)(g->dK, 1, g->dZ, c->W, n, F, F);
    REF(add_tn)(g->dW, 1, c->K, g->dZ, F, n, F);
    REF(add_rows)(g->db, g->dZ, n, F);
}

void REF(ttt_linear_bwd)(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                         const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                         const bl_act *k, const bl_act *v, const bl_real *lambda,
                         const bl_dev_saved *saved_, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    ttt_outputs to = {(void *)dq, (void *)dk, (void *)dv, (void *)dlambda};
    size_t F = s->F, chunks = (s->T + s->C - 1) / s->C;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    ttt_chunk c;
    ttt_grads g;
    REF(chunk_push)(&c, scratch, s->C, F, F);
    REF(grads_push)(&g, scratch, s->C, F, F);

    REF(clear)(g.ddelta, s->C);
    for (size_t h = 0; h < s->H; h++) {
        REF(clear)(g.dgamma, F);
        REF(clear)(g.dbeta, F);
        REF(clear)(g.dW0, F * F);
        REF(clear)(g.db0, F);
        g.drho = 0;
        bl_forget f = {0};
        if (p->half_life)
            f = REF(head_forget)(p, h);
        for (size_t b = 0; b < s->B; b++) {
            REF(clear)(g.dW, F * F);
            REF(clear)(g.db, F);
            for (size_t i = chunks; i-- > 0;) {
                ttt_place at = {b, h, i * s->C};
                const double *checkpoint = (const double *)(const void *)saved_ +
                                           ((b * s->H + h) * chunks + i) * (F * F + F);
                memcpy(c.W, checkpoint, F * F * sizeof *c.W);
                memcpy(c.b, checkpoint + F * F, F * sizeof *c.b);
                REF(chunk_load)
                (&c, s, p, at, (const void *)q, (const void *)k, (const void *)v,
                 (const void *)lambda);
                REF(chunk_fwd)(&c);
                REF(grads_load)(&g, &c, s, at, (const void *)dout);
                chunk_bwd(&g, &c, p, h, &f);
                REF(grads_store)(&to, &g, &c, s, at);
            }
            if (REF(row_continues)(p, b))
                continue;
            REF(add_rows)(g.dW0, g.dW, 1, F * F);
            REF(add_rows)(g.db0, g.db, 1, F);
        }
        REF(add_to)(dp->W0, h * F * F, g.dW0, F * F);
        REF(add_to)(dp->b0, h * F, g.db0, F);
        REF(add_to)(dp->gamma, h * F, g.dgamma, F);
        REF(add_to)(dp->beta, h * F, g.dbeta, F);
        if (p->half_life)
            REF(half_life_bwd)(dp, h, g.drho, &f);
    }
    REF(add_to)(dp->delta, 0, g.ddelta, s->C);
    bl_arena_rewind(scratch, mark);
}
