/* The TTT layer whose inner model is an MLP (MODEL 3.6): a chunk forward, then whole sequences. */
#include "ops/ref/ttt.h"

#include <string.h>

void REF(mlp_chunk_push)(ttt_mlp_chunk *m, bl_arena *scratch, size_t C, size_t F)
{
    size_t M = 4 * F;
    double **rows[] = {&m->Z1, &m->X2, &m->G1, &m->H, &m->Zb1, &m->Xb};
    REF(chunk_push)(&m->c, scratch, C, F, M);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, C * M);
    m->S2 = REF(doubles)(scratch, C * C);
    m->mix2 = REF(doubles)(scratch, C * C);
    m->W2 = REF(doubles)(scratch, M * F);
    m->b2 = REF(doubles)(scratch, F);
}

void REF(mlp_chunk_fwd)(ttt_mlp_chunk *m)
{
    ttt_chunk *c = &m->c;
    size_t n = c->n, F = c->F, M = c->M;

    /* Z1 = K W1 + b1;  X2 = gelu(Z1);  Z2 = X2 W2 + b2 and its G2 (Zb serves as room for Z2) */
    REF(affine)(m->Z1, c->K, c->W, c->b, n, F, M);
    for (size_t i = 0; i < n * M; i++)
        m->X2[i] = REF(gelu)(m->Z1[i]);
    REF(affine)(c->Zb, m->X2, m->W2, m->b2, n, M, F);
    REF(chunk_gradients)(c, c->Zb);

    /* G1 = (G2 W2^T) gelu'(Z1) */
    REF(clear)(m->H, n * M);
    REF(add_nt)(m->H, 1, c->G, m->W2, n, F, M);
    for (size_t i = 0; i < n * M; i++)
        m->G1[i] = m->H[i] * REF(gelu_slope)(m->Z1[i]);

    /* C1 = rate (Q K^T + 1);  Zb1 = Q W1 + b1 - C1 G1;  Xb = gelu(Zb1) */
    REF(chunk_mix)(c->S, c->mix, c, c->Q, c->K, F);
    REF(affine)(m->Zb1, c->Q, c->W, c->b, n, F, M);
    REF(add_nn)(m->Zb1, -1, c->mix, m->G1, n, n, M);
    for (size_t i = 0; i < n * M; i++)
        m->Xb[i] = REF(gelu)(m->Zb1[i]);

    /* C2 = rate (Xb X2^T + 1);  Zb2 = Xb W2 + b2 - C2 G2;  O = Q + gamma LNhat(Zb2) + beta */
    REF(chunk_mix)(m->S2, m->mix2, c, m->Xb, m->X2, M);
    REF(affine)(c->Zb, m->Xb, m->W2, m->b2, n, M, F);
    REF(add_nn)(c->Zb, -1, m->mix2, c->G, n, n, F);
    REF(chunk_output)(c);
}

void REF(mlp_chunk_update)(ttt_mlp_chunk *m)
{
    ttt_chunk *c = &m->c;
    REF(chunk_update)(c->W, c->b, c, c->K, m->G1, c->F, c->M);
    REF(chunk_update)(m->W2, m->b2, c, m->X2, c->G, c->M, c->F);
}

/* W1, b1, W2 and b2 at the start of every chunk, as doubles. */
size_t REF(ttt_mlp_saved_bytes)(bl_dev *d, const bl_ttt_shape *s)
{
    (void)d;
    size_t F = s->F, M = 4 * F, chunks = (s->T + s->C - 1) / s->C;
    return s->B * s->H * chunks * (F * M + M + M * F + F) * sizeof(double);
}

void REF(ttt_mlp_fwd)(bl_dev *d, bl_act *o_, bl_dev_saved *saved_, const bl_act *q, const bl_act *k,
                      const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,
                      const bl_ttt_shape *s)
{
    BL_REAL *o = (void *)o_;
    const BL_REAL *W0 = (const void *)p->W0, *b0 = (const void *)p->b0;
    const BL_REAL *W2 = (const void *)p->W2, *b2 = (const void *)p->b2;
    size_t F = s->F, M = 4 * F;
    double *checkpoint = (void *)saved_;
    const bl_ttt_rows none = {0};
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    ttt_mlp_chunk m;
    ttt_chunk *c = &m.c;
    REF(mlp_chunk_push)(&m, scratch, s->C, F);

    for (size_t b = 0; b < s->B; b++)
        for (size_t h = 0; h < s->H; h++) {
            ttt_place row = {b, h, 0};
            const bl_ttt_rows *from = p->carry ? &p->carry->from : &none;
            REF(row_begin)(c->W, p->W0, from->W, p, s, row, F * M);
            REF(row_begin)(c->b, p->b0, from->b, p, s, row, M);
            REF(row_begin)(m.W2, p->W2, from->W2, p, s, row, M * F);
            REF(row_begin)(m.b2, p->b2, from->b2, p, s, row, F);
            for (size_t t0 = 0; t0 < s->T; t0 += s->C) {
                const double *parts[] = {c->W, c->b, m.W2, m.b2};
                size_t sizes[] = {F * M, M, M * F, F};
                for (size_t i = 0; i < 4; checkpoint += sizes[i++])
                    memcpy(checkpoint, parts[i], sizes[i] * sizeof(double));
                REF(chunk_load)
                (c, s, p, (ttt_place){b, h, t0}, (const void *)q, (const void *)k, (const void *)v,
                 (const void *)lambda);
                REF(mlp_chunk_fwd)(&m);
                for (size_t j = 0; j < c->n; j++) {
                    size_t token = (b * s->T + t0 + j) * s->H + h;
                    REF(store)(o + token * F, c->O + j * F, F);
                }
                if (p->half_life && c->full) {
                    double rho = REF(head_forget)(p, h).rho;
                    REF(forget)(c->W, W0 + h * F * M, rho, F * M);
                    REF(forget)(c->b, b0 + h * M, rho, M);
                    REF(forget)(m.W2, W2 + h * M * F, rho, M * F);
                    REF(forget)(m.b2, b2 + h * F, rho, F);
                }
                REF(mlp_chunk_update)(&m);
            }
            if (p->carry) {
                const bl_ttt_rows *to = &p->carry->to;
                REF(row_end)(to->W, c->W, p->W0, s, row, F * M);
                REF(row_end)(to->b, c->b, p->b0, s, row, M);
                REF(row_end)(to->W2, m.W2, p->W2, s, row, M * F);
                REF(row_end)(to->b2, m.b2, p->b2, s, row, F);
            }
        }
    bl_arena_rewind(scratch, mark);
}
