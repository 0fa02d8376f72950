/* Cases of the gradient norm and AdamW. */
#include "io.h"

static void run_optim(io *b, const shape *s)
{
    size_t n = s->V * s->D;
    bl_step host = {.lr = 1e-2f,
                    .table_rate = 0.3f,
                    .beta1 = 0.9f,
                    .beta2 = 0.95f,
                    .adam_eps = 1e-8f,
                    .weight_decay = 0.1f,
                    .bias1 = 0.19f,
                    .bias2 = 0.0975f,
                    .clip = 1.0f};
    bl_dev_step *step = io_put(b, &host, sizeof host);
    void *g = io_out(b, "g", n, 1), *p = io_out(b, "p", n, 1), *m = io_out(b, "m", n, 0.1f);
    void *v = io_fill(b, n, 0.01f), *norms = io_out(b, "norm", 2, 0);
    BL_OP(b->d, grad_norm, step, g, n);
    BL_OP(b->d, copy, norms, (char *)step + offsetof(bl_step, grad_norm), 2 * sizeof(float));
    BL_OP(b->d, adamw, p, g, m, v, n, BL_ADAMW_DECAY, step);
    void *q = io_out(b, "table", n, 1);
    BL_OP(b->d, adamw, q, io_fill(b, n, 1), m, v, n, BL_ADAMW_TABLE, step);
}

const op_case optim_cases[] = {
    {"grad_norm adamw", run_optim, 1e-12, 1e-4, -1, 1e-12, 1e-4},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
