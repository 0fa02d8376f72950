/* The TTT layer over whole sequences: chunk after chunk in the dual form (MODEL 3.2). */
#include "ops/ref/ttt.h"

#include <string.h>

/* Saved for the backward pass: W and b at the start of every chunk, as doubles
 * [B,H,chunks,F*F+F]. */
static size_t chunks_of(const bl_ttt_shape *s)
{
    return (s->T + s->C - 1) / s->C;
}

size_t REF(ttt_linear_saved_bytes)(bl_dev *d, const bl_ttt_shape *s)
{
    (void)d;
    return s->B * s->H * chunks_of(s) * (s->F * s->F + s->F) * sizeof(double);
}

void REF(ttt_linear_fwd)(bl_dev *d, bl_act *o_, bl_dev_saved *saved_, const bl_act *q_,
                         const bl_act *k_, const bl_act *v_, const bl_real *lambda_,
                         const bl_ttt_params *p, const bl_ttt_shape *s)
{
    BL_REAL *o = (void *)o_;
    const BL_REAL *q = (const void *)q_, *k = (const void *)k_, *v = (const void *)v_;
    const BL_REAL *lambda = (const void *)lambda_;
    const BL_REAL *W0 = (const void *)p->W0, *b0 = (const void *)p->b0;
    size_t F = s->F;
    double *checkpoint = (void *)saved_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    ttt_chunk c;
    REF(chunk_push)(&c, scratch, s->C, F, F);

    for (size_t b = 0; b < s->B; b++)
        for (size_t h = 0; h < s->H; h++) {
            ttt_place row = {b, h, 0};
            REF(row_begin)(c.W, p->W0, p->carry ? p->carry->from.W : NULL, p, s, row, F * F);
            REF(row_begin)(c.b, p->b0, p->carry ? p->carry->from.b : NULL, p, s, row, F);
            for (size_t t0 = 0; t0 < s->T; t0 += s->C) {
                memcpy(checkpoint, c.W, F * F * sizeof(double));
                memcpy(checkpoint + F * F, c.b, F * sizeof(double));
                checkpoint += F * F + F;
                REF(chunk_load)(&c, s, p, (ttt_place){b, h, t0}, q, k, v, lambda);
                REF(chunk_fwd)(&c);
                for (size_t j = 0; j < c.n; j++) {
                    size_t token = (b * s->T + t0 + j) * s->H + h;
                    REF(store)(o + token * F, c.O + j * F, F);
                }
                if (p->half_life && c.full) {
                    double rho = REF(head_forget)(p, h).rho;
                    REF(forget)(c.W, W0 + h * F * F, rho, F * F);
                    REF(forget)(c.b, b0 + h * F, rho, F);
                }
                REF(chunk_update)(c.W, c.b, &c, c.K, c.G, F, F);
            }
            if (p->carry) {
                REF(row_end)(p->carry->to.W, c.W, p->W0, s, row, F * F);
                REF(row_end)(p->carry->to.b, c.b, p->b0, s, row, F);
            }
        }
    bl_arena_rewind(scratch, mark);
}
