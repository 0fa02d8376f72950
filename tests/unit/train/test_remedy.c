/* What a run says about its end: over-fitting and divergence, and nothing after a run that went
 * well; and that its records say null, not 0, for what they do not know. */
#include "scratch.h"

#include "train/state_json.h"
#include "train/remedy.h"
#include "core/file.h"

#include <math.h>

enum { STEPS = 100, EVALUATIONS = 4 };

static bl_curve_point steps[STEPS], evaluations[EVALUATIONS];

/* A training loss on a straight line with noise, and validation losses at steps 25, 50, 75, 100. */
static bl_curve line(double from, double to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        steps[i] = (bl_curve_point){i + 1, from + (to - from) * (double)i / (double)(count - 1) +
                                               (i % 2 ? 0.2 : -0.2)};
    return (bl_curve){steps, count, count};
}

static bl_curve points(double a, double b, double c, double d)
{
    const double loss[] = {a, b, c, d};
    for (size_t i = 0; i < EVALUATIONS; i++)
        evaluations[i] = (bl_curve_point){25 * (i + 1), loss[i]};
    return (bl_curve){evaluations, EVALUATIONS, EVALUATIONS};
}

static void remedies(void **state)
{
    (void)state;
    static const struct {
        double from, to, val[EVALUATIONS]; /* of training; no validation: all 0 */
        const char *says[3];               /* NULL: nothing */
    } cases[] = {
        {6, 2, {4, 3, 2.5, 2.2}, {NULL}},
        {6, 2, {4, 3, 2.5, 2.6}, {NULL}}, /* within what evaluations differ by */
        {6, 2, {0}, {NULL}},
        {6,
         1,
         {4, 2.5, 2.7, 3},
         {"loss is 3.0000, at step 50 it was 2.5", "fewer `steps`", "kept"}},
        {6,
         1,
         {4, 2.5, 5, 7},
         {"worse than it began", "loss is 7.0000, at first it was 5.8", "`lr`"}},
        {6, 7, {5, 5.1, 5.2, 5.5}, {"well above its best", "at step 25 it was 5.0", "lower `lr`"}},
        {6, 8, {0}, {"worse than it began", "the training loss is 7.9", "lower `lr`"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300] = "";
        const double *v = cases[i].val;
        bl_curve train = line(cases[i].from, cases[i].to, STEPS), none = {0};
        bl_curve val = v[0] > 0 ? points(v[0], v[1], v[2], v[3]) : none;
        assert_int_equal(bl_run_remedy(text, sizeof text, &train, &val), cases[i].says[0] != NULL);
        for (size_t k = 0; k < 3 && cases[i].says[k]; k++)
            if (!strstr(text, cases[i].says[k]))
                fail_msg("case %zu: '%s' lacks '%s'", i, text, cases[i].says[k]);
    }
}

static void odd_curves(void **state)
{
    (void)state;
    char text[300];
    bl_curve none = {0}, val = points(5, 4, 3, NAN), few = line(1, 9, 19);
    assert_int_equal(bl_run_remedy(text, sizeof text, &none, &none), 0);
    assert_int_equal(bl_run_remedy(text, sizeof text, &few, &none), 0); /* too short to tell */
    bl_curve train = line(1, 9, STEPS);
    steps[0].loss = (double)INFINITY; /* a skipped step */
    assert_int_equal(bl_run_remedy(text, sizeof text, &train, &none), 1);
    assert_null(strstr(text, "inf"));
    assert_int_equal(bl_run_remedy(text, sizeof text, &train, &val), 0);
}

static void long_texts(void **state)
{
    (void)state;
    const struct {
        double loss, fresh;
        uint64_t tokens;
        int forgets;
        const char *says[3]; /* NULL: nothing */
    } cases[] = {
        {2.0, 2.1, 512, 0, {NULL}},
        {2.149, 2.1, 512, 0, {NULL}},
        {2.151, 2.1, 512, 0, {"it is 2.1510", "after 512 tokens, where a fresh state has 2.1000"}},
        {(double)INFINITY, 2.1, 512, 0, {"it is inf", "train with `ttt_forget`"}},
        {(double)NAN, 2.1, 512, 1, {"it is nan", "larger `context`", "`ttt_half_life_max`"}},
        {3.0, (double)NAN, 512, 1, {NULL}}, /* the model is no better in short */
        {3.0, 2.0, 0, 0, {NULL}},           /* not measured */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300] = "";
        const bl_stream_point end = {.first = 512,
                                     .last = 1023,
                                     .tokens = cases[i].tokens,
                                     .loss = cases[i].loss,
                                     .fresh = cases[i].fresh};
        assert_int_equal(bl_stream_remedy(text, sizeof text, &end, cases[i].forgets),
                         cases[i].says[0] != NULL);
        for (size_t k = 0; k < 3 && cases[i].says[k]; k++)
            if (!strstr(text, cases[i].says[k]))
                fail_msg("case %zu: '%s' lacks '%s'", i, text, cases[i].says[k]);
    }
}

/* A state without an evaluation says null, and the 0 of older files is still read. */
static void no_best_loss_is_null(void **state)
{
    (void)state;
    bl_map map;
    bl_train_state s = {.lr_scale = 1, .step = 3}, back;
    bl_options_defaults(BL_OPTIONS_TRAIN, &s.options);
    const char *path = scratch("state.json");
    assert_ok(bl_train_state_save(&s, path, &failure));
    assert_ok(bl_map_open(&map, path, &failure));
    char *text = calloc(map.size + 1, 1);
    assert_non_null(text);
    memcpy(text, map.data, map.size);
    bl_map_close(&map);
    char *at = strstr(text, "\"best_loss\": null");
    assert_non_null(at);
    assert_ok(bl_train_state_load(&back, path, &failure));
    assert_true(back.best_step == 0 && back.best_loss == 0 && back.step == 3);
    memcpy(at + strlen("\"best_loss\": "), "0.0 ", 4);
    scratch_write(path, text, strlen(text));
    assert_ok(bl_train_state_load(&back, path, &failure));
    assert_true(back.best_step == 0 && back.best_loss == 0);
    s.best_step = 2;
    s.best_loss = 1.25;
    assert_ok(bl_train_state_save(&s, path, &failure));
    assert_ok(bl_train_state_load(&back, path, &failure));
    assert_true(back.best_step == 2 && back.best_loss == 1.25);
    free(text);
}

static void unknown_figures_are_null(void **state)
{
    (void)state;
    bl_metrics m;
    bl_map map;
    const bl_train_event events[] = {
        {.kind = BL_TRAIN_STEP, .step = 1, .loss = 2, .tokens_per_s = 0},
        {.kind = BL_TRAIN_EVAL, .step = 1, .loss = 2, .bits_per_byte = 0},
        {.kind = BL_TRAIN_EVAL, .step = 2, .loss = 2, .bits_per_byte = 1.5},
    };
    assert_int_equal(bl_dir_make(scratch("records"), &failure), BL_OK);
    assert_ok(bl_metrics_open(&m, scratch("records"), 0, 0, &failure));
    for (size_t i = 0; i < 3; i++)
        assert_ok(bl_metrics_record(&m, &events[i], &failure));
    bl_metrics_release(&m);
    assert_ok(bl_map_open(&map, scratch("records/metrics.jsonl"), &failure));
    char *text = calloc(map.size + 1, 1);
    assert_non_null(text);
    memcpy(text, map.data, map.size);
    bl_map_close(&map);
    assert_non_null(strstr(text, "\"tokens_per_s\":null"));
    assert_non_null(strstr(text, "\"step\":1,\"loss\":2.0,\"bits_per_byte\":null}"));
    assert_non_null(strstr(text, "\"bits_per_byte\":1.5}"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remedies), cmocka_unit_test(odd_curves), cmocka_unit_test(long_texts),
        cmocka_unit_test(no_best_loss_is_null), cmocka_unit_test(unknown_figures_are_null)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
