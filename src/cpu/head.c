/* The output head: logits for inference, cross-entropy with its gradients for training. */
#include "cpu/bf16.h"

#include <math.h>
#include <string.h>

typedef struct logits_op {
    const bl_cpu *c;
    float *logits;
    const float *x;
    bl_cpu_table E;
    size_t N, D, V;
} logits_op;

/* Dot products over D: the order of a sum does not depend on N. */
static void logits_tiles(void *user, size_t first, size_t last, size_t member)
{
    const logits_op *a = user;
    size_t D = a->D, V = a->V, cols = bl_blocks(V, MATMUL_OUTS);
    size_t most = a->E.form == BL_TABLE_PARAMS ? MATMUL_OUTS : TABLE_ROWS;
    float *room = bl_cpu_local(a->c, member);
    for (size_t task = first; task < last; task++) {
        size_t v = task % cols * MATMUL_OUTS, n = task / cols * MATMUL_OUTS;
        size_t end = bl_least(V, v + MATMUL_OUTS), rows = bl_least(a->N - n, MATMUL_OUTS);
        for (size_t some; v < end; v += some) {
            some = bl_least(end - v, most);
            const float *E = bl_cpu_table_rows(&a->c->k, &a->E, v, some, room);
            a->c->k.dots(a->logits + n * V + v, V, a->x + n * D, D, E, D, rows, some, D);
        }
    }
}

void bl_cpu_head_logits(bl_dev *d, bl_real *logits, const bl_act *x, const bl_param *E, size_t N,
                        size_t D, size_t V)
{
    logits_op a = {.c = bl_cpu_of(d),
                   .logits = (float *)logits,
                   .x = (const float *)x,
                   .E = bl_cpu_table_open(E, D),
                   .N = N,
                   .D = D,
                   .V = V};
    bl_cpu_run(a.c, N * V * D / 4, bl_blocks(V, MATMUL_OUTS) * bl_blocks(N, MATMUL_OUTS),
               logits_tiles, &a);
}

/* bl_logit_rows rows at a time: what is read of E and added to dE is shared by them.  Their logits
 * lie in tiles of HEAD_COLS columns, each contiguous: a tile stays in L2 from its product to its
 * exponentials, and products run slower by half over rows that are a whole vocabulary apart.  A
 * tile keeps p = exp(x - m) with its own maximum m; what the softmax still lacks is one factor for
 * each row and tile:
 *
 *     M = max m,  S = sum of (tile's sum) exp(m - M),  factor = scale exp(m - M) / S
 *     loss = M + log S - x[target],  dlogits = factor p - scale onehot(target) */
typedef struct bl_head_rows {
    const bl_cpu *c;
    float *loss, *dx, *dE;
    const float *x, *E; /* E: for gradients only, of parameters */
    bl_cpu_table table;
    const int32_t *targets; /* negative: the row does not count */
    float scale;
    size_t rows, D, V, tiles, chunk; /* tiles in a chunk */
} bl_head_rows;

static float *tile_at(const bl_head_rows *h, size_t t)
{
    return h->c->logits + t * h->rows * HEAD_COLS;
}

/* The target's column within tile t, or HEAD_COLS when it is in another or none. */
static size_t target_in(const bl_head_rows *h, size_t t, size_t n)
{
    size_t v = (size_t)h->targets[n];
    return v / HEAD_COLS == t ? v % HEAD_COLS : HEAD_COLS;
}

static void tile_exponentials(const bl_head_rows *h, size_t t, size_t member)
{
    const bl_cpu *c = h->c;
    size_t v = t * HEAD_COLS, cols = bl_least(h->V - v, HEAD_COLS);
    float *tile = tile_at(h, t);
    float *most = c->head_most + t * h->rows, *sum = c->head_sum + t * h->rows;
    const float *E =
        bl_cpu_table_rows(&c->k, &h->table, v, cols, c->wide_rows + member * HEAD_COLS * h->D);
    bl_matmul(c, member, 0, 1, h->rows, cols, h->D, h->x, h->D, E, h->D, 0, tile, HEAD_COLS);
    for (size_t n = 0; n < h->rows; n++) {
        float *row = tile + n * HEAD_COLS;
        size_t target = target_in(h, t, n);
        if (target < HEAD_COLS)
            c->head_target[n] = row[target];
        most[n] = c->k.exp_row(h->dx ? row : NULL, sum + n, row, cols);
    }
}

/* The loss of row n; its maxima become factors. */
static void row_loss(const bl_head_rows *h, size_t n)
{
    float *most = h->c->head_most + n, top = most[0], total = 0;
    const float *sum = h->c->head_sum + n;
    for (size_t t = 1; t < h->tiles; t++)
        top = most[t * h->rows] <= top ? top : most[t * h->rows];
    for (size_t t = 0; t < h->tiles; t++) {
        float *m = most + t * h->rows;
        *m = expf(*m - top);
        total += sum[t * h->rows] * *m;
    }
    int counts = h->targets[n] >= 0;
    for (size_t t = 0; t < h->tiles; t++)
        most[t * h->rows] *= counts ? h->scale / total : 0;
    h->loss[n] = counts ? top + logf(total) - h->c->head_target[n] : 0;
}

static void chunk_grads(const bl_head_rows *h, size_t chunk, size_t member)
{
    const bl_cpu *c = h->c;
    size_t D = h->D, first = chunk * h->chunk, last = bl_least(first + h->chunk, h->tiles);
    for (size_t t = first; t < last; t++) {
        size_t v = t * HEAD_COLS, cols = bl_least(h->V - v, HEAD_COLS);
        float *tile = tile_at(h, t);
        const float *factor = c->head_most + t * h->rows;
        for (size_t n = 0; n < h->rows; n++) {
            float *row = tile + n * HEAD_COLS;
            size_t target = target_in(h, t, n);
            c->k.scale(row, factor[n], cols);
            if (target < HEAD_COLS)
                row[target] -= h->scale;
        }
        bl_matmul(c, member, 0, 0, h->rows, D, cols, tile, HEAD_COLS, h->E + v * D, D, t > first,
                  c->head_dx + chunk * h->rows * D, D);
        bl_matmul(c, member, 1, 0, cols, D, h->rows, tile, HEAD_COLS, h->x, D, 1, h->dE + v * D, D);
    }
}

/* The sum of the chunks' parts of row n, ascending. */
static void row_grad(const bl_head_rows *h, size_t n)
{
    size_t D = h->D, chunks = bl_blocks(h->tiles, h->chunk);
    float *row = h->dx + n * D;
    memcpy(row, h->c->head_dx + n * D, D * sizeof *row);
    for (size_t k = 1; k < chunks; k++)
        h->c->k.add(row, h->c->head_dx + (k * h->rows + n) * D, D);
}

static void exponential_tasks(void *user, size_t first, size_t last, size_t member)
{
    for (size_t t = first; t < last; t++)
        tile_exponentials(user, t, member);
}

static void loss_tasks(void *user, size_t first, size_t last, size_t member)
{
    (void)member;
    for (size_t n = first; n < last; n++)
        row_loss(user, n);
}

static void chunk_tasks(void *user, size_t first, size_t last, size_t member)
{
    for (size_t k = first; k < last; k++)
        chunk_grads(user, k, member);
}

static void grad_tasks(void *user, size_t first, size_t last, size_t member)
{
    (void)member;
    for (size_t n = first; n < last; n++)
        row_grad(user, n);
}

static void rows_loss(bl_head_rows *h)
{
    const bl_cpu *c = h->c;
    size_t rows = h->rows, chunks = bl_blocks(h->tiles, h->chunk);
    bl_cpu_run(c, rows * h->V * h->D, h->tiles, exponential_tasks, h);
    bl_cpu_run(c, rows * h->tiles * 16, rows, loss_tasks, h);
    if (!h->dx)
        return;
    bl_cpu_run(c, rows * h->V * h->D, chunks, chunk_tasks, h);
    bl_cpu_run(c, rows * h->D * chunks, rows, grad_tasks, h);
}

void bl_cpu_head_loss(bl_dev *d, bl_real *loss, bl_act *dx, bl_param *dE, const bl_act *x,
                      const bl_param *E, const bl_dev_id *targets, const bl_dev_step *step,
                      size_t N, size_t D, size_t V)
{
    const bl_cpu *c = bl_cpu_of(d);
    float scale = dx ? ((const bl_step *)step)->loss_scale : 0;
    if (c->bf16 && dx) {
        const bl_head_grads g = {.loss = (float *)loss,
                                 .dx = (float *)dx,
                                 .dE = (float *)dE,
                                 .x = (const float *)x,
                                 .E = (const float *)E,
                                 .targets = (const int32_t *)targets,
                                 .scale = scale,
                                 .N = N,
                                 .D = D,
                                 .V = V};
        bl_bf16_head(c, &g);
        return;
    }
    size_t tiles = bl_blocks(V, HEAD_COLS), most = bl_logit_rows(&c->most);
    for (size_t n = 0; n < N; n += most) {
        bl_head_rows h = {.c = c,
                          .loss = (float *)loss + n,
                          .dx = dx ? (float *)dx + n * D : NULL,
                          .dE = (float *)dE,
                          .x = (const float *)x + n * D,
                          .E = dx ? (const float *)E : NULL,
                          .table = bl_cpu_table_open(E, D),
                          .targets = (const int32_t *)targets + n,
                          .scale = scale,
                          .rows = bl_least(N - n, most),
                          .D = D,
                          .V = V,
                          .tiles = tiles,
                          .chunk = bl_most(4, bl_blocks(tiles, HEAD_CHUNKS))};
        rows_loss(&h);
    }
}

void bl_cpu_head_loss_sum(bl_dev *d, bl_dev_step *step_, const bl_real *loss, size_t N)
{
    bl_step *step = (bl_step *)step_;
    double nats = step->nats;
    (void)d;
    for (size_t n = 0; n < N; n++)
        nats += (double)((const float *)loss)[n];
    step->nats = nats;
}
