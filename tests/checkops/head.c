/* Cases of the head and its loss. */
#include "io.h"

static void run_head_logits(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, head_logits, io_out(b, "logits", N * s->V, 0), io_in(b, N * s->D, 1),
          io_in(b, s->V * s->D, 0.1f), N, s->D, s->V);
}

static void run_head_loss(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    void *x = io_in(b, N * s->D, 1), *E = io_in(b, s->V * s->D, 0.2f);
    bl_dev_id *targets = io_ids(b, N, s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss only", N, 0), NULL, NULL, x, E, targets, 1.0f, N, s->D,
          s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss", N, 0), io_out(b, "dx", N * s->D, 1),
          io_out(b, "dE", s->V * s->D, 0.01f), x, E, targets, 0.25f, N, s->D, s->V);
}

const op_case head_cases[] = {
    {"head_logits", run_head_logits, 1e-12, 1e-5, -1},
    {"head_loss", run_head_loss, 1e-11, 1e-4, -1},
    {NULL, NULL, 0, 0, 0},
};
