/* The TTT layer's state: its start, and its step by any number of tokens (MODEL 3.4). */
#include "cpu/ttt_linear.h"

#include <string.h>

void bl_cpu_ttt_linear_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                             const bl_ttt_shape *s)
{
    (void)d;
    size_t W = s->H * s->F * s->F, b = s->H * s->F, rows = b * s->C;
    for (size_t i = 0; i < s->B; i++) {
        memcpy((float *)state->W + i * W, p->W0, W * sizeof(float));
        memcpy((float *)state->b + i * b, p->b0, b * sizeof(float));
        memset((float *)state->k + i * rows, 0, rows * sizeof(float));
        memset((float *)state->h + i * rows, 0, rows * sizeof(float));
    }
}

void bl_cpu_ttt_linear_step(bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,
                            const bl_act *k, const bl_act *v, const bl_real *lambda,
                            const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step)
{
    bl_ttt_op op = {.fn = bl_ttt_linear_task,
                    .p = p,
                    .s = s,
                    .M = s->F,
                    .state = state,
                    .position = ((const bl_step *)step)->position};
    bl_ttt_forward(d, &op, o, q, k, v, lambda);
}
