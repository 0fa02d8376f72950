/* How the forward and backward op of each pair are called, all but the TTT layer. */
#include "pairs.h"

#include <string.h>

static const float EPS = 1e-6f, LR_SCALE = 0.0625f, LOSS_SCALE = 0.3f;

static size_t rows(const pair_run *r)
{
    return r->m.B * r->m.T;
}

static void random_ids(pair_run *r, size_t n, size_t V)
{
    r->ids = bl_pair_memory(r, n * sizeof *r->ids);
    for (size_t i = 0; i < n; i++)
        r->ids[i] = (int32_t)((i * i + 3 * i + 1) % V);
}

static void embed_setup(pair_run *r)
{
    bl_pair_input(r, "E", r->m.V * r->m.D, PAIR_ADDS, 0, 1);
    bl_pair_output(r, rows(r) * r->m.D);
    random_ids(r, rows(r), r->m.V);
}

static void embed_fwd(pair_run *r)
{
    BL_OP(r->d, embed_fwd, r->y, r->x[0], r->ids, rows(r), r->m.D);
}

static void embed_bwd(pair_run *r)
{
    BL_OP(r->d, embed_bwd, r->dx[0], r->dy, r->ids, rows(r), r->m.D, r->m.V);
}

/* Dropout works in place and is its own adjoint. */
static const bl_step DROPOUT_STEP = {.seed = 5, .step = 3, .micro = 1, .dropout = 0.3f};

static void dropout_setup(pair_run *r)
{
    bl_pair_input(r, "x", rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_output(r, rows(r) * r->m.D);
}

static void dropout_fwd(pair_run *r)
{
    memcpy(r->y, r->x[0], r->outputs * sizeof(double));
    BL_OP(r->d, dropout, r->y, r->outputs, 7, &DROPOUT_STEP);
}

static void dropout_bwd(pair_run *r)
{
    memcpy(r->dx[0], r->dy, r->outputs * sizeof(double));
    BL_OP(r->d, dropout, r->dx[0], r->outputs, 7, &DROPOUT_STEP);
}

static void rmsnorm_setup(pair_run *r)
{
    bl_pair_input(r, "x", rows(r) * r->m.D, PAIR_ADDS, 0.1, 1);
    bl_pair_input(r, "w", r->m.D, PAIR_ADDS, 1, 0.2);
    bl_pair_output(r, rows(r) * r->m.D);
    r->extra[0] = bl_pair_memory(r, rows(r) * sizeof(double));
}

static void rmsnorm_fwd(pair_run *r)
{
    BL_OP(r->d, rmsnorm_fwd, NULL, r->y, r->extra[0], r->x[0], r->x[1], EPS, rows(r), r->m.D);
}

static void rmsnorm_bwd(pair_run *r)
{
    BL_OP(r->d, rmsnorm_bwd, r->dx[0], r->dx[1], r->dy, r->x[0], r->extra[0], r->x[1], rows(r),
          r->m.D);
}

/* in = D, out = I */
static void bitlinear_setup(pair_run *r)
{
    bl_pair_input(r, "x", rows(r) * r->m.D, PAIR_FLAG, 0, 1);
    bl_pair_input(r, "w", r->m.I * r->m.D, PAIR_ADDS, 0, 0.3);
    bl_pair_output(r, rows(r) * r->m.I);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, tern_bytes, r->m.I, r->m.D));
}

static void bitlinear_fwd(pair_run *r)
{
    BL_OP(r->d, ternarise, r->extra[0], r->x[1], r->m.I, r->m.D);
    BL_OP(r->d, bitlinear_fwd, r->y, r->x[0], r->extra[0], rows(r), r->m.I, r->m.D);
}

static void bitlinear_bwd(pair_run *r)
{
    BL_OP(r->d, bitlinear_bwd_x, r->dx[0], r->dy, r->extra[0], r->accumulate, rows(r), r->m.I,
          r->m.D);
    BL_OP(r->d, bitlinear_bwd_w, r->dx[1], r->dy, r->x[0], rows(r), r->m.I, r->m.D);
}

static void conv_setup(pair_run *r)
{
    bl_pair_input(r, "u", rows(r) * r->m.D, PAIR_FLAG, 0, 1);
    bl_pair_input(r, "w", r->m.D * r->m.K, PAIR_ADDS, 0, 0.5);
    bl_pair_input(r, "bias", r->m.D, PAIR_ADDS, 0, 0.5);
    bl_pair_output(r, rows(r) * r->m.D);
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

static void lr_gate_setup(pair_run *r)
{
    bl_pair_input(r, "x", rows(r) * r->m.D, PAIR_ADDS, 0, 1);
    bl_pair_input(r, "w", r->m.H * r->m.D, PAIR_ADDS, 0, 0.3);
    bl_pair_input(r, "b", r->m.H, PAIR_ADDS, 0, 0.5);
    bl_pair_output(r, rows(r) * r->m.H);
}

static void lr_gate_fwd(pair_run *r)
{
    BL_OP(r->d, lr_gate_fwd, r->y, r->x[0], r->x[1], r->x[2], LR_SCALE, rows(r), r->m.D, r->m.H);
}

static void lr_gate_bwd(pair_run *r)
{
    BL_OP(r->d, lr_gate_bwd, r->dx[0], r->dx[1], r->dx[2], r->dy, r->y, r->x[0], r->x[1], LR_SCALE,
          rows(r), r->m.D, r->m.H);
}

/* z is the last input, absent without the gate. */
static void gate_norm_setup(pair_run *r)
{
    bl_pair_input(r, "o", rows(r) * r->m.D, PAIR_WRITES, 0.2, 1);
    bl_pair_input(r, "w", r->m.D, PAIR_ADDS, 1, 0.2);
    bl_pair_input(r, "b", r->m.D, PAIR_ADDS, 0, 0.2);
    bl_pair_input(r, "sub", r->m.D, PAIR_ADDS, 1, 0.2);
    if (r->m.gate)
        bl_pair_input(r, "z", rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_output(r, rows(r) * r->m.D);
    r->extra[0] = bl_pair_memory(r, rows(r) * 3 * sizeof(double));
}

static void gate_norm_fwd(pair_run *r)
{
    BL_OP(r->d, gate_norm_fwd, r->y, r->extra[0], r->x[0], r->x[4], r->x[1], r->x[2], r->x[3], EPS,
          rows(r), r->m.D);
}

static void gate_norm_bwd(pair_run *r)
{
    BL_OP(r->d, gate_norm_bwd, r->dx[0], r->dx[4], r->dx[1], r->dx[2], r->dx[3], r->dy, r->x[0],
          r->x[4], r->x[1], r->x[2], r->x[3], r->extra[0], rows(r), r->m.D);
}

static void swiglu_norm_setup(pair_run *r)
{
    bl_pair_input(r, "gate", rows(r) * r->m.I, PAIR_WRITES, 0, 1.5);
    bl_pair_input(r, "up", rows(r) * r->m.I, PAIR_WRITES, 0, 1);
    bl_pair_input(r, "w", r->m.I, PAIR_ADDS, 1, 0.2);
    bl_pair_output(r, rows(r) * r->m.I);
    r->extra[0] = bl_pair_memory(r, rows(r) * sizeof(double));
}

static void swiglu_norm_fwd(pair_run *r)
{
    BL_OP(r->d, swiglu_norm_fwd, r->y, r->extra[0], r->x[0], r->x[1], r->x[2], EPS, rows(r),
          r->m.I);
}

static void swiglu_norm_bwd(pair_run *r)
{
    BL_OP(r->d, swiglu_norm_bwd, r->dx[0], r->dx[1], r->dx[2], r->dy, r->x[0], r->x[1], r->x[2],
          r->extra[0], rows(r), r->m.I);
}

/* As the model calls it: dgate takes the place of dh. */
static void swiglu_norm_bwd_in_place(pair_run *r)
{
    memcpy(r->dx[0], r->dy, r->outputs * sizeof(double));
    BL_OP(r->d, swiglu_norm_bwd, r->dx[0], r->dx[1], r->dx[2], r->dx[0], r->x[0], r->x[1], r->x[2],
          r->extra[0], rows(r), r->m.I);
}

/* The gradient is that of LOSS_SCALE * sum loss, so these are the outputs' weights. */
static void head_loss_setup(pair_run *r)
{
    bl_pair_input(r, "x", rows(r) * r->m.D, PAIR_WRITES, 0, 1);
    bl_pair_input(r, "E", r->m.V * r->m.D, PAIR_ADDS, 0, 0.7);
    bl_pair_output(r, rows(r));
    for (size_t n = 0; n < rows(r); n++)
        ((double *)r->dy)[n] = (double)LOSS_SCALE;
    random_ids(r, rows(r), r->m.V);
    r->extra[0] = bl_pair_memory(r, rows(r) * sizeof(double));
}

static void head_loss_fwd(pair_run *r)
{
    BL_OP(r->d, head_loss, r->y, NULL, NULL, r->x[0], r->x[1], r->ids, LOSS_SCALE, rows(r), r->m.D,
          r->m.V);
}

static void head_loss_bwd(pair_run *r)
{
    BL_OP(r->d, head_loss, r->extra[0], r->dx[0], r->dx[1], r->x[0], r->x[1], r->ids, LOSS_SCALE,
          rows(r), r->m.D, r->m.V);
}

const pair_ops bl_pairs[] = {
    {"embed", embed_setup, embed_fwd, embed_bwd},
    {"dropout", dropout_setup, dropout_fwd, dropout_bwd},
    {"rmsnorm", rmsnorm_setup, rmsnorm_fwd, rmsnorm_bwd},
    {"bitlinear", bitlinear_setup, bitlinear_fwd, bitlinear_bwd},
    {"conv", conv_setup, conv_fwd, conv_bwd},
    {"lr_gate", lr_gate_setup, lr_gate_fwd, lr_gate_bwd},
    {"ttt_linear", bl_pair_ttt_setup, bl_pair_ttt_fwd, bl_pair_ttt_bwd},
    {"ttt_mlp", bl_pair_mlp_setup, bl_pair_mlp_fwd, bl_pair_mlp_bwd},
    {"gate_norm", gate_norm_setup, gate_norm_fwd, gate_norm_bwd},
    {"swiglu_norm", swiglu_norm_setup, swiglu_norm_fwd, swiglu_norm_bwd},
    {"swiglu_norm inplace", swiglu_norm_setup, swiglu_norm_fwd, swiglu_norm_bwd_in_place},
    {"head_loss", head_loss_setup, head_loss_fwd, head_loss_bwd},
    {NULL, NULL, NULL, NULL},
};

const pair_ops *bl_pair_find(const char *name)
{
    const pair_ops *p = bl_pairs;
    while (p->name && strcmp(p->name, name) != 0)
        p++;
    return p->name ? p : NULL;
}
