/* Training moved on by the caller: the bits of a whole run, stops, failures, and what is written. */
#include "api.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { STEPS = 9 };

/* What a run told, by step. */
typedef struct told {
    bl_trainer *t;
    double loss[STEPS + 1], grad_norm[STEPS + 1], lr[STEPS + 1], val[STEPS + 1];
    int saved[STEPS + 1];
    unsigned events, warnings;
    uint64_t stop_at, close_at;
} told;

static void note(void *user, const bl_train_event *e)
{
    told *w = user;
    bl_step_result r = {.size = sizeof r};
    bl_eval_result v = {.size = sizeof v};
    w->events++;
    assert_true(e->step <= STEPS && e->steps == STEPS);
    assert_int_equal(bl_trainer_step(w->t, 1, &r, NULL), BL_EBUSY);
    assert_int_equal(bl_trainer_eval(w->t, &v, NULL), BL_EBUSY);
    assert_int_equal(bl_trainer_checkpoint(w->t, NULL, 0, NULL, NULL), BL_EBUSY);
    w->warnings += e->kind == BL_TRAIN_WARNING;
    if (e->kind == BL_TRAIN_CHECKPOINT)
        w->saved[e->step] = 1;
    if (e->kind == BL_TRAIN_EVAL)
        w->val[e->step] = e->loss;
    if (e->kind != BL_TRAIN_STEP)
        return;
    w->loss[e->step] = e->loss;
    w->grad_norm[e->step] = e->grad_norm;
    w->lr[e->step] = e->lr;
    if (e->step == w->stop_at)
        bl_trainer_stop(w->t);
    if (e->step == w->close_at)
        bl_trainer_close(w->t);
}

/* Nine steps; everything that could differ is on. */
static bl_options *nine_steps(const char *device)
{
    bl_options *o = api_small_training("9");
    static const char *const set[][2] = {{"accum", "2"},      {"dropout", "0.1"},
                                         {"eval_every", "4"}, {"save_every", "3"},
                                         {"keep", "99"},      {"save_seconds", "0"}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &api_error));
    assert_ok(bl_options_set(o, "device", device, &api_error));
    return o;
}

static bl_trainer *open_with(const char *run, bl_options *o)
{
    bl_trainer *t;
    bl_options *config = api_small_config();
    assert_ok(bl_trainer_open(&t, api_path("data"), api_path(run), o, config, &api_error));
    bl_options_close(config);
    bl_options_close(o);
    return t;
}

static bl_trainer *open_on(const char *run, const char *device)
{
    return open_with(run, nine_steps(device));
}

static bl_trainer *open_again(const char *run)
{
    bl_options *o = nine_steps("cpu");
    assert_ok(bl_options_set(o, "resume", "true", &api_error));
    return open_with(run, o);
}

static size_t contents(const char *run, const char *name, char *bytes, size_t room)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", run, name);
    FILE *file = fopen(api_path(path), "rb");
    if (!file)
        fail_msg("no %s", path);
    size_t n = fread(bytes, 1, room, file);
    assert_true(n && n < room);
    (void)fclose(file);
    return n;
}

/* How long the records are differs from run to run: they hold times. */
static void without_times(char *state)
{
    char *at = strstr(state, "\"metrics_bytes\":");
    assert_non_null(at);
    at += strlen("\"metrics_bytes\":");
    char *end = at + strspn(at, " 0123456789");
    memmove(at, end, strlen(end) + 1);
}

static void same_file(const char *a, const char *b, const char *name)
{
    static char bytes[2][400000];
    size_t n[2];
    memset(bytes, 0, sizeof bytes);
    n[0] = contents(a, name, bytes[0], sizeof bytes[0]);
    n[1] = contents(b, name, bytes[1], sizeof bytes[1]);
    if (strstr(name, "state.json")) {
        without_times(bytes[0]);
        without_times(bytes[1]);
        n[0] = strlen(bytes[0]);
        n[1] = strlen(bytes[1]);
    }
    assert_int_equal(n[0], n[1]);
    if (memcmp(bytes[0], bytes[1], n[0]) != 0)
        fail_msg("%s: %s and %s differ", name, a, b);
}

static void same_checkpoint(const char *a, const char *b, int step)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
    for (size_t i = 0; i < 3; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "ckpt/step-%08d/%s", step, files[i]);
        same_file(a, b, name);
    }
}

static bl_step_result step(bl_trainer *t, uint64_t count)
{
    bl_step_result r = {.size = sizeof r};
    assert_ok(bl_trainer_step(t, count, &r, &api_error));
    return r;
}

static double eval(bl_trainer *t)
{
    bl_eval_result r = {.size = sizeof r};
    assert_ok(bl_trainer_eval(t, &r, &api_error));
    assert_true(r.tokens > 0 && r.perplexity == exp(r.loss) && r.bits_per_byte > 0);
    return r.loss;
}

/* The run that the others are compared with. */
static told whole;

static void a_run(void **state)
{
    (void)state;
    whole = (told){.t = open_on("whole", "cpu")};
    assert_ok(bl_trainer_run(whole.t, note, &whole, &api_error));
    bl_trainer_close(whole.t);
    assert_true(whole.saved[3] && whole.saved[6] && whole.saved[9] && whole.val[8] > 0);
}

/* The same step by step, evaluated and saved where the run was. */
static void by_steps(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu", "late:cpu", "graph:cpu"};
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        char run[32], path[300];
        (void)snprintf(run, sizeof run, "steps-%zu", d);
        told w = {.t = open_on(run, devices[d])};
        bl_trainer_events_to(w.t, note, &w);
        for (uint64_t i = 1; i <= STEPS; i++) {
            bl_step_result r = step(w.t, 1);
            assert_int_equal(r.step, i);
            assert_int_equal(r.steps, STEPS);
            assert_int_equal(r.done, 1);
            assert_int_equal(r.skipped, 0);
            assert_int_equal(r.tokens, 2 * 16 * 2);
            assert_true(r.loss == whole.loss[i] && w.loss[i] == r.loss);
            assert_true(r.grad_norm == whole.grad_norm[i] && r.lr == whole.lr[i]);
            assert_true(r.seconds > 0 && r.went_back == 0);
            if (whole.val[i] > 0)
                assert_true(eval(w.t) == whole.val[i] && w.val[i] == whole.val[i]);
            assert_int_equal(w.saved[i], 0); /* nothing by itself */
            if (whole.saved[i]) {
                assert_ok(bl_trainer_checkpoint(w.t, path, sizeof path, NULL, &api_error));
                assert_int_equal(access(path, R_OK), 0);
                if (strcmp(devices[d], "cpu") == 0)
                    same_checkpoint("whole", run, (int)i);
            }
        }
        bl_step_result r = step(w.t, 5);
        assert_int_equal(r.done, 0);
        assert_int_equal(r.step, STEPS);
        assert_true(isnan(r.loss));
        assert_int_equal(w.warnings, 0);
        bl_trainer_close(w.t);
        same_file("whole", run, "BEST");
        same_file("whole", run, "LATEST");
        same_file("whole", run, "ckpt/step-00000009/model.safetensors");
        same_file("whole", run, "ckpt/step-00000009/optimizer.safetensors");
    }
}

/* Several steps a call; closed and opened again; run to a stop, on by steps, to the end by run. */
static void in_pieces(void **state)
{
    (void)state;
    told w = {.t = open_on("pieces", "late:cpu")};
    bl_trainer_events_to(w.t, note, &w);
    bl_step_result r = step(w.t, 4);
    assert_int_equal(r.done, 4);
    assert_true(r.loss == (((whole.loss[1] + whole.loss[2]) + whole.loss[3]) + whole.loss[4]) / 4);
    assert_true(r.grad_norm == whole.grad_norm[4]);
    assert_ok(bl_trainer_checkpoint(w.t, NULL, 0, NULL, &api_error));
    (void)step(w.t, 1); /* lost: closing saves nothing */
    bl_trainer_close(w.t);
    w = (told){.t = open_again("pieces"), .stop_at = 6};
    assert_int_equal(step(w.t, 0).step, 4);
    assert_int_equal(bl_trainer_run(w.t, note, &w, &api_error), BL_EINTERRUPTED);
    assert_true(w.loss[5] == whole.loss[5] && w.loss[6] == whole.loss[6]);
    assert_int_equal(step(w.t, 2).step, 8);
    w.stop_at = 0;
    assert_ok(bl_trainer_run(w.t, note, &w, &api_error));
    assert_true(w.loss[9] == whole.loss[9]);
    bl_trainer_close(w.t);
    same_file("whole", "pieces", "ckpt/step-00000009/model.safetensors");
    same_file("whole", "pieces", "ckpt/step-00000009/optimizer.safetensors");
    assert_int_equal(access(api_path("pieces/README.md"), R_OK), 0);
}

/* A lowest loss counts from when it is saved, not without. */
static void a_best_that_was_not_saved(void **state)
{
    (void)state;
    bl_trainer *t = open_on("best", "cpu");
    (void)step(t, 3);
    double first = eval(t);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    (void)step(t, 3);
    assert_true(eval(t) < first);
    (void)step(t, 1);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    static char text[4000];
    assert_int_equal(contents("best", "BEST", text, sizeof text), strlen("step-00000003\n"));
    assert_memory_equal(text, "step-00000003\n", strlen("step-00000003\n"));
    bl_trainer_close(t);
}

/* ---- stops ---- */

static int refuse(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    return strcmp(stage, "evaluating") == 0;
}

static void stops(void **state)
{
    (void)state;
    told w = {.t = open_on("stops", "late:cpu"), .stop_at = 2};
    bl_step_result r = {.size = sizeof r};
    bl_eval_result v = {.size = sizeof v};
    bl_trainer_events_to(w.t, note, &w);
    bl_trainer_stop(w.t);
    assert_int_equal(bl_trainer_step(w.t, 3, &r, &api_error), BL_EINTERRUPTED);
    assert_int_equal(r.done, 0);
    assert_int_equal(bl_trainer_step(w.t, 7, &r, &api_error), BL_EINTERRUPTED);
    assert_true(r.step == 2 || r.step == 3); /* one may have been begun */
    assert_int_equal(r.done, r.step);
    w.stop_at = 4;
    assert_int_equal(bl_trainer_step(w.t, 4 - r.step, &r, &api_error), BL_EINTERRUPTED);
    assert_int_equal(r.step, 4); /* with the last step of the call */
    bl_trainer_stop(w.t);
    assert_int_equal(bl_trainer_eval(w.t, &v, &api_error), BL_EINTERRUPTED);
    bl_progress_to(refuse, NULL);
    assert_int_equal(bl_trainer_eval(w.t, &v, &api_error), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_true(v.loss == 0 && w.val[4] == 0);
    w.stop_at = 0;
    assert_int_equal(step(w.t, 9).step, 9);
    bl_trainer_save(w.t); /* for the next step, of which there is none */
    assert_ok(bl_trainer_checkpoint(w.t, NULL, 0, NULL, &api_error));
    bl_trainer_close(w.t);
    same_file("whole", "stops", "ckpt/step-00000009/model.safetensors");

    w = (told){.t = open_on("asked", "late:cpu"), .close_at = 5};
    bl_trainer_events_to(w.t, note, &w);
    bl_trainer_save(w.t);
    (void)step(w.t, 3);
    assert_true(w.saved[1] && !w.saved[2] && !w.saved[3]);
    assert_int_equal(bl_trainer_step(w.t, 6, &r, &api_error), BL_EINTERRUPTED);
    same_file("whole", "stops", "ckpt/step-00000009/model.safetensors");
}

typedef struct stopper {
    bl_trainer *t;
    atomic_int asked;
} stopper;

static void *keep_stopping(void *user)
{
    stopper *s = user;
    const struct timespec pause = {.tv_nsec = 500000};
    while (atomic_fetch_add(&s->asked, 1) < 20) {
        bl_trainer_stop(s->t);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* From another thread, at any moment: no request is lost, and none does harm. */
static void stopped_by_another_thread(void **state)
{
    (void)state;
    pthread_t thread;
    stopper s = {.t = open_on("thread", "cpu")};
    unsigned stopped = 0;
    bl_step_result r = {.size = sizeof r};
    assert_int_equal(pthread_create(&thread, NULL, keep_stopping, &s), 0);
    while (s.asked < 2) /* the first has been made */
        continue;
    while (r.step < STEPS) {
        bl_status status = bl_trainer_step(s.t, 1, &r, &api_error);
        assert_true(status == BL_OK || status == BL_EINTERRUPTED);
        stopped += status == BL_EINTERRUPTED;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(stopped > 0);
    assert_ok(bl_trainer_checkpoint(s.t, NULL, 0, NULL, &api_error));
    bl_trainer_close(s.t);
    same_file("whole", "thread", "ckpt/step-00000009/model.safetensors");
}

/* ---- failures ---- */

static bl_trainer *open_wild(const char *run)
{
    static const char *const set[][2] = {
        {"lr", "10"}, {"weight_decay", "10"}, {"warmup", "1"}, {"eval_every", "1000"}};
    bl_options *o = api_small_training("400");
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &api_error));
    return open_with(run, o);
}

/* One step at a time until it fails; how many were skipped. */
static bl_status until_it_fails(bl_trainer *t, unsigned *skipped, unsigned *went_back)
{
    bl_step_result r = {.size = sizeof r};
    bl_status status;
    *skipped = *went_back = 0;
    do {
        status = bl_trainer_step(t, 1, &r, &api_error);
        *skipped += r.skipped == 1;
        *went_back += r.went_back == 1;
        if (r.skipped)
            assert_true(isnan(r.loss) && r.done == 1);
        if (r.went_back)
            assert_int_equal(r.step, 1);
    } while (status == BL_OK && r.step < r.steps);
    return status;
}

static void divergence(void **state)
{
    (void)state;
    unsigned skipped, went_back;
    bl_step_result r = {.size = sizeof r};
    bl_trainer *t = open_wild("wild");
    assert_int_equal(until_it_fails(t, &skipped, &went_back), BL_EDIVERGED);
    assert_true(skipped >= 5 && went_back == 0); /* no checkpoint was asked for */
    assert_int_equal(bl_trainer_step(t, 1, &r, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "resume"));
    assert_int_equal(bl_trainer_run(t, NULL, NULL, NULL), BL_EINVAL);
    assert_int_equal(bl_trainer_checkpoint(t, NULL, 0, NULL, NULL), BL_EINVAL);
    bl_trainer_close(t);
    assert_int_equal(access(api_path("wild/ckpt"), F_OK), -1); /* nothing was written unasked */

    t = open_wild("wild2");
    (void)step(t, 1);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    assert_int_equal(until_it_fails(t, &skipped, &went_back), BL_EDIVERGED);
    assert_int_equal(went_back, 1);
    assert_true(skipped >= 10);
    bl_trainer_close(t);
}

static void a_checkpoint_that_cannot_be_written(void **state)
{
    (void)state;
    char path[300], *where = path;
    bl_trainer *t = open_on("full", "cpu");
    (void)step(t, 5);
    (void)snprintf(path, sizeof path, "%s", api_path("full/ckpt"));
    FILE *in_the_way = fopen(path, "w");
    assert_non_null(in_the_way);
    assert_int_equal(fclose(in_the_way), 0);
    assert_int_equal(bl_trainer_checkpoint(t, where, sizeof path, NULL, &api_error), BL_EIO);
    assert_string_equal(path, "");
    assert_int_equal(remove(api_path("full/ckpt")), 0);
    (void)step(t, 4);
    assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &api_error));
    bl_trainer_close(t);
    same_file("whole", "full", "ckpt/step-00000009/model.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run),      cmocka_unit_test(by_steps),
        cmocka_unit_test(in_pieces),  cmocka_unit_test(a_best_that_was_not_saved),
        cmocka_unit_test(stops),      cmocka_unit_test(stopped_by_another_thread),
        cmocka_unit_test(divergence), cmocka_unit_test(a_checkpoint_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, api_make, api_remove);
}
