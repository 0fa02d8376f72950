/* Runs that begin with the weights of another model (init): which weights, what is fresh, what
 * is recorded, resumed to the bit, and what is refused. */
#include "small_run.h"

#include "train/state_json.h"
#include "core/path.h"

static const pair from_first[] = {{"init", NULL}, {"steps", "6"}, {"seed", "9"}, {NULL}};

/* The options of a run from `model`, and one more. */
static pair *from(const char *model, const char *name, const char *value)
{
    static pair set[8];
    memcpy(set, from_first, sizeof from_first);
    set[0][1] = model;
    if (name) {
        set[3][0] = name;
        set[3][1] = value;
        set[4][0] = NULL;
    }
    return set;
}

static void fingerprint_of(const char *run, char hex[33])
{
    bl_model *m;
    assert_ok(bl_model_open(&m, run, NULL, &failure));
    assert_ok(bl_model_fingerprint(m, hex, &failure));
    bl_model_close(m);
}

static int make_first(void **state)
{
    static pair set[] = {{"steps", "4"}, {"seed", "1"}, {NULL}};
    watch w = {0};
    assert_int_equal(make_data(state), 0);
    assert_ok(train("first", set, &w));
    return 0;
}

static void same_file(const char *a, const char *b)
{
    bl_map x, y;
    assert_ok(bl_map_open(&x, a, &failure));
    assert_ok(bl_map_open(&y, b, &failure));
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    bl_map_close(&x);
    bl_map_close(&y);
}

static int holds(const char *path, const char *text)
{
    bl_map map;
    int found = 0;
    assert_ok(bl_map_open(&map, path, &failure));
    for (size_t i = 0; i + strlen(text) <= map.size; i++)
        found |= memcmp(map.data + i, text, strlen(text)) == 0;
    bl_map_close(&map);
    return found;
}

/* Before its first step the model is the other one, though the seed differs; its name is kept. */
static void begins_with_the_weights(void **state)
{
    (void)state;
    char first[33], begun[33];
    watch w = {.stop_at = UINT64_MAX};
    bl_train_state s;
    fingerprint_of(scratch("first"), first);
    assert_int_equal(train("begun", from(scratch("first"), NULL, NULL), &w), BL_EINTERRUPTED);
    fingerprint_of(scratch("begun"), begun);
    assert_string_equal(first, begun);
    assert_ok(bl_train_state_load(&s, scratch("begun/ckpt/step-00000000/state.json"), &failure));
    assert_string_equal(s.parent, first);
    assert_string_equal(s.options.init, scratch("first"));
    assert_int_equal(s.step, 0);
    assert_int_equal(s.tokens, 0);
    assert_true(holds(scratch("begun/README.md"), first));
    assert_true(holds(scratch("begun/metrics.jsonl"), first));
    assert_false(holds(scratch("first/README.md"), "Begun with"));
}

/* The optimizer is fresh: what it holds before the first step is nothing but zeros, as that of a
 * run that begins with a seed. */
static void optimizer_is_fresh(void **state)
{
    (void)state;
    static pair set[] = {{"steps", "4"}, {NULL}};
    watch w = {.stop_at = UINT64_MAX};
    assert_int_equal(train("zeros", set, &w), BL_EINTERRUPTED);
    same_file(scratch("zeros/ckpt/step-00000000/optimizer.safetensors"),
              scratch("begun/ckpt/step-00000000/optimizer.safetensors"));
}

/* Stopped and resumed, with the flag and without, and when the first model is gone. */
static void resumes(void **state)
{
    (void)state;
    static pair plain[] = {{"resume", "true"}, {NULL}};
    char copy[200];
    watch w = {0};
    (void)snprintf(copy, sizeof copy, "%s", scratch("other"));
    assert_ok(train("other", from(scratch("first"), NULL, NULL), &w)); /* to begin with, below */
    assert_ok(train("straight", from(copy, NULL, NULL), &w));
    assert_ok(train("pieces", from(copy, "stop_after", "2"), &w));
    w.stop_at = 4;
    assert_int_equal(train("pieces", from(copy, "resume", "auto"), &w), BL_EINTERRUPTED);
    assert_ok(bl_dir_remove(copy, &failure));
    w = (watch){0};
    assert_ok(train("pieces", plain, &w));
    assert_int_equal(w.last, 6);
    same_file(scratch("straight/ckpt/step-00000006/model.safetensors"),
              scratch("pieces/ckpt/step-00000006/model.safetensors"));
    same_file(scratch("straight/ckpt/step-00000006/optimizer.safetensors"),
              scratch("pieces/ckpt/step-00000006/optimizer.safetensors"));
}

static void refused(const char *run, pair *set, bl_status status, const char *words)
{
    watch w = {0};
    assert_int_equal(train(run, set, &w), status);
    if (!strstr(failure.message, words))
        fail_msg("%s: no \"%s\"", failure.message, words);
    assert_false(bl_path_has(scratch(run), "config.json")); /* no run was begun */
}

static void refusals(void **state)
{
    (void)state;
    bl_model *m;
    watch w = {0};
    static pair other[] = {{"resume", "true"}, {"init", "elsewhere"}, {NULL}};
    refused("none", from(scratch("nothing"), NULL, NULL), BL_ENOENT, "no such model");
    refused("none", from(scratch("data"), NULL, NULL), BL_EFORMAT, "config.json");
    refused("none", from(scratch("first"), "num_hidden_layers", "2"), BL_EINVAL,
            "was trained with `num_hidden_layers` 1, not 2");
    assert_ok(bl_model_open(&m, scratch("first"), NULL, &failure));
    assert_ok(bl_export(m, scratch("packed"), "f32", 0, &failure));
    bl_model_close(m);
    refused("none", from(scratch("packed"), NULL, NULL), BL_EUNSUPPORTED, "packed weights");
    assert_int_equal(train("begun", other, &w), BL_EINVAL);
    assert_non_null(strstr(failure.message, "the run was begun with `init`"));
}

static void other_tokenizer(void **state)
{
    (void)state;
    const char *source = "tales";
    bl_options *o;
    bl_trainer *t;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "tales_bytes", "60000", &failure));
    assert_ok(bl_options_set(o, "vocab_size", "401", &failure));
    assert_ok(bl_prepare(&source, 1, scratch("more"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_set(o, "init", scratch("first"), &failure));
    assert_int_equal(bl_trainer_open(&t, scratch("more"), scratch("none"), o, NULL, &failure),
                     BL_EINVAL);
    assert_non_null(strstr(failure.message, "another tokenizer"));
    bl_options_close(o);
}

/* Memory is planned for the other model's shape. */
static void plan(void **state)
{
    (void)state;
    bl_options *o;
    bl_model *m;
    bl_plan_result r = {.size = sizeof r};
    assert_ok(bl_model_open(&m, scratch("first"), NULL, &failure));
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_set(o, "init", scratch("first"), &failure));
    assert_ok(bl_plan(scratch("data"), o, NULL, &r, &failure));
    assert_int_equal(r.parameters, bl_model_parameters(m));
    bl_options_close(o);
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_the_weights),
        cmocka_unit_test(optimizer_is_fresh),
        cmocka_unit_test(resumes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(other_tokenizer),
        cmocka_unit_test(plan),
    };
    return cmocka_run_group_tests(tests, make_first, scratch_remove);
}
