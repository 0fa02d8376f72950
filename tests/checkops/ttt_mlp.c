/* Cases of TTT with an inner MLP. */
#include "ttt.h"

static void run_mlp_fwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, 4 * s->D / s->H);
    ttt_carry_rows(b, s, &t, 4 * s->D / s->H);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_mlp_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_mlp_fwd, io_act_out(b, "o", shape_rows(s) * s->D, 0), saved, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape);
}

static void run_mlp_bwd(io *b, const shape *s)
{
    size_t F = s->D / s->H, M = 4 * F, n = shape_rows(s) * s->D;
    ttt_io t = ttt_inputs(b, s, M);
    ttt_carry_rows(b, s, &t, M);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_mlp_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_mlp_fwd, io_act_room(b, n), saved, t.q, t.k, t.v, t.lambda, &t.p, &t.shape);
    bl_ttt_params dp = {.W0 = io_out(b, "dW0", s->H * F * M, 0.1f),
                        .b0 = io_out(b, "db0", s->H * M, 0.1f),
                        .W2 = io_out(b, "dW2", s->H * M * F, 0.1f),
                        .b2 = io_out(b, "db2", s->H * F, 0.1f),
                        .gamma = io_out(b, "dgamma", s->H * F, 0.1f),
                        .beta = io_out(b, "dbeta", s->H * F, 0.1f),
                        .delta = io_out(b, "ddelta", s->C, 0.1f),
                        .half_life = s->forget ? io_out(b, "dhalf_life", s->H, 0.1f) : NULL};
    BL_OP(b->d, ttt_mlp_bwd, io_act_out(b, "dq", n, 0), io_act_out(b, "dk", n, 0),
          io_act_out(b, "dv", n, 0), io_out(b, "dlambda", shape_rows(s) * s->H, 0), &dp,
          io_act(b, n, 1), t.q, t.k, t.v, t.lambda, saved, &t.p, &t.shape);
}

static void run_mlp_step(io *b, const shape *s)
{
    size_t F = s->D / s->H, M = 4 * F, heads = s->B * s->H;
    ttt_io t = ttt_inputs(b, s, M);
    bl_ttt_state state = {.W = io_out(b, "W1", heads * F * M, 0),
                          .b = io_out(b, "b1", heads * M, 0),
                          .k = io_out(b, "k", heads * s->C * F, 0),
                          .h = io_out(b, "h1", heads * s->C * M, 0),
                          .W2 = io_out(b, "W2", heads * M * F, 0),
                          .b2 = io_out(b, "b2", heads * F, 0),
                          .x2 = io_out(b, "x2", heads * s->C * M, 0),
                          .h2 = io_out(b, "h2", heads * s->C * F, 0)};
    bl_step step = {.position = 0};
    BL_OP(b->d, ttt_mlp_start, &state, &t.p, &t.shape);
    BL_OP(b->d, ttt_mlp_step, io_act_out(b, "o", shape_rows(s) * s->D, 0), &state, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape, io_put(b, &step, sizeof step));
}

const op_case ttt_mlp_cases[] = {
    /* what a row carries is W - W0, and W is rounded beside W0 */
    {"ttt_mlp_fwd ttt_mlp_saved_bytes", run_mlp_fwd, 1e-9, 1e-3, -1, 2e-5, 5e-2},
    {"ttt_mlp_bwd", run_mlp_bwd, 1e-9, 5e-2, -1, 2e-4, 3e-1},
    {"ttt_mlp_step ttt_mlp_start", run_mlp_step, 1e-10, 1e-3, -1, 2e-5, 5e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
