/* Pairs of TTT with an inner MLP. */
#include "ttt.h"

static void ttt_mlp_setup(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    size_t H = r->m.H, F = r->m.F;
    bl_pair_ttt_setup(r, 4 * F);
    bl_pair_input(r, "W2", H * 4 * F * F, PAIR_ADDS, 0, 0.2);
    bl_pair_input(r, "b2", H * F, PAIR_ADDS, 0, 0.3);
    if (r->m.carry)
        bl_pair_ttt_carry(r);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, ttt_mlp_saved_bytes, &s));
}

static void ttt_mlp_fwd(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    bl_ttt_params p = bl_pair_ttt_params(r, r->x);
    BL_OP(r->d, ttt_mlp_fwd, r->y, r->extra[0], r->x[Q], r->x[K], r->x[V], r->x[LAMBDA], &p, &s);
}

static void ttt_mlp_bwd(pair_run *r)
{
    bl_ttt_shape s = bl_pair_ttt_shape(r);
    bl_ttt_params p = bl_pair_ttt_params(r, r->x), dp = bl_pair_ttt_params(r, r->dx);
    BL_OP(r->d, ttt_mlp_bwd, r->dx[Q], r->dx[K], r->dx[V], r->dx[LAMBDA], &dp, r->dy, r->x[Q],
          r->x[K], r->x[V], r->x[LAMBDA], r->extra[0], &p, &s);
}

const pair_ops ttt_mlp_pairs[] = {
    {"ttt_mlp", ttt_mlp_setup, ttt_mlp_fwd, ttt_mlp_bwd},
    {NULL, NULL, NULL, NULL},
};
