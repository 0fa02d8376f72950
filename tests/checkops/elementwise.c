/* Cases of dropout and addition. */
#include "io.h"

static void run_dropout(io *b, const shape *s)
{
    bl_step step = {.seed = 3, .step = 5, .micro = 1, .dropout = 0.1f};
    BL_OP(b->d, dropout, io_act_out(b, "x", shape_rows(s) * s->D, 1), shape_rows(s) * s->D, 4,
          io_put(b, &step, sizeof step));
}

static void run_add(io *b, const shape *s)
{
    size_t n = shape_rows(s) * s->D;
    BL_OP(b->d, add, io_act_out(b, "x", n, 1), io_act(b, n, 1), n);
}

const op_case elementwise_cases[] = {
    {"dropout", run_dropout, 1e-13, 1e-6, -1, 1e-5, 5e-3},
    {"add", run_add, 0, 0, -1, 5e-6, 5e-3},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
