/* Cases of the head and its loss. */
#include "io.h"

static void run_head_logits(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, head_logits, io_out(b, "logits", N * s->V, 0), io_act(b, N * s->D, 1),
          io_in(b, s->V * s->D, 0.1f), N, s->D, s->V);
}

static void run_head_loss(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    void *x = io_act(b, N * s->D, 1), *E = io_in(b, s->V * s->D, 0.2f);
    bl_dev_id *targets = io_ids(b, N, s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss only", N, 0), NULL, NULL, x, E, targets, 1.0f, N, s->D,
          s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss", N, 0), io_act_out(b, "dx", N * s->D, 1),
          io_out(b, "dE", s->V * s->D, 0.01f), x, E, targets, 0.25f, N, s->D, s->V);
}

static void run_head_loss_sum(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    const bl_step host = {.nats = 0.5};
    bl_dev_step *step = io_put(b, &host, sizeof host);
    void *loss = io_in(b, N, 3), *nats = io_out(b, "nats", 1, 0); /* the upper half of a double */
    BL_OP(b->d, head_loss_sum, step, loss, N);
    BL_OP(b->d, head_loss_sum, step, loss, 1);
    BL_OP(b->d, copy, nats, (char *)step + offsetof(bl_step, nats) + 4, 4);
}

const op_case head_cases[] = {
    {"head_logits", run_head_logits, 1e-12, 1e-5, -1, 1e-5, 2e-2},
    {"head_loss_sum", run_head_loss_sum, 0, 0, -1, 0, 0},
    {"head_loss", run_head_loss, 1e-11, 1e-4, -1, 2e-5, 2e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
