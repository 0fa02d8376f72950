/* Pairs of BitLinear. */
#include "pairs.h"

/* in = D, out = I */
static void bitlinear_setup(pair_run *r)
{
    bl_pair_input(r, "x", bl_pair_rows(r) * r->m.D, PAIR_FLAG, 0, 1);
    bl_pair_input(r, "w", r->m.I * r->m.D, PAIR_ADDS, 0, 0.3);
    bl_pair_output(r, bl_pair_rows(r) * r->m.I);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, tern_bytes, r->m.I, r->m.D));
}

static void bitlinear_fwd(pair_run *r)
{
    BL_OP(r->d, ternarise, &(bl_latents){&(bl_latent){r->extra[0], r->x[1], r->m.I, r->m.D}, 1});
    BL_OP(r->d, bitlinear_fwd, r->y, r->x[0], r->extra[0], bl_pair_rows(r), r->m.I, r->m.D);
}

static void bitlinear_bwd(pair_run *r)
{
    BL_OP(r->d, bitlinear_bwd_x, r->dx[0], r->dy, r->extra[0], r->accumulate, bl_pair_rows(r),
          r->m.I, r->m.D);
    BL_OP(r->d, bitlinear_bwd_w, r->dx[1], r->dy, r->x[0], bl_pair_rows(r), r->m.I, r->m.D);
}

const pair_ops bitlinear_pairs[] = {
    {"bitlinear", bitlinear_setup, bitlinear_fwd, bitlinear_bwd},
    {NULL, NULL, NULL, NULL},
};
