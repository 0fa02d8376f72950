/* A pair of ops under test: its arrays, and how forward and backward are called on them. */
#ifndef BL_TESTS_PAIRS_H
#define BL_TESTS_PAIRS_H

#include "ops/ops.h"

enum { PAIR_INPUTS = 12 };

/* What the backward op does to an input's gradient. */
typedef enum pair_kind {
    PAIR_WRITES, /* overwrites it: starts as NaN here */
    PAIR_ADDS,   /* adds to it: starts as something random */
    PAIR_FLAG    /* either, by the argument `accumulate`: both are tried */
} pair_kind;

typedef struct pair_dims {
    size_t B, T, D, H, F, I, V, C, K;
    int gate;   /* gate_norm with z */
    int stuck;  /* ttt: one step size at its floor of 0 */
    int forget; /* ttt: heads forget; with several, the first at the least half-life */
    int carry;  /* conv: with a tail; ttt: even rows continue from a state, T is whole chunks */
} pair_dims;

/* Inputs x and their gradients dx, outputs y with the loss sum y dy; extra is what the forward op
 * leaves for the backward op.  On the 64-bit reference device every array is doubles in host
 * memory; void so that they pass as any of the op table's pointers. */
typedef struct pair_run {
    bl_dev *d;
    pair_dims m;
    size_t inputs, count[PAIR_INPUTS], outputs;
    const char *name[PAIR_INPUTS];
    pair_kind kind[PAIR_INPUTS];
    void *x[PAIR_INPUTS], *dx[PAIR_INPUTS];
    void *y, *dy;
    void *extra[2];
    bl_ttt_carry carry;
    double *held[4]; /* the states that rows continue from, W1, b1, W2, b2 [B,H,...] */
    bl_dev_id *ids;
    int accumulate;
} pair_run;

typedef struct pair_ops {
    const char *name;
    void (*setup)(pair_run *r); /* declares inputs, outputs and extra */
    void (*fwd)(pair_run *r);
    void (*bwd)(pair_run *r);
} pair_ops;

/* Used by setup: an input Normal(mean, spread); memory of the run; n outputs of weight
 * Normal(0, 1). */
void bl_pair_input(pair_run *r, const char *name, size_t count, pair_kind kind, double mean,
                   double spread);
void *bl_pair_memory(pair_run *r, size_t bytes);
void *bl_pair_random(pair_run *r, size_t count, double spread);
void bl_pair_output(pair_run *r, size_t count);

/* B T; n ids below V. */
size_t bl_pair_rows(const pair_run *r);
void bl_pair_ids(pair_run *r, size_t n, size_t V);

/* A file a family, whose pairs end with NULL. */
#define PAIR_FAMILIES(X)                                                                           \
    X(embed) X(elementwise) X(norm) X(bitlinear) X(conv) X(ttt) X(ttt_linear) X(ttt_mlp) X(head)
#define X(family) extern const pair_ops family##_pairs[];
PAIR_FAMILIES(X)
#undef X

/* NULL: there is none. */
const pair_ops *bl_pair_find(const char *name);

#endif
