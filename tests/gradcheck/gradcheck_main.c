/* Gradcheck of every pair of forward and backward ops on the 64-bit reference backend. */
#include "gradcheck.h"
#include "pairs.h"
#include "core/alloc.h"
#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double BOUND = 1e-8;
enum { MOST = 128 }; /* derivatives checked a tensor */

/* Everything a run allocates, freed together. */
static void *blocks[64];
static size_t block_count;
static uint64_t stream; /* of random numbers; a new one for every array */

static void fill(double *x, size_t n, double mean, double spread)
{
    stream++;
    for (size_t i = 0; i < n; i++)
        x[i] = mean + spread * (double)bl_rng_normal(1, stream, i);
}

void *bl_pair_memory(pair_run *r, size_t bytes)
{
    (void)r;
    void *p = bl_calloc(bytes, 1);
    if (!p || block_count == sizeof blocks / sizeof *blocks) {
        fprintf(stderr, "gradcheck: out of memory\n");
        exit(1);
    }
    return blocks[block_count++] = p;
}

void *bl_pair_random(pair_run *r, size_t count, double spread)
{
    double *x = bl_pair_memory(r, count * sizeof *x);
    fill(x, count, 0, spread);
    return x;
}

void bl_pair_input(pair_run *r, const char *name, size_t count, pair_kind kind, double mean,
                   double spread)
{
    size_t i = r->inputs++;
    r->name[i] = name;
    r->count[i] = count;
    r->kind[i] = kind;
    r->x[i] = bl_pair_memory(r, count * sizeof(double));
    r->dx[i] = bl_pair_memory(r, count * sizeof(double));
    fill(r->x[i], count, mean, spread);
}

void bl_pair_output(pair_run *r, size_t count)
{
    r->outputs = count;
    r->y = bl_pair_memory(r, count * sizeof(double));
    r->dy = bl_pair_memory(r, count * sizeof(double));
    fill(r->dy, count, 0, 1);
}

/* loss = sum y dy */
typedef struct loss_of_pair {
    const pair_ops *ops;
    pair_run *run;
} loss_of_pair;

static double loss(void *user)
{
    const loss_of_pair *l = user;
    l->ops->fwd(l->run);
    const double *y = l->run->y, *dy = l->run->dy;
    long double sum = 0;
    for (size_t i = 0; i < l->run->outputs; i++)
        sum += (long double)y[i] * (long double)dy[i];
    return (double)sum;
}

/* Starts every gradient as its kind says, calls the backward op and takes what was there before out
 * again, so that dx holds the op's own contribution. */
static void backward(const pair_ops *ops, pair_run *r)
{
    double *before[PAIR_INPUTS];
    for (size_t i = 0; i < r->inputs; i++) {
        double *dx = r->dx[i];
        int adds = r->kind[i] == PAIR_ADDS || (r->kind[i] == PAIR_FLAG && r->accumulate);
        fill(dx, r->count[i], adds ? 0 : (double)NAN, adds ? 0.5 : 0);
        before[i] = bl_pair_memory(r, r->count[i] * sizeof(double));
        if (adds)
            memcpy(before[i], dx, r->count[i] * sizeof(double));
    }
    ops->fwd(r);
    ops->bwd(r);
    for (size_t i = 0; i < r->inputs; i++)
        for (size_t j = 0; j < r->count[i]; j++)
            ((double *)r->dx[i])[j] -= before[i][j];
}

static int has_flag(const pair_run *r)
{
    for (size_t i = 0; i < r->inputs; i++)
        if (r->kind[i] == PAIR_FLAG)
            return 1;
    return 0;
}

static int check_pair(bl_dev *d, const char *name, const char *shape, const pair_dims *m)
{
    const pair_ops *ops = bl_pair_find(name);
    pair_run r = {.d = d, .m = *m};
    bl_grad_result result = {0};
    bl_limits most = {m->B, m->T, m->D, m->H, m->F, m->I, m->V, m->C, m->K, 4 * m->F};
    bl_error err;
    if (BL_OP(d, reserve, &most, &err) != BL_OK) {
        fprintf(stderr, "gradcheck: %s\n", err.message);
        exit(1);
    }
    ops->setup(&r);
    for (r.accumulate = 0; r.accumulate <= has_flag(&r); r.accumulate++) {
        bl_grad_tensor tensors[PAIR_INPUTS];
        backward(ops, &r);
        for (size_t i = 0; i < r.inputs; i++)
            tensors[i] = (bl_grad_tensor){r.name[i], r.x[i], r.dx[i], r.count[i]};
        bl_grad_compare(&result, loss, &(loss_of_pair){ops, &r}, tensors, r.inputs, MOST);
    }
    while (block_count)
        bl_free(blocks[--block_count]);
    return bl_grad_report(name, shape, &result, BOUND);
}

/* The shape is printed as it is written here. */
#define CHECK(name, ...) failures += check_pair(d, name, #__VA_ARGS__, &(pair_dims){__VA_ARGS__})

int main(void)
{
    bl_dev *d;
    bl_error err;
    int failures = 0;
    if (bl_ref64_open(&d, &(bl_device_request){.ternary = 0}, &err) != BL_OK) {
        fprintf(stderr, "gradcheck: %s\n", err.message);
        return 1;
    }
    bl_grad_header();
    CHECK("embed", .B = 2, .T = 5, .D = 8, .V = 4);
    CHECK("dropout", .B = 2, .T = 3, .D = 7);
    CHECK("rmsnorm", .B = 2, .T = 3, .D = 32);
    CHECK("rmsnorm", .B = 1, .T = 1, .D = 5);
    CHECK("bitlinear", .B = 2, .T = 3, .D = 16, .I = 12);
    CHECK("bitlinear", .B = 1, .T = 1, .D = 7, .I = 1);
    CHECK("conv", .B = 2, .T = 9, .D = 6, .K = 2);
    CHECK("conv", .B = 1, .T = 7, .D = 5, .K = 3);
    CHECK("conv", .B = 2, .T = 8, .D = 8, .K = 4);
    CHECK("conv", .B = 2, .T = 3, .D = 8, .K = 5);
    CHECK("lr_gate", .B = 2, .T = 5, .D = 16, .H = 2);
    CHECK("lr_gate", .B = 1, .T = 1, .D = 9, .H = 3);
    CHECK("gate_norm", .B = 2, .T = 3, .D = 32, .gate = 1);
    CHECK("gate_norm", .B = 2, .T = 3, .D = 32, .gate = 0);
    CHECK("gate_norm", .B = 1, .T = 1, .D = 9, .gate = 1);
    CHECK("swiglu_norm", .B = 2, .T = 3, .I = 24);
    CHECK("swiglu_norm", .B = 1, .T = 1, .I = 7);
    CHECK("swiglu_norm inplace", .B = 2, .T = 3, .I = 24);
    CHECK("head_loss", .B = 2, .T = 3, .D = 8, .V = 11);
    CHECK("head_loss", .B = 1, .T = 1, .D = 5, .V = 2);
    CHECK("ttt_linear", .B = 1, .T = 1, .H = 1, .F = 16, .C = 1);
    CHECK("ttt_linear", .B = 1, .T = 3, .H = 1, .F = 16, .C = 4);
    CHECK("ttt_linear", .B = 2, .T = 8, .H = 2, .F = 16, .C = 4);
    CHECK("ttt_linear", .B = 2, .T = 11, .H = 2, .F = 16, .C = 4);
    CHECK("ttt_linear", .B = 2, .T = 11, .H = 2, .F = 16, .C = 4, .stuck = 1);
    CHECK("ttt_linear", .B = 1, .T = 19, .H = 1, .F = 32, .C = 16);
    CHECK("ttt_linear", .B = 1, .T = 32, .H = 1, .F = 32, .C = 16, .stuck = 1);
    CHECK("ttt_mlp", .B = 1, .T = 1, .H = 1, .F = 16, .C = 1);
    CHECK("ttt_mlp", .B = 1, .T = 5, .H = 1, .F = 16, .C = 1);
    CHECK("ttt_mlp", .B = 1, .T = 3, .H = 1, .F = 16, .C = 4);
    CHECK("ttt_mlp", .B = 2, .T = 8, .H = 2, .F = 16, .C = 4);
    CHECK("ttt_mlp", .B = 2, .T = 11, .H = 2, .F = 16, .C = 4, .stuck = 1);
    CHECK("ttt_mlp", .B = 1, .T = 19, .H = 1, .F = 16, .C = 16);
    CHECK("ttt_linear", .B = 2, .T = 8, .H = 1, .F = 16, .C = 1, .forget = 1);
    CHECK("ttt_linear", .B = 1, .T = 8, .H = 3, .F = 16, .C = 1, .forget = 1);
    CHECK("ttt_linear", .B = 1, .T = 53, .H = 1, .F = 16, .C = 16, .forget = 1);
    CHECK("ttt_linear", .B = 2, .T = 53, .H = 3, .F = 16, .C = 16, .forget = 1);
    CHECK("ttt_mlp", .B = 2, .T = 8, .H = 1, .F = 16, .C = 1, .forget = 1);
    CHECK("ttt_mlp", .B = 1, .T = 8, .H = 3, .F = 16, .C = 1, .forget = 1);
    CHECK("ttt_mlp", .B = 1, .T = 53, .H = 1, .F = 16, .C = 16, .forget = 1);
    CHECK("ttt_mlp", .B = 2, .T = 53, .H = 3, .F = 16, .C = 16, .forget = 1);
    CHECK("conv", .B = 2, .T = 8, .D = 8, .K = 4, .carry = 1);
    CHECK("conv", .B = 3, .T = 2, .D = 5, .K = 5, .carry = 1);
    CHECK("ttt_linear", .B = 3, .T = 8, .H = 2, .F = 16, .C = 4, .carry = 1);
    CHECK("ttt_linear", .B = 3, .T = 12, .H = 2, .F = 16, .C = 4, .forget = 1, .carry = 1);
    CHECK("ttt_linear", .B = 1, .T = 3, .H = 1, .F = 16, .C = 1, .forget = 1, .carry = 1);
    CHECK("ttt_mlp", .B = 2, .T = 8, .H = 1, .F = 16, .C = 4, .carry = 1);
    CHECK("ttt_mlp", .B = 2, .T = 8, .H = 2, .F = 16, .C = 4, .forget = 1, .carry = 1);
    bl_dev_close(d);
    if (failures)
        printf("%d of the pairs are above the bound\n", failures);
    return failures ? 1 : 0;
}
