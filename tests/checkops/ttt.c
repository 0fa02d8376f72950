/* Cases of what both inner models share: the step size, consolidation; and their inputs. */
#include "ttt.h"

static void run_lr_gate(io *b, const shape *s)
{
    size_t N = shape_rows(s), D = s->D, H = s->H;
    void *x = io_act(b, N * D, 1), *w = io_in(b, H * D, 0.2f), *bias = io_in(b, H, 1);
    void *lambda = io_out(b, "lambda", N * H, 0);
    BL_OP(b->d, lr_gate_fwd, lambda, x, w, bias, 0.015625f, N, D, H);
    BL_OP(b->d, lr_gate_bwd, io_act_out(b, "dx", N * D, 1), io_out(b, "dw", H * D, 0.1f),
          io_out(b, "db", H, 0.1f), io_in(b, N * H, 10), lambda, x, w, 0.015625f, N, D, H);
}

void ttt_carry_rows(io *b, const shape *s, ttt_io *t, size_t M)
{
    int32_t fresh[16] = {1};
    size_t F = s->D / s->H, heads = s->B * s->H;
    if (!s->carry)
        return;
    t->carry = (bl_ttt_carry){.from = {.W = io_in(b, heads * F * M, 0.1f),
                                       .b = io_in(b, heads * M, 0.1f),
                                       .W2 = M > F ? io_in(b, heads * M * F, 0.1f) : NULL,
                                       .b2 = M > F ? io_in(b, heads * F, 0.1f) : NULL},
                              .to = {.W = io_out(b, "W'", heads * F * M, 0),
                                     .b = io_out(b, "b'", heads * M, 0),
                                     .W2 = M > F ? io_out(b, "W2'", heads * M * F, 0) : NULL,
                                     .b2 = M > F ? io_out(b, "b2'", heads * F, 0) : NULL},
                              .fresh = io_put(b, fresh, s->B * sizeof *fresh)};
    t->p.carry = &t->carry;
}

ttt_io ttt_inputs(io *b, const shape *s, size_t M)
{
    size_t F = s->D / s->H, n = shape_rows(s) * s->D;
    int mlp = M > F;
    ttt_io t = {.shape = {s->B, s->T, s->H, F, s->C, 10000.0f}};
    t.p = (bl_ttt_params){.W0 = io_in(b, s->H * F * M, 0.05f),
                          .b0 = io_in(b, s->H * M, 0.1f),
                          .W2 = mlp ? io_in(b, s->H * M * F, 0.05f) : NULL,
                          .b2 = mlp ? io_in(b, s->H * F, 0.1f) : NULL,
                          .gamma = io_in(b, s->H * F, 1),
                          .beta = io_in(b, s->H * F, 0.2f),
                          .delta = io_in(b, s->C, 0.1f),
                          .half_life = s->forget ? io_in(b, s->H, 2) : NULL};
    t.q = io_act(b, n, 0.8f);
    t.k = io_act(b, n, 0.8f);
    t.v = io_act(b, n, 0.8f);
    t.lambda = io_in(b, shape_rows(s) * s->H, (mlp ? 0.1f : 1.0f) / (float)F);
    return t;
}

/* Of one sequence: shares and radii that do and do not reach the bound; the start itself stays. */
static void consolidate(io *b, const shape *s, size_t M)
{
    size_t F = s->D / s->H, H = s->H;
    int mlp = M > F;
    ttt_io t = ttt_inputs(b, s, M);
    t.shape.B = 1;
    bl_ttt_state state = {.W = io_in(b, H * F * M, 0.1f),
                          .b = io_in(b, H * M, 0.3f),
                          .W2 = mlp ? io_in(b, H * M * F, 0.1f) : NULL,
                          .b2 = mlp ? io_in(b, H * F, 0.3f) : NULL};
    bl_ttt_params rest = {.W0 = io_in(b, H * F * M, 0.1f),
                          .b0 = io_in(b, H * M, 0.3f),
                          .W2 = mlp ? io_in(b, H * M * F, 0.1f) : NULL,
                          .b2 = mlp ? io_in(b, H * F, 0.3f) : NULL};
    static const float shares[] = {0.25f, 1, 0.5f}, most[] = {100, 0.5f, 0.01f};
    for (size_t i = 0; i < 3; i++) {
        bl_ttt_params base = {.W0 = io_out(b, "base W1", H * F * M, 0.05f),
                              .b0 = io_out(b, "base b1", H * M, 0.1f),
                              .W2 = mlp ? io_out(b, "base W2", H * M * F, 0.05f) : NULL,
                              .b2 = mlp ? io_out(b, "base b2", H * F, 0.1f) : NULL};
        BL_OP(b->d, ttt_consolidate, &base, i < 2 ? &rest : &t.p, &state, &t.p, &t.shape, shares[i],
              most[i]);
    }
}

static void run_consolidate(io *b, const shape *s)
{
    consolidate(b, s, s->D / s->H);
    consolidate(b, s, 4 * s->D / s->H);
}

const op_case ttt_cases[] = {
    {"lr_gate_fwd lr_gate_bwd", run_lr_gate, 1e-11, 2e-4, -1, 1e-5, 2e-2},
    {"ttt_consolidate", run_consolidate, 1e-13, 2e-6, -1, 1e-13, 2e-6},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
