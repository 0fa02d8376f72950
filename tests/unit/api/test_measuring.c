/* What measures: random models, timed steps, what traced devices have done.  Never a speed. */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tiny_models.h"

#include <math.h>

enum { V = 300, D = 64, I = 96, L = 2, H = 2 };
#define SHAPE                                                                                      \
    "vocab_size=300,hidden_size=64,intermediate_size=96,num_hidden_layers=2,num_attention_heads=2"

static bl_error failure;
#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        if ((expression) != BL_OK)                                                                 \
            fail_msg("%s", failure.message);                                                       \
    } while (0)

static bl_model *random_model(const char *shape, const char *device)
{
    bl_model *m;
    bl_options *config = tiny_options(BL_OPTIONS_CONFIG, shape);
    bl_options *where = tiny_options(BL_OPTIONS_DEVICE, device);
    assert_ok(bl_model_random(&m, config, where, &failure));
    bl_options_close(config);
    bl_options_close(where);
    return m;
}

static void read_tokens(bl_model *m, float logits[V])
{
    static const int32_t ids[] = {5, 6, 7, 250};
    bl_session *s;
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_ok(bl_session_feed(s, ids, 4, logits, &failure));
    bl_session_close(s);
}

/* The same weights each time, and logits that are numbers and differ. */
static void random_models(void **state)
{
    (void)state;
    static const char *const more[] = {"", ",quantization=none", ",ttt_layer_type=mlp",
                                       ",share_qk=false,use_gate=false,pre_conv=false",
                                       ",tie_word_embeddings=false,ttt_forget=false"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        float first[V], second[V], least = INFINITY, most = -INFINITY;
        char shape[256];
        (void)snprintf(shape, sizeof shape, "%s%s", SHAPE, more[i]);
        bl_model *m = random_model(shape, "threads=1"), *n = random_model(shape, "threads=2");
        assert_string_equal(bl_model_path(m), "");
        assert_null(bl_model_tokenizer(m));
        assert_true(bl_model_parameters(m) > (size_t)V * D);
        read_tokens(m, first);
        read_tokens(n, second);
        assert_memory_equal(first, second, sizeof first);
        for (size_t v = 0; v < V; v++) {
            assert_true(isfinite(first[v]));
            least = fminf(least, first[v]);
            most = fmaxf(most, first[v]);
        }
        assert_true(most - least > 0.01f);
        assert_int_equal(bl_export(m, tiny_path("out"), "f32", 0, &failure), BL_EUNSUPPORTED);
        bl_model_close(m);
        bl_model_close(n);
    }
}

static void impossible_models(void **state)
{
    (void)state;
    bl_model *m = (bl_model *)1;
    bl_options *config = tiny_options(BL_OPTIONS_CONFIG, SHAPE ",num_attention_heads=3");
    assert_int_equal(bl_model_random(&m, config, NULL, &failure), BL_EINVAL);
    assert_null(m);
    bl_options_close(config);
    config = tiny_options(BL_OPTIONS_CONFIG, "vocab_size=16777216,hidden_size=16384,intermediate_"
                                             "size=64,num_hidden_layers=1,num_attention_heads=128");
    assert_int_equal(bl_model_random(&m, config, NULL, &failure), BL_ENOMEM);
    bl_options_close(config);
}

/* ---- what ops have done ---- */

static const bl_op_work *found(const bl_op_work *ops, const char *name)
{
    for (; ops->op; ops++)
        if (strcmp(ops->op, name) == 0)
            return ops;
    fail_msg("no op %s", name);
    return NULL;
}

static void add_op(void *user, const bl_op_work *work)
{
    bl_op_work *ops = user;
    assert_int_equal(work->size, sizeof *work);
    assert_true(work->calls > 0 && work->seconds >= 0);
    while (ops->op)
        ops++;
    *ops = *work;
}

static void check_product(const bl_op_work *ops, const char *name, uint64_t calls, double int_ops,
                          double float_ops)
{
    const bl_op_work *w = found(ops, name);
    assert_int_equal(w->calls, calls);
    assert_true(fabs(w->int_ops - int_ops) < 0.5);
    assert_true(fabs(w->float_ops - float_ops) < 0.5);
    assert_true(w->bytes > 0);
}

/* A prompt of four tokens in one pass, counted by hand. */
static void ops_of_a_prompt(void **state)
{
    (void)state;
    float logits[V];
    bl_op_work ops[64] = {0};
    bl_model *m = random_model(SHAPE, "device=trace:cpu,threads=1");
    assert_ok(bl_ops_counted(NULL, NULL, &failure));
    read_tokens(m, logits);
    assert_ok(bl_ops_counted(add_op, ops, &failure)); /* the session and its device are closed */
    check_product(ops, "bitlinear_fwd", 5 * L, 2.0 * 4 * L * (3.0 * D * D + 2.0 * D * I), 0);
    check_product(ops, "bitlinear_residual", 2 * L, 2.0 * 4 * L * (1.0 * D * D + 1.0 * D * I), 0);
    check_product(ops, "head_logits", 1, 0, 2.0 * D * V);
    assert_true(fabs(found(ops, "head_logits")->bytes - 4.0 * (D + V * D + V)) < 0.5);
    check_product(ops, "lr_gate_fwd", L, 0, 2.0 * 4 * L * D * H);
    assert_int_equal(found(ops, "ttt_linear_step")->calls, L);
    assert_true(found(ops, "ttt_linear_step")->float_ops > 4.0 * L * H * 4 * (D / H) * (D / H));
    memset(ops, 0, sizeof ops);
    assert_ok(bl_ops_counted(add_op, ops, &failure));
    assert_null(ops[0].op);
    bl_model_close(m);
}

/* One token goes through all layers in one call, and takes as many products as four in turn / 4. */
static void ops_of_a_token(void **state)
{
    (void)state;
    static const int32_t id = 5;
    float logits[V];
    bl_op_work ops[64] = {0};
    bl_session *s;
    bl_model *m = random_model(SHAPE, "device=trace:cpu,threads=1");
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_ok(bl_ops_counted(NULL, NULL, &failure));
    assert_ok(bl_session_feed(s, &id, 1, logits, &failure));
    assert_ok(bl_ops_counted(add_op, ops, &failure)); /* of a device that is open */
    const bl_op_work *decode = found(ops, "decode");
    assert_int_equal(decode->calls, 1);
    assert_true(fabs(decode->int_ops - 2.0 * L * (4.0 * D * D + 3.0 * D * I)) < 0.5);
    double codes = L * (4.0 * D * D + 3.0 * D * I) / 4, states = 4.0 * L * D * (D / H);
    assert_true(decode->bytes > codes + states && decode->bytes < 2 * (codes + 2 * states));
    bl_session_close(s);
    bl_model_close(m);
}

typedef struct steps {
    size_t seen, wanted;
} steps;

static int count_step(void *user, double seconds)
{
    steps *s = user;
    assert_true(seconds > 0);
    return ++s->seen == s->wanted;
}

/* Products for gradients are of bfloat16 where these were asked for. */
static void check_gradients(const bl_op_work *ops, const char *name, uint64_t calls, int bf16,
                            double count)
{
    check_product(ops, name, calls, 0, bf16 ? 0 : count);
    assert_true(fabs(found(ops, name)->bf16_ops - (bf16 ? count : 0)) < 0.5);
}

static void ops_of_training(int bf16)
{
    enum { B = 2, T = 32, N = B * T, STEPS = 3 };
    bl_op_work ops[64] = {0};
    steps s = {.wanted = STEPS};
    bl_options *config = tiny_options(BL_OPTIONS_CONFIG, SHAPE);
    bl_options *train =
        tiny_options(BL_OPTIONS_TRAIN, "batch=2,context=32,device=trace:cpu,threads=1,dropout=0.1");
    assert_ok(bl_options_set(train, "precision", bf16 ? "bf16" : "f32", &failure));
    assert_ok(bl_ops_counted(NULL, NULL, &failure));
    assert_ok(bl_time_steps(train, config, count_step, &s, &failure));
    assert_int_equal(s.seen, STEPS);
    assert_ok(bl_ops_counted(add_op, ops, &failure));
    double matrices = L * (4.0 * D * D + 3.0 * D * I);
    check_gradients(ops, "head_loss", STEPS, bf16, STEPS * 6.0 * N * D * V);
    check_gradients(ops, "bitlinear_bwd_w", STEPS * 7 * L, bf16, STEPS * 2.0 * N * matrices);
    check_gradients(ops, "bitlinear_bwd_x", STEPS * 7 * L, bf16, STEPS * 2.0 * N * matrices);
    check_product(ops, "lr_gate_fwd", STEPS * L, 0, STEPS * 2.0 * N * L * D * H);
    assert_true(found(ops, "lr_gate_fwd")->bf16_ops == 0);
    assert_int_equal(found(ops, "adamw")->calls, 3 * STEPS);
    assert_true(found(ops, "dropout")->calls > 0);
    bl_options_close(config);
    bl_options_close(train);
}

static void ops_in_f32(void **state)
{
    (void)state;
    ops_of_training(0);
}

static void ops_in_bf16(void **state)
{
    (void)state;
    ops_of_training(1);
}

/* ---- refused and stopped ---- */

static int stop(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)done, (void)total, (void)unit;
    (void)snprintf(user, 32, "%s", stage);
    return 1;
}

static void ignore_limit(void *user, const bl_limit *limit)
{
    (void)user, (void)limit;
}

static void refused_and_stopped(void **state)
{
    (void)state;
    char stage[32] = "";
    steps s = {.wanted = 100};
    bl_options *config = tiny_options(BL_OPTIONS_CONFIG, SHAPE);
    bl_options *train = tiny_options(BL_OPTIONS_TRAIN, "batch=65536,context=1048576");
    assert_int_equal(bl_time_steps(train, config, count_step, &s, &failure), BL_ENOMEM);
    assert_int_equal(s.seen, 0);
    bl_options_close(train);
    train = tiny_options(BL_OPTIONS_TRAIN, "batch=1,context=16,device=nowhere");
    assert_int_equal(bl_time_steps(train, config, count_step, &s, &failure), BL_EINVAL);
    bl_options_close(train);
    train = tiny_options(BL_OPTIONS_TRAIN, "batch=1,context=16");
    bl_progress_to(stop, stage);
    assert_int_equal(bl_time_steps(train, config, count_step, &s, &failure), BL_EINTERRUPTED);
    assert_int_equal(s.seen, 1);
    assert_string_equal(stage, "training");
    bl_model *m = (bl_model *)1;
    assert_int_equal(bl_model_random(&m, config, NULL, &failure), BL_EINTERRUPTED);
    assert_null(m);
    assert_int_equal(bl_machine_limits(1, ignore_limit, NULL, &failure), BL_EINTERRUPTED);
    assert_string_equal(stage, "measuring");
    bl_progress_to(NULL, NULL);
    assert_int_equal(bl_machine_limits(1025, ignore_limit, NULL, &failure), BL_EINVAL);
    bl_options_close(config);
    bl_options_close(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_models),       cmocka_unit_test(impossible_models),
        cmocka_unit_test(ops_of_a_prompt),     cmocka_unit_test(ops_in_f32),
        cmocka_unit_test(ops_in_bf16),         cmocka_unit_test(ops_of_a_token),
        cmocka_unit_test(refused_and_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
