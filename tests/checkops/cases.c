/* Every op of the table with random inputs, and the bounds it is held to: a line each below. */
#include "io.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>

static size_t rows_of(const shape *s)
{
    return s->B * s->T;
}

/* Rows of integers up to 127 with one 127 in each: quantised, they come out as themselves however
 * the norm before is rounded, so that products of integers can be compared exactly. */
static bl_q8 *integer_rows(io *b, size_t N, size_t K)
{
    float *host = malloc(N * K * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < N * K; i++)
        host[i] = i % K == 0 ? 127.0f : (float)bl_rng_below(7, stream, i, 255) - 127.0f;
    void *x = io_put(b, host, N * K * sizeof *host);
    free(host);
    bl_q8 *q = io_bytes(b, BL_OP(b->d, q8_bytes, N, K));
    BL_OP(b->d, rmsnorm_fwd, NULL, q, io_bytes(b, N * sizeof(float)), x, io_fill(b, K, 1.0f), 0.0f,
          N, K);
    return q;
}

static bl_tern *matrix(io *b, size_t out, size_t in)
{
    bl_tern *w = io_bytes(b, BL_OP(b->d, tern_bytes, out, in));
    BL_OP(b->d, ternarise, w, io_in(b, out * in, 0.05f), out, in);
    return w;
}

/* put, copy and zero against each other: what comes back is exact. */
static void run_memory(io *b, const shape *s)
{
    bl_error err;
    bl_limits small = {1, 1, 16, 1, 16, 1, 2, 1, 2, 16};
    size_t n = rows_of(s) * s->D;
    char *to = io_out(b, "copied", 2 * n, 1);
    must(BL_OP(b->d, reserve, &small, &err), &err); /* never shrinks */
    if (BL_OP(b->d, scratch_bytes, &small) >= SIZE_MAX / 2 || !b->d->ops->memory_bytes(b->d))
        abort();
    BL_OP(b->d, copy, to + n, io_in(b, n, 1), n * sizeof(float));
    BL_OP(b->d, zero, to + n * sizeof(float), n);
    must(BL_OP(b->d, sync, &err), &err);
}

static void run_embed_fwd(io *b, const shape *s)
{
    size_t N = rows_of(s);
    BL_OP(b->d, embed_fwd, io_out(b, "x", N * s->D, 0), io_in(b, s->V * s->D, 1),
          io_ids(b, N, s->V), N, s->D);
}

static void run_embed_bwd(io *b, const shape *s)
{
    size_t N = rows_of(s);
    BL_OP(b->d, embed_bwd, io_out(b, "dE", s->V * s->D, 1), io_in(b, N * s->D, 1),
          io_ids(b, N, s->V), N, s->D, s->V);
}

static void run_dropout(io *b, const shape *s)
{
    bl_step step = {.seed = 3, .step = 5, .micro = 1, .dropout = 0.1f};
    BL_OP(b->d, dropout, io_out(b, "x", rows_of(s) * s->D, 1), rows_of(s) * s->D, 4,
          io_put(b, &step, sizeof step));
}

static void run_add(io *b, const shape *s)
{
    size_t n = rows_of(s) * s->D;
    BL_OP(b->d, add, io_out(b, "x", n, 1), io_in(b, n, 1), n);
}

static void run_rmsnorm_fwd(io *b, const shape *s)
{
    size_t N = rows_of(s);
    BL_OP(b->d, rmsnorm_fwd, io_out(b, "y", N * s->D, 0), NULL, io_out(b, "rstd", N, 0),
          io_in(b, N * s->D, 2), io_in(b, s->D, 1), 1e-6f, N, s->D);
}

static void run_rmsnorm_bwd(io *b, const shape *s)
{
    size_t N = rows_of(s), D = s->D;
    void *x = io_in(b, N * D, 2), *w = io_in(b, D, 1), *rstd = io_bytes(b, N * sizeof(float));
    void *y = io_bytes(b, N * D * sizeof(float));
    BL_OP(b->d, rmsnorm_fwd, y, NULL, rstd, x, w, 1e-6f, N, D);
    BL_OP(b->d, rmsnorm_bwd, io_out(b, "dx", N * D, 1), io_out(b, "dw", D, 1), io_in(b, N * D, 1),
          x, rstd, w, N, D);
}

static void run_bitlinear_fwd(io *b, const shape *s)
{
    size_t N = rows_of(s);
    bl_q8 *x = integer_rows(b, N, s->D);
    BL_OP(b->d, bitlinear_fwd, io_out(b, "y", N * s->I, 0), x, matrix(b, s->I, s->D), N, s->I,
          s->D);
    BL_OP(b->d, bitlinear_residual, io_out(b, "x", N * s->I, 1), io_bytes(b, N * s->I * 4), x,
          matrix(b, s->I, s->D), N, s->I, s->D);
}

/* Codes from the host, a product with them, and the same codes and scale back. */
static void run_codes(io *b, const shape *s)
{
    size_t N = rows_of(s), n = s->I * s->D;
    int8_t *codes = malloc(n), *back = malloc(n);
    float *seen = malloc((n + 1) * sizeof *seen);
    uint64_t stream = b->draws++;
    bl_error err;
    for (size_t i = 0; i < n; i++)
        codes[i] = (int8_t)((int)bl_rng_below(7, stream, i, 3) - 1);
    bl_tern *w = io_bytes(b, BL_OP(b->d, tern_bytes, s->I, s->D));
    must(BL_OP(b->d, tern_put, w, codes, 0.0375f, s->I, s->D, &err), &err);
    BL_OP(b->d, bitlinear_fwd, io_out(b, "y", N * s->I, 0), integer_rows(b, N, s->D), w, N, s->I,
          s->D);
    must(BL_OP(b->d, tern_get, back, &seen[n], w, s->I, s->D, &err), &err);
    for (size_t i = 0; i < n; i++)
        seen[i] = back[i] == codes[i] ? (float)back[i] : NAN; /* NAN fails every bound */
    must(BL_OP(b->d, put, io_out(b, "codes and g", n + 1, 0), seen, (n + 1) * sizeof *seen, &err),
         &err);
    free(codes);
    free(back);
    free(seen);
}

static void run_bitlinear_bwd_x(io *b, const shape *s)
{
    size_t N = rows_of(s);
    bl_tern *w = matrix(b, s->I, s->D);
    void *dy = io_in(b, N * s->I, 1);
    BL_OP(b->d, bitlinear_bwd_x, io_out(b, "dx", N * s->D, 1), dy, w, 0, N, s->I, s->D);
    BL_OP(b->d, bitlinear_bwd_x, io_out(b, "dx+=", N * s->D, 1), dy, w, 1, N, s->I, s->D);
}

static void run_bitlinear_bwd_w(io *b, const shape *s)
{
    size_t N = rows_of(s);
    bl_q8 *x = integer_rows(b, N, s->D);
    BL_OP(b->d, bitlinear_bwd_w, io_out(b, "dw", s->I * s->D, 1), io_in(b, N * s->I, 1), x, N, s->I,
          s->D);
}

static void run_conv_fwd(io *b, const shape *s)
{
    size_t n = rows_of(s) * s->D;
    void *u = io_in(b, n, 1), *w = io_in(b, s->D * s->K, 1), *bias = io_in(b, s->D, 1);
    void *tail = io_out(b, "tail", s->B * (s->K - 1) * s->D, 1);
    BL_OP(b->d, conv_fwd, io_out(b, "y", n, 0), u, NULL, w, bias, s->B, s->T, s->D, s->K);
    BL_OP(b->d, conv_fwd, io_out(b, "y tail", n, 0), u, tail, w, bias, s->B, s->T, s->D, s->K);
    BL_OP(b->d, conv_tail, tail, u, s->B, s->T, s->D, s->K);
}

static void run_conv_bwd(io *b, const shape *s)
{
    size_t n = rows_of(s) * s->D, D = s->D;
    void *dy = io_in(b, n, 1), *u = io_in(b, n, 1), *w = io_in(b, D * s->K, 1);
    void *tail = io_in(b, s->B * (s->K - 1) * D, 1);
    BL_OP(b->d, conv_bwd, io_out(b, "du", n, 1), io_out(b, "dw", D * s->K, 1),
          io_out(b, "dbias", D, 1), dy, u, NULL, w, 0, s->B, s->T, D, s->K);
    BL_OP(b->d, conv_bwd, io_out(b, "du+=", n, 1), io_out(b, "dw tail", D * s->K, 1),
          io_out(b, "dbias", D, 1), dy, u, tail, w, 1, s->B, s->T, D, s->K);
}

static void run_lr_gate(io *b, const shape *s)
{
    size_t N = rows_of(s), D = s->D, H = s->H;
    void *x = io_in(b, N * D, 1), *w = io_in(b, H * D, 0.2f), *bias = io_in(b, H, 1);
    void *lambda = io_out(b, "lambda", N * H, 0);
    BL_OP(b->d, lr_gate_fwd, lambda, x, w, bias, 0.015625f, N, D, H);
    BL_OP(b->d, lr_gate_bwd, io_out(b, "dx", N * D, 1), io_out(b, "dw", H * D, 0.1f),
          io_out(b, "db", H, 0.1f), io_in(b, N * H, 10), lambda, x, w, 0.015625f, N, D, H);
}

typedef struct ttt_io {
    bl_ttt_shape shape;
    bl_ttt_params p;
    void *q, *k, *v, *lambda;
    bl_ttt_carry carry;
} ttt_io;

/* Rows that continue from a state, and where they leave theirs. */
static void carry_rows(io *b, const shape *s, ttt_io *t, size_t M)
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

/* M is the width of W0: F, or 4F of an MLP. */
static ttt_io ttt_inputs(io *b, const shape *s, size_t M)
{
    size_t F = s->D / s->H, n = rows_of(s) * s->D;
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
    t.q = io_in(b, n, 0.8f);
    t.k = io_in(b, n, 0.8f);
    t.v = io_in(b, n, 0.8f);
    t.lambda = io_in(b, rows_of(s) * s->H, (mlp ? 0.1f : 1.0f) / (float)F);
    return t;
}

static void run_ttt_fwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, s->D / s->H);
    carry_rows(b, s, &t, s->D / s->H);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_linear_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_linear_fwd, io_out(b, "o", rows_of(s) * s->D, 0), saved, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape);
}

static void run_ttt_bwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, s->D / s->H);
    size_t F = s->D / s->H, n = rows_of(s) * s->D;
    carry_rows(b, s, &t, F);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_linear_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_linear_fwd, io_bytes(b, n * sizeof(float)), saved, t.q, t.k, t.v, t.lambda,
          &t.p, &t.shape);
    bl_ttt_params dp = {.W0 = io_out(b, "dW0", s->H * F * F, 0.1f),
                        .b0 = io_out(b, "db0", s->H * F, 0.1f),
                        .gamma = io_out(b, "dgamma", s->H * F, 0.1f),
                        .beta = io_out(b, "dbeta", s->H * F, 0.1f),
                        .delta = io_out(b, "ddelta", s->C, 0.1f),
                        .half_life = s->forget ? io_out(b, "dhalf_life", s->H, 0.1f) : NULL};
    BL_OP(b->d, ttt_linear_bwd, io_out(b, "dq", n, 0), io_out(b, "dk", n, 0), io_out(b, "dv", n, 0),
          io_out(b, "dlambda", rows_of(s) * s->H, 0), &dp, io_in(b, n, 1), t.q, t.k, t.v, t.lambda,
          saved, &t.p, &t.shape);
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
    BL_OP(b->d, ttt_linear_step, io_out(b, "o", rows_of(s) * s->D, 0), &state, t.q, t.k, t.v,
          t.lambda, &t.p, &t.shape, io_put(b, &step, sizeof step));
}

static void run_mlp_fwd(io *b, const shape *s)
{
    ttt_io t = ttt_inputs(b, s, 4 * s->D / s->H);
    carry_rows(b, s, &t, 4 * s->D / s->H);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_mlp_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_mlp_fwd, io_out(b, "o", rows_of(s) * s->D, 0), saved, t.q, t.k, t.v, t.lambda,
          &t.p, &t.shape);
}

static void run_mlp_bwd(io *b, const shape *s)
{
    size_t F = s->D / s->H, M = 4 * F, n = rows_of(s) * s->D;
    ttt_io t = ttt_inputs(b, s, M);
    carry_rows(b, s, &t, M);
    void *saved = io_bytes(b, BL_OP(b->d, ttt_mlp_saved_bytes, &t.shape));
    BL_OP(b->d, ttt_mlp_fwd, io_bytes(b, n * sizeof(float)), saved, t.q, t.k, t.v, t.lambda, &t.p,
          &t.shape);
    bl_ttt_params dp = {.W0 = io_out(b, "dW0", s->H * F * M, 0.1f),
                        .b0 = io_out(b, "db0", s->H * M, 0.1f),
                        .W2 = io_out(b, "dW2", s->H * M * F, 0.1f),
                        .b2 = io_out(b, "db2", s->H * F, 0.1f),
                        .gamma = io_out(b, "dgamma", s->H * F, 0.1f),
                        .beta = io_out(b, "dbeta", s->H * F, 0.1f),
                        .delta = io_out(b, "ddelta", s->C, 0.1f),
                        .half_life = s->forget ? io_out(b, "dhalf_life", s->H, 0.1f) : NULL};
    BL_OP(b->d, ttt_mlp_bwd, io_out(b, "dq", n, 0), io_out(b, "dk", n, 0), io_out(b, "dv", n, 0),
          io_out(b, "dlambda", rows_of(s) * s->H, 0), &dp, io_in(b, n, 1), t.q, t.k, t.v, t.lambda,
          saved, &t.p, &t.shape);
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
    BL_OP(b->d, ttt_mlp_step, io_out(b, "o", rows_of(s) * s->D, 0), &state, t.q, t.k, t.v, t.lambda,
          &t.p, &t.shape, io_put(b, &step, sizeof step));
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

/* The quantised output is seen through a product with the identity-like float path only when the
 * model is unrounded; with rounding its statistics are compared (ties may fall either way). */
static void run_gate_norm(io *b, const shape *s)
{
    size_t N = rows_of(s), D = s->D;
    void *o = io_in(b, N * D, 1), *z = io_in(b, N * D, 3), *w = io_in(b, D, 1);
    void *bias = io_in(b, D, 0.5f), *sub = io_in(b, D, 1), *dy = io_in(b, N * D, 1);
    void *stats = io_out(b, "stats", 3 * N, 0), *bare = io_out(b, "stats bare", 3 * N, 0);
    bl_q8 *yq = b->d->ternary ? io_bytes(b, BL_OP(b->d, q8_bytes, N, D)) : io_out(b, "y", N * D, 0);
    BL_OP(b->d, gate_norm_fwd, yq, bare, o, NULL, w, bias, sub, 1e-6f, N, D);
    BL_OP(b->d, gate_norm_bwd, io_out(b, "dout bare", N * D, 1), NULL, io_out(b, "dw", D, 1),
          io_out(b, "db", D, 1), io_out(b, "dsub", D, 1), dy, o, NULL, w, bias, sub, bare, N, D);
    BL_OP(b->d, gate_norm_fwd, yq, stats, o, z, w, bias, sub, 1e-6f, N, D);
    BL_OP(b->d, gate_norm_bwd, io_out(b, "dout", N * D, 1), io_out(b, "dz", N * D, 1),
          io_out(b, "dw", D, 1), io_out(b, "db", D, 1), io_out(b, "dsub", D, 1), dy, o, z, w, bias,
          sub, stats, N, D);
}

static void run_swiglu(io *b, const shape *s)
{
    size_t N = rows_of(s), I = s->I;
    void *gate = io_in(b, N * I, 3), *up = io_in(b, N * I, 1), *w = io_in(b, I, 1);
    void *rstd = io_out(b, "rstd", N, 0), *dh = io_out(b, "dgate", N * I, 1);
    bl_q8 *hq = b->d->ternary ? io_bytes(b, BL_OP(b->d, q8_bytes, N, I)) : io_out(b, "h", N * I, 0);
    BL_OP(b->d, swiglu_norm_fwd, hq, rstd, gate, up, w, 1e-6f, N, I);
    BL_OP(b->d, swiglu_norm_bwd, dh, io_out(b, "dup", N * I, 1), io_out(b, "dw", I, 1), dh, gate,
          up, w, rstd, N, I);
}

static void run_head_logits(io *b, const shape *s)
{
    size_t N = rows_of(s);
    BL_OP(b->d, head_logits, io_out(b, "logits", N * s->V, 0), io_in(b, N * s->D, 1),
          io_in(b, s->V * s->D, 0.1f), N, s->D, s->V);
}

static void run_head_loss(io *b, const shape *s)
{
    size_t N = rows_of(s);
    void *x = io_in(b, N * s->D, 1), *E = io_in(b, s->V * s->D, 0.2f);
    int32_t *targets = io_ids(b, N, s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss only", N, 0), NULL, NULL, x, E, targets, 1.0f, N, s->D,
          s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss", N, 0), io_out(b, "dx", N * s->D, 1),
          io_out(b, "dE", s->V * s->D, 0.01f), x, E, targets, 0.25f, N, s->D, s->V);
}

static void run_optim(io *b, const shape *s)
{
    size_t n = s->V * s->D;
    bl_step host = {.lr = 1e-2f,
                    .beta1 = 0.9f,
                    .beta2 = 0.95f,
                    .adam_eps = 1e-8f,
                    .weight_decay = 0.1f,
                    .bias1 = 0.19f,
                    .bias2 = 0.0975f,
                    .clip = 1.0f};
    bl_step *step = io_put(b, &host, sizeof host);
    void *g = io_out(b, "g", n, 1), *p = io_out(b, "p", n, 1), *m = io_out(b, "m", n, 0.1f);
    void *v = io_fill(b, n, 0.01f), *norms = io_out(b, "norm", 2, 0);
    BL_OP(b->d, grad_norm, step, g, n);
    BL_OP(b->d, copy, norms, &step->grad_norm, 2 * sizeof(float));
    BL_OP(b->d, adamw, p, g, m, v, n, 1, step);
}

/* clang-format off */
const op_case op_cases[] = {
    {"alloc free put get copy zero reserve scratch_bytes memory_bytes sync", run_memory, 0, 0, -1},
    {"embed_fwd",       run_embed_fwd,       0,     0,    -1},
    {"embed_bwd",       run_embed_bwd,       0,     0,    -1},
    {"dropout",         run_dropout,         1e-13, 1e-6, -1},
    {"add",             run_add,             0,     0,    -1},
    {"rmsnorm_fwd",     run_rmsnorm_fwd,     1e-13, 2e-6, -1},
    {"rmsnorm_bwd",     run_rmsnorm_bwd,     1e-12, 2e-4, -1},
    {"bitlinear_fwd bitlinear_residual ternarise tern_bytes q8_bytes",
                        run_bitlinear_fwd,   1e-12, 1e-3, -1},
    {"tern_put tern_get", run_codes,         1e-12, 1e-3, 1},
    {"bitlinear_bwd_x", run_bitlinear_bwd_x, 1e-12, 1e-4, -1},
    {"bitlinear_bwd_w", run_bitlinear_bwd_w, 1e-12, 1e-3, -1},
    {"conv_fwd conv_tail", run_conv_fwd,     1e-13, 2e-6, -1},
    {"conv_bwd",        run_conv_bwd,        1e-12, 1e-3, -1},
    {"lr_gate_fwd lr_gate_bwd", run_lr_gate, 1e-11, 2e-4, -1},
    {"ttt_linear_fwd ttt_linear_saved_bytes",
                        run_ttt_fwd,         1e-10, 1e-3, -1},
    {"ttt_linear_bwd",  run_ttt_bwd,         1e-9,  5e-2, -1},
    {"ttt_linear_step ttt_linear_start",
                        run_ttt_step,        1e-10, 1e-3, -1},
    {"ttt_mlp_fwd ttt_mlp_saved_bytes", run_mlp_fwd,         1e-10, 1e-3, -1},
    {"ttt_mlp_bwd",     run_mlp_bwd,         1e-9,  5e-2, -1},
    {"ttt_mlp_step ttt_mlp_start",
                        run_mlp_step,        1e-10, 1e-3, -1},
    {"ttt_consolidate", run_consolidate,     1e-13, 2e-6, -1},
    {"gate_norm_fwd gate_norm_bwd", run_gate_norm, 1e-11, 2e-3, -1},
    {"swiglu_norm_fwd swiglu_norm_bwd", run_swiglu, 1e-12, 5e-4, -1},
    {"head_logits",     run_head_logits,     1e-12, 1e-5, -1},
    {"head_loss",       run_head_loss,       1e-11, 1e-4, -1},
    {"grad_norm adamw", run_optim,           1e-12, 1e-4, -1},
};
/* clang-format on */
const size_t op_cases_count = sizeof op_cases / sizeof *op_cases;
