/* Training on batches of the program's own: without a data folder, without any folder, from a model
 * and back to one, continued, in a fork and in two threads. */
#include "api.h"

#include <math.h>
#include <pthread.h>
#include <sys/wait.h>

enum { ROWS = 2, T = 16, STEPS = 6 };

static bl_step_result r;

/* Rows of the i-th step. */
static const int32_t *rows(int step)
{
    static _Thread_local int32_t ids[ROWS * (T + 1)];
    for (int i = 0; i < ROWS * (T + 1); i++)
        ids[i] = (i % (T + 1) * 23 + step % 2 * 5 + 3) % API_V;
    return ids;
}

static bl_options *options(const char *name, const char *value)
{
    bl_options *o = api_small_training("6");
    if (name)
        assert_ok(bl_options_set(o, name, value, &api_error));
    return o;
}

static bl_status try_open(bl_trainer **t, const char *tokenizer, const char *run, const char *name,
                          const char *value)
{
    bl_options *o = options(name, value), *config = api_small_config();
    bl_status status = bl_trainer_open_given(t, tokenizer, run, o, config, &api_error);
    bl_options_close(o);
    bl_options_close(config);
    return status;
}

static bl_trainer *open_given(const char *run, const char *name, const char *value)
{
    bl_trainer *t;
    assert_ok(try_open(&t, api_path("data"), run ? api_path(run) : NULL, name, value));
    return t;
}

static double step(bl_trainer *t, int i)
{
    bl_step_result made = {.size = sizeof made};
    assert_ok(bl_trainer_step_on(t, rows(i), NULL, ROWS, T, &made, &api_error));
    assert_int_equal(made.step, i);
    assert_int_equal(made.done, 1);
    return made.loss;
}

static void fingerprint(bl_trainer *t, char hex[33])
{
    bl_model *m;
    assert_ok(bl_trainer_model(&m, t, NULL, &api_error));
    assert_ok(bl_model_fingerprint(m, hex, &api_error));
    bl_model_close(m);
}

/* Six steps, and what came of them. */
static double losses[STEPS + 1];
static char after[33];

static void without_any_folder(void **state)
{
    (void)state;
    bl_eval_result v = {.size = sizeof v};
    char path[300] = "x";
    bl_trainer *t = open_given(NULL, NULL, NULL);
    for (int i = 1; i <= STEPS; i++)
        losses[i] = step(t, i);
    assert_true(losses[STEPS] < losses[1]);
    fingerprint(t, after);

    assert_int_equal(bl_trainer_checkpoint(t, path, sizeof path, NULL, &api_error), BL_EINVAL);
    assert_string_equal(path, "");
    assert_int_equal(bl_trainer_eval(t, &v, &api_error), BL_EINVAL);
    assert_int_equal(bl_trainer_step_on(t, rows(7), NULL, ROWS, T, &r, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "schedule"));

    bl_model *m, *back;
    assert_ok(bl_trainer_model(&m, t, NULL, &api_error));
    bl_trainer_close(t);
    assert_string_equal(bl_model_path(m), "");
    assert_non_null(bl_model_tokenizer(m));
    assert_ok(bl_export(m, api_path("out"), "f32", 0, &api_error));
    assert_ok(bl_model_open(&back, api_path("out"), NULL, &api_error));
    char hex[33];
    assert_ok(bl_model_fingerprint(back, hex, &api_error));
    assert_string_equal(hex, after);
    assert_non_null(bl_model_tokenizer(back));
    bl_model_close(back);
    bl_model_close(m);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const unsigned char none[ROWS * T];
    unsigned char one[ROWS * T] = {0};
    int32_t bad[ROWS * (T + 1)];
    bl_trainer *t = open_given(NULL, NULL, NULL), *other;
    assert_int_equal(bl_trainer_step(t, 1, &r, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "bl_trainer_step_on"));
    assert_int_equal(bl_trainer_run(t, NULL, NULL, &api_error), BL_EINVAL);
    static const size_t shapes[][2] = {{0, T},        {ROWS, 0},     {ROWS + 1, T},
                                       {ROWS, T + 1}, {SIZE_MAX, T}, {1, SIZE_MAX}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        assert_int_equal(
            bl_trainer_step_on(t, rows(1), NULL, shapes[i][0], shapes[i][1], &r, &api_error),
            BL_EINVAL);
    assert_int_equal(bl_trainer_step_on(t, rows(1), none, ROWS, T, &r, &api_error), BL_EINVAL);
    static const int32_t ids[] = {API_V, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        memcpy(bad, rows(1), sizeof bad);
        bad[ROWS * (T + 1) - 1] = ids[i];
        assert_int_equal(bl_trainer_step_on(t, bad, NULL, ROWS, T, &r, &api_error), BL_EFORMAT);
        assert_int_equal(r.done, 0);
    }
    bl_trainer_stop(t);
    assert_int_equal(bl_trainer_step_on(t, rows(1), NULL, ROWS, T, &r, &api_error),
                     BL_EINTERRUPTED);
    assert_true(step(t, 1) == losses[1]); /* nothing of it has left a trace */
    one[T] = 1;
    assert_ok(bl_trainer_step_on(t, rows(2), one, ROWS, T, &r, &api_error));
    assert_true(isfinite(r.loss) && r.loss != losses[2]);
    bl_trainer_close(t);

    assert_int_equal(try_open(&other, api_path("data"), NULL, "carry", "0.5"), BL_EINVAL);
    assert_int_equal(try_open(&other, api_path("data"), NULL, "resume", "true"), BL_ENOENT);
    assert_int_equal(try_open(&other, api_path("nothing"), NULL, NULL, NULL), BL_ENOENT);
    assert_int_equal(try_open(&other, api_path("data"), "", NULL, NULL), BL_EINVAL);
    assert_null(other);
}

static void stopped_and_resumed(void **state)
{
    (void)state;
    char hex[33];
    bl_model *m;
    bl_trainer *t = open_given("given", NULL, NULL);
    for (int i = 1; i <= 3; i++)
        assert_true(step(t, i) == losses[i]);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    bl_trainer_close(t);
    assert_ok(try_open(&t, NULL, api_path("given"), "resume", "true")); /* its own tokenizer */
    for (int i = 4; i <= STEPS; i++)
        assert_true(step(t, i) == losses[i]);
    fingerprint(t, hex);
    assert_string_equal(hex, after);
    assert_ok(bl_trainer_run(t, NULL, NULL, &api_error)); /* finishes the folder */
    bl_trainer_close(t);
    assert_ok(bl_model_open(&m, api_path("given"), NULL, &api_error));
    assert_ok(bl_model_fingerprint(m, hex, &api_error));
    assert_string_equal(hex, after);
    assert_non_null(bl_model_tokenizer(m));
    bl_model_close(m);

    bl_options *o = options("resume", "true");
    assert_int_equal(bl_trainer_open(&t, api_path("data"), api_path("given"), o, NULL, &api_error),
                     BL_EINVAL);
    assert_int_equal(bl_trainer_open_given(&t, NULL, api_path("run"), o, NULL, &api_error),
                     BL_EINVAL);
    bl_options_close(o);
}

/* From a model, whose tokenizer and shape it has, to a better one. */
static void from_a_model(void **state)
{
    (void)state;
    bl_trainer *t;
    bl_model *parent, *m;
    char was[33], hex[33];
    bl_options *o = options("init", api_path("run"));
    assert_ok(bl_trainer_open_given(&t, NULL, NULL, o, NULL, &api_error));
    assert_ok(bl_model_open(&parent, api_path("run"), NULL, &api_error));
    assert_ok(bl_model_fingerprint(parent, was, &api_error));
    fingerprint(t, hex);
    assert_string_equal(hex, was);
    (void)step(t, 1);
    assert_ok(bl_trainer_model(&m, t, NULL, &api_error));
    assert_ok(bl_model_fingerprint(m, hex, &api_error));
    assert_string_not_equal(hex, was);
    assert_int_equal(bl_tokenizer_vocab_size(bl_model_tokenizer(m)), API_V);
    bl_model_close(m);
    bl_model_close(parent);
    bl_trainer_close(t);

    const char *source = "tales";
    bl_options *prepare =
        api_options(BL_OPTIONS_PREPARE, "tales_bytes", "3000", "vocab_size", "300", (char *)NULL);
    assert_ok(bl_prepare(&source, 1, api_path("other"), prepare, NULL, NULL, NULL, &api_error));
    assert_int_equal(bl_trainer_open_given(&t, api_path("other"), NULL, o, NULL, &api_error),
                     BL_EINVAL);
    assert_non_null(strstr(api_error.message, "tokenizer"));
    bl_options_close(prepare);
    bl_options_close(o);
}

/* Ids that are no text at all. */
static void without_a_tokenizer(void **state)
{
    (void)state;
    bl_trainer *t;
    bl_model *m;
    bl_session *s;
    static float logits[API_V];
    bl_options *o = options(NULL, NULL), *config = api_small_config();
    assert_ok(bl_options_set(config, "vocab_size", "400", &api_error));
    assert_ok(bl_trainer_open_given(&t, NULL, api_path("ids"), o, config, &api_error));
    (void)step(t, 1);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    assert_ok(bl_trainer_model(&m, t, NULL, &api_error));
    bl_trainer_close(t);
    assert_null(bl_model_tokenizer(m));
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_feed(s, rows(1), 5, logits, &api_error));
    assert_int_equal(bl_generate(s, "a", 1, NULL, NULL, NULL, NULL, &api_error), BL_EUNSUPPORTED);
    bl_session_close(s);
    bl_model_close(m);
    bl_options_close(o);
    bl_options_close(config);
}

static void *train_all(void *user)
{
    bl_trainer *t = user;
    bl_step_result made = {.size = sizeof made};
    for (int i = 1; i <= STEPS; i++)
        if (bl_trainer_step_on(t, rows(i), NULL, ROWS, T, &made, NULL) != BL_OK ||
            made.loss != losses[i])
            return NULL;
    return user;
}

static void two_threads(void **state)
{
    (void)state;
    bl_trainer *a = open_given(NULL, NULL, NULL), *b = open_given(NULL, NULL, NULL);
    pthread_t thread;
    void *done;
    assert_int_equal(pthread_create(&thread, NULL, train_all, a), 0);
    assert_ptr_equal(train_all(b), b);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, a);
    bl_trainer_close(a);
    bl_trainer_close(b);
}

/* Both processes go on, each with a trainer of its own from there. */
static void a_fork(void **state)
{
    (void)state;
    int status;
    bl_trainer *t = open_given(NULL, "threads", "2");
    assert_true(step(t, 1) == losses[1]);
    pid_t child = fork();
    assert_true(child >= 0);
    bl_step_result made = {.size = sizeof made};
    int bad = 0;
    for (int i = 2; i <= STEPS; i++)
        bad |= bl_trainer_step_on(t, rows(i), NULL, ROWS, T, &made, NULL) != BL_OK ||
               made.loss != losses[i];
    if (!child)
        _exit(bad);
    assert_int_equal(bad, 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bl_trainer_close(t);
}

int main(void)
{
    r.size = sizeof r;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_folder),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(from_a_model),
        cmocka_unit_test(without_a_tokenizer),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(a_fork),
    };
    return cmocka_run_group_tests(tests, api_make, api_remove);
}
