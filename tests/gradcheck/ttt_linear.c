/* Pairs of TTT-Linear. */
#include "ttt.h"

static void ttt_linear_setup(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    bl_pair_ttt_setup(r, r->m.F);
    if (r->m.carry)
        bl_pair_ttt_carry(r);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, ttt_linear_saved_bytes, &s));
}

static void ttt_linear_fwd(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    bl_ttt_params p = bl_pair_ttt_params(r, r->x);
    BL_OP(r->d, ttt_linear_fwd, r->y, r->extra[0], r->x[Q], r->x[K], r->x[V], r->x[LAMBDA], &p, &s);
}

static void ttt_linear_bwd(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    bl_ttt_params p = bl_pair_ttt_params(r, r->x), dp = bl_pair_ttt_params(r, r->dx);
    BL_OP(r->d, ttt_linear_bwd, r->dx[Q], r->dx[K], r->dx[V], r->dx[LAMBDA], &dp, r->dy, r->x[Q],
          r->x[K], r->x[V], r->x[LAMBDA], r->extra[0], &p, &s);
}

const pair_ops ttt_linear_pairs[] = {
    {"ttt_linear", ttt_linear_setup, ttt_linear_fwd, ttt_linear_bwd},
    {NULL, NULL, NULL, NULL},
};
