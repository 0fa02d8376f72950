/* Rows that continue from window to window: what they carry, runs that stop and resume, and what
 * must not touch them; windows that keep documents whole. */
#include "small_run.h"
#include "numbers.h"

#include "core/alloc.h"
#include "core/rng.h"
#include "cpu/cpu_dev.h"
#include "model/carry.h"
#include "model/pass.h"
#include "train/state_json.h"

#include <math.h>

enum { B = 2, V = 40, C = 4, WINDOW = 8, WINDOWS = 5, T = WINDOW * WINDOWS };

/* Losses of T tokens of B sequences, read in windows that carry; the parameters stay. */
static void read_windows(const bl_net *net, int32_t ids[B][T], size_t windows, float loss[B][T])
{
    bl_carry carry;
    bl_pass p;
    size_t width = T / windows;
    assert_ok(bl_pass_open(&p, net, B, width, 0, &failure));
    assert_ok(bl_carry_open(&carry, net, 1, B, &failure));
    if (windows > 1)
        p.carry = &carry;
    for (size_t i = 0; i < windows; i++) {
        int32_t x[B * T], y[B * T];
        for (size_t b = 0; b < B; b++) {
            memcpy(x + b * width, ids[b] + i * width, width * sizeof *x);
            memcpy(y + b * width, ids[1 - b] + i * width, width * sizeof *y);
        }
        assert_ok(bl_put_id(net->dev, p.in.ids, x, B * width, &failure));
        assert_ok(bl_put_id(net->dev, p.in.targets, y, B * width, &failure));
        assert_ok(bl_put_flag(net->dev, p.in.fresh, (int32_t[B]){i == 0, i == 0}, B, &failure));
        bl_carry_begin(&carry, net, 0, p.in.fresh);
        bl_net_fwd(net, &p);
        bl_net_loss(net, &p);
        bl_carry_end(&carry, net);
        for (size_t b = 0; b < B; b++)
            memcpy(loss[b] + i * width, (const float *)(void *)p.loss + b * width,
                   width * sizeof **loss);
    }
    bl_carry_release(&carry, net);
    bl_pass_release(&p, net);
}

/* Windows that carry are one long window, but that W = W0 + (W - W0) is rounded between them. */
static void windows_are_one(void **state)
{
    (void)state;
    static const struct {
        int mlp, forget, pre_conv, plain;
    } variants[] = {{0, 1, 0, 0}, {0, 0, 1, 0}, {1, 1, 1, 0}, {1, 0, 0, 1}};
    int32_t ids[B][T];
    static float whole[B][T], parts[B][T];
    for (size_t i = 0; i < B * T; i++)
        ids[i / T][i % T] = (int32_t)bl_rng_below(1, 1, i, V);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        bl_config c;
        bl_dev *dev;
        bl_net net;
        bl_options_defaults(BL_OPTIONS_CONFIG, &c);
        c.vocab_size = V, c.hidden_size = 64, c.intermediate_size = 48;
        c.num_hidden_layers = 2, c.num_attention_heads = 2, c.mini_batch_size = C;
        c.initializer_range = 0.1, c.quantization = BL_QUANT_NONE;
        c.ttt_layer_type = variants[i].mlp ? BL_TTT_MLP : BL_TTT_LINEAR;
        c.ttt_base_lr = variants[i].mlp ? 0.1 : 1;
        c.ttt_forget = variants[i].forget, c.pre_conv = variants[i].pre_conv;
        c.share_qk = !variants[i].plain;
        bl_config_half_lives(&c, WINDOW);
        assert_ok(bl_cpu_open(&dev, &(bl_device_request){.threads = 2}, &failure));
        assert_ok(bl_net_open(&net, &c, dev, &failure));
        assert_ok(bl_net_init(&net, 3, &failure));
        read_windows(&net, ids, 1, whole);
        read_windows(&net, ids, WINDOWS, parts);
        double worst = 0, second = 0;
        for (size_t n = 0; n < B * T; n++) {
            double away = fabs((double)whole[n / T][n % T] - (double)parts[n / T][n % T]);
            worst = numbers_worst(worst, away);
            second = n % T < WINDOW ? numbers_worst(second, away) : second;
        }
        printf("mlp %d, forget %d: losses at most %.1e apart\n", variants[i].mlp,
               variants[i].forget, worst);
        assert_true(second == 0); /* the first window is the same to the bit */
        assert_true(worst < 1e-5);
        bl_net_release(&net);
        bl_dev_close(dev);
    }
}

/* A file of a checkpoint. */
static bl_map file_of(const char *run, unsigned step, const char *name)
{
    char path[160];
    bl_map map;
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u/%s", run, step, name);
    assert_ok(bl_map_open(&map, scratch(path), &failure));
    return map;
}

static void assert_same_file(const char *a, const char *b, unsigned step, const char *name,
                             int same)
{
    bl_map x = file_of(a, step, name), y = file_of(b, step, name);
    int is = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    if (is != same)
        fail_msg("%s and %s: %s is %s", a, b, name, is ? "the same" : "another");
    bl_map_close(&x);
    bl_map_close(&y);
}

#define RUN                                                                                        \
    {"seed", "5"}, {"mini_batch_size", "8"}, {"steps", "12"},                                      \
    {                                                                                              \
        "dropout", "0.1"                                                                           \
    }

/* Stopped and resumed is the straight run, in one micro-batch and in three. */
static void resumed(void **state)
{
    (void)state;
    static const char *const accum[] = {"1", "3"}, *const inner[] = {"linear", "mlp"};
    for (size_t i = 0; i < 2; i++) {
        char straight[32], stopped[32];
        watch w = {0};
        (void)snprintf(straight, sizeof straight, "straight-%zu", i);
        (void)snprintf(stopped, sizeof stopped, "stopped-%zu", i);
#define THESE                                                                                      \
    RUN, {"accum", accum[i]}, {"ttt_layer_type", inner[i]}, {"carry", "0.2"}, {"pre_conv", "true"}
        assert_ok(train(straight, (pair[]){THESE, {NULL}}, &w));
        assert_ok(train(stopped, (pair[]){THESE, {"stop_after", "5"}, {NULL}}, &w));
        assert_ok(train(stopped, (pair[]){{"resume", "true"}, {NULL}}, &w));
        assert_same_file(straight, stopped, 12, "model.safetensors", 1);
        assert_same_file(straight, stopped, 12, "optimizer.safetensors", 1);
    }
}

/* Every row starts fresh: the run without the option. */
static void all_anew(void **state)
{
    (void)state;
    watch w = {0};
    assert_ok(train("plain", (pair[]){RUN, {NULL}}, &w));
    assert_ok(train("anew", (pair[]){RUN, {"carry", "1"}, {NULL}}, &w));
    assert_ok(train("carried", (pair[]){RUN, {"carry", "0.2"}, {NULL}}, &w));
    assert_ok(
        train("guarded", (pair[]){RUN, {"carry", "0.2"}, {"device", "fault:cpu"}, {NULL}}, &w));
    assert_ok(train("again", (pair[]){RUN, {"carry", "0.2"}, {"recompute", "true"}, {NULL}}, &w));
    assert_same_file("carried", "again", 12, "optimizer.safetensors", 1);
    assert_same_file("carried", "guarded", 12, "optimizer.safetensors", 1);
    assert_same_file("plain", "anew", 12, "model.safetensors", 1);
    assert_same_file("plain", "carried", 12, "model.safetensors", 0);
}

/* Nor do evaluations, samples and checkpoints touch what is carried. */
static void looked_at(void **state)
{
    (void)state;
    watch w = {0};
    assert_ok(train("seldom", (pair[]){RUN, {"carry", "0.2"}, {"eval_every", "12"}, {NULL}}, &w));
    assert_ok(train("often",
                    (pair[]){RUN,
                             {"carry", "0.2"},
                             {"eval_every", "2"},
                             {"sample_every", "3"},
                             {"save_every", "1"},
                             {"save_seconds", "0"},
                             {NULL}},
                    &w));
    assert_same_file("seldom", "often", 12, "model.safetensors", 1);
    assert_same_file("seldom", "often", 12, "optimizer.safetensors", 1);
}

/* Another batch on resume: every row starts fresh, in a run that continues. */
static void another_batch(void **state)
{
    (void)state;
    static const pair changes[] = {{"batch", "3"}, {"accum", "2"}, {"context", "24"}};
    for (size_t i = 0; i < 3; i++) {
        char name[32];
        watch w = {0};
        (void)snprintf(name, sizeof name, "changed-%zu", i);
        assert_ok(train(name, (pair[]){RUN, {"carry", "0.2"}, {"stop_after", "5"}, {NULL}}, &w));
        assert_ok(
            train(name, (pair[]){{"resume", "true"}, {changes[i][0], changes[i][1]}, {NULL}}, &w));
        assert_int_equal(w.last, 12);
    }
}

/* Windows that keep documents whole: another run, which is the same when resumed, with rows that
 * all start fresh; an older state has windows anywhere. */
static void keeps_documents(void **state)
{
    (void)state;
    watch w = {0};
    bl_train_state s;
#define SHAPE {"batch", "1"}, {"context", "640"}
#define LONG  RUN, {"steps", "4"}, SHAPE
#define KEPT                                                                                       \
    LONG,                                                                                          \
    {                                                                                              \
        "windows", "documents"                                                                     \
    }
    assert_ok(train("cut", (pair[]){LONG, {NULL}}, &w));
    assert_ok(train("kept", (pair[]){KEPT, {NULL}}, &w));
    assert_ok(train("kept-anew", (pair[]){KEPT, {"carry", "1"}, {NULL}}, &w));
    assert_ok(train("kept-stopped", (pair[]){KEPT, {"stop_after", "2"}, {NULL}}, &w));
    assert_ok(train("kept-stopped", (pair[]){{"resume", "true"}, SHAPE, {NULL}}, &w));
    assert_same_file("cut", "kept", 4, "model.safetensors", 0);
    assert_same_file("kept", "kept-anew", 4, "model.safetensors", 1);
    assert_same_file("kept", "kept-stopped", 4, "optimizer.safetensors", 1);
    const char *path = scratch("kept-stopped/ckpt/step-00000004/state.json");
    assert_ok(bl_train_state_load(&s, path, &failure));
    assert_int_equal(s.options.windows, BL_WINDOWS_DOCUMENTS);
    replace_in(path, scratch("state.json"), "\"windows\": \"documents\",", "");
    assert_ok(bl_train_state_load(&s, scratch("state.json"), &failure));
    assert_int_equal(s.options.windows, BL_WINDOWS_AUTO); /* which is anywhere, over text */
}

/* No row may end within a chunk. */
static void half_chunks(void **state)
{
    (void)state;
    watch w = {0};
    assert_int_equal(train("half", (pair[]){RUN, {"carry", "0.2"}, {"context", "20"}, {NULL}}, &w),
                     BL_EINVAL);
    assert_non_null(strstr(failure.message, "a multiple of 8, such as 24, not 20"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_one), cmocka_unit_test(resumed),
        cmocka_unit_test(all_anew),        cmocka_unit_test(looked_at),
        cmocka_unit_test(another_batch),   cmocka_unit_test(half_chunks),
        cmocka_unit_test(keeps_documents),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
