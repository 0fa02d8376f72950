/* The best logits found from few rows of E, against all logits of the same device: equal bits. */
#include "scratch.h"

#include "api/device.h"
#include "core/cpu_level.h"
#include "core/rng.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

/* What E and x are made of. */
typedef enum matter {
    FLOATS,     /* E and x like a model's */
    TIES,       /* small whole numbers: many equal logits, some that are 0 */
    EQUAL_ROWS, /* few different rows */
    ZEROS,      /* many rows of zeros, and an x that is */
    ODD_E,      /* a row with what is not finite */
    ODD_X,      /* every other x */
    RANGE,      /* rows from 1e-38 to 1e15 long, and x */
    OVERFLOW_,  /* logits that are infinite */
    DENORMAL,   /* E and x next to the least of all numbers */
    SPIKES,     /* one large number in each row and x */
    MATTERS
} matter;

typedef struct sizes {
    size_t N, D, V;
} sizes;

/* Where the copy in 8 bits is used and where not, at and beside borders of panels and tasks. */
static const sizes all_sizes[] = {{1, 256, 4096},  {3, 257, 1040}, {2, 64, 5001}, {1, 17, 16411},
                                  {257, 64, 4100}, {2, 1100, 250}, {2, 64, 1000}};
enum { SIZES = sizeof all_sizes / sizeof *all_sizes };

static float uniform(uint64_t stream, size_t i)
{
    return 2 * bl_rng_uniform(11, stream, i) - 1;
}

/* Number i of row r; x are the rows of stream 1. */
static float number(matter what, uint64_t stream, size_t r, size_t i, size_t D)
{
    float u = uniform(stream, r * D + i);
    switch (what) {
    case FLOATS:
        return u + uniform(stream + 2, r * D + i);
    case TIES:
        return rintf(1.4f * u);
    case EQUAL_ROWS:
        return stream == 1 ? u : uniform(stream, r % 3 * D + i);
    case ZEROS:
        return (stream == 1 ? r % 2 : r % 5) ? 0 : u;
    case ODD_E:
        return stream == 0 && r == 777 && i == D / 2 ? (D % 2 ? NAN : INFINITY) : u;
    case ODD_X:
        return stream == 1 && r % 2 == 0 && i == 3 ? (r % 4 ? -INFINITY : NAN) : u;
    case RANGE:
        return u * powf(10, (float)(r * 7 % 53) - 38);
    case OVERFLOW_:
        return u * 1e20f;
    case DENORMAL:
        return u * 1e-42f;
    case SPIKES:
        return i == r % D ? 30 * u : 0.01f * u;
    case MATTERS:
        break;
    }
    return 0;
}

static void *on_device(bl_dev *d, size_t bytes)
{
    void *p;
    assert_ok(BL_OP(d, alloc, &p, bytes, &failure));
    return p;
}

static void fill(float *to, matter what, uint64_t stream, size_t rows, size_t D)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < D; i++)
            to[r * D + i] = number(what, stream, r, i, D);
}

typedef struct ground {
    bl_dev *d;
    sizes s;
    bl_act *x;
    bl_param *E;
    bl_coarse *coarse;
    bl_real *logits, *room;
    bl_dev_candidate *best, *other;
} ground;

static void open_ground(ground *g, bl_dev *d, const sizes *s, matter what)
{
    size_t N = s->N, D = s->D, V = s->V, most = BL_TOP_MOST + 1;
    const bl_limits limits = {
        .B = 1, .T = N, .D = D, .H = 1, .F = 16, .I = 16, .V = V, .C = 16, .K = 4, .M = 16};
    float *host = malloc((N > V ? N : V) * D * sizeof *host);
    assert_ok(BL_OP(d, reserve, &limits, &failure));
    *g = (ground){.d = d, .s = *s};
    g->x = on_device(d, N * D * sizeof(float));
    g->E = on_device(d, V * D * sizeof(float));
    g->coarse = on_device(d, BL_OP(d, head_coarse_bytes, V, D));
    g->logits = on_device(d, N * V * sizeof(float));
    g->room = on_device(d, N * V * sizeof(float));
    g->best = on_device(d, N * most * sizeof(bl_candidate));
    g->other = on_device(d, N * most * sizeof(bl_candidate));
    fill(host, what, 0, V, D);
    assert_ok(bl_put_param(d, g->E, host, V * D, &failure));
    fill(host, what, 1, N, D);
    assert_ok(bl_put_act(d, g->x, host, N * D, &failure));
    BL_OP(d, head_coarse, g->coarse, g->E, V, D);
    BL_OP(d, head_logits, g->logits, g->x, g->E, N, D, V);
    free(host);
}

static void close_ground(ground *g)
{
    void *const all[] = {g->x, g->E, g->coarse, g->logits, g->room, g->best, g->other};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        BL_OP(g->d, free, all[i]);
}

/* Rows whose logits were not all computed. */
static size_t found_by_bounds(const ground *g)
{
    size_t n = g->s.N * g->s.V, rows = 0;
    float *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b);
    assert_ok(bl_get_real(g->d, a, g->logits, n, &failure));
    assert_ok(bl_get_real(g->d, b, g->room, n, &failure));
    for (size_t r = 0; r < g->s.N; r++)
        rows += memcmp(a + r * g->s.V, b + r * g->s.V, g->s.V * sizeof *a) != 0;
    free(a);
    free(b);
    return rows;
}

static void compare(const ground *g, size_t k, const bl_coarse *coarse)
{
    size_t N = g->s.N, D = g->s.D, V = g->s.V, n = N * (k + 1);
    static bl_candidate a[257 * (BL_TOP_MOST + 1)], b[257 * (BL_TOP_MOST + 1)];
    BL_OP(g->d, head_top, g->best, g->logits, N, V, k);
    BL_OP(g->d, head_best, g->other, g->room, g->x, g->E, coarse, N, D, V, k);
    assert_ok(bl_get_candidate(g->d, a, g->best, n, &failure));
    assert_ok(bl_get_candidate(g->d, b, g->other, n, &failure));
    assert_memory_equal(a, b, n * sizeof *a);
}

/* Whether the bounds are there, and for so many candidates. */
static int is_coarse(bl_dev *d, const sizes *s)
{
    return BL_OP(d, head_coarse_bytes, s->V, s->D) && s->V > 1000;
}

static void all_matters(bl_dev *d)
{
    static const size_t counts[] = {1, 2, 64, BL_TOP_MOST};
    for (size_t i = 0; i < SIZES; i++)
        for (matter what = 0; what < MATTERS; what++) {
            const sizes *s = &all_sizes[i];
            if (s->N > 3 && what != FLOATS && what != ODD_X) /* slow */
                continue;
            size_t rows = 0;
            ground g;
            open_ground(&g, d, s, what);
            for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
                compare(&g, counts[j] < s->V ? counts[j] : s->V, g.coarse);
                rows += found_by_bounds(&g);
            }
            compare(&g, 7, NULL);
            if (is_coarse(d, s) && what == FLOATS)
                assert_true(rows >= 2 * s->N); /* this test is not of all logits twice */
            if (!is_coarse(d, s) || what == ODD_E || what == OVERFLOW_ || what == DENORMAL)
                assert_int_equal(rows, 0);
            close_ground(&g);
        }
}

static void as_of_all_logits(void **state)
{
    (void)state;
    for (size_t i = 0; i < BL_CPU_LEVELS; i++) {
        bl_dev *d;
        const char *level = bl_cpu_level_names[i];
        assert_int_equal(setenv("BITLLAMA_CPU", level, 1), 0);
        const bl_device_request request = {.name = "cpu", .ternary = 1, .threads = 1 + 2 * (i > 0)};
        if (bl_device_open(&d, &request, &failure) != BL_OK) {
            printf("skipped: level %s (%s)\n", level, failure.message);
            continue;
        }
        assert_int_equal(BL_OP(d, head_coarse_bytes, 16384, 256) > 0, i > 0);
        all_matters(d);
        bl_dev_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_of_all_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
