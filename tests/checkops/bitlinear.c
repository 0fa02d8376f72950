/* Cases of BitLinear: rows, matrices and their products. */
#include "io.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>

/* Rows of integers up to 127 with one 127 in each: quantised, they come out as themselves however
 * the norm before is rounded, so that products of integers can be compared exactly. */
static bl_q8 *integer_rows(io *b, size_t N, size_t K)
{
    float *host = malloc(N * K * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < N * K; i++)
        host[i] = i % K == 0 ? 127.0f : (float)bl_rng_below(7, stream, i, 255) - 127.0f;
    void *x = io_put_act(b, host, N * K);
    free(host);
    bl_q8 *q = io_bytes(b, BL_OP(b->d, q8_bytes, N, K));
    BL_OP(b->d, rmsnorm_fwd, NULL, q, io_bytes(b, N * sizeof(float)), x, io_fill(b, K, 1.0f), 0.0f,
          N, K);
    return q;
}

static bl_tern *matrix(io *b, size_t out, size_t in)
{
    bl_tern *w = io_bytes(b, BL_OP(b->d, tern_bytes, out, in));
    BL_OP(b->d, ternarise, &(bl_latents){&(bl_latent){w, io_in(b, out * in, 0.05f), out, in}, 1});
    return w;
}

static void run_bitlinear_fwd(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    bl_q8 *x = integer_rows(b, N, s->D);
    BL_OP(b->d, bitlinear_fwd, io_act_out(b, "y", N * s->I, 0), x, matrix(b, s->I, s->D), N, s->I,
          s->D);
    BL_OP(b->d, bitlinear_residual, io_act_out(b, "x", N * s->I, 1), io_act_room(b, N * s->I), x,
          matrix(b, s->I, s->D), N, s->I, s->D);
}

/* Codes from the host, a product with them, and the same codes and scale back. */
static void run_codes(io *b, const shape *s)
{
    size_t N = shape_rows(s), n = s->I * s->D;
    int8_t *codes = malloc(n), *back = malloc(n);
    float *seen = malloc((n + 1) * sizeof *seen);
    uint64_t stream = b->draws++;
    bl_error err;
    for (size_t i = 0; i < n; i++)
        codes[i] = (int8_t)((int)bl_rng_below(7, stream, i, 3) - 1);
    bl_tern *w = io_bytes(b, BL_OP(b->d, tern_bytes, s->I, s->D));
    must(BL_OP(b->d, tern_put, w, codes, 0.0375f, s->I, s->D, &err), &err);
    BL_OP(b->d, bitlinear_fwd, io_act_out(b, "y", N * s->I, 0), integer_rows(b, N, s->D), w, N,
          s->I, s->D);
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
    size_t N = shape_rows(s);
    bl_tern *w = matrix(b, s->I, s->D);
    void *dy = io_act(b, N * s->I, 1);
    BL_OP(b->d, bitlinear_bwd_x, io_act_out(b, "dx", N * s->D, 1), dy, w, 0, N, s->I, s->D);
    BL_OP(b->d, bitlinear_bwd_x, io_act_out(b, "dx+=", N * s->D, 1), dy, w, 1, N, s->I, s->D);
}

static void run_bitlinear_bwd_w(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    bl_q8 *x = integer_rows(b, N, s->D);
    BL_OP(b->d, bitlinear_bwd_w, io_out(b, "dw", s->I * s->D, 1), io_act(b, N * s->I, 1), x, N,
          s->I, s->D);
}

const op_case bitlinear_cases[] = {
    {"bitlinear_fwd bitlinear_residual ternarise tern_bytes q8_bytes", run_bitlinear_fwd, 1e-12,
     1e-3, -1, 5e-5, 2e-2},
    {"tern_put tern_get", run_codes, 1e-12, 1e-3, 1, 5e-6, 5e-3},
    {"bitlinear_bwd_x", run_bitlinear_bwd_x, 1e-12, 1e-4, -1, 1e-5, 2e-2},
    {"bitlinear_bwd_w", run_bitlinear_bwd_w, 1e-12, 1e-3, -1, 1e-5, 1e-1},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
