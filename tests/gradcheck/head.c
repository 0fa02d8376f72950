/* Pairs of the head and its loss. */
#include "pairs.h"

static const float LOSS_SCALE = 0.3f;

/* Every second row does not count. */
static void uncount(pair_run *r)
{
    for (size_t n = 1; n < bl_pair_rows(r); n += 2)
        ((int32_t *)(void *)r->ids)[n] = -1;
}

/* The gradient is that of LOSS_SCALE * sum loss, so these are the outputs' weights. */
static void head_loss_setup(pair_run *r)
{
    bl_pair_input(r, "x", bl_pair_rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_input(r, "E", r->m.V * r->m.D, PAIR_ADDS, 0, 0.7);
    bl_pair_output(r, bl_pair_rows(r));
    for (size_t n = 0; n < bl_pair_rows(r); n++)
        ((double *)r->dy)[n] = (double)LOSS_SCALE;
    bl_pair_ids(r, bl_pair_rows(r), r->m.V);
    if (r->m.V % 2)
        uncount(r);
    r->extra[0] = bl_pair_memory(r, bl_pair_rows(r) * sizeof(double));
}

static void head_loss_fwd(pair_run *r)
{
    BL_OP(r->d, head_loss, r->y, NULL, NULL, r->x[0], r->x[1], r->ids, NULL, bl_pair_rows(r),
          r->m.D, r->m.V);
}

static void head_loss_bwd(pair_run *r)
{
    const bl_step step = {.loss_scale = LOSS_SCALE};
    BL_OP(r->d, head_loss, r->extra[0], r->dx[0], r->dx[1], r->x[0], r->x[1], r->ids,
          (const bl_dev_step *)&step, bl_pair_rows(r), r->m.D, r->m.V);
}

const pair_ops head_pairs[] = {
    {"head_loss", head_loss_setup, head_loss_fwd, head_loss_bwd},
    {NULL, NULL, NULL, NULL},
};
