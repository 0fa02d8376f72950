/* Pairs of the causal convolution. */
#include "pairs.h"

static void conv_setup(pair_run *r)
{
    bl_pair_input(r, "u", bl_pair_rows(r) * r->m.D, PAIR_FLAG, 0, 1);
    bl_pair_input(r, "w", r->m.D * r->m.K, PAIR_ADDS, 0, 0.5);
    bl_pair_input(r, "bias", r->m.D, PAIR_ADDS, 0, 0.5);
    bl_pair_output(r, bl_pair_rows(r) * r->m.D);
    if (r->m.carry)
        r->extra[0] = bl_pair_random(r, r->m.B * (r->m.K - 1) * r->m.D, 1);
}

static void conv_fwd(pair_run *r)
{
    BL_OP(r->d, conv_fwd, r->y, r->x[0], r->extra[0], r->x[1], r->x[2], r->m.B, r->m.T, r->m.D,
          r->m.K);
}

static void conv_bwd(pair_run *r)
{
    BL_OP(r->d, conv_bwd, r->dx[0], r->dx[1], r->dx[2], r->dy, r->x[0], r->extra[0], r->x[1],
          r->accumulate, r->m.B, r->m.T, r->m.D, r->m.K);
}

const pair_ops conv_pairs[] = {
    {"conv", conv_setup, conv_fwd, conv_bwd},
    {NULL, NULL, NULL, NULL},
};
