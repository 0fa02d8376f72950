/* Cases of the embedding. */
#include "io.h"

static void run_embed_fwd(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, embed_fwd, io_act_out(b, "x", N * s->D, 0), io_in(b, s->V * s->D, 1),
          io_ids(b, N, s->V), N, s->D);
}

static void run_embed_bwd(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, embed_bwd, io_out(b, "dE", s->V * s->D, 1), io_act(b, N * s->D, 1),
          io_ids(b, N, s->V), N, s->D, s->V);
}

const op_case embed_cases[] = {
    {"embed_fwd", run_embed_fwd, 0, 0, -1, 5e-6, 5e-3},
    {"embed_bwd", run_embed_bwd, 1e-13, 2e-6, -1, 1e-13, 2e-6},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
