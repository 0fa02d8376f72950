/* Planned memory: the parts, what a process really takes, and runs that are too large. */
#define _DEFAULT_SOURCE /* wait4 */
#include "core/team.h"
#include "core/machine.h"
#include "option_pairs.h"

#include "bitllama.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Both splits hold more than the longest window of the tests, so that its memory is touched. */
static int make_data(void **state)
{
    static const pair set[] = {
        {"tales_bytes", "90000"}, {"vocab_size", "300"}, {"val_split", "0.5"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(set);
    return 0;
}

/* D = 32, I = 48, L = 2, H = 2, V = 300: the options of a run. */
typedef struct run {
    bl_options *train, *config;
} run;

static const pair linear[] = {{NULL}}, mlp[] = {{"ttt_layer_type", "mlp"}, {NULL}};
/* Heads as narrow as these have no finite gradient over long rows at the shortest half-life. */
static const pair slow[] = {{"ttt_half_life_min", "4096"}, {NULL}};

static run run_open_model(const pair *model, const pair *more)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "48"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {
        {"preset", "tiny"},   {"batch", "2"}, {"context", "16"}, {"steps", "1"}, {"threads", "2"},
        {"eval_tokens", "1"}, {NULL}};
    run r;
    assert_ok(bl_options_open(&r.train, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&r.config, BL_OPTIONS_CONFIG, &failure));
    set_all(r.config, shape);
    set_all(r.config, model);
    set_all(r.train, usual);
    set_all(r.train, more);
    return r;
}

static run run_open(const pair *more)
{
    return run_open_model(linear, more);
}

static void run_close(run *r)
{
    bl_options_close(r->config);
    bl_options_close(r->train);
}

static uint64_t sum_of_parts(const bl_plan_result *p)
{
    uint64_t sum = 0;
#define X(part, help) sum += p->part;
    BL_PLAN_LIST(X)
#undef X
    return sum;
}

static void parts(void **state)
{
    (void)state;
    static const pair none[] = {{NULL}}, wide[] = {{"batch", "4"}, {NULL}};
    static const pair ref64[] = {{"device", "ref64"}, {NULL}};
    bl_plan_result p = {.size = sizeof p}, twice = {.size = sizeof twice},
                   doubles = {.size = sizeof doubles};
    run r = run_open(none), w = run_open(wide), s = run_open(ref64);
    assert_ok(bl_plan(scratch("data"), r.train, r.config, &p, &failure));
    assert_ok(bl_plan(scratch("data"), w.train, w.config, &twice, &failure));
    assert_ok(bl_plan(scratch("data"), s.train, s.config, &doubles, &failure));
    assert_int_equal(p.total, sum_of_parts(&p));
    assert_int_equal(twice.total, sum_of_parts(&twice));
    assert_true(p.machine > 1 << 20);

    /* Three blocks like the parameters, which lie at 64-byte boundaries: at most 15 floats more
     * for each of the 3 + 2 * 23 tensors. */
    assert_true(p.optimizer >= 12 * p.parameters);
    assert_true(p.optimizer <= 12 * (p.parameters + 15 * (3 + 2 * 23)));
    assert_true(p.weights > p.optimizer / 3);
    assert_int_equal(doubles.optimizer, 2 * p.optimizer);

    /* The batch moves activations only; half of those that grow are there twice. */
    assert_int_equal(twice.weights, p.weights);
    assert_int_equal(twice.optimizer, p.optimizer);
    assert_int_equal(twice.state, p.state);
    assert_true(twice.activations > p.activations);

    /* W and b of F = 16, C = 16 rows of k and h, K - 1 = 3 rows of the convolutions
     * in the layer and before it. */
    assert_int_equal(p.state, 2 * 4 * (2 * (16 * 16 + 16 + 2 * 16 * 16) + 2 * 3 * 32));
    run_close(&r);
    run_close(&w);
    run_close(&s);
}

static void a_model(void **state)
{
    (void)state;
    static const pair none[] = {{NULL}};
    run r = run_open(none);
    bl_plan_result training = {.size = sizeof training}, p = {.size = sizeof p};
    bl_trainer *t;
    bl_model *m;
    bl_session *s;
    assert_ok(bl_plan(scratch("data"), r.train, r.config, &training, &failure));
    assert_ok(bl_trainer_open(&t, scratch("data"), scratch("run"), r.train, r.config, &failure));
    assert_ok(bl_trainer_run(t, NULL, NULL, &failure));
    bl_trainer_close(t);
    assert_ok(bl_plan_model(scratch("run"), NULL, &p, &failure));
    assert_ok(bl_model_open(&m, scratch("run"), NULL, &failure));
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_int_equal(p.parameters, bl_model_parameters(m));
    assert_int_equal(p.parameters, training.parameters);
    assert_int_equal(p.state, bl_session_bytes(s));
    assert_int_equal(p.weights, training.weights);
    assert_int_equal(p.optimizer, 0);
    assert_int_equal(p.total, sum_of_parts(&p));

    /* Base and rest: W and b of every head, each twice. */
    assert_int_equal(p.base, 2 * 4 * 2 * 2 * (16 * 16 + 16));
    assert_ok(bl_session_consolidate(s, 0.5, &failure));
    assert_int_equal(p.state + p.base, bl_session_bytes(s));
    bl_session_close(s);
    bl_model_close(m);
    assert_int_equal(bl_plan_model(scratch("none"), NULL, &p, &failure), BL_ENOENT);
    bl_options *gpu;
    assert_ok(bl_options_open(&gpu, BL_OPTIONS_DEVICE, &failure));
    assert_ok(bl_options_set(gpu, "device", "gpu", &failure));
    assert_int_equal(bl_plan_model(scratch("run"), gpu, &p, &failure), BL_EINVAL);
    bl_options_close(gpu);
    run_close(&r);
}

/* The most resident memory of a child process that trains one step, in bytes. */
static uint64_t resident(const char *name, const pair *model, const pair *set)
{
    struct rusage usage;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run r = run_open_model(model, set);
        bl_trainer *t;
        int failed = bl_trainer_open(&t, scratch("data"), scratch(name), r.train, r.config,
                                     &failure) != BL_OK ||
                     bl_trainer_run(t, NULL, NULL, &failure) != BL_OK;
        _exit(failed);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

/* Two runs that differ in one option differ in resident memory as planned.  What a process takes
 * beside the plan - libraries, tokenizer, the pages of mapped checkpoints - is in both, and at
 * most 64 MB. */
static void check_resident(const char *what, const pair *model, const pair *small,
                           const pair *large, double least)
{
    run a = run_open_model(model, small), b = run_open_model(model, large);
    bl_plan_result p = {.size = sizeof p}, q = {.size = sizeof q};
    assert_ok(bl_plan(scratch("data"), a.train, a.config, &p, &failure));
    assert_ok(bl_plan(scratch("data"), b.train, b.config, &q, &failure));
    assert_int_equal(p.total, sum_of_parts(&p));
    assert_int_equal(q.total, sum_of_parts(&q));
    double planned[] = {(double)p.total, (double)q.total};
    double found[] = {(double)resident("small", model, small),
                      (double)resident("large", model, large)};
    for (size_t i = 0; i < 2; i++)
        printf("%s: planned %.1f MB, resident %.1f MB\n", what, planned[i] * 1e-6, found[i] * 1e-6);
    assert_ok(bl_dir_remove(scratch("small"), &failure));
    assert_ok(bl_dir_remove(scratch("large"), &failure));
    double more = planned[1] - planned[0];
    assert_true(more > least);
    assert_true(found[1] - found[0] > 0.9 * more - 4e6 && found[1] - found[0] < 1.1 * more + 4e6);
    assert_true(found[1] > 0.9 * planned[1] && found[1] < planned[1] + 64e6);
    run_close(&a);
    run_close(&b);
}

static void resident_memory(void **state)
{
    (void)state;
    if (SANITIZED) {
        printf("skipped: resident memory (a sanitizer's own is several times the run's)\n");
        skip();
    }
    static const pair small[] = {{"batch", "64"}, {"context", "64"}, {NULL}};
    static const pair large[] = {{"batch", "512"}, {"context", "64"}, {NULL}};
    static const pair context[] = {
        {"batch", "1"}, {"context", "1024"}, {"recompute", "true"}, {NULL}};
    static const pair half[] = {{"batch", "1"}, {"context", "8192"}, {"recompute", "true"}, {NULL}};
    static const pair longer[] = {
        {"batch", "1"}, {"context", "16384"}, {"recompute", "true"}, {NULL}};
    static const pair rows[] = {{"carry", "0.1"}, {"batch", "16"}, {"accum", "4"}, {NULL}};
    static const pair more_rows[] = {{"carry", "0.1"}, {"batch", "16"}, {"accum", "68"}, {NULL}};
    check_resident("batch", linear, small, large, 100e6);
    check_resident("recompute, context", slow, context, longer, 30e6);
    check_resident("recompute, context of mlp", mlp, context, half, 30e6);
    check_resident("carry, rows of mlp", mlp, rows, more_rows, 30e6);
}

/* The state of every row: of each micro-batch, and once more for the current one. */
static void carried_rows(void **state)
{
    (void)state;
    enum { SLOTS = 5 + 1, ROWS = 7, LAYERS = 2, HEADS = 2, W = 16 * 16 + 16, TAILS = 2 * 3 * 32 };
    static const pair none[] = {{"batch", "7"}, {"accum", "5"}, {NULL}};
    static const pair carry[] = {{"batch", "7"}, {"accum", "5"}, {"carry", "0.1"}, {NULL}};
    const uint64_t floats[] = {HEADS * W + TAILS, HEADS * (2 * 16 * 64 + 64 + 16) + TAILS};
    for (size_t i = 0; i < 2; i++) {
        run a = run_open_model(i ? mlp : linear, none), b = run_open_model(i ? mlp : linear, carry);
        bl_plan_result p = {.size = sizeof p}, q = {.size = sizeof q};
        assert_ok(bl_plan(NULL, a.train, a.config, &p, &failure));
        assert_ok(bl_plan(NULL, b.train, b.config, &q, &failure));
        uint64_t states = SLOTS * ROWS * LAYERS * 4 * floats[i];
        assert_int_equal(p.activations, q.activations);
        assert_int_equal(q.total - p.total, q.state - p.state);
        assert_true(q.state - p.state >= states && q.state - p.state < states + 64 * SLOTS);
        run_close(&a);
        run_close(&b);
    }
}

static void too_large(void **state)
{
    (void)state;
    static const pair huge[] = {{"batch", "65536"}, {"context", "64"}, {NULL}};
    run r = run_open(huge);
    assert_ok(bl_options_set(r.config, "num_hidden_layers", "1024", &failure));
    bl_plan_result p = {.size = sizeof p};
    bl_trainer *t;
    assert_ok(bl_plan(scratch("data"), r.train, r.config, &p, &failure));
    assert_true(p.total > p.machine);
    assert_string_equal(p.device, ""); /* the host's memory */
    assert_int_equal(
        bl_trainer_open(&t, scratch("data"), scratch("huge"), r.train, r.config, &failure),
        BL_ENOMEM);
    assert_non_null(strstr(failure.message, "lower `batch`"));
    assert_null(t);
    run_close(&r);
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s", name);
    *strrchr(path, '/') = 0;
    assert_ok(bl_dir_make(scratch(path), &failure));
    scratch_write(scratch(name), text, strlen(text));
}

/* Limits of control groups, versions 1 and 2, in a tree of files. */
static void control_groups(void **state)
{
    (void)state;
    const char *groups = "g/self";
    write_text("g/v2/memory.max", "max\n");
    write_text("g/v2/a/memory.max", "3000000\n");
    write_text("g/v2/a/b/memory.max", "max\n");
    write_text("g/v1/memory/c/memory.limit_in_bytes", "2000000\n");
    write_text("g/v1/memory/memory.limit_in_bytes", "9223372036854771712\n");

    write_text(groups, "0::/a/b\n");
    assert_int_equal(bl_cgroup_memory(scratch(groups), scratch("g/v2")), 3000000);
    write_text(groups, "0::/\n");
    assert_true(bl_cgroup_memory(scratch(groups), scratch("g/v2")) == UINT64_MAX);
    write_text(groups, "0::/elsewhere/entirely\n");
    assert_true(bl_cgroup_memory(scratch(groups), scratch("g/v2")) == UINT64_MAX);
    write_text(groups, "5:cpu,cpuacct:/c\n4:hugetlb,memory:/c\n0::/\n");
    assert_int_equal(bl_cgroup_memory(scratch(groups), scratch("g/v1")), 2000000);
    write_text(groups, "4:memory:/\n");
    assert_true(bl_cgroup_memory(scratch(groups), scratch("g/v1")) == 9223372036854771712u);
    write_text(groups, "nonsense\n4:memoryless:/c\n");
    assert_true(bl_cgroup_memory(scratch(groups), scratch("g/v1")) == UINT64_MAX);
    assert_true(bl_cgroup_memory(scratch("g/none"), scratch("g/v1")) == UINT64_MAX);
    assert_true(bl_os_memory() > 1 << 20);
}

/* Processors of a period, rounded up, by both versions: a file says the quota. */
static void quotas(void **state)
{
    (void)state;
    static const struct {
        const char *quota;
        uint64_t processors;
    } cases[] = {{"200000", 2}, {"150000", 2}, {"100001", 2}, {"100000", 1}, {"1000", 1}};
    char groups[] = "q/groups", text[64];
    assert_ok(bl_dir_make(scratch("q/v2/a/b"), &failure));
    assert_ok(bl_dir_make(scratch("q/v1/cpu/c"), &failure));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s 100000\n", cases[i].quota);
        write_text("q/v2/a/b/cpu.max", text);
        write_text(groups, "0::/a/b\n");
        assert_int_equal(bl_cgroup_cpus(scratch(groups), scratch("q/v2")), cases[i].processors);
        write_text("q/v1/cpu/c/cpu.cfs_quota_us", cases[i].quota);
        write_text("q/v1/cpu/c/cpu.cfs_period_us", "100000\n");
        write_text(groups, "5:cpu,cpuacct:/c\n4:memory:/\n0::/\n");
        assert_int_equal(bl_cgroup_cpus(scratch(groups), scratch("q/v1")), cases[i].processors);
    }
    write_text("q/v2/a/cpu.max", "max 100000\n");
    write_text("q/v2/a/b/cpu.max", "max 100000\n");
    write_text(groups, "0::/a/b\n");
    assert_true(bl_cgroup_cpus(scratch(groups), scratch("q/v2")) == UINT64_MAX);
    write_text("q/v2/a/cpu.max", "300000 100000\n"); /* the group above has the last word */
    assert_int_equal(bl_cgroup_cpus(scratch(groups), scratch("q/v2")), 3);
    write_text("q/v1/cpu/c/cpu.cfs_quota_us", "-1\n");
    write_text(groups, "5:cpu,cpuacct:/c\n");
    assert_true(bl_cgroup_cpus(scratch(groups), scratch("q/v1")) == UINT64_MAX);
    write_text(groups, "3:cpuset:/c\n");
    assert_true(bl_cgroup_cpus(scratch(groups), scratch("q/v1")) == UINT64_MAX);
    assert_true(bl_os_processors() >= 1);
}

/* A number that is given counts, then the one chosen for the process, then the system's. */
static void how_many_threads(void **state)
{
    (void)state;
    assert_int_equal(bl_threads(3), 3);
    assert_int_equal(bl_threads(5000), BL_TEAM_MOST);
    assert_int_equal(bl_threads(0), bl_os_processors());
    bl_threads_choose(7);
    assert_int_equal(bl_threads(0), 7);
    assert_int_equal(bl_threads(2), 2);
    bl_threads_choose(0);
    assert_int_equal(bl_threads(0), bl_os_processors());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),        cmocka_unit_test(resident_memory),
        cmocka_unit_test(carried_rows), cmocka_unit_test(a_model),
        cmocka_unit_test(too_large),    cmocka_unit_test(control_groups),
        cmocka_unit_test(quotas),       cmocka_unit_test(how_many_threads),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
