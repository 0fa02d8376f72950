/* The state of TTT with an inner MLP: its start, and its step by any number of tokens. */
#include "cpu/ttt_mlp.h"

#include <string.h>

/* The learned start of a head. */
static void start_at(const bl_mlp_state *w, const bl_ttt_params *p, size_t head, size_t F)
{
    size_t M = 4 * F;
    memcpy(w->W1, (const float *)p->W0 + head * F * M, F * M * sizeof(float));
    memcpy(w->b1, (const float *)p->b0 + head * M, M * sizeof(float));
    memcpy(w->W2, (const float *)p->W2 + head * M * F, M * F * sizeof(float));
    memcpy(w->b2, (const float *)p->b2 + head * F, F * sizeof(float));
}

void bl_cpu_ttt_mlp_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                          const bl_ttt_shape *s)
{
    (void)d;
    size_t C = s->C, F = s->F, M = 4 * F;
    for (size_t task = 0; task < s->B * s->H; task++) {
        bl_mlp_state w;
        bl_mlp_chunk c;
        bl_mlp_find(&w, &c, state, task, C, F);
        start_at(&w, p, task % s->H, F);
        memset(c.k, 0, C * F * sizeof(float));
        memset(c.h1, 0, C * M * sizeof(float));
        memset(c.x2, 0, C * M * sizeof(float));
        memset(c.h2, 0, C * F * sizeof(float));
    }
}

void bl_cpu_ttt_mlp_step(bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,
                         const bl_act *k, const bl_act *v, const bl_real *lambda,
                         const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step)
{
    bl_ttt_op op = {.fn = bl_mlp_task,
                    .p = p,
                    .s = s,
                    .M = 4 * s->F,
                    .state = state,
                    .position = ((const bl_step *)step)->position};
    bl_ttt_forward(d, &op, o, q, k, v, lambda);
}
