/* Consolidation: what a sequence forgets towards moves to what it has learned (MODEL 3.8). */
#include "ops/ref/ttt.h"

#include <math.h>

/* One of a head's tensors; n is 0 when its inner model does not have it. */
typedef struct base_part {
    BL_REAL *base;
    const BL_REAL *start, *rest, *now;
    size_t n;
} base_part;

/* base += share (now - rest + start - base), and the squares of base - start and of start. */
static void move_part(const base_part *p, double share, double *moved, double *squares)
{
    for (size_t i = 0; i < p->n; i++) {
        double base = (double)p->base[i], start = (double)p->start[i];
        double learned = (double)p->now[i] - (double)p->rest[i];
        p->base[i] = (BL_REAL)(base + share * (learned + start - base));
        double away = (double)p->base[i] - start;
        *moved += away * away;
        *squares += start * start;
    }
}

void REF(ttt_consolidate)(bl_dev *d, const bl_ttt_params *base, const bl_ttt_params *rest,
                          const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s,
                          float share, float most)
{
    size_t F = s->F, M = p->W2 ? 4 * F : F;
    void *bases[] = {base->W0, base->b0, base->W2, base->b2};
    const void *starts[] = {p->W0, p->b0, p->W2, p->b2};
    const void *rests[] = {rest->W0, rest->b0, rest->W2, rest->b2};
    const void *nows[] = {state->W, state->b, state->W2, state->b2};
    size_t sizes[] = {F * M, M, M * F, F}, parts = p->W2 ? 4 : 2;
    (void)d;
    for (size_t h = 0; h < s->H; h++) {
        base_part part[4];
        double moved = 0, squares = 0;
        for (size_t i = 0; i < parts; i++) {
            size_t at = h * sizes[i];
            part[i] = (base_part){(BL_REAL *)bases[i] + at, (const BL_REAL *)starts[i] + at,
                                  (const BL_REAL *)rests[i] + at, (const BL_REAL *)nows[i] + at,
                                  sizes[i]};
            move_part(&part[i], (double)share, &moved, &squares);
        }
        /* base = start + c (base - start), c |base - start| = most |start| */
        double farthest = (double)most * sqrt(squares);
        for (size_t i = 0; i < parts && sqrt(moved) > farthest; i++)
            REF(state_forget)(part[i].base, part[i].start, farthest / sqrt(moved), part[i].n);
    }
}
