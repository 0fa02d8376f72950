/* A step is begun before the one before it has ended, on a device that computes as late as it may:
 * every loss is told for its step, and what a run decides, writes and ends with stays the same. */
#include "small_run.h"

#include "ops/late.h"
#include "train/trainer.h"

#include <math.h>

enum { STEPS = 14 };

/* What was told of each step, the last time it was done. */
typedef struct told {
    double loss[STEPS + 1], lr[STEPS + 1], grad_norm[STEPS + 1];
    uint64_t position[STEPS + 1]; /* of the loader, as a checkpoint would say */
    int ahead[STEPS + 1];         /* another one was under way */
    unsigned count;
} told;

static told seen;

static void only_note(watch *w, const bl_train_event *e);

static void note(const watch *w, const bl_train_event *e)
{
    const bl_trainer *t = w->trainer;
    assert_true(e->step >= 1 && e->step <= STEPS);
    seen.loss[e->step] = e->loss;
    seen.lr[e->step] = e->lr;
    seen.grad_norm[e->step] = e->grad_norm;
    seen.position[e->step] = t->state.position;
    seen.ahead[e->step] = t->begun_count > 0;
    seen.count++;
    assert_int_equal(e->tokens, e->step * 2 * 16 * t->o.accum);
    assert_true(isfinite(e->tokens_per_s) && e->tokens_per_s > 0);
    assert_true(t->begun_count <= 1);
    if (w->on_step == only_note && strncmp(t->dev->name, "late:", 5) == 0)
        assert_int_equal(bl_late_waiting(t->dev), 2 * t->begun_count); /* its put and its get */
}

static void only_note(watch *w, const bl_train_event *e)
{
    note(w, e);
}

/* A run of STEPS steps; `more` are a few options on top. */
static bl_status run_on(const char *run, const char *device, const pair more[], watch *w)
{
    pair set[20] = {{"device", device},    {"steps", "14"},     {"save_every", "5"},
                    {"save_seconds", "0"}, {"eval_every", "4"}, {"eval_tokens", "100"},
                    {"samples", "false"},  {"dropout", "0.1"},  {"keep", "9"},
                    {"seed", "3"},         {"resume", "auto"}};
    for (size_t i = 11; more && (*more)[0]; more++, i++)
        memcpy(set[i], *more, sizeof set[i]);
    if (!w->on_step)
        w->on_step = only_note;
    return train(run, set, w);
}

static void same_losses(const told *a, const told *b, size_t first, size_t last)
{
    for (size_t i = first; i <= last; i++) {
        assert_true(a->loss[i] == b->loss[i]);
        assert_true(a->lr[i] == b->lr[i]);
        assert_true(a->grad_norm[i] == b->grad_norm[i]);
        assert_int_equal(a->position[i], b->position[i]);
    }
}

static void same_place(const char *a, const char *b, unsigned step)
{
    const char *run[] = {a, b};
    same_checkpoint(a, b, step);
    bl_train_state state[2];
    for (size_t i = 0; i < 2; i++) {
        char path[100];
        (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u", run[i], step);
        assert_ok(bl_checkpoint_state(&state[i], scratch(path), &failure));
    }
    assert_int_equal(state[0].step, step);
    assert_int_equal(state[0].position, state[1].position);
    assert_int_equal(state[0].epoch, state[1].epoch);
    assert_int_equal(state[0].tokens, state[1].tokens);
}

/* The kinds and steps of all records, in their order. */
static void read_kinds(const char *run, char *text, size_t cap)
{
    char path[64], line[8192];
    size_t used = 0;
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *file = fopen(scratch(path), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char kind[32];
        unsigned step;
        if (sscanf(line, "{\"type\":\"%31[a-z]\",\"step\":%u", kind, &step) == 2 &&
            strcmp(kind, "start") != 0)
            used += (size_t)snprintf(text + used, cap - used, "%s %u\n", kind, step);
        assert_true(used < cap);
    }
    assert_int_equal(fclose(file), 0);
}

static void same_records(const char *a, const char *b)
{
    char kinds[2][4096] = {"", ""};
    read_kinds(a, kinds[0], sizeof kinds[0]);
    read_kinds(b, kinds[1], sizeof kinds[1]);
    assert_true(strlen(kinds[0]) > 100);
    assert_string_equal(kinds[0], kinds[1]);
}

static const pair two_micros[] = {{"accum", "2"}, {NULL}};

/* The straight run on the bare device, to compare with. */
static told straight(void)
{
    static told bare;
    static int done;
    if (!done) {
        watch w = {0};
        seen = (told){0};
        assert_ok(run_on("bare", "cpu", two_micros, &w));
        assert_int_equal(seen.count, STEPS);
        bare = seen;
        done = 1;
    }
    return bare;
}

static void one_step_behind(void **state)
{
    (void)state;
    told bare = straight();
    watch w = {0};
    seen = (told){0};
    assert_ok(run_on("ahead", "late:cpu", two_micros, &w));
    assert_int_equal(seen.count, STEPS);
    same_losses(&seen, &bare, 1, STEPS);
    for (size_t i = 1; i <= STEPS; i++) {
        assert_false(bare.ahead[i]); /* where ops are done at once nothing is gained by it */
        assert_int_equal(seen.ahead[i], i % 4 != 0 && i % 5 != 0 && i != STEPS);
    }
    static const unsigned saved[] = {5, 10, STEPS};
    for (size_t i = 0; i < 3; i++)
        same_place("ahead", "bare", saved[i]);
    same_records("ahead", "bare");
}

/* ---- what comes from outside ---- */

static void save_at_6(watch *w, const bl_train_event *e)
{
    note(w, e);
    if (e->step == 6)
        bl_trainer_save(w->trainer);
}

/* A stop ends the run after the step that was under way, with a checkpoint of that step, and the run
 * that continues it is the straight one. */
static void stopped(void **state)
{
    (void)state;
    told bare = straight();
    watch w = {.stop_at = 6}, again = {0};
    seen = (told){0};
    assert_int_equal(run_on("stopped", "late:cpu", two_micros, &w), BL_EINTERRUPTED);
    assert_non_null(strstr(failure.message, "stopped after step 7"));
    assert_int_equal(w.last, 7);
    assert_false(seen.ahead[7]);
    assert_ok(run_on("stopped", "late:cpu", two_micros, &again));
    assert_int_equal(again.first, 8);
    assert_int_equal(seen.count, STEPS);
    same_losses(&seen, &bare, 1, STEPS);
    same_place("stopped", "bare", STEPS);
}

static void saved_in_between(void **state)
{
    (void)state;
    told bare = straight();
    watch w = {.on_step = save_at_6}, on = {0};
    const pair seven[] = {{"accum", "2"}, {"stop_after", "7"}, {NULL}};
    assert_ok(run_on("asked", "late:cpu", two_micros, &w));
    same_losses(&seen, &bare, 1, STEPS);
    assert_ok(run_on("seven", "cpu", seven, &on));
    same_place("asked", "seven", 7);
    same_place("asked", "bare", STEPS);
}

/* ---- steps that go wrong ---- */

static uint64_t spoilt_at;

static void spoil(watch *w, const bl_train_event *e)
{
    float value[64];
    bl_net *net = &w->trainer->blocks.net;
    note(w, e);
    if (e->step != spoilt_at)
        return;
    spoilt_at = 0;
    for (size_t i = 0; i < 64; i++)
        value[i] = NAN;
    for (size_t at = 0; at + 64 <= net->tensors.elements; at += 64)
        assert_ok(bl_dev_put(net->dev, BL_KIND_param,
                             (char *)net->block + at * net->dev->param_bytes, value, 64, &failure));
}

/* Weights that are spoilt after step 6, when step 7 is under way, are those spoilt after step 7 where
 * nothing is.  A step begun after the fifth bad one is forgotten when the run goes back. */
static void back_to_a_checkpoint(void **state)
{
    (void)state;
    static const pair seldom[] = {{"accum", "2"}, {"eval_every", "100"}, {NULL}};
    static const char *const runs[] = {"spoilt", "spoilt-ahead"};
    told all[2];
    for (size_t i = 0; i < 2; i++) {
        watch w = {.on_step = spoil};
        seen = (told){0};
        spoilt_at = i ? 6 : 7;
        assert_ok(run_on(runs[i], i ? "late:cpu" : "cpu", seldom, &w));
        assert_int_equal(seen.count, 12 + (STEPS - 5)); /* 8 to 12 are bad; on from 5 */
        assert_int_equal(w.warnings, 5 + 1);
        assert_non_null(strstr(w.warning, "diverged at step 12: back to "));
        assert_non_null(strstr(w.warning, "step-00000005 at half the learning rate"));
        all[i] = seen;
    }
    same_losses(&all[0], &all[1], 6, STEPS);
    assert_true(all[1].ahead[12]);
    same_place(runs[0], runs[1], STEPS);
    same_records(runs[0], runs[1]);
}

/* With rows that continue the next batch depends on whether this step was good. */
static void rows_that_continue(void **state)
{
    (void)state;
    static const pair carry[] = {{"carry", "0.3"}, {"mini_batch_size", "8"}, {NULL}};
    static const char *const runs[] = {"carried", "carried-late"};
    told all[2];
    for (size_t i = 0; i < 2; i++) {
        watch w = {0};
        seen = (told){0};
        assert_ok(run_on(runs[i], i ? "late:cpu" : "cpu", carry, &w));
        for (size_t k = 1; k <= STEPS; k++)
            assert_false(seen.ahead[k]);
        all[i] = seen;
    }
    same_losses(&all[0], &all[1], 1, STEPS);
    same_place(runs[0], runs[1], STEPS);
}

static void cut_data(watch *w, const bl_train_event *e)
{
    note(w, e);
    if (e->step == 6)
        assert_int_equal(truncate(scratch("data/train.bin"), 4096), 0);
}

/* A batch that cannot be read ends the run, but not before the step under way has told its loss.
 * The last test: its data is no more. */
static void data_lost(void **state)
{
    (void)state;
    told bare = straight();
    watch w = {.on_step = cut_data};
    seen = (told){0};
    assert_int_equal(run_on("cut", "late:cpu", two_micros, &w), BL_EIO);
    assert_non_null(strstr(failure.message, "train.bin: cut short"));
    assert_int_equal(w.last, 7);
    same_losses(&seen, &bare, 1, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_behind),    cmocka_unit_test(stopped),
        cmocka_unit_test(saved_in_between),   cmocka_unit_test(back_to_a_checkpoint),
        cmocka_unit_test(rows_that_continue), cmocka_unit_test(data_lost),
    };
    return cmocka_run_group_tests_name("a step ahead", tests, make_data, scratch_remove);
}
