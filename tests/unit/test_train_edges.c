/* The edges of a training run: what a resumed run makes of odd options and of damaged folders. */
#include "scratch.h"

#include "infer/sampler.h"

#include <math.h>

typedef const char *pair[2];

/* What a run told its watcher. */
typedef struct watch {
    bl_trainer *trainer;
    uint64_t stop_at, first, last, steps; /* steps: as the last event says */
    unsigned trained;
} watch;

static void on_event(void *user, const bl_train_event *e)
{
    watch *w = user;
    w->steps = e->steps;
    if (e->kind != BL_TRAIN_STEP)
        return;
    if (!w->trained++)
        w->first = e->step;
    w->last = e->step;
    if (w->last == w->stop_at)
        bl_trainer_stop(w->trainer);
}

static int make_data(void **state)
{
    static const pair set[] = {{"tales_bytes", "60000"}, {"vocab_size", "400"}};
    const char *source = "tales";
    bl_options *o;
    assert_int_equal(scratch_make(state), 0);
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    for (size_t i = 0; i < 2; i++)
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &failure));
    assert_ok(bl_prepare(&source, 1, scratch("data"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
    return 0;
}

/* Runs in this folder with these options (up to a NULL name) over the usual ones. */
static bl_status train(const char *run, pair *set, watch *w)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "1"},
                                 {"num_attention_heads", "2"}};
    static const pair usual[] = {{"preset", "tiny"}, {"batch", "2"}, {"context", "16"}};
    bl_options *o, *config;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        assert_ok(bl_options_set(config, shape[i][0], shape[i][1], &failure));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        assert_ok(bl_options_set(o, usual[i][0], usual[i][1], &failure));
    for (; set && (*set)[0]; set++)
        assert_ok(bl_options_set(o, (*set)[0], (*set)[1], &failure));
    bl_status status = bl_trainer_open(&w->trainer, scratch("data"), *run ? scratch(run) : run, o,
                                       config, &failure);
    if (status == BL_OK) {
        if (w->stop_at == UINT64_MAX) /* before the first step */
            bl_trainer_stop(w->trainer);
        status = bl_trainer_run(w->trainer, on_event, w, &failure);
    }
    bl_trainer_close(w->trainer);
    bl_options_close(config);
    bl_options_close(o);
    return status;
}

static void stopped_before_the_first_step(void **state)
{
    (void)state;
    watch w = {.stop_at = UINT64_MAX};
    const char *const run = "early";
    assert_int_equal(train(run, (pair[]){{"steps", "5"}, {NULL}}, &w), BL_EINTERRUPTED);
    assert_int_equal(w.trained, 0);
    /* It resumes with the options it began with, though none is repeated. */
    watch again = {0};
    assert_ok(train(run, (pair[]){{"resume", "true"}, {NULL}}, &again));
    assert_int_equal(again.first, 1);
    assert_int_equal(again.last, 5);
}

static void tokens_for_steps_on_resume(void **state)
{
    (void)state;
    watch w = {0}, more = {0};
    const char *const run = "tokens";
    assert_ok(train(run, (pair[]){{"tokens", "65"}, {NULL}}, &w));
    assert_int_equal(w.last, 3); /* of 32 tokens, rounded up */
    assert_ok(train(run, (pair[]){{"tokens", "128"}, {"resume", "true"}, {NULL}}, &more));
    assert_int_equal(more.first, 4);
    assert_int_equal(more.last, 4);
}

static void stop_after_the_end(void **state)
{
    (void)state;
    watch w = {0};
    assert_ok(train("beyond", (pair[]){{"steps", "3"}, {"stop_after", "9"}, {NULL}}, &w));
    assert_int_equal(w.last, 3);
    assert_int_equal(w.steps, 3);
}

/* With the newest checkpoint damaged and only one kept, those that the resumed run writes stay. */
static void damaged_newest(void **state)
{
    (void)state;
    static pair often[] = {{"save_every", "1"},
                           {"save_seconds", "0"},
                           {"eval_every", "4"},
                           {"sample_every", "100"},
                           {"keep", "3"},
                           {"steps", "8"},
                           {NULL}};
    watch first = {0}, second = {.stop_at = 7}, third = {0};
    const char *const run = "damaged";
    assert_ok(train(run, often, &first));
    assert_ok(bl_dir_make(scratch("damaged/ckpt/.tmp-step-00000099"), &failure));
    scratch_write(scratch("damaged/ckpt/step-00000008/state.json"), "{}", 2);
    assert_ok(bl_file_remove(scratch("damaged/ckpt/step-00000007/MANIFEST"), &failure));
    pair on[] = {{"resume", "true"}, {"keep", "1"}, {NULL}};
    assert_int_equal(train(run, on, &second), BL_EINTERRUPTED);
    assert_int_equal(second.first, 7);
    assert_int_equal(bl_path_what(scratch("damaged/ckpt/step-00000007")), BL_PATH_DIR);
    assert_int_equal(bl_path_what(scratch("damaged/ckpt/.tmp-step-00000099")), BL_PATH_NONE);
    assert_ok(train(run, on, &third));
    assert_int_equal(third.first, 8);
    assert_int_equal(third.last, 8);
}

/* Lines that no run would write do not stop the next picture of the curve. */
static void odd_metrics(void **state)
{
    (void)state;
    static const char lines[] =
        "{\"type\":\"train\",\"step\":1,\"loss\":1e20}\n{\"type\":\"train\",\"step\":-1,\"loss\":2}"
        "\n"
        "[[[\n\n{\"type\":7}\n{\"type\":\"eval\",\"step\":2,\"loss\":1e20}\n"
        "{\"type\":\"eval\",\"step\":9e99,\"loss\":\"x\"}";
    watch w = {0}, again = {0};
    const char *const run = "metrics";
    assert_ok(train(run, (pair[]){{"steps", "2"}, {NULL}}, &w));
    scratch_write(scratch("metrics/metrics.jsonl"), lines, sizeof lines - 1);
    assert_ok(train(run, (pair[]){{"resume", "true"}, {NULL}}, &again));
    assert_int_equal(again.trained, 0);
}

static void no_folder(void **state)
{
    (void)state;
    watch w = {0};
    assert_int_equal(train("", NULL, &w), BL_EINVAL);
}

static void odd_logits(void **state)
{
    (void)state;
    const float none[4] = {-INFINITY, NAN, -INFINITY, NAN}, one[4] = {1, 2, INFINITY, 3};
    bl_generate_options o;
    bl_sampler s;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    o.temperature = 1e-300;
    o.top_p = 0;
    o.min_p = 1;
    for (size_t k = 0; k < 6; k++) {
        o.top_k = k;
        assert_ok(bl_sampler_init(&s, &o, 4, &failure));
        assert_int_equal(bl_sampler_next(&s, none), 0);
        assert_int_equal(bl_sampler_next(&s, one), 2);
        bl_sampler_release(&s);
        o.top_p = k % 2 ? 1 : 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_before_the_first_step),
        cmocka_unit_test(tokens_for_steps_on_resume),
        cmocka_unit_test(stop_after_the_end),
        cmocka_unit_test(damaged_newest),
        cmocka_unit_test(odd_metrics),
        cmocka_unit_test(no_folder),
        cmocka_unit_test(odd_logits),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
