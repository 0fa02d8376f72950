/* The library in a process with standard streams of its own: nothing is written to them, also when
 * they are closed and files take their numbers; how many threads there are; a prompt left early. */
#include "api.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static int end_soon(void *user, const bl_token_event *token)
{
    (void)user;
    return token->position > 20;
}

/* Most of what the library does, failures and warnings included.  0, or the number of what went
 * wrong: a child without a standard error can say no more. */
static int tell_all(const char *folder)
{
    char run[400], memory[400], out[400];
    const char *source = "tales";
    bl_trainer *t = NULL;
    bl_model *m = NULL;
    bl_session *s = NULL;
    char text[400];
    size_t n;
    (void)snprintf(run, sizeof run, "%s/run", folder);
    (void)snprintf(memory, sizeof memory, "%s/it.mem", folder);
    (void)snprintf(out, sizeof out, "%s/out", folder);
    bl_options *prepare = api_options(BL_OPTIONS_PREPARE, "tales_bytes", "30000", "vocab_size",
                                      "300", "val_split", "0.1", (char *)NULL);
    bl_options *train = api_small_training("4"), *config = api_small_config();
    bl_options *generate =
        api_options(BL_OPTIONS_GENERATE, "seed", "3", "ignore_eos", "true", (char *)NULL);
    bl_options *traced = api_options(BL_OPTIONS_DEVICE, "device", "trace:cpu", (char *)NULL);
    (void)bl_options_set(train, "sample_every", "2", NULL);
    if (bl_prepare(&source, 1, out, prepare, NULL, NULL, NULL, NULL) != BL_OK)
        return 1;
    if (bl_trainer_open(&t, out, run, train, config, NULL) != BL_OK ||
        bl_trainer_run(t, NULL, NULL, NULL) != BL_OK)
        return 2;
    bl_trainer_close(t);
    (void)bl_options_set(train, "resume", "true", NULL);
    (void)bl_options_set(train, "lr", "1e-5", NULL); /* told: it differs from the checkpoint's */
    if (bl_trainer_open(&t, out, run, train, config, NULL) != BL_OK)
        return 3;
    bl_trainer_close(t);
    if (bl_model_open(&m, run, traced, NULL) != BL_OK ||
        bl_session_open(&s, m, NULL, NULL) != BL_OK)
        return 4;
    if (bl_generate(s, "Once", 4, generate, end_soon, NULL, NULL, NULL) != BL_EINTERRUPTED ||
        bl_session_save(s, memory, NULL) != BL_OK)
        return 5;
    if (bl_info(run, text, sizeof text, &n, NULL) != BL_OK ||
        bl_session_load(s, out, NULL) == BL_OK)
        return 6;
    (void)snprintf(out, sizeof out, "%s/packed", folder);
    if (bl_export(m, out, "bf16", 0, NULL) != BL_OK)
        return 7;
    bl_session_close(s);
    bl_model_close(m); /* the traced device says what it did, to nobody */
    if (bl_model_open(&m, out, NULL, NULL) != BL_OK ||
        bl_session_open(&s, m, NULL, NULL) != BL_OK ||
        bl_session_load(s, memory, NULL) != BL_OK) /* a warning: rounded weights */
        return 8;
    bl_session_close(s);
    bl_model_close(m);
    (void)bl_options_set(traced, "device", "nosuch", NULL);
    if (bl_model_open(&m, out, traced, NULL) == BL_OK)
        return 9;
    bl_options_close(prepare);
    bl_options_close(train);
    bl_options_close(config);
    bl_options_close(traced);
    bl_options_close(generate);
    return 0;
}

static int make(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    (void)snprintf(api_folder, sizeof api_folder, "%s/bitllama-api-XXXXXX",
                   root && *root ? root : "/tmp");
    setenv("HF_HUB_OFFLINE", "1", 1);
    return mkdtemp(api_folder) ? 0 : -1;
}

/* Runs the story in a child whose standard streams `arrange` has set up. */
static void tell_in_child(const char *folder, void (*arrange)(void))
{
    int status;
    assert_int_equal(mkdir(api_path(folder), 0777), 0);
    char path[300];
    (void)snprintf(path, sizeof path, "%s", api_path(folder));
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        arrange();
        _exit(tell_all(path));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void into_files(void)
{
    int out = open(api_path("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err = open(api_path("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || err < 0 || dup2(out, 1) != 1 || dup2(err, 2) != 2)
        _exit(99);
}

static void closed(void)
{
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd);
}

static size_t read_file(const char *path, unsigned char *to, size_t most)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is not there", path);
    size_t n = fread(to, 1, most, file);
    assert_true(n < most);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void nothing_is_printed(void **state)
{
    (void)state;
    static const char *const names[] = {"run/ckpt/step-00000004/model.safetensors", "it.mem",
                                        "packed/model.safetensors", "out/train.bin"};
    static unsigned char a[1 << 20], b[1 << 20];
    tell_in_child("quiet", into_files);
    assert_int_equal(read_file(api_path("stdout"), a, sizeof a), 0);
    assert_int_equal(read_file(api_path("stderr"), a, sizeof a), 0);
    tell_in_child("closed", closed); /* its files have the numbers 0 to 2 */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[600];
        (void)snprintf(path, sizeof path, "%s/%s", api_path("quiet"), names[i]);
        size_t n = read_file(path, a, sizeof a);
        (void)snprintf(path, sizeof path, "%s/%s", api_path("closed"), names[i]);
        assert_int_equal(read_file(path, b, sizeof b), n);
        assert_true(n > 100);
        assert_memory_equal(a, b, n);
    }
}

/* ---- threads ---- */

static bl_model *model_of(const char *width)
{
    bl_model *m;
    bl_options *c = api_options(BL_OPTIONS_CONFIG, "vocab_size", "2000", "hidden_size", width,
                                "intermediate_size", "1024", "num_hidden_layers", "2",
                                "num_attention_heads", "8", (char *)NULL);
    assert_ok(bl_model_random(&m, c, NULL, &api_error));
    bl_options_close(c);
    return m;
}

static size_t tasks(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    if (!dir)
        return 0;
    for (const struct dirent *d; (d = readdir(dir)) != NULL;)
        count += d->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static int32_t ids[4000];
static atomic_size_t most_tasks;

static void *read_much(void *user)
{
    bl_error err;
    for (int i = 0; i < 4; i++) {
        if (bl_session_feed(user, ids, 300, NULL, &err) != BL_OK)
            return user;
        size_t now = tasks(), before = atomic_load(&most_tasks);
        while (now > before && !atomic_compare_exchange_weak(&most_tasks, &before, now))
            continue;
    }
    return NULL;
}

/* Four models, eight sessions and four threads of the caller: the pool is one, and no larger than
 * it was allowed to be. */
static void one_pool_for_all(void **state)
{
    (void)state;
    enum { MODELS = 4, CALLERS = 4 };
    bl_model *m[MODELS];
    bl_session *s[2 * MODELS];
    pthread_t thread[CALLERS];
    if (!tasks()) {
        print_message("skipped: how many threads there are (no /proc/self/task)\n");
        skip();
    }
    size_t before = tasks();
    bl_set_threads(3);
    for (int i = 0; i < MODELS; i++) {
        m[i] = model_of("256");
        assert_ok(bl_session_open(&s[2 * i], m[i], NULL, &api_error));
        assert_ok(bl_session_open(&s[2 * i + 1], m[i], NULL, &api_error));
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CALLERS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, read_much, s[2 * i + round]), 0);
        for (int i = 0; i < CALLERS; i++) {
            void *failed;
            assert_int_equal(pthread_join(thread[i], &failed), 0);
            assert_null(failed);
        }
    }
    assert_true(atomic_load(&most_tasks) > before);
    assert_true(atomic_load(&most_tasks) <= before + CALLERS + 2);
    assert_true(tasks() <= before + 2);
    bl_set_threads(0);
    for (int i = 0; i < MODELS; i++) {
        bl_session_close(s[2 * i]);
        bl_session_close(s[2 * i + 1]);
        bl_model_close(m[i]);
    }
}

/* ---- leaving a long prompt ---- */

static atomic_int gone, asked;

static int still_there(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    atomic_fetch_add(&asked, 1);
    return atomic_load(&gone);
}

static void *leave_soon(void *user)
{
    (void)user;
    while (atomic_load(&asked) < 3) {
        const struct timespec moment = {.tv_nsec = 200000};
        (void)nanosleep(&moment, NULL);
    }
    atomic_store(&gone, 1);
    return NULL;
}

/* Another thread says that nobody waits any more: tokens read by then count, and others go on. */
static void a_prompt_is_left(void **state)
{
    (void)state;
    enum { MANY = 100 * 4000 };
    bl_model *m = model_of("256");
    bl_session *s, *t;
    pthread_t other;
    static int32_t prompt[MANY];
    static float a[2000], b[2000];
    for (size_t i = 0; i < MANY; i++)
        prompt[i] = (int32_t)(i * 7 % 2000);
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_open(&t, m, NULL, &api_error));
    assert_int_equal(pthread_create(&other, NULL, leave_soon, NULL), 0);
    bl_progress_to(still_there, NULL);
    assert_int_equal(bl_session_feed(s, prompt, MANY, NULL, &api_error), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_int_equal(pthread_join(other, NULL), 0);
    uint64_t read = bl_session_position(s);
    assert_true(read > 0 && read < MANY);
    assert_int_equal(bl_session_pending(s), -1);
    assert_ok(bl_session_feed(s, prompt + read, 5, a, &api_error));
    assert_ok(bl_session_feed(t, prompt, (size_t)read + 5, b, &api_error));
    assert_memory_equal(a, b, sizeof a);
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_printed),
        cmocka_unit_test(one_pool_for_all),
        cmocka_unit_test(a_prompt_is_left),
    };
    return cmocka_run_group_tests(tests, make, api_remove);
}
