/* How the TTT layer's forward and backward op are called. */
#include "pairs.h"

#include <string.h>

enum { Q, K, V, LAMBDA, W0, B0, GAMMA, BETA, DELTA };

static bl_ttt_shape shape_of(const pair_run *r)
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

/* States for the rows to continue from, which the loss holds fixed whatever becomes of W0. */
static void setup_carry(pair_run *r)
{
    void **from[] = {(void **)&r->carry.from.W, (void **)&r->carry.from.b,
                     (void **)&r->carry.from.W2, (void **)&r->carry.from.b2};
    void **to[] = {(void **)&r->carry.to.W, (void **)&r->carry.to.b, (void **)&r->carry.to.W2,
                   (void **)&r->carry.to.b2};
    int32_t *fresh = bl_pair_memory(r, r->m.B * sizeof *fresh);
    for (size_t b = 0; b < r->m.B; b++)
        fresh[b] = b % 2;
    r->carry.fresh = fresh;
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

static bl_ttt_params params_of(pair_run *r, void *const x[])
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

/* M is the width of W0: F, or 4F of an MLP, whose steps are smaller (ttt_base_lr 0.1). */
static void setup(pair_run *r, size_t M)
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

void bl_pair_ttt_setup(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    setup(r, r->m.F);
    if (r->m.carry)
        setup_carry(r);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, ttt_linear_saved_bytes, &s));
}

void bl_pair_ttt_fwd(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    bl_ttt_params p = params_of(r, r->x);
    BL_OP(r->d, ttt_linear_fwd, r->y, r->extra[0], r->x[Q], r->x[K], r->x[V], r->x[LAMBDA], &p, &s);
}

void bl_pair_ttt_bwd(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    bl_ttt_params p = params_of(r, r->x), dp = params_of(r, r->dx);
    BL_OP(r->d, ttt_linear_bwd, r->dx[Q], r->dx[K], r->dx[V], r->dx[LAMBDA], &dp, r->dy, r->x[Q],
          r->x[K], r->x[V], r->x[LAMBDA], r->extra[0], &p, &s);
}

void bl_pair_mlp_setup(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    size_t H = r->m.H, F = r->m.F;
    setup(r, 4 * F);
    bl_pair_input(r, "W2", H * 4 * F * F, PAIR_ADDS, 0, 0.2);
    bl_pair_input(r, "b2", H * F, PAIR_ADDS, 0, 0.3);
    if (r->m.carry)
        setup_carry(r);
    r->extra[0] = bl_pair_memory(r, BL_OP(r->d, ttt_mlp_saved_bytes, &s));
}

void bl_pair_mlp_fwd(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    bl_ttt_params p = params_of(r, r->x);
    BL_OP(r->d, ttt_mlp_fwd, r->y, r->extra[0], r->x[Q], r->x[K], r->x[V], r->x[LAMBDA], &p, &s);
}

void bl_pair_mlp_bwd(pair_run *r)
{
    bl_ttt_shape s = shape_of(r);
    bl_ttt_params p = params_of(r, r->x), dp = params_of(r, r->dx);
    BL_OP(r->d, ttt_mlp_bwd, r->dx[Q], r->dx[K], r->dx[V], r->dx[LAMBDA], &dp, r->dy, r->x[Q],
          r->x[K], r->x[V], r->x[LAMBDA], r->extra[0], &p, &s);
}
