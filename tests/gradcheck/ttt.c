/* Pairs of what both inner models share: the step size; and their inputs. */
#include "ttt.h"

#include <string.h>

static const float LR_SCALE = 0.0625f;

static void lr_gate_setup(pair_run *r)
{
    bl_pair_input(r, "x", bl_pair_rows(r) * r->m.D, PAIR_ADDS, 0, 1);
    bl_pair_input(r, "w", r->m.H * r->m.D, PAIR_ADDS, 0, 0.3);
    bl_pair_input(r, "b", r->m.H, PAIR_ADDS, 0, 0.5);
    bl_pair_output(r, bl_pair_rows(r) * r->m.H);
}

static void lr_gate_fwd(pair_run *r)
{
    BL_OP(r->d, lr_gate_fwd, r->y, r->x[0], r->x[1], r->x[2], LR_SCALE, bl_pair_rows(r), r->m.D,
          r->m.H);
}

static void lr_gate_bwd(pair_run *r)
{
    BL_OP(r->d, lr_gate_bwd, r->dx[0], r->dx[1], r->dx[2], r->dy, r->y, r->x[0], r->x[1], LR_SCALE,
          bl_pair_rows(r), r->m.D, r->m.H);
}

const pair_ops ttt_pairs[] = {
    {"lr_gate", lr_gate_setup, lr_gate_fwd, lr_gate_bwd},
    {NULL, NULL, NULL, NULL},
};

bl_ttt_shape bl_pair_ttt_shape(const pair_run *r)
{
    return (bl_ttt_shape){
        .B = r->m.B, .T = r->m.T, .H = r->m.H, .F = r->m.F, .C = r->m.C, .rope_theta = 10000.0f};
}

/* Of the inputs that not every pair has; NULL: this one has not. */
static void *find(const pair_run *r, void *const x[], const char *name)
{
    for (size_t i = 0; i < r->inputs; i++)
        if (strcmp(r->name[i], name) == 0)
            return x[i];
    return NULL;
}

/* The inner model's tensors: where they lie among the inputs, and floats a head. */
static size_t part_of(const pair_run *r, size_t i, double **start)
{
    const char *const names[] = {"W0", "b0", "W2", "b2"};
    *start = find(r, r->x, names[i]);
    for (size_t j = 0; *start && j < r->inputs; j++)
        if (r->x[j] == (void *)*start)
            return r->count[j] / r->m.H;
    return 0;
}

void bl_pair_ttt_carry(pair_run *r)
{
    void **from[] = {(void **)&r->carry.from.W, (void **)&r->carry.from.b,
                     (void **)&r->carry.from.W2, (void **)&r->carry.from.b2};
    void **to[] = {(void **)&r->carry.to.W, (void **)&r->carry.to.b, (void **)&r->carry.to.W2,
                   (void **)&r->carry.to.b2};
    int32_t *fresh = bl_pair_memory(r, r->m.B * sizeof *fresh);
    for (size_t b = 0; b < r->m.B; b++)
        fresh[b] = b % 2;
    r->carry.fresh = (void *)fresh;
    for (size_t i = 0; i < 4; i++) {
        double *start;
        size_t n = r->m.B * r->m.H * part_of(r, i, &start);
        r->held[i] = n ? bl_pair_random(r, n, 0.3) : NULL;
        *from[i] = n ? bl_pair_memory(r, n * sizeof(double)) : NULL;
        *to[i] = n ? bl_pair_memory(r, n * sizeof(double)) : NULL;
    }
}

/* from = state - W0 */
static void take_distances(pair_run *r)
{
    void *from[] = {r->carry.from.W, r->carry.from.b, r->carry.from.W2, r->carry.from.b2};
    for (size_t i = 0; i < 4; i++) {
        double *start, *distance = from[i];
        size_t n = part_of(r, i, &start) * r->m.H;
        for (size_t j = 0; j < n * r->m.B; j++)
            distance[j] = r->held[i][j] - start[j % n];
    }
}

bl_ttt_params bl_pair_ttt_params(pair_run *r, void *const x[])
{
    if (r->m.carry)
        take_distances(r);
    return (bl_ttt_params){.carry = r->m.carry ? &r->carry : NULL,
                           .W0 = x[W0],
                           .b0 = x[B0],
                           .W2 = find(r, x, "W2"),
                           .b2 = find(r, x, "b2"),
                           .gamma = x[GAMMA],
                           .beta = x[BETA],
                           .delta = x[DELTA],
                           .half_life = find(r, x, "half_life")};
}

void bl_pair_ttt_setup(pair_run *r, size_t M)
{
    size_t H = r->m.H, F = r->m.F, N = r->m.B * r->m.T;
    bl_pair_input(r, "q", N * H * F, PAIR_WRITES, 0, 0.5);
    bl_pair_input(r, "k", N * H * F, PAIR_WRITES, 0, 0.5);
    bl_pair_input(r, "v", N * H * F, PAIR_WRITES, 0, 0.7);
    bl_pair_input(r, "lambda", N * H, PAIR_WRITES, M == F ? 0.05 : 0.01, M == F ? 0.01 : 0.002);
    bl_pair_input(r, "W0", H * F * M, PAIR_ADDS, 0, 0.3);
    bl_pair_input(r, "b0", H * M, PAIR_ADDS, 0, 0.3);
    bl_pair_input(r, "gamma", H * F, PAIR_ADDS, 1, 0.2);
    bl_pair_input(r, "beta", H * F, PAIR_ADDS, 0, 0.2);
    bl_pair_input(r, "delta", r->m.C, PAIR_ADDS, 0, 0.03);
    if (r->m.stuck) /* tau = max(1/t + delta, 0) = 0: no gradient passes */
        ((double *)r->x[DELTA])[r->m.C / 2] = -2;
    if (r->m.forget) {
        bl_pair_input(r, "half_life", H, PAIR_ADDS, 1.5, 0.3);
        if (H > 1) /* hl = max(exp(a), 1) = 1: no gradient passes */
            ((double *)find(r, r->x, "half_life"))[0] = -0.5;
    }
    bl_pair_output(r, N * H * F);
}
