/* The output head: logits for inference, cross-entropy with its gradients for training. */
#include "cpu/cpu_impl.h"

#include <string.h>

/* Dot products over D: the order of a sum does not depend on N. */
void bl_cpu_head_logits(bl_dev *d, bl_real *logits, const bl_act *x, const bl_param *E, size_t N,
                        size_t D, size_t V)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t cols = bl_blocks(V, GEMM_OUTS), tiles = bl_blocks(N, GEMM_OUTS);
    int team = bl_cpu_team(c, N * V * D / 4);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t task = 0; task < cols * tiles; task++) {
        size_t v = task % cols * GEMM_OUTS, n = task / cols * GEMM_OUTS;
        c->k.dots((float *)logits + n * V + v, V, (const float *)x + n * D, D,
                  (const float *)E + v * D, D, bl_least(N - n, GEMM_OUTS),
                  bl_least(V - v, GEMM_OUTS), D);
    }
}

/* One tile of rows.  The logits become scale (softmax - onehot) in place; a task of the second half
 * is a chunk of the vocabulary: its part of dx, and its rows of dE. */
typedef struct bl_head_tile {
    float *loss, *dx, *dE;
    const float *x, *E;
    const int32_t *targets;
    float scale;
    size_t rows, D, V, chunk;
} bl_head_tile;

static void tile_loss(const bl_cpu *c, const bl_head_tile *h)
{
    size_t V = h->V, D = h->D;
#pragma omp for schedule(static)
    for (size_t v = 0; v < V; v += HEAD_COLS / 4)
        bl_gemm(c, 0, 1, h->rows, bl_least(V - v, HEAD_COLS / 4), D, h->x, D, h->E + v * D, D, 0,
                c->logits + v, V);
#pragma omp for schedule(static)
    for (size_t n = 0; n < h->rows; n++) {
        float *row = c->logits + n * V, *target = row + h->targets[n], logit = *target;
        h->loss[n] = c->k.logsumexp(h->dx ? row : NULL, row, h->scale, V) - logit;
        if (h->dx)
            *target -= h->scale;
    }
}

static void tile_grads(const bl_cpu *c, const bl_head_tile *h)
{
    size_t V = h->V, D = h->D, chunks = bl_blocks(V, h->chunk);
#pragma omp for schedule(static)
    for (size_t k = 0; k < chunks; k++) {
        size_t v = k * h->chunk, cols = bl_least(V - v, h->chunk);
        bl_gemm(c, 0, 0, h->rows, D, cols, c->logits + v, V, h->E + v * D, D, 0,
                c->head_dx + k * h->rows * D, D);
        bl_gemm(c, 1, 0, cols, D, h->rows, c->logits + v, V, h->x, D, 1, h->dE + v * D, D);
    }
#pragma omp for schedule(static)
    for (size_t n = 0; n < h->rows; n++) {
        float *row = h->dx + n * D;
        memcpy(row, c->head_dx + n * D, D * sizeof *row);
        for (size_t k = 1; k < chunks; k++)
            c->k.add(row, c->head_dx + (k * h->rows + n) * D, D);
    }
}

void bl_cpu_head_loss(bl_dev *d, bl_real *loss, bl_act *dx, bl_param *dE, const bl_act *x,
                      const bl_param *E, const int32_t *targets, float scale, size_t N, size_t D,
                      size_t V)
{
    const bl_cpu *c = bl_cpu_of(d);
    int team = bl_cpu_team(c, N * V * D);
#pragma omp parallel num_threads(team)
    for (size_t n = 0; n < N; n += HEAD_ROWS) {
        bl_head_tile h = {.loss = (float *)loss + n,
                          .dx = dx ? (float *)dx + n * D : NULL,
                          .dE = (float *)dE,
                          .x = (const float *)x + n * D,
                          .E = (const float *)E,
                          .targets = targets + n,
                          .scale = scale,
                          .rows = bl_least(N - n, HEAD_ROWS),
                          .D = D,
                          .V = V,
                          .chunk = bl_most(HEAD_COLS, bl_blocks(V, HEAD_CHUNKS))};
        tile_loss(c, &h);
        if (dx)
            tile_grads(c, &h);
    }
}
