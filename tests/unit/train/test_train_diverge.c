/* A run whose loss is not finite any more: five bad steps in a row go back to the last good
 * checkpoint at half the learning rate, once. */
#include "small_run.h"

#include "train/trainer.h"

#include <math.h>

/* Each of these overflows in the first sum of squares, though it is finite and may be saved. */
static const float spoilt = 3e38f;

static double lr_before, lr_after; /* of step 6, the first time and the last */

static void spoil(watch *w)
{
    float value[64];
    for (size_t i = 0; i < 64; i++)
        value[i] = spoilt;
    bl_net *net = &w->trainer->blocks.net;
    for (size_t at = 0; at + 64 <= net->tensors.elements; at += 64)
        assert_ok(bl_dev_put(net->dev, BL_KIND_param,
                             (char *)net->block + at * net->dev->param_bytes, value, 64, &failure));
}

static void spoil_once(watch *w, const bl_train_event *e)
{
    if (e->step == 6 && lr_before == 0) {
        lr_before = e->lr;
        spoil(w);
    } else if (e->step == 6) {
        lr_after = e->lr;
    }
}

static void spoil_always(watch *w, const bl_train_event *e)
{
    if (e->step == 6)
        spoil(w);
}

static pair often[] = {
    {"save_every", "5"}, {"save_seconds", "0"}, {"steps", "12"},    {"sample_every", "100"},
    {"keep", "1"},       {"eval_every", "100"}, {"resume", "auto"}, {NULL}};

/* The records of a kind in metrics.jsonl, and whether their steps rise. */
static unsigned count_records(const char *run, const char *kind)
{
    char path[64], key[64], line[8192];
    unsigned count = 0;
    unsigned long long step, last = 0;
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    (void)snprintf(key, sizeof key, "{\"type\":\"%s\",\"step\":%%llu", kind);
    FILE *file = fopen(scratch(path), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, key, &step) == 1) {
            assert_true(step >= last);
            last = step;
            count++;
        }
    assert_int_equal(fclose(file), 0);
    return count;
}

static void recovers_once(void **state)
{
    (void)state;
    watch w = {.on_step = spoil_once};
    lr_before = lr_after = 0;
    assert_ok(train("once", often, &w));
    assert_int_equal(w.trained, 11 + 7); /* 1 to 11, of which 7 to 11 are bad, and 6 to 12 */
    assert_int_equal(w.warnings, 5 + 1);
    assert_non_null(strstr(w.warning, "diverged at step 11: back to "));
    assert_non_null(strstr(w.warning, "step-00000005 at half the learning rate"));
    assert_true(lr_before > 0 && fabs(lr_after / lr_before - 0.5) < 1e-6);
    assert_int_equal(count_records("once", "train"), 12); /* none of a step that was undone */
    assert_int_equal(count_records("once", "warning"), 1);
    bl_train_state after;
    assert_ok(bl_checkpoint_state(&after, scratch("once/ckpt/step-00000012"), &failure));
    assert_true(after.lr_scale == 0.5);
    assert_int_equal(after.bad_steps, 0);
}

static void ends_the_second_time(void **state)
{
    (void)state;
    watch w = {.on_step = spoil_always}, again = {0};
    assert_int_equal(train("twice", often, &w), BL_EDIVERGED);
    assert_non_null(strstr(failure.message, "diverged at step 11"));
    assert_non_null(strstr(failure.message, "lower `lr`"));
    assert_int_equal(w.trained, 11 + 6);
    /* The last good checkpoint is there to continue from. */
    assert_ok(train("twice", often, &again));
    assert_int_equal(again.first, 6);
    assert_int_equal(again.warnings, 0);
}

static void ends_without_a_checkpoint(void **state)
{
    (void)state;
    watch w = {.on_step = spoil_always};
    pair never[] = {{"save_every", "1000"}, {"steps", "20"}, {"eval_every", "1000"}, {NULL}};
    assert_int_equal(train("never", never, &w), BL_EDIVERGED);
    assert_int_equal(w.trained, 11);
}

/* The count continues where it stood, and the checkpoint of the stop is not one to go back to. */
static void stopped_between_bad_steps(void **state)
{
    (void)state;
    watch w = {.on_step = spoil_always, .stop_at = 9}, again = {0};
    assert_int_equal(train("between", often, &w), BL_EINTERRUPTED);
    bl_train_state saved;
    assert_ok(bl_checkpoint_state(&saved, scratch("between/ckpt/step-00000009"), &failure));
    assert_int_equal(saved.bad_steps, 3);
    assert_ok(train("between", often, &again));
    assert_int_equal(again.first, 10);
    assert_int_equal(again.warnings, 2 + 1);
    assert_non_null(strstr(again.warning, "diverged at step 11: back to "));
    assert_non_null(strstr(again.warning, "step-00000005 at half"));
}

/* Weights that overflowed while the gradient was finite are not saved over good ones. */
static void infinite_weights_are_not_saved(void **state)
{
    (void)state;
    watch w = {0};
    pair decay[] = {{"lr", "10"},           {"weight_decay", "10"}, {"warmup", "1"},
                    {"steps", "400"},       {"save_every", "1"},    {"save_seconds", "0"},
                    {"eval_every", "1000"}, {"keep", "1"},          {NULL}};
    assert_int_equal(train("decay", decay, &w), BL_EDIVERGED);
    bl_model *m;
    assert_ok(bl_model_open(&m, scratch("decay"), NULL, &failure));
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovers_once),
        cmocka_unit_test(ends_the_second_time),
        cmocka_unit_test(ends_without_a_checkpoint),
        cmocka_unit_test(stopped_between_bad_steps),
        cmocka_unit_test(infinite_weights_are_not_saved),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
