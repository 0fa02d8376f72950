/* Cases of the norms and the gates fused to them. */
#include "io.h"

static void run_rmsnorm_fwd(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, rmsnorm_fwd, io_act_out(b, "y", N * s->D, 0), NULL, io_out(b, "rstd", N, 0),
          io_act(b, N * s->D, 2), io_in(b, s->D, 1), 1e-6f, N, s->D);
}

static void run_rmsnorm_bwd(io *b, const shape *s)
{
    size_t N = shape_rows(s), D = s->D;
    void *x = io_act(b, N * D, 2), *w = io_in(b, D, 1), *rstd = io_bytes(b, N * sizeof(float));
    void *y = io_act_room(b, N * D);
    BL_OP(b->d, rmsnorm_fwd, y, NULL, rstd, x, w, 1e-6f, N, D);
    BL_OP(b->d, rmsnorm_bwd, io_act_out(b, "dx", N * D, 1), io_out(b, "dw", D, 1),
          io_act(b, N * D, 1), x, rstd, w, N, D);
}

/* The quantised output is seen through a product with the identity-like float path only when the
 * model is unrounded; with rounding its statistics are compared (ties may fall either way). */
static void run_gate_norm(io *b, const shape *s)
{
    size_t N = shape_rows(s), D = s->D;
    void *o = io_act(b, N * D, 1), *z = io_act(b, N * D, 3), *w = io_in(b, D, 1);
    void *bias = io_in(b, D, 0.5f), *sub = io_in(b, D, 1), *dy = io_act(b, N * D, 1);
    void *stats = io_out(b, "stats", 3 * N, 0), *bare = io_out(b, "stats bare", 3 * N, 0);
    bl_q8 *yq =
        b->d->ternary ? io_bytes(b, BL_OP(b->d, q8_bytes, N, D)) : io_act_out(b, "y", N * D, 0);
    BL_OP(b->d, gate_norm_fwd, yq, bare, o, NULL, w, bias, sub, 1e-6f, N, D);
    BL_OP(b->d, gate_norm_bwd, io_act_out(b, "dout bare", N * D, 1), NULL, io_out(b, "dw", D, 1),
          io_out(b, "db", D, 1), io_out(b, "dsub", D, 1), dy, o, NULL, w, bias, sub, bare, N, D);
    BL_OP(b->d, gate_norm_fwd, yq, stats, o, z, w, bias, sub, 1e-6f, N, D);
    BL_OP(b->d, gate_norm_bwd, io_act_out(b, "dout", N * D, 1), io_act_out(b, "dz", N * D, 1),
          io_out(b, "dw", D, 1), io_out(b, "db", D, 1), io_out(b, "dsub", D, 1), dy, o, z, w, bias,
          sub, stats, N, D);
}

static void run_swiglu(io *b, const shape *s)
{
    size_t N = shape_rows(s), I = s->I;
    void *gate = io_act(b, N * I, 3), *up = io_act(b, N * I, 1), *w = io_in(b, I, 1);
    void *rstd = io_out(b, "rstd", N, 0), *dh = io_act_out(b, "dgate", N * I, 1);
    bl_q8 *hq =
        b->d->ternary ? io_bytes(b, BL_OP(b->d, q8_bytes, N, I)) : io_act_out(b, "h", N * I, 0);
    BL_OP(b->d, swiglu_norm_fwd, hq, rstd, gate, up, w, 1e-6f, N, I);
    BL_OP(b->d, swiglu_norm_bwd, dh, io_act_out(b, "dup", N * I, 1), io_out(b, "dw", I, 1), dh,
          gate, up, w, rstd, N, I);
}

const op_case norm_cases[] = {
    {"rmsnorm_fwd", run_rmsnorm_fwd, 1e-13, 2e-6, -1, 5e-6, 5e-3},
    {"rmsnorm_bwd", run_rmsnorm_bwd, 1e-12, 2e-4, -1, 1e-5, 2e-2},
    {"gate_norm_fwd gate_norm_bwd", run_gate_norm, 1e-11, 2e-3, -1, 2e-5, 5e-2},
    {"swiglu_norm_fwd swiglu_norm_bwd", run_swiglu, 1e-12, 5e-4, -1, 2e-5, 5e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
