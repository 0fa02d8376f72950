/* Cases of TTT-Linear. */
#include "ttt.h"

static void run_ttt_fwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, s->D / s->H);
    ttt_carry_rows(b, s, &t, s->D / s->H);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_linear_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_linear_fwd, io_act_out(b, "o", shape_rows(s) * s->D, 0), saved, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape);
}

static void run_ttt_bwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, s->D / s->H);
    size_t F = s->D / s->H, n = shape_rows(s) * s->D;
    ttt_carry_rows(b, s, &t, F);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_linear_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_linear_fwd, io_act_room(b, n), saved, t.q, t.k, t.v, t.lambda, &t.p, &t.shape);
    bl_ttt_params dp = {.W0 = io_out(b, "dW0", s->H * F * F, 0.1f),
                        .b0 = io_out(b, "db0", s->H * F, 0.1f),
                        .gamma = io_out(b, "dgamma", s->H * F, 0.1f),
                        .beta = io_out(b, "dbeta", s->H * F, 0.1f),
                        .delta = io_out(b, "ddelta", s->C, 0.1f),
                        .half_life = s->forget ? io_out(b, "dhalf_life", s->H, 0.1f) : NULL};
    BL_OP(b->d, ttt_linear_bwd, io_act_out(b, "dq", n, 0), io_act_out(b, "dk", n, 0),
          io_act_out(b, "dv", n, 0), io_out(b, "dlambda", shape_rows(s) * s->H, 0), &dp,
          io_act(b, n, 1), t.q, t.k, t.v, t.lambda, saved, &t.p, &t.shape);
}

static void run_ttt_step(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, s->D / s->H);
    size_t F = s->D / s->H, rows = s->B * s->H * s->C * F;
    bl_ttt_state state = {.W = io_out(b, "W", s->B * s->H * F * F, 0),
                          .b = io_out(b, "b", s->B * s->H * F, 0),
                          .k = io_out(b, "k", rows, 0),
                          .h = io_out(b, "h", rows, 0)};
    bl_step step = {.position = 0};
    BL_OP(b->d, ttt_linear_start, &state, &t.p, &t.shape);
    BL_OP(b->d, ttt_linear_step, io_act_out(b, "o", shape_rows(s) * s->D, 0), &state, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape, io_put(b, &step, sizeof step));
}

const op_case ttt_linear_cases[] = {
    {"ttt_linear_fwd ttt_linear_saved_bytes", run_ttt_fwd, 1e-10, 1e-3, -1, 2e-5, 5e-2},
    {"ttt_linear_bwd", run_ttt_bwd, 1e-9, 5e-2, -1, 2e-3, 4e-1},
    {"ttt_linear_step ttt_linear_start", run_ttt_step, 1e-10, 1e-3, -1, 2e-5, 5e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
