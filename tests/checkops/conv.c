/* Cases of the causal convolution. */
#include "io.h"

static void run_conv_fwd(io *b, const shape *s)
{
    size_t n = shape_rows(s) * s->D;
    void *u = io_act(b, n, 1), *w = io_in(b, s->D * s->K, 1), *bias = io_in(b, s->D, 1);
    void *tail = io_act_out(b, "tail", s->B * (s->K - 1) * s->D, 1);
    BL_OP(b->d, conv_fwd, io_act_out(b, "y", n, 0), u, NULL, w, bias, s->B, s->T, s->D, s->K);
    BL_OP(b->d, conv_fwd, io_act_out(b, "y tail", n, 0), u, tail, w, bias, s->B, s->T, s->D, s->K);
    BL_OP(b->d, conv_tail, tail, u, s->B, s->T, s->D, s->K);
}

static void run_conv_bwd(io *b, const shape *s)
{
    size_t n = shape_rows(s) * s->D, D = s->D;
    void *dy = io_act(b, n, 1), *u = io_act(b, n, 1), *w = io_in(b, D * s->K, 1);
    void *tail = io_act(b, s->B * (s->K - 1) * D, 1);
    BL_OP(b->d, conv_bwd, io_act_out(b, "du", n, 1), io_out(b, "dw", D * s->K, 1),
          io_out(b, "dbias", D, 1), dy, u, NULL, w, 0, s->B, s->T, D, s->K);
    BL_OP(b->d, conv_bwd, io_act_out(b, "du+=", n, 1), io_out(b, "dw tail", D * s->K, 1),
          io_out(b, "dbias", D, 1), dy, u, tail, w, 1, s->B, s->T, D, s->K);
}

static void run_conv_reset(io *b, const shape *s)
{
    void *tail = io_act_out(b, "tail", s->B * (s->K - 1) * s->D, 1);
    BL_OP(b->d, conv_reset, tail, (void *)io_ids(b, s->B, 2), s->B, s->D, s->K);
}

const op_case conv_cases[] = {
    {"conv_fwd conv_tail", run_conv_fwd, 1e-13, 2e-6, -1, 5e-6, 5e-3},
    {"conv_reset", run_conv_reset, 0, 0, -1, 0, 0},
    {"conv_bwd", run_conv_bwd, 1e-12, 1e-3, -1, 1e-5, 2e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
