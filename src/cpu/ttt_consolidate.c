/* Consolidation of one sequence's base (MODEL 3.8), head by head. */
#include "cpu/ttt.h"

#include <math.h>

typedef struct bl_base_op {
    const bl_cpu *c;
    const bl_ttt_params *base, *rest, *p;
    const bl_ttt_state *state;
    size_t sizes[4], parts; /* floats of a head's W0, b0, W2, b2; how many it has */
    float share, most;
} bl_base_op;

/* += |x - y|^2 over n elements; y NULL: 0. */
static double squares(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double away = (double)x[i] - (y ? (double)y[i] : 0);
        sum += away * away;
    }
    return sum;
}

static void move_heads(void *user, size_t first, size_t last, size_t member)
{
    const bl_base_op *op = user;
    const bl_kern *kern = &op->c->k;
    void *bases[] = {op->base->W0, op->base->b0, op->base->W2, op->base->b2};
    const void *starts[] = {op->p->W0, op->p->b0, op->p->W2, op->p->b2};
    const void *rests[] = {op->rest->W0, op->rest->b0, op->rest->W2, op->rest->b2};
    const void *nows[] = {op->state->W, op->state->b, op->state->W2, op->state->b2};
    (void)member;
    for (size_t h = first; h < last; h++) {
        double moved = 0, start = 0;
        for (size_t i = 0; i < op->parts; i++) {
            size_t n = op->sizes[i], at = h * n;
            float *base = (float *)bases[i] + at;
            const float *from = (const float *)starts[i] + at;
            /* base + share (now - base) = now + (1 - share) (base - now) */
            kern->forget(base, (const float *)nows[i] + at, 1.0f - op->share, n);
            kern->axpy(base, op->share, from, n);
            kern->axpy(base, -op->share, (const float *)rests[i] + at, n);
            moved += squares(base, from, n);
            start += squares(from, NULL, n);
        }
        double farthest = (double)op->most * sqrt(start);
        for (size_t i = 0; i < op->parts && sqrt(moved) > farthest; i++) {
            size_t n = op->sizes[i], at = h * n;
            kern->forget((float *)bases[i] + at, (const float *)starts[i] + at,
                         (float)(farthest / sqrt(moved)), n);
        }
    }
}

void bl_cpu_ttt_consolidate(bl_dev *d, const bl_ttt_params *base, const bl_ttt_params *rest,
                            const bl_ttt_state *state, const bl_ttt_params *p,
                            const bl_ttt_shape *s, float share, float most)
{
    size_t F = s->F, M = p->W2 ? 4 * F : F;
    bl_base_op op = {.c = bl_cpu_of(d),
                     .base = base,
                     .rest = rest,
                     .p = p,
                     .state = state,
                     .sizes = {F * M, M, M * F, F},
                     .parts = p->W2 ? 4 : 2,
                     .share = share,
                     .most = most};
    bl_cpu_run(op.c, s->H * 2 * (F * M + M), s->H, move_heads, &op);
}
