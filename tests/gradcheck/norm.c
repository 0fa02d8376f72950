/* Pairs of the norms and the gates fused to them. */
#include "pairs.h"

#include <string.h>

static const float EPS = 1e-6f;

static void rmsnorm_setup(pair_run *r)
{
    bl_pair_input(r, "x", bl_pair_rows(r) * r->m.D, PAIR_ADDS, 0.1, 1);
    bl_pair_input(r, "w", r->m.D, PAIR_ADDS, 1, 0.2);
    bl_pair_output(r, bl_pair_rows(r) * r->m.D);
    r->extra[0] = bl_pair_memory(r, bl_pair_rows(r) * sizeof(double));
}

static void rmsnorm_fwd(pair_run *r)
{
    BL_OP(r->d, rmsnorm_fwd, NULL, r->y, r->extra[0], r->x[0], r->x[1], EPS, bl_pair_rows(r),
          r->m.D);
}

static void rmsnorm_bwd(pair_run *r)
{
    BL_OP(r->d, rmsnorm_bwd, r->dx[0], r->dx[1], r->dy, r->x[0], r->extra[0], r->x[1],
          bl_pair_rows(r), r->m.D);
}

/* z is the last input, absent without the gate. */
static void gate_norm_setup(pair_run *r)
{
    bl_pair_input(r, "o", bl_pair_rows(r) * r->m.D, PAIR_WRITES, 0.2, 1);
    bl_pair_input(r, "w", r->m.D, PAIR_ADDS, 1, 0.2);
    bl_pair_input(r, "b", r->m.D, PAIR_ADDS, 0, 0.2);
    bl_pair_input(r, "sub", r->m.D, PAIR_ADDS, 1, 0.2);
    if (r->m.gate)
        bl_pair_input(r, "z", bl_pair_rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_output(r, bl_pair_rows(r) * r->m.D);
    r->extra[0] = bl_pair_memory(r, bl_pair_rows(r) * 3 * sizeof(double));
}

static void gate_norm_fwd(pair_run *r)
{
    BL_OP(r->d, gate_norm_fwd, r->y, r->extra[0], r->x[0], r->x[4], r->x[1], r->x[2], r->x[3], EPS,
          bl_pair_rows(r), r->m.D);
}

static void gate_norm_bwd(pair_run *r)
{
    BL_OP(r->d, gate_norm_bwd, r->dx[0], r->dx[4], r->dx[1], r->dx[2], r->dx[3], r->dy, r->x[0],
          r->x[4], r->x[1], r->x[2], r->x[3], r->extra[0], bl_pair_rows(r), r->m.D);
}

static void swiglu_norm_setup(pair_run *r)
{
    bl_pair_input(r, "gate", bl_pair_rows(r) * r->m.I, PAIR_WRITES, 0, 1.5);
    bl_pair_input(r, "up", bl_pair_rows(r) * r->m.I, PAIR_WRITES, 0, 1);
    bl_pair_input(r, "w", r->m.I, PAIR_ADDS, 1, 0.2);
    bl_pair_output(r, bl_pair_rows(r) * r->m.I);
    r->extra[0] = bl_pair_memory(r, bl_pair_rows(r) * sizeof(double));
}

static void swiglu_norm_fwd(pair_run *r)
{
    BL_OP(r->d, swiglu_norm_fwd, r->y, r->extra[0], r->x[0], r->x[1], r->x[2], EPS, bl_pair_rows(r),
          r->m.I);
}

static void swiglu_norm_bwd(pair_run *r)
{
    BL_OP(r->d, swiglu_norm_bwd, r->dx[0], r->dx[1], r->dx[2], r->dy, r->x[0], r->x[1], r->x[2],
          r->extra[0], bl_pair_rows(r), r->m.I);
}

/* As the model calls it: dgate takes the place of dh. */
static void swiglu_norm_bwd_in_place(pair_run *r)
{
    memcpy(r->dx[0], r->dy, r->outputs * sizeof(double));
    BL_OP(r->d, swiglu_norm_bwd, r->dx[0], r->dx[1], r->dx[2], r->dx[0], r->x[0], r->x[1], r->x[2],
          r->extra[0], bl_pair_rows(r), r->m.I);
}

const pair_ops norm_pairs[] = {
    {"rmsnorm", rmsnorm_setup, rmsnorm_fwd, rmsnorm_bwd},
    {"gate_norm", gate_norm_setup, gate_norm_fwd, gate_norm_bwd},
    {"swiglu_norm", swiglu_norm_setup, swiglu_norm_fwd, swiglu_norm_bwd},
    {"swiglu_norm inplace", swiglu_norm_setup, swiglu_norm_fwd, swiglu_norm_bwd_in_place},
    {NULL, NULL, NULL, NULL},
};
