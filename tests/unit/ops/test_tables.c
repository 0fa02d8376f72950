/* Embedding and head that are kept narrower: every op gives the bits of the same rows as parameters. */
#include "scratch.h"

#include "api/device.h"
#include "core/cpu_level.h"
#include "core/rng.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_D = 1000, MOST_V = 16411, K = 20 };

typedef struct sizes {
    size_t N, D, V;
} sizes;

/* Small and beside borders of blocks, and large enough for the copy in 8 bits. */
static const sizes all_sizes[] = {{1, 2, 3},    {3, 17, 41},     {1, 256, 4096},
                                  {5, 64, 300}, {2, 257, 16411}, {70, 1000, 1030}};

/* A narrow table and the same as floats. */
typedef struct tables {
    float *wide;
    char *narrow;
    size_t bytes;
} tables;

static float number(uint64_t stream, size_t i)
{
    return 2 * bl_rng_uniform(5, stream, i) - 1;
}

/* The low half of a float32 dropped; and a zero and a large one among them. */
static void make_halves(tables *t, size_t V, size_t D)
{
    for (size_t i = 0; i < V * D; i++) {
        uint32_t bits;
        float x = i % 97 == 5 ? 0 : i % 101 == 7 ? 300 * number(0, i) : number(0, i);
        memcpy(&bits, &x, sizeof bits);
        const uint16_t half = (uint16_t)(bits >> 16);
        memcpy(t->narrow + i * sizeof half, &half, sizeof half);
        bits &= 0xffff0000;
        memcpy(t->wide + i, &bits, sizeof bits);
    }
}

static void make_bytes(tables *t, size_t V, size_t D)
{
    size_t row = t->bytes / V;
    for (size_t v = 0; v < V; v++) {
        float scale = v % 11 == 3 ? 0 : 0.01f * (1.5f + number(1, v));
        memcpy(t->narrow + v * row, &scale, sizeof scale);
        for (size_t i = 0; i < D; i++) {
            int8_t q = (int8_t)rintf(127 * number(2, v * D + i));
            t->narrow[v * row + sizeof scale + i] = (char)q;
            t->wide[v * D + i] = scale * (float)q;
        }
    }
}

static void *on_device(bl_dev *d, size_t bytes)
{
    void *p;
    assert_ok(BL_OP(d, alloc, &p, bytes, &failure));
    return p;
}

/* What the ops make of a table: x [N,D] of its rows, logits [N,V], loss [N], the best with and
 * without a copy in 8 bits. */
typedef struct results {
    float *rows, *logits, *loss;
    bl_candidate *best[2];
} results;

static void use(bl_dev *d, const sizes *s, const bl_param *E, results *r)
{
    size_t N = s->N, D = s->D, V = s->V, k = K < V ? K : V;
    bl_act *x = on_device(d, N * D * sizeof(float)), *rows = on_device(d, N * D * sizeof(float));
    bl_real *logits = on_device(d, N * V * sizeof(float)), *loss = on_device(d, N * sizeof(float));
    bl_dev_candidate *best = on_device(d, N * (k + 1) * sizeof(bl_candidate));
    bl_coarse *coarse = on_device(d, BL_OP(d, head_coarse_bytes, V, D) + 1);
    bl_dev_id *ids = on_device(d, N * sizeof(int32_t));
    int32_t id[70];
    float *host = malloc(N * D * sizeof *host);
    for (size_t n = 0; n < N; n++)
        id[n] = (int32_t)(n * 37 % V);
    for (size_t i = 0; i < N * D; i++)
        host[i] = number(3, i);
    assert_ok(bl_put_act(d, x, host, N * D, &failure));
    assert_ok(bl_put_id(d, ids, id, N, &failure));
    BL_OP(d, embed_fwd, rows, E, ids, N, D);
    assert_ok(bl_get_act(d, r->rows, rows, N * D, &failure));
    BL_OP(d, head_loss, loss, NULL, NULL, x, E, ids, NULL, N, D, V);
    assert_ok(bl_get_real(d, r->loss, loss, N, &failure));
    BL_OP(d, head_coarse, coarse, E, V, D);
    for (int i = 0; i < 2; i++) {
        BL_OP(d, head_best, best, logits, x, E, i ? coarse : NULL, N, D, V, k);
        assert_ok(bl_get_candidate(d, r->best[i], best, N * (k + 1), &failure));
    }
    BL_OP(d, head_logits, logits, x, E, N, D, V);
    assert_ok(bl_get_real(d, r->logits, logits, N * V, &failure));
    void *const all[] = {x, rows, logits, loss, best, coarse, ids};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        BL_OP(d, free, all[i]);
    free(host);
}

static void open_results(results *r, const sizes *s)
{
    r->rows = calloc(s->N * s->D, sizeof(float));
    r->logits = calloc(s->N * s->V, sizeof(float));
    r->loss = calloc(s->N, sizeof(float));
    for (int i = 0; i < 2; i++)
        r->best[i] = calloc(s->N * (K + 1), sizeof(bl_candidate));
}

static void close_results(results *r)
{
    free(r->rows);
    free(r->logits);
    free(r->loss);
    free(r->best[0]);
    free(r->best[1]);
}

static void compare(bl_dev *d, const sizes *s, bl_table_form form)
{
    size_t N = s->N, D = s->D, V = s->V;
    const bl_limits limits = {
        .B = 1, .T = N, .D = D, .H = 1, .F = 16, .I = 16, .V = V, .C = 16, .K = 4, .M = 16};
    tables t = {.wide = malloc(V * D * sizeof(float)),
                .bytes = V * bl_table_row_bytes(form, D, sizeof(float))};
    results a, b;
    t.narrow = calloc(t.bytes, 1);
    assert_true(t.bytes < V * D * sizeof(float) || D < 4);
    (form == BL_TABLE_BF16 ? make_halves : make_bytes)(&t, V, D);
    assert_ok(BL_OP(d, reserve, &limits, &failure));
    void *narrow = on_device(d, t.bytes), *wide = on_device(d, V * D * sizeof(float));
    assert_ok(bl_put_byte(d, narrow, (unsigned char *)t.narrow, t.bytes, &failure));
    assert_ok(bl_put_param(d, wide, t.wide, V * D, &failure));
    open_results(&a, s);
    open_results(&b, s);
    use(d, s, wide, &a);
    use(d, s, bl_table_at(narrow, form), &b);
    assert_memory_equal(a.rows, b.rows, N * D * sizeof(float));
    assert_memory_equal(a.logits, b.logits, N * V * sizeof(float));
    assert_memory_equal(a.loss, b.loss, N * sizeof(float));
    assert_memory_equal(a.best[0], b.best[0], N * (K + 1) * sizeof(bl_candidate));
    assert_memory_equal(a.best[1], b.best[1], N * (K + 1) * sizeof(bl_candidate));
    assert_memory_equal(a.rows, t.wide, D * sizeof(float)); /* of id 0 */
    close_results(&a);
    close_results(&b);
    BL_OP(d, free, narrow);
    BL_OP(d, free, wide);
    free(t.narrow);
    free(t.wide);
}

static void test_device(const char *name)
{
    bl_dev *d;
    const bl_device_request request = {.name = name, .ternary = 1, .threads = 3};
    assert_ok(bl_device_open(&d, &request, &failure));
    assert_true(d->ops->narrow_tables(d));
    for (size_t i = 0; i < sizeof all_sizes / sizeof *all_sizes; i++) {
        compare(d, &all_sizes[i], BL_TABLE_BF16);
        compare(d, &all_sizes[i], BL_TABLE_INT8);
    }
    bl_dev_close(d);
}

static void at_every_level(void **state)
{
    (void)state;
    for (int i = 0; i <= (int)bl_cpu_best(); i++) {
        assert_int_equal(setenv("BITLLAMA_CPU", bl_cpu_level_names[i], 1), 0);
        test_device("cpu");
    }
    assert_int_equal(unsetenv("BITLLAMA_CPU"), 0);
}

/* Memory that only ops may look into; calls that are noted and come later. */
static void behind_others(void **state)
{
    (void)state;
    static const char *const names[] = {"fault:cpu", "graph:cpu", "late:cpu", "trace:cpu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        test_device(names[i]);
}

/* Others keep parameters. */
static void not_everywhere(void **state)
{
    (void)state;
    bl_dev *d;
    const bl_device_request request = {.name = "ref", .ternary = 1};
    assert_ok(bl_device_open(&d, &request, &failure));
    assert_int_equal(d->ops->narrow_tables(d), 0);
    bl_dev_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_level),
        cmocka_unit_test(behind_others),
        cmocka_unit_test(not_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
