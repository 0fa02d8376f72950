/* The promise of MODEL 3.4: a text in one call and in any pieces gives the same bits. */
#include "io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 96, H = 2, F = 48, I = 200, V = 70, C = 16, K = 4, T_MOST = 40 };

/* Every inference op over T tokens in pieces of the sizes in cut (the last repeated), from one set
 * of inputs; its outputs are appended to out. */
typedef struct chain {
    io b;
    bl_tern *w;
    void *x, *norm, *wc, *bc, *wl, *bl, *post, *E, *up, *gate;
    bl_ttt_params p;
    bl_dev_step *step;
} chain;

static void chain_open(chain *c, bl_dev *d)
{
    io_open(&c->b, d);
    io *b = &c->b;
    c->x = io_in(b, T_MOST * D, 1);
    c->norm = io_in(b, D, 1);
    c->wc = io_in(b, D * K, 1);
    c->bc = io_in(b, D, 1);
    c->wl = io_in(b, H * D, 1);
    c->bl = io_in(b, H, 1);
    c->post = io_in(b, D, 1);
    c->E = io_in(b, V * D, 1);
    c->up = io_in(b, T_MOST * I, 1);
    c->gate = io_in(b, I, 1);
    c->w = io_bytes(b, BL_OP(d, tern_bytes, D, D));
    BL_OP(d, ternarise, &(bl_latents){&(bl_latent){c->w, io_in(b, D * D, 1), D, D}, 1});
    c->p = (bl_ttt_params){.W0 = io_in(b, H * F * F, 0.05f),
                           .b0 = io_in(b, H * F, 0.1f),
                           .gamma = io_in(b, H * F, 1),
                           .beta = io_in(b, H * F, 0.2f),
                           .delta = io_in(b, C, 0.05f),
                           .half_life = io_in(b, H, 1)};
    c->step = io_bytes(b, sizeof(bl_step));
}

static size_t offset(size_t rows, size_t width)
{
    return rows * width * sizeof(float);
}

/* Outputs [T, ...] and the state at the end, all recorded in `b`. */
static void chain_run(const chain *c, io *b, size_t T, const size_t *cut, size_t cuts)
{
    bl_dev *d = b->d;
    char *xn = io_out(b, "rmsnorm", T * D, 0), *u = io_out(b, "bitlinear", T * D, 0);
    char *q = io_out(b, "conv", T * D, 0), *lambda = io_out(b, "lr_gate", T * H, 0);
    char *o = io_out(b, "ttt_linear_step", T * D, 0), *y = io_out(b, "gate_norm", T * D, 0);
    char *h = io_out(b, "swiglu_norm", T * D, 0), *logits = io_out(b, "head_logits", T * V, 0);
    void *tail = io_out(b, "conv_tail", (K - 1) * D, 0), *rstd = io_bytes(b, 3 * T_MOST * 4);
    bl_ttt_state state = {.W = io_out(b, "W", H * F * F, 0),
                          .b = io_out(b, "b", H * F, 0),
                          .k = io_out(b, "k", H * C * F, 0),
                          .h = io_out(b, "h", H * C * F, 0)};
    bl_q8 *xq = io_bytes(b, BL_OP(d, q8_bytes, T_MOST, D));
    bl_q8 *hq = io_bytes(b, BL_OP(d, q8_bytes, T_MOST, I));
    bl_tern *w = io_bytes(b, BL_OP(d, tern_bytes, D, I));
    BL_OP(d, ternarise, &(bl_latents){&(bl_latent){w, io_in(b, D * I, 1), D, I}, 1});
    bl_ttt_shape s = {1, T, H, F, C, 10000.0f};
    BL_OP(d, ttt_linear_start, &state, &c->p, &s);
    for (size_t t = 0, i = 0; t < T; i++) {
        size_t n = cut[i < cuts ? i : cuts - 1];
        n = n < T - t ? n : T - t;
        size_t at = offset(t, D), up = offset(t, I);
        bl_error err;
        bl_step step = {.position = t};
        must(bl_put_step(d, c->step, &step, 1, &err), &err);
        s.T = n;
        BL_OP(d, rmsnorm_fwd, (bl_act *)(void *)(xn + at), xq, rstd, (void *)((char *)c->x + at),
              c->norm, 1e-6f, n, D);
        BL_OP(d, bitlinear_fwd, (void *)(u + at), xq, c->w, n, D, D);
        BL_OP(d, conv_fwd, (void *)(q + at), (void *)(u + at), tail, c->wc, c->bc, 1, n, D, K);
        BL_OP(d, conv_tail, tail, (void *)(u + at), 1, n, D, K);
        BL_OP(d, lr_gate_fwd, (void *)(lambda + offset(t, H)), (void *)(xn + at), c->wl, c->bl,
              1.0f / F, n, D, H);
        BL_OP(d, ttt_linear_step, (void *)(o + at), &state, (void *)(q + at), (void *)(xn + at),
              (void *)(u + at), (void *)(lambda + offset(t, H)), &c->p, &s, c->step);
        BL_OP(d, gate_norm_fwd, xq, rstd, (void *)(o + at), (void *)(xn + at), c->post, c->bc,
              c->norm, 1e-6f, n, D);
        BL_OP(d, bitlinear_fwd, (void *)(y + at), xq, c->w, n, D, D);
        BL_OP(d, swiglu_norm_fwd, hq, rstd, (void *)((char *)c->up + up),
              (void *)((char *)c->up + up), c->gate, 1e-6f, n, I);
        BL_OP(d, bitlinear_fwd, (void *)(h + at), hq, w, n, D, I);
        BL_OP(d, head_logits, (void *)(logits + offset(t, V)), (void *)(y + at), c->E, n, D, V);
        t += n;
    }
}

static int same(const io *a, const io *b, size_t T, const char *how)
{
    int failures = 0;
    for (size_t i = 0; i < io_outputs(a); i++) {
        float *x, *y;
        size_t n;
        const char *name = io_output(a, i, &x, &n);
        (void)io_output(b, i, &y, &n);
        if (memcmp(x, y, n * sizeof *x) != 0) {
            printf("FAILED split: %s differs, T = %zu %s\n", name, T, how);
            failures++;
        }
        free(x);
        free(y);
    }
    return failures;
}

int check_splits(bl_dev *d)
{
    static const struct {
        const char *how;
        size_t cut[4], cuts;
    } ways[] = {{"one by one", {1}, 1},
                {"in 7s", {7}, 1},
                {"1, 17, 3, 2...", {1, 17, 3, 2}, 4},
                {"5, 11, 16...", {5, 11, 16}, 3},
                {"13, 4...", {13, 4}, 2}};
    static const size_t whole[] = {T_MOST};
    int failures = 0;
    chain c;
    chain_open(&c, d);
    for (size_t T = 1; T <= T_MOST; T++) {
        io one;
        io_open(&one, d);
        chain_run(&c, &one, T, whole, 1);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            io other;
            io_open(&other, d);
            chain_run(&c, &other, T, ways[i].cut, ways[i].cuts);
            failures += same(&one, &other, T, ways[i].how);
            io_close(&other);
        }
        io_close(&one);
    }
    io_close(&c.b);
    return failures;
}
