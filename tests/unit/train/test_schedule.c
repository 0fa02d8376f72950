/* Learning rates and weight decay of a step against values computed by hand, and runs stopped in the
 * middle of each schedule. */
#include "small_run.h"

#include "train/schedule.h"

#include <math.h>

/* Worked out by hand for a peak of 0.8, a least of 0.2, 4 steps of warm-up and 16 after it. */
typedef struct rate {
    unsigned index;
    double lr;
} rate;

static bl_train_options options_of(int schedule)
{
    bl_train_options o;
    bl_options_defaults(BL_OPTIONS_TRAIN, &o);
    o.schedule = schedule;
    o.steps = 20;
    o.warmup = 4;
    o.lr = 0.8;
    o.min_lr = 0.2;
    return o;
}

static void check_rates(int schedule, const rate *rates, size_t count)
{
    bl_train_options o = options_of(schedule);
    static const rate warmup[] = {{0, 0.2}, {1, 0.4}, {2, 0.6}, {3, 0.8}, {4, 0.8}};
    for (size_t i = 0; i < sizeof warmup / sizeof *warmup; i++)
        assert_true(fabs(bl_train_lr(&o, warmup[i].index) - warmup[i].lr) < 1e-15);
    for (size_t i = 0; i < count; i++)
        if (fabs(bl_train_lr(&o, rates[i].index) - rates[i].lr) > 1e-14)
            fail_msg("step %u: %.17g, expected %.17g", rates[i].index,
                     bl_train_lr(&o, rates[i].index), rates[i].lr);
}

static void linear(void **state)
{
    static const rate rates[] = {{8, 0.65}, {11, 0.5375}, {12, 0.5}, {16, 0.35}, {19, 0.2375}};
    (void)state;
    check_rates(BL_SCHEDULE_LINEAR, rates, sizeof rates / sizeof *rates);
}

static void two_stage(void **state)
{
    static const rate rates[] = {{8, 0.65}, {11, 0.5375}, {12, 0.4}, {16, 0.3}, {19, 0.225}};
    (void)state;
    check_rates(BL_SCHEDULE_TWO_STAGE, rates, sizeof rates / sizeof *rates);
}

/* 0.5 + 0.3 cos(pi x): cosines of 45, 60, 90, 120 and 135 degrees by roots. */
static void cosine(void **state)
{
    const double root_half = 0.70710678118654752440;
    const rate rates[] = {
        {8, 0.5 + 0.3 * root_half}, {12, 0.5}, {16, 0.5 - 0.3 * root_half}, {20, 0.2}};
    bl_train_options o = options_of(BL_SCHEDULE_COSINE);
    (void)state;
    check_rates(BL_SCHEDULE_COSINE, rates, sizeof rates / sizeof *rates);
    o.steps = 13; /* nine after the warm-up: 60 degrees at the third, 120 at the sixth */
    assert_true(fabs(bl_train_lr(&o, 7) - 0.65) < 1e-14);
    assert_true(fabs(bl_train_lr(&o, 10) - 0.35) < 1e-14);
}

static void constant(void **state)
{
    static const rate rates[] = {{8, 0.8}, {12, 0.8}, {19, 0.8}};
    (void)state;
    check_rates(BL_SCHEDULE_CONSTANT, rates, sizeof rates / sizeof *rates);
}

/* What a run of before these options had: the same bits. */
static void as_it_was(void **state)
{
    bl_train_options o;
    (void)state;
    bl_options_defaults(BL_OPTIONS_TRAIN, &o);
    assert_int_equal(o.schedule, BL_SCHEDULE_TWO_STAGE);
    o.steps = 777;
    o.warmup = 38;
    o.lr = 4e-3;
    for (unsigned i = 38; i < 777; i++) {
        double x = (double)(i - 38) / 739.0, peak = x < 0.5 ? 4e-3 : 4e-3 * (2.0 / 3.0);
        double was = peak * (1 - x), is = bl_train_lr(&o, i);
        assert_memory_equal(&was, &is, sizeof was);
        assert_true(bl_train_weight_decay(&o, i) == 0.1);
    }
}

static void decay(void **state)
{
    bl_train_options o = options_of(BL_SCHEDULE_LINEAR);
    (void)state;
    o.weight_decay = 0.3;
    o.decay_until = 0.5;
    for (unsigned i = 0; i < 20; i++)
        assert_true(bl_train_weight_decay(&o, i) == (i < 12 ? 0.3 : 0));
    o.decay_until = 0;
    assert_true(bl_train_weight_decay(&o, 0) == 0);
    o.decay_until = 1;
    assert_true(bl_train_weight_decay(&o, 19) == 0.3);
}

static void bad_rates(void **state)
{
    static pair set[] = {{"lr", "1e-3"}, {"min_lr", "2e-3"}, {NULL}};
    watch w = {0};
    (void)state;
    assert_int_equal(train("bad", set, &w), BL_EINVAL);
    assert_non_null(strstr(failure.message, "`min_lr` 0.002 is above `lr` 0.001"));
}

/* ---- a run in two pieces ---- */

static double lr_seen[32];

static void note_lr(watch *w, const bl_train_event *e)
{
    (void)w;
    lr_seen[e->step - 1] = e->lr;
}

static void same_weights(const char *a, const char *b)
{
    bl_map x, y;
    char path[200];
    (void)snprintf(path, sizeof path, "%s/ckpt/step-00000010/model.safetensors", scratch(a));
    assert_ok(bl_map_open(&x, path, &failure));
    (void)snprintf(path, sizeof path, "%s/ckpt/step-00000010/model.safetensors", scratch(b));
    assert_ok(bl_map_open(&y, path, &failure));
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    bl_map_close(&x);
    bl_map_close(&y);
}

/* Stopped before and behind half-way: rates go on where they were, weights are those of one piece,
 * and differ from those of the schedule before. */
static void resumed(void **state)
{
    static const char *const names[] = {"two-stage", "cosine", "linear", "constant"};
    static pair more[] = {{"resume", "true"}, {NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pair set[] = {{"steps", "10"},
                      {"warmup", "2"},
                      {"lr", "0.01"},
                      {"min_lr", "0.002"},
                      {"schedule", NULL},
                      {"decay_until", "0.5"},
                      {"weight_decay", "2"},
                      {"samples", "false"},
                      {"eval_every", "50"},
                      {"eval_tokens", "32"},
                      {NULL}};
        char straight[40], pieces[40];
        double rates[10];
        set[4][1] = names[i];
        (void)snprintf(straight, sizeof straight, "straight-%s", names[i]);
        (void)snprintf(pieces, sizeof pieces, "pieces-%s", names[i]);
        watch w = {.on_step = note_lr};
        assert_ok(train(straight, set, &w));
        memcpy(rates, lr_seen, sizeof rates);
        memset(lr_seen, 0, sizeof lr_seen);
        w = (watch){.on_step = note_lr, .stop_at = 4};
        assert_int_equal(train(pieces, set, &w), BL_EINTERRUPTED);
        w = (watch){.on_step = note_lr, .stop_at = 8};
        assert_int_equal(train(pieces, more, &w), BL_EINTERRUPTED);
        w = (watch){.on_step = note_lr};
        assert_ok(train(pieces, more, &w));
        assert_int_equal(w.first, 9);
        assert_memory_equal(rates, lr_seen, sizeof rates);
        assert_true(fabs(rates[1] - 0.01) < 1e-9); /* the end of the warm-up */
        assert_true(rates[9] >= 0.002f);
        same_weights(straight, pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),    cmocka_unit_test(two_stage), cmocka_unit_test(cosine),
        cmocka_unit_test(constant),  cmocka_unit_test(as_it_was), cmocka_unit_test(decay),
        cmocka_unit_test(bad_rates), cmocka_unit_test(resumed),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
