/* Embedding, dropout, residual addition and the causal convolution. */
#include "core/rng.h"
#include "cpu/cpu_impl.h"

#include <string.h>

enum { ADD_PIECE = 8192, EMBED_COLUMNS = 64, K_MOST = 8 };

typedef struct embed_op {
    const bl_cpu *c;
    const int32_t *ids;
    size_t N, D;
    const float *from;
    float *to;
} embed_op;

static void embed_rows(void *user, size_t first, size_t last, size_t member)
{
    const embed_op *a = user;
    (void)member;
    for (size_t n = first; n < last; n++)
        memcpy(a->to + n * a->D, a->from + (size_t)a->ids[n] * a->D, a->D * sizeof *a->to);
}

void bl_cpu_embed_fwd(bl_dev *d, bl_act *x, const bl_param *E, const int32_t *ids, size_t N,
                      size_t D)
{
    embed_op a = {.ids = ids, .N = N, .D = D, .from = (const float *)E, .to = (float *)x};
    bl_cpu_run(bl_cpu_of(d), N * D, N, embed_rows, &a);
}

/* Cut by columns, so that rows of equal id are added in ascending order without a lock. */
static void embed_columns(void *user, size_t first, size_t last, size_t member)
{
    const embed_op *a = user;
    size_t D = a->D;
    (void)member;
    for (size_t i = first * EMBED_COLUMNS; i < bl_least(last * EMBED_COLUMNS, D);
         i += EMBED_COLUMNS)
        for (size_t n = 0; n < a->N; n++)
            a->c->k.add(a->to + (size_t)a->ids[n] * D + i, a->from + n * D + i,
                        bl_least(D - i, EMBED_COLUMNS));
}

void bl_cpu_embed_bwd(bl_dev *d, bl_param *dE, const bl_act *dx, const int32_t *ids, size_t N,
                      size_t D, size_t V)
{
    (void)V;
    embed_op a = {bl_cpu_of(d), ids, N, D, (const float *)dx, (float *)dE};
    bl_cpu_run(a.c, N * D, bl_blocks(D, EMBED_COLUMNS), embed_columns, &a);
}

typedef struct dropout_op {
    float *x;
    size_t n;
    uint64_t seed, stream, base;
    double least; /* a random word below this drops its element */
    float keep;   /* and the others grow by this */
} dropout_op;

static void dropout_fours(void *user, size_t first, size_t last, size_t member)
{
    const dropout_op *a = user;
    (void)member;
    for (size_t i = 4 * first; i < bl_least(4 * last, a->n); i += 4) {
        uint32_t r[4];
        bl_philox(a->seed, a->stream, a->base + i / 4, r);
        for (size_t j = 0; j < bl_least(a->n - i, 4); j++)
            a->x[i + j] = (double)r[j] >= a->least ? a->x[i + j] * a->keep : 0.0f;
    }
}

void bl_cpu_dropout(bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_step *step)
{
    if (!(step->dropout > 0.0f))
        return;
    dropout_op a = {.x = (float *)x,
                    .n = n,
                    .seed = step->seed,
                    .base = (step->step * 65536 + step->micro) << 32,
                    .stream = BL_RNG_DROPOUT + site,
                    .least = (double)step->dropout * 4294967296.0,
                    .keep = 1.0f / (1.0f - step->dropout)};
    bl_cpu_run(bl_cpu_of(d), 8 * n, bl_blocks(n, 4), dropout_fours, &a);
}

typedef struct add_op {
    const bl_cpu *c;
    float *x;
    const float *y;
    size_t n;
} add_op;

static void add_pieces(void *user, size_t first, size_t last, size_t member)
{
    const add_op *a = user;
    size_t at = first * ADD_PIECE;
    (void)member;
    a->c->k.add(a->x + at, a->y + at, bl_least(last * ADD_PIECE, a->n) - at);
}

void bl_cpu_add(bl_dev *d, bl_act *x, const bl_act *y, size_t n)
{
    add_op a = {bl_cpu_of(d), (float *)x, (const float *)y, n};
    bl_cpu_run(a.c, n, bl_blocks(n, ADD_PIECE), add_pieces, &a);
}

/* wt[j,c] = w[c,K-1-j]: the taps by distance, each a row. */
static void taps_by_distance(float *wt, const float *w, size_t D, size_t K)
{
    for (size_t j = 0; j < K; j++)
        for (size_t i = 0; i < D; i++)
            wt[j * D + i] = w[i * K + K - 1 - j];
}

typedef struct conv_op {
    const bl_cpu *c;
    size_t T, D, K, N;
    const float *u, *old, *dy, *bias; /* old: the tails of what came before, or NULL */
    float *y, *du;
    int accumulate;
} conv_op;

static void conv_rows(void *user, size_t first, size_t last, size_t member)
{
    const conv_op *a = user;
    size_t T = a->T, D = a->D, K = a->K;
    (void)member;
    for (size_t n = first; n < last; n++) {
        const float *rows[K_MOST];
        size_t b = n / T, t = n % T;
        for (size_t j = 0; j < K; j++)
            rows[j] = j <= t   ? a->u + (n - j) * D
                      : a->old ? a->old + (b * (K - 1) + K - 1 + t - j) * D
                               : NULL;
        a->c->k.conv_row(a->y + n * D, rows, a->c->conv_w, a->bias, K, D);
    }
}

void bl_cpu_conv_fwd(bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,
                     const bl_param *bias, size_t B, size_t T, size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    conv_op a = {.c = c,
                 .T = T,
                 .D = D,
                 .K = K,
                 .u = (const float *)u,
                 .old = (const float *)tail,
                 .bias = (const float *)bias,
                 .y = (float *)y};
    taps_by_distance(c->conv_w, (const float *)w, D, K);
    bl_cpu_run(c, B * T * D * K, B * T, conv_rows, &a);
}

void bl_cpu_conv_tail(bl_dev *d, bl_act *tail, const bl_act *u, size_t B, size_t T, size_t D,
                      size_t K)
{
    (void)d;
    for (size_t b = 0; b < B; b++) {
        float *to = (float *)tail + b * (K - 1) * D;
        for (size_t i = 0; i < K - 1; i++) {
            size_t at = i + T; /* row of (tail, u) */
            const float *from =
                at < K - 1 ? to + at * D : (const float *)u + (b * T + at - (K - 1)) * D;
            memcpy(to + i * D, from, D * sizeof *to);
        }
    }
}

/* dw of the rows before sequence b; `none` is room for their du, which nobody wants. */
static void conv_bwd_tail(const conv_op *a, float *part, float *none, size_t b)
{
    size_t T = a->T, D = a->D, K = a->K;
    for (size_t i = 0; i + 1 < K; i++) {
        const float *u = a->old + (b * (K - 1) + i) * D;
        for (size_t j = K - 1 - i; j < K && j < K - 1 - i + T; j++) { /* token K - 1 - i before 0 */
            const float *dy = a->dy + (b * T + j - (K - 1 - i)) * D;
            a->c->k.mul(none, u, dy, D);
            a->c->k.add(part + j * D, none, D);
        }
    }
}

static void conv_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const conv_op *a = user;
    size_t T = a->T, D = a->D, K = a->K, width = (K + 1) * D;
    float *room = bl_cpu_local(a->c, member);
    for (size_t k = first; k < last; k++) {
        float *part = a->c->partial + k * width;
        memset(part, 0, width * sizeof *part);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++) {
            const float *rows[K_MOST];
            if (a->old && n % T == 0)
                conv_bwd_tail(a, part, room, n / T);
            for (size_t j = 0; j < K; j++)
                rows[j] = n % T + j < T ? a->dy + (n + j) * D : NULL;
            if (!a->accumulate)
                memset(a->du + n * D, 0, D * sizeof *a->du);
            a->c->k.conv_bwd_row(a->du + n * D, part, part + K * D, rows, a->u + n * D,
                                 a->c->conv_w, K, D);
        }
    }
}

void bl_cpu_conv_bwd(bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,
                     const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate,
                     size_t B, size_t T, size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    float *sums = c->conv_w + (K + 1) * D;
    size_t N = B * T, blocks = bl_blocks(N, ROW_BLOCK), width = (K + 1) * D;
    conv_op a = {.c = c,
                 .T = T,
                 .D = D,
                 .K = K,
                 .N = N,
                 .u = (const float *)u,
                 .old = (const float *)tail,
                 .dy = (const float *)dy,
                 .du = (float *)du,
                 .accumulate = accumulate};
    taps_by_distance(c->conv_w, (const float *)w, D, K);
    bl_cpu_run(c, 2 * N * D * K, blocks, conv_bwd_blocks, &a);
    memset(sums, 0, width * sizeof *sums);
    bl_cpu_reduce(c, sums, c->partial, blocks, width);
    for (size_t j = 0; j < K; j++)
        for (size_t i = 0; i < D; i++)
            ((float *)dw)[i * K + K - 1 - j] += sums[j * D + i];
    c->k.add((float *)dbias, sums + K * D, D);
}
