/* Cases of the head and its loss. */
#include "io.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void run_head_logits(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    BL_OP(b->d, head_logits, io_out(b, "logits", N * s->V, 0), io_act(b, N * s->D, 1),
          io_in(b, s->V * s->D, 0.1f), N, s->D, s->V);
}

/* Rows and logits of numbers of bfloat16, which a device that can has as they are. */
static void run_narrow_tables(io *b, const shape *s)
{
    size_t N = shape_rows(s), n = s->V * s->D;
    uint64_t stream = b->draws++;
    float *wide = malloc(n * sizeof *wide);
    uint16_t *narrow = malloc(n * sizeof *narrow);
    for (size_t i = 0; i < n; i++) {
        float x = 0.2f * bl_rng_uniform(7, stream, i) - 0.1f;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        narrow[i] = (uint16_t)(bits >> 16);
        bits &= 0xffff0000;
        memcpy(wide + i, &bits, sizeof bits);
    }
    const bl_param *E = b->d->ops->narrow_tables(b->d)
                            ? bl_table_at(io_put(b, narrow, n * sizeof *narrow), BL_TABLE_BF16)
                            : io_put(b, wide, n * sizeof *wide);
    BL_OP(b->d, embed_fwd, io_act_out(b, "x", N * s->D, 0), E, io_ids(b, N, s->V), N, s->D);
    BL_OP(b->d, head_logits, io_out(b, "logits", N * s->V, 0), io_act(b, N * s->D, 1), E, N, s->D,
          s->V);
    free(wide);
    free(narrow);
}

/* Targets of which about a third count; at the least size none. */
static bl_dev_id *some_targets(io *b, size_t N, size_t V)
{
    int32_t *host = malloc(N * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t n = 0; n < N; n++) {
        int counts = N > 1 && bl_rng_below(7, stream, 2 * n, 3) == 0;
        host[n] = counts ? (int32_t)bl_rng_below(7, stream, 2 * n + 1, V) : -1;
    }
    bl_dev_id *p = io_put(b, host, N * sizeof *host);
    free(host);
    return p;
}

static void run_head_loss(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    void *x = io_act(b, N * s->D, 1), *E = io_in(b, s->V * s->D, 0.2f);
    bl_dev_id *targets = io_ids(b, N, s->V);
    const bl_step host = {.loss_scale = 0.25f};
    const bl_dev_step *step = io_put(b, &host, sizeof host);
    BL_OP(b->d, head_loss, io_out(b, "loss only", N, 0), NULL, NULL, x, E, targets, NULL, N, s->D,
          s->V);
    BL_OP(b->d, head_loss, io_out(b, "loss", N, 0), io_act_out(b, "dx", N * s->D, 1),
          io_out(b, "dE", s->V * s->D, 0.01f), x, E, targets, step, N, s->D, s->V);
    targets = some_targets(b, N, s->V);
    BL_OP(b->d, head_loss, io_out(b, "some loss only", N, 0), NULL, NULL, x, E, targets, NULL, N,
          s->D, s->V);
    BL_OP(b->d, head_loss, io_out(b, "some loss", N, 0), io_act_out(b, "some dx", N * s->D, 1),
          io_out(b, "some dE", s->V * s->D, 0.01f), x, E, targets, step, N, s->D, s->V);
}

static void run_head_loss_sum(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    const bl_step host = {.nats = 0.5};
    bl_dev_step *step = io_put(b, &host, sizeof host);
    void *loss = io_in(b, N, 3), *nats = io_out(b, "nats", 1, 0); /* the upper half of a double */
    BL_OP(b->d, head_loss_sum, step, loss, N);
    BL_OP(b->d, head_loss_sum, step, loss, 1);
    BL_OP(b->d, copy, nats, (char *)step + offsetof(bl_step, nats) + 4, 4);
}

/* Logits with many ties, zeros of both signs and, in some rows, what is not finite; the rows after
 * those have nothing but one value, or but what is not a number. */
static void *odd_logits(io *b, size_t N, size_t V)
{
    static const float odd[] = {INFINITY, -INFINITY, NAN, -NAN, -0.0f, 0, 3e38f, -3e38f, 1e-45f};
    enum { ODD = sizeof odd / sizeof *odd };
    float *host = malloc(N * V * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < N * V; i++) {
        size_t row = i / V;
        int coarse = row % 3 == 0;
        float x = 8 * bl_rng_uniform(7, stream, 2 * i) - 4;
        host[i] = coarse ? rintf(2 * x) / 2 : x;
        if (row % 4 == 2 && bl_rng_below(7, stream, 2 * i + 1, 5) == 0)
            host[i] = odd[bl_rng_below(7, stream, 2 * i + 1, ODD)];
        if (row % 8 == 7)
            host[i] = row % 16 == 7 ? -1.5f : NAN;
        if (row % 32 == 12) /* ascending: each is better than all before */
            host[i] = (float)(i % V);
    }
    void *p = io_put(b, host, N * V * sizeof *host);
    free(host);
    return p;
}

/* Pairs of floats, ids among them: compared to the bit, as small integers are small floats. */
static void top_of(io *b, const void *logits, size_t N, size_t V, size_t k)
{
    k = k < V ? k : V;
    BL_OP(b->d, head_top, io_out(b, "best", N * (k + 1) * 2, 0), logits, N, V, k);
}

static void run_head_top(io *b, const shape *s)
{
    size_t N = shape_rows(s);
    const void *logits = odd_logits(b, N, s->V);
    top_of(b, logits, N, s->V, 1);
    top_of(b, logits, N, s->V, 5 + N % 60);
    top_of(b, logits, N, s->V, BL_TOP_MOST);
    if (N > 1) /* rows that begin at any address */
        top_of(b, (const float *)logits + 1, N - 1, s->V, 64);
    if (s->V > 2)
        return;
    logits = odd_logits(b, 4, 50001); /* once: vocabularies of any size */
    top_of(b, logits, 4, 50001, BL_TOP_MOST);
    top_of(b, logits, 3, 16384, 1);
    top_of(b, logits, 3, 16384, 65);
    top_of(b, logits, 1, 16385, BL_TOP_MOST);
}

/* Whole numbers, whose sums are exact everywhere. */
static float *whole_numbers(io *b, size_t n)
{
    float *host = malloc(n * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < n; i++)
        host[i] = b->zeros ? 0 : (float)bl_rng_below(7, stream, i, 7) - 3;
    return host;
}

static void best_of(io *b, size_t N, size_t D, size_t V)
{
    static const size_t counts[] = {1, 5, 64, BL_TOP_MOST};
    float *host = whole_numbers(b, N * D), *rows = whole_numbers(b, V * D);
    void *x = io_put_act(b, host, N * D), *E = io_put(b, rows, V * D * sizeof *rows);
    bl_coarse *coarse = io_bytes(b, BL_OP(b->d, head_coarse_bytes, V, D));
    void *room = io_bytes(b, N * V * sizeof(float));
    BL_OP(b->d, head_coarse, coarse, E, V, D);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t k = counts[i] < V ? counts[i] : V;
        BL_OP(b->d, head_best, io_out(b, "best", N * (k + 1) * 2, 0), room, x, E,
              i % 2 ? NULL : coarse, N, D, V, k);
    }
    free(host);
    free(rows);
}

static void run_head_best(io *b, const shape *s)
{
    best_of(b, shape_rows(s), s->D, s->V);
    if (s->V == 2) /* once: where a copy of E pays */
        best_of(b, 3, 256, 2100);
}

const op_case head_cases[] = {
    {"narrow_tables", run_narrow_tables, 1e-12, 1e-5, -1, 1e-5, 2e-2},
    {"head_logits", run_head_logits, 1e-12, 1e-5, -1, 1e-5, 2e-2},
    {"head_top", run_head_top, 0, 0, -1, 0, 0},
    {"head_coarse_bytes head_coarse head_best", run_head_best, 0, 0, -1, 0, 0},
    {"head_loss_sum", run_head_loss_sum, 0, 0, -1, 0, 0},
    {"head_loss", run_head_loss, 1e-11, 1e-4, -1, 2e-5, 2e-2},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
