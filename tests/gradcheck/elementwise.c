/* Pairs of dropout. */
#include "pairs.h"

#include <string.h>

/* Dropout works in place and is its own adjoint. */
static const bl_step DROPOUT_STEP = {.seed = 5, .step = 3, .micro = 1, .dropout = 0.3f};

static void dropout_setup(pair_run *r)
{
    bl_pair_input(r, "x", bl_pair_rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_output(r, bl_pair_rows(r) * r->m.D);
}

static void dropout_fwd(pair_run *r)
{
    memcpy(r->y, r->x[0], r->outputs * sizeof(double));
    BL_OP(r->d, dropout, r->y, r->outputs, 7, (const void *)&DROPOUT_STEP);
}

static void dropout_bwd(pair_run *r)
{
    memcpy(r->dx[0], r->dy, r->outputs * sizeof(double));
    BL_OP(r->d, dropout, r->dx[0], r->outputs, 7, (const void *)&DROPOUT_STEP);
}

const pair_ops elementwise_pairs[] = {
    {"dropout", dropout_setup, dropout_fwd, dropout_bwd},
    {NULL, NULL, NULL, NULL},
};
