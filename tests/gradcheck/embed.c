/* Pairs of the embedding. */
#include "pairs.h"

static void embed_setup(pair_run *r)
{
    bl_pair_input(r, "E", r->m.V * r->m.D, PAIR_ADDS, 0, 1);
    bl_pair_output(r, bl_pair_rows(r) * r->m.D);
    bl_pair_ids(r, bl_pair_rows(r), r->m.V);
}

static void embed_fwd(pair_run *r)
{
    BL_OP(r->d, embed_fwd, r->y, r->x[0], r->ids, bl_pair_rows(r), r->m.D);
}

static void embed_bwd(pair_run *r)
{
    BL_OP(r->d, embed_bwd, r->dx[0], r->dy, r->ids, bl_pair_rows(r), r->m.D, r->m.V);
}

const pair_ops embed_pairs[] = {
    {"embed", embed_setup, embed_fwd, embed_bwd},
    {NULL, NULL, NULL, NULL},
};
