/* Devices around devices: the same bits under guarded memory and under a trace, and what the guard
 * catches. */
#include "option_pairs.h"
#include "on_device.h"

#include "api/device.h"
#include "core/guard.h"
#include "core/file.h"
#include "ops/fault.h"
#include "ops/trace.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static int make_data(void **state)
{
    static const pair set[] = {{"tales_bytes", "30000"}, {"vocab_size", "300"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(set);
    return 0;
}

/* ---- training ---- */

static void stop_in_the_middle(void *user, const bl_train_event *e)
{
    if (e->kind == BL_TRAIN_STEP && e->step == 2)
        bl_trainer_stop(*(bl_trainer **)user);
}

/* Three steps with dropout, accumulation, evaluations, samples and checkpoints, stopped after the
 * second and resumed. */
static void train(const char *run, const char *device, const pair *variant)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "40"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {{"preset", "tiny"},
                                 {"batch", "3"},
                                 {"context", "20"},
                                 {"accum", "2"},
                                 {"steps", "3"},
                                 {"dropout", "0.1"},
                                 {"save_every", "2"},
                                 {"save_seconds", "0"},
                                 {"eval_every", "2"},
                                 {"eval_tokens", "200"},
                                 {"sample_every", "3"},
                                 {"threads", "2"},
                                 {NULL}};
    for (int resume = 0; resume < 2; resume++) {
        bl_options *o, *config;
        bl_trainer *t;
        assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
        assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
        set_all(config, shape);
        set_all(o, usual);
        set_all(config, variant);
        assert_ok(bl_options_set(o, "device", device, &failure));
        assert_ok(bl_options_set(o, "resume", resume ? "true" : "false", &failure));
        assert_ok(bl_trainer_open(&t, scratch("data"), scratch(run), o, config, &failure));
        assert_int_equal(bl_trainer_run(t, stop_in_the_middle, &t, &failure),
                         resume ? BL_OK : BL_EINTERRUPTED);
        bl_trainer_close(t);
        bl_options_close(config);
        bl_options_close(o);
    }
}

static void same_file(const char *a, const char *b, const char *name)
{
    char path[2][80];
    bl_map map[2];
    (void)snprintf(path[0], sizeof path[0], "%s/%s", a, name);
    (void)snprintf(path[1], sizeof path[1], "%s/%s", b, name);
    for (size_t i = 0; i < 2; i++)
        assert_ok(bl_map_open(&map[i], scratch(path[i]), &failure));
    assert_int_equal(map[0].size, map[1].size);
    assert_true(map[0].size > 1000);
    assert_memory_equal(map[0].data, map[1].data, map[0].size);
    for (size_t i = 0; i < 2; i++)
        bl_map_close(&map[i]);
}

/* ---- a model: reading in pieces, forking, saving, generating, evaluating ---- */

enum { V = 300, TOKENS = 70 };

typedef struct answers {
    float logits[TOKENS][V], forked[V], loaded[V];
    char text[4096];
    size_t text_bytes;
    double loss[2];
} answers;

static int append(void *user, const bl_token_event *token)
{
    answers *a = user;
    assert_true(a->text_bytes + token->bytes <= sizeof a->text);
    memcpy(a->text + a->text_bytes, token->text, token->bytes);
    a->text_bytes += token->bytes;
    return 0;
}

/* The token after what s has read, of a fork and of a session that a file brings back. */
static void fork_and_load(bl_session *s, answers *a)
{
    const int32_t id = 9;
    bl_session *other;
    assert_ok(bl_session_save(s, scratch("session.mem"), &failure));
    assert_ok(bl_session_fork(&other, s, &failure));
    assert_ok(bl_session_feed(other, &id, 1, a->forked, &failure));
    bl_session_close(other);
    assert_ok(bl_session_reset(s, &failure));
    assert_ok(bl_session_load(s, scratch("session.mem"), &failure));
    assert_ok(bl_session_feed(s, &id, 1, a->loaded, &failure));
    assert_memory_equal(a->forked, a->loaded, sizeof a->forked);
}

static answers *ask(const char *run, const char *device)
{
    static const pair set[] = {{"seed", "5"}, {"max_tokens", "40"}, {"ignore_eos", "1"}, {NULL}};
    static const char text[] = "The fox went home. It was late, and the river was high.\n";
    answers *a = calloc(1, sizeof *a);
    int32_t ids[TOKENS];
    bl_model *m;
    bl_session *s;
    bl_options *o;
    bl_eval_result result = {.size = sizeof result};
    assert_non_null(a);
    for (int32_t i = 0; i < TOKENS; i++)
        ids[i] = (7 * i + 3) % 258;
    assert_ok(model_open_on(&m, scratch(run), device, &failure));
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_ok(bl_session_feed_each(s, ids, 1, a->logits[0], &failure));
    assert_ok(bl_session_feed_each(s, ids + 1, TOKENS - 1, a->logits[1], &failure));
    fork_and_load(s, a);
    assert_ok(bl_session_reset(s, &failure));
    assert_ok(bl_options_open(&o, BL_OPTIONS_GENERATE, &failure));
    set_all(o, set);
    assert_ok(bl_generate(s, "Once", 4, o, append, a, NULL, &failure));
    scratch_write(scratch("text.txt"), text, sizeof text - 1);
    assert_ok(bl_eval(m, scratch("text.txt"), 0, NULL, NULL, &result, &failure));
    a->loss[0] = result.loss;
    assert_ok(bl_eval(m, scratch("data/val.bin"), 16, NULL, NULL, &result, &failure));
    a->loss[1] = result.loss;
    bl_options_close(o);
    bl_session_close(s);
    bl_model_close(m);
    return a;
}

static void same_bits(const char *name, const pair *variant)
{
    static const char *const devices[][6] = {
        {"cpu", "fault:cpu", "trace:cpu", "graph:cpu", "late:fault:cpu"}, {"ref", "fault:ref"}};
    for (size_t i = 0; i < 2; i++) {
        char bare[64], run[64];
        (void)snprintf(bare, sizeof bare, "%s-%s", name, devices[i][0]);
        train(bare, devices[i][0], variant);
        answers *expected = ask(bare, devices[i][0]);
        assert_true(expected->text_bytes > 0 && isfinite(expected->loss[0]));
        for (const char *const *device = &devices[i][1]; *device; device++) {
            (void)snprintf(run, sizeof run, "%s-%s", name, *device);
            train(run, *device, variant);
            same_file(run, bare, "ckpt/step-00000003/model.safetensors");
            same_file(run, bare, "ckpt/step-00000003/optimizer.safetensors");
            answers *found = ask(bare, *device);
            assert_memory_equal(found, expected, sizeof *found);
            free(found);
        }
        free(expected);
    }
}

static void same_bits_ternary(void **state)
{
    (void)state;
    static const pair none[] = {{NULL}};
    same_bits("ternary", none);
}

static void read_logits(bl_model *m, float logits[TOKENS][V])
{
    bl_session *s;
    int32_t ids[TOKENS];
    for (int32_t i = 0; i < TOKENS; i++)
        ids[i] = (11 * i + 5) % V;
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_ok(bl_session_feed_each(s, ids, TOKENS, logits[0], &failure));
    bl_session_close(s);
}

/* Ternary matrices on their way from a guarded device into a packed folder and back. */
static void packed_models(void **state)
{
    (void)state;
    static float latent[TOKENS][V], packed[TOKENS][V];
    bl_plan_result plan[2] = {{.size = sizeof *plan}, {.size = sizeof *plan}};
    bl_model *m;
    const char *run = scratch("ternary-cpu");
    assert_ok(bl_model_open(&m, run, NULL, &failure));
    read_logits(m, latent);
    bl_model_close(m);
    assert_ok(model_open_on(&m, run, "fault:cpu", &failure));
    assert_ok(bl_export(m, scratch("packed"), "f32", 0, &failure));
    bl_model_close(m);
    assert_ok(model_open_on(&m, scratch("packed"), "fault:cpu", &failure));
    read_logits(m, packed);
    bl_model_close(m);
    assert_memory_equal(packed, latent, sizeof packed);
    assert_ok(bl_plan_model(run, NULL, &plan[0], &failure));
    assert_ok(bl_plan_model(scratch("packed"), NULL, &plan[1], &failure));
    assert_true(plan[1].weights < plan[0].weights);
    assert_int_equal(plan[1].state, plan[0].state);
}

/* The other side of every choice. */
static void same_bits_of_the_variants(void **state)
{
    (void)state;
    static const pair other[] = {{"quantization", "none"},
                                 {"ttt_layer_type", "mlp"},
                                 {"pre_conv", "true"},
                                 {"share_qk", "false"},
                                 {"use_gate", "false"},
                                 {"tie_word_embeddings", "false"},
                                 {NULL}};
    same_bits("variants", other);
}

/* ---- what the guard catches ---- */

enum { BYTES = 100 };

static bl_status open_named(bl_dev **d, const char *name, int ternary)
{
    const bl_device_request request = {.name = name, .ternary = ternary, .threads = 1};
    return bl_device_open(d, &request, &failure);
}

static bl_dev *guarded(void)
{
    bl_dev *d;
    assert_ok(open_named(&d, "fault:cpu", 1));
    return d;
}

static volatile char seen;

static void read_outside_an_op(char *p)
{
    seen = *p;
}

static void write_outside_an_op(char *p)
{
    *(volatile char *)p = 1;
}

/* As an op would that is given too large a size. */
static void read_past_the_end(char *p)
{
    bl_guard_enter();
    seen = p[(BYTES + 63) / 64 * 64];
}

static void nothing(char *p)
{
    (void)p;
}

/* The signal that ends a child process in which fn is given device memory; 0: it ends well. */
static int signal_of(void (*fn)(char *p))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *p;
        (void)signal(SIGSEGV, SIG_DFL); /* the sanitizer's and cmocka's handlers exit instead */
        bl_dev *d = guarded();
        if (BL_OP(d, alloc, &p, BYTES, &failure) == BL_OK)
            fn(p);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_peek_is_caught(void **state)
{
    (void)state;
    assert_int_equal(signal_of(nothing), 0);
    assert_int_equal(signal_of(read_outside_an_op), SIGSEGV);
    assert_int_equal(signal_of(write_outside_an_op), SIGSEGV);
    assert_int_equal(signal_of(read_past_the_end), SIGSEGV);
}

/* Fresh memory is NaN, and put and get pass through. */
static void fresh_memory(void **state)
{
    (void)state;
    bl_dev *d = guarded();
    float host[BYTES / 4];
    void *p, *q;
    assert_ok(BL_OP(d, alloc, &p, sizeof host, &failure));
    assert_ok(BL_OP(d, alloc, &q, 0, &failure));
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_ok(BL_OP(d, get, host, p, sizeof host, &failure));
    for (size_t i = 0; i < BYTES / 4; i++) {
        assert_true(isnan(host[i]));
        host[i] = (float)i;
    }
    assert_ok(BL_OP(d, put, p, host, sizeof host, &failure));
    memset(host, 0, sizeof host);
    assert_ok(BL_OP(d, get, host, p, sizeof host, &failure));
    for (size_t i = 0; i < BYTES / 4; i++)
        assert_true(host[i] == (float)i);
    BL_OP(d, free, p);
    BL_OP(d, free, q);
    BL_OP(d, free, NULL);
    assert_int_equal(BL_OP(d, alloc, &p, SIZE_MAX - 100, &failure), BL_ENOMEM);
    bl_dev_close(d);
}

/* A byte written between a block and the closed page after it comes out at sync. */
static void writing_past_a_block(void **state)
{
    (void)state;
    static const long places[] = {-1, BYTES, BYTES + 27};
    bl_dev *d = guarded();
    for (size_t i = 0; i < 3; i++) {
        void *p;
        assert_ok(BL_OP(d, alloc, &p, BYTES, &failure));
        assert_ok(BL_OP(d, sync, &failure));
        BL_OP(d, zero, (char *)p + places[i], 1);
        assert_int_equal(BL_OP(d, sync, &failure), BL_EDEVICE);
        assert_non_null(strstr(failure.message, "100 bytes"));
        BL_OP(d, free, p);
        assert_ok(BL_OP(d, sync, &failure));
    }
    bl_dev_close(d);
}

/* ---- the trace ---- */

static void count_lines(void *user, bl_log_level level, const char *line)
{
    assert_int_equal(level, BL_LOG_INFO);
    *(size_t *)user += strstr(line, "put ") || strstr(line, "zero ") || strstr(line, "trace:cpu:");
}

static void trace_counts(void **state)
{
    (void)state;
    bl_dev *d;
    bl_trace_row row[BL_OPS_COUNT];
    size_t lines = 0;
    void *p;
    char byte = 1;
    assert_ok(open_named(&d, "trace:cpu", 1));
    assert_int_equal(bl_trace_rows(d, row), 0);
    assert_ok(BL_OP(d, alloc, &p, 1 << 20, &failure));
    bl_trace_reset(d);
    for (int i = 0; i < 3; i++)
        assert_ok(BL_OP(d, put, p, &byte, 1, &failure));
    for (int i = 0; i < 9; i++)
        BL_OP(d, zero, p, 1 << 20);
    assert_int_equal(bl_trace_rows(d, row), 2);
    assert_string_equal(row[0].op, "zero");
    assert_int_equal(row[0].calls, 9);
    assert_string_equal(row[1].op, "put");
    assert_int_equal(row[1].calls, 3);
    assert_true(row[0].seconds > row[1].seconds && row[1].seconds >= 0);
    BL_OP(d, free, p);
    bl_log_to(count_lines, &lines);
    bl_dev_close(d);
    bl_log_to(NULL, NULL);
    assert_int_equal(lines, 3);
}

static void names(void **state)
{
    (void)state;
    static const char *const bad[] = {"fault", "fault:", "fault:gpu", "cpu:fault", "trace:", ""};
    bl_dev *d;
    assert_ok(open_named(&d, "trace:fault:ref64", 0));
    assert_string_equal(d->name, "trace:fault:ref64");
    assert_int_equal(d->real_bytes, 8);
    assert_int_equal(d->ternary, 0);
    bl_dev_close(d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_named(&d, bad[i], 1), BL_EINVAL);
        assert_non_null(strstr(failure.message, "ref64"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_ternary),
        cmocka_unit_test(packed_models),
        cmocka_unit_test(same_bits_of_the_variants),
        cmocka_unit_test(a_peek_is_caught),
        cmocka_unit_test(fresh_memory),
        cmocka_unit_test(writing_past_a_block),
        cmocka_unit_test(trace_counts),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
