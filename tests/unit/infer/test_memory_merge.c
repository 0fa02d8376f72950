/* Two memories in one: W and b by the equation, the base within its bound, whose text goes on, and
 * what is refused. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/file.h"
#include "format/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_models.h"

enum { TEXT = 75, C = 16, H = 2, F = 16, MOST = H * F * 4 * F, LAYERS = 2 };

static int32_t text[2][TEXT];

static int make(void **state)
{
    for (size_t i = 0; i < TEXT; i++) {
        text[0][i] = (int32_t)(i * 37 % TINY_V);
        text[1][i] = (int32_t)(i * i * 11 % TINY_V);
    }
    return tiny_make(state);
}

static bl_session *open_session(bl_model *m, int which, size_t tokens)
{
    bl_session *s;
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed(s, text[which], tokens, NULL, NULL), BL_OK);
    return s;
}

static void save(const bl_session *s, const char *name)
{
    assert_int_equal(bl_session_save(s, tiny_path(name), NULL), BL_OK);
}

static void same_file(const char *a, const char *b)
{
    bl_map x, y;
    assert_int_equal(bl_map_open(&x, tiny_path(a), NULL), BL_OK);
    assert_int_equal(bl_map_open(&y, tiny_path(b), NULL), BL_OK);
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
        fail_msg("%s and %s differ", a, b);
    bl_map_close(&x);
    bl_map_close(&y);
}

static void merge(bl_session *s, const bl_session *other, double weight)
{
    bl_error err = {BL_OK, ""};
    if (bl_session_merge(s, other, weight, &err) != BL_OK)
        fail_msg("%s", err.message);
}

/* A tensor of a memory, or of a model ("W1" of layer l); 0 elements where there is none. */
static size_t read_tensor(const char *file, const char *name, double *to)
{
    static float at[MOST];
    bl_st *st;
    assert_int_equal(bl_st_open(&st, tiny_path(file), NULL), BL_OK);
    const bl_st_tensor *t = bl_st_find(st, name);
    size_t n = t ? t->count : 0;
    assert_true(n <= MOST);
    if (t)
        assert_int_equal(bl_st_get_f32(st, name, t->rank, t->shape, at, NULL), BL_OK);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)at[i];
    bl_st_close(st);
    return n;
}

static size_t read_layer(const char *file, const char *format, size_t l, double *to)
{
    char name[96];
    (void)snprintf(name, sizeof name, format, l);
    return read_tensor(file, name, to);
}

/* ---- the equation ---- */

/* W and b of b.mem with the rows of its chunk, of a matrix [in,out] and its bias. */
static void fold(const char *model, const char *rows[2], size_t l, size_t in, size_t out, double *W,
                 double *b)
{
    static double k[MOST], h[MOST], delta[C];
    char weights[128];
    (void)snprintf(weights, sizeof weights, "%s/model.safetensors", model);
    assert_int_equal(read_layer("b.mem", rows[0], l, k), H * C * in);
    assert_int_equal(read_layer("b.mem", rows[1], l, h), H * C * out);
    assert_int_equal(
        read_layer(weights, "model.layers.%zu.seq_modeling_block.learnable_token_idx", l, delta),
        C);
    double tau = fmax(1.0 / C + delta[C - 1], 0);
    for (size_t head = 0; head < H; head++)
        for (size_t j = 0; j < C; j++)
            for (size_t o = 0; o < out; o++) {
                double step = tau * h[(head * C + j) * out + o];
                b[head * out + o] -= step;
                for (size_t i = 0; i < in; i++)
                    W[(head * in + i) * out + o] -= k[(head * C + j) * in + i] * step;
            }
}

/* What both.mem must hold of a layer: a.mem plus weight times what b.mem is away from the model. */
static void check_part(const char *model, const char *key, size_t l, const double *b, double weight)
{
    static double start[MOST], a[MOST], both[MOST];
    char weights[128], name[96];
    (void)snprintf(weights, sizeof weights, "%s/model.safetensors", model);
    (void)snprintf(name, sizeof name, "model.layers.%%zu.seq_modeling_block.%s", key);
    size_t n = read_layer(weights, name, l, start);
    (void)snprintf(name, sizeof name, "layers.%%zu.%s", key);
    assert_int_equal(read_layer("a.mem", name, l, a), n);
    assert_int_equal(read_layer("both.mem", name, l, both), n);
    int moved = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(both[i] - (a[i] + weight * (b[i] - start[i]))) <= 1e-6);
        moved |= fabs(both[i] - a[i]) > 1e-5;
    }
    assert_true(n > 0 && moved);
}

static void check_equation(const char *model, const char *device, size_t M, double weight)
{
    static const char *const first[] = {"layers.%zu.k", "layers.%zu.h1"};
    static const char *const second[] = {"layers.%zu.x2", "layers.%zu.h2"};
    static double W[MOST], b[MOST];
    bl_model *m = tiny_open(model, device);
    bl_session *s = open_session(m, 0, 41), *t = open_session(m, 1, 70);
    save(s, "a.mem");
    save(t, "b.mem");
    merge(s, t, weight);
    assert_int_equal(bl_session_position(s), 41 + 64);
    save(s, "both.mem");
    for (size_t l = 0; l < LAYERS; l++) {
        assert_int_equal(read_layer("b.mem", "layers.%zu.W1", l, W), H * F * M);
        (void)read_layer("b.mem", "layers.%zu.b1", l, b);
        fold(model, (const char **)(uintptr_t)first, l, F, M, W, b);
        check_part(model, "W1", l, W, weight);
        check_part(model, "b1", l, b, weight);
        if (M == F)
            continue;
        (void)read_layer("b.mem", "layers.%zu.W2", l, W);
        (void)read_layer("b.mem", "layers.%zu.b2", l, b);
        fold(model, (const char **)(uintptr_t)second, l, M, F, W, b);
        check_part(model, "W2", l, W, weight);
        check_part(model, "b2", l, b, weight);
    }
    save(t, "other.mem");
    same_file("b.mem", "other.mem");
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
}

static void test_equation(void **state)
{
    (void)state;
    check_equation("ternary", "cpu", F, 1);
    check_equation("ternary", "fault:cpu", F, 0.25);
    check_equation("mlp", "cpu", 4 * F, 1);
    check_equation("mlp", "ref", 4 * F, 0.5);
}

/* ---- whose text goes on ---- */

static void test_text(void **state)
{
    (void)state;
    static double x[MOST], y[MOST];
    static const char *const kept[] = {"layers.%zu.k", "layers.%zu.h1", "layers.%zu.tail",
                                       "layers.%zu.pre_tail"};
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m, 0, 41), *t = open_session(m, 1, 70), *u;
    assert_int_equal(bl_generate(s, "a", 1, NULL, NULL, NULL, NULL, NULL), BL_OK);
    save(s, "a.mem");
    int32_t pending = bl_session_pending(s);
    merge(s, t, 1);
    save(s, "both.mem");
    assert_int_equal(bl_session_pending(s), pending);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        size_t n = read_layer("a.mem", kept[i], 1, x);
        assert_int_equal(read_layer("both.mem", kept[i], 1, y), n);
        assert_memory_equal(x, y, n * sizeof *x);
    }
    /* it goes on as from its file */
    assert_int_equal(bl_session_open(&u, m, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_load(u, tiny_path("both.mem"), NULL), BL_OK);
    assert_int_equal(bl_session_feed(u, text[0], 20, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed(s, text[0], 20, NULL, NULL), BL_OK);
    save(s, "x.mem");
    save(u, "y.mem");
    same_file("x.mem", "y.mem");
    bl_session_close(u);
    /* nothing learned adds nothing */
    u = open_session(m, 0, 0);
    save(s, "x.mem");
    merge(s, u, 1);
    save(s, "y.mem");
    same_file("x.mem", "y.mem");
    bl_session_close(s);
    bl_session_close(t);
    bl_session_close(u);
    bl_model_close(m);
}

/* ---- bases ---- */

typedef struct farthest {
    double base, most;
} farthest;

static void add_head(void *user, const bl_head_info *head)
{
    farthest *f = user;
    assert_true(head->base <= head->base_most * (1 + 1e-6));
    f->base = fmax(f->base, head->base);
    f->most = head->base_most;
}

static farthest measure(const bl_session *s)
{
    farthest f = {0};
    assert_int_equal(bl_session_heads(s, add_head, &f, NULL), BL_OK);
    return f;
}

/* Only one has a base: the other gets it, times the weight. */
static void one_base(bl_model *m, const bl_session *based)
{
    static double base[MOST], start[MOST], got[MOST], rest[2][MOST];
    bl_session *s = open_session(m, 0, 41);
    merge(s, based, 0.5);
    assert_true(bl_session_has_base(s));
    save(s, "both.mem");
    for (size_t l = 0; l < LAYERS; l++) {
        size_t n = read_layer("based.mem", "layers.%zu.base.W1", l, base);
        (void)read_layer("ternary/model.safetensors", "model.layers.%zu.seq_modeling_block.W1", l,
                         start);
        assert_int_equal(read_layer("both.mem", "layers.%zu.base.W1", l, got), n);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(got[i] - (start[i] + 0.5 * (base[i] - start[i]))) <= 1e-6);
        (void)read_layer("based.mem", "layers.%zu.rest.W1", l, rest[0]);
        (void)read_layer("both.mem", "layers.%zu.rest.W1", l, rest[1]);
        assert_memory_equal(rest[0], rest[1], n * sizeof **rest);
    }
    assert_int_equal(bl_session_load(s, tiny_path("both.mem"), NULL), BL_OK);
    bl_session_close(s);
}

static void test_bases(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m, 0, 64), *plain = open_session(m, 1, 70);
    assert_int_equal(bl_session_consolidate(s, 0.05, NULL), BL_OK);
    save(s, "based.mem");
    one_base(m, s);
    for (size_t i = 0; i < 400; i++) { /* to the bound */
        assert_int_equal(bl_session_feed(s, text[0], C, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_consolidate(s, 1, NULL), BL_OK);
    }
    bl_session *twice;
    assert_int_equal(bl_session_fork(&twice, s, NULL), BL_OK);
    farthest before = measure(s);
    assert_true(before.base > 0.9 * before.most);
    merge(s, twice, 1);
    assert_true(measure(s).base > 0.99 * before.most);
    merge(s, plain, 1); /* has none, so that stays */
    save(s, "x.mem");
    assert_int_equal(bl_session_load(plain, tiny_path("x.mem"), NULL), BL_OK);
    bl_session_close(s);
    bl_session_close(twice);
    bl_session_close(plain);
    bl_model_close(m);
}

static void test_refused(void **state)
{
    (void)state;
    static const double bad[] = {0, -0.5, 1.0000001, NAN, INFINITY};
    bl_model *m = tiny_open("ternary", "cpu"), *other = tiny_open("mlp", "cpu");
    bl_session *s = open_session(m, 0, 20), *t = open_session(m, 1, 20),
               *u = open_session(other, 0, 20);
    save(s, "a.mem");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bl_session_merge(s, t, bad[i], NULL), BL_EINVAL);
    assert_int_equal(bl_session_merge(s, u, 1, NULL), BL_EINVAL);
    assert_int_equal(bl_session_merge(s, s, 1, NULL), BL_EINVAL);
    save(s, "b.mem");
    same_file("a.mem", "b.mem");
    bl_session_close(s);
    bl_session_close(t);
    bl_session_close(u);
    bl_model_close(m);
    bl_model_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equation), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_bases),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make, tiny_remove);
}
