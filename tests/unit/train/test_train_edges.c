/* The edges of a training run: how a resumed run handles odd options and damaged folders. */
#include "small_run.h"

#include "infer/sampler.h"

#include "train/checkpoint.h"
#include "train/manifest.h"
#include "core/path.h"

#include <jansson.h>
#include <math.h>

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

/* Two tokens change places: same tokenizer, same count, another text.  A folder that an earlier
 * prepare wrote does not know the hash of its train.bin, the run does. */
static void other_data(void **state)
{
    (void)state;
    watch w = {0}, again = {0};
    const char *const run = "other";
    char path[700], meta[700];
    (void)snprintf(path, sizeof path, "%s", scratch("data/train.bin"));
    (void)snprintf(meta, sizeof meta, "%s", scratch("data/meta.json"));
    pair on[] = {{"steps", "3"}, {"resume", "true"}, {NULL}};
    assert_ok(train(run, (pair[]){{"steps", "3"}, {"stop_after", "2"}, {NULL}}, &w));
    bl_map map;
    assert_ok(bl_map_open(&map, path, &failure));
    char *bytes = malloc(map.size), swapped[2];
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.size);
    size_t at = map.size / 4 * 2;
    while (memcmp(bytes + at, bytes + at + 2, 2) == 0)
        at += 2;
    memcpy(swapped, bytes + at, 2);
    memmove(bytes + at, bytes + at + 2, 2);
    memcpy(bytes + at + 2, swapped, 2);
    scratch_write(path, bytes, map.size);
    assert_int_equal(train(run, on, &again), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "train.bin: not what prepare wrote"));
    copy_file(meta, scratch("meta"));
    replace_in(meta, meta, "\"xxh3_128\"", "\"unknown\"");
    assert_int_equal(train(run, on, &again), BL_EINVAL);
    assert_non_null(strstr(failure.message, "trained on other data"));
    assert_int_equal(again.trained, 0);
    memmove(bytes + at + 2, bytes + at, 2);
    memcpy(bytes + at, swapped, 2);
    scratch_write(path, bytes, map.size);
    copy_file(scratch("meta"), meta);
    free(bytes);
    bl_map_close(&map);
    assert_ok(train(run, on, &again));
    assert_int_equal(again.first, 3);
}

/* A state from before some members existed can still be resumed; one with a wrong member cannot. */
static void old_states(void **state)
{
    (void)state;
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
    static const char *const newer[] = {"bad_steps", "train_hash"};
    watch w = {0}, again = {0};
    const char *const run = "old";
    pair on[] = {{"steps", "5"}, {"resume", "true"}, {NULL}};
    char path[700], dir[700];
    assert_ok(train(run, (pair[]){{"steps", "5"}, {"stop_after", "2"}, {NULL}}, &w));
    (void)snprintf(dir, sizeof dir, "%s", scratch("old/ckpt/step-00000002"));
    (void)snprintf(path, sizeof path, "%s", scratch("old/ckpt/step-00000002/state.json"));
    json_t *root = json_load_file(path, 0, NULL);
    for (size_t i = 0; i < 2; i++) {
        json_t *member = json_incref(json_object_get(root, newer[i]));
        assert_non_null(member);
        assert_int_equal(json_object_set_new(root, newer[i], json_null()), 0);
        assert_int_equal(json_dump_file(root, path, 0), 0);
        assert_ok(bl_manifest_write(dir, files, 3, &failure));
        assert_int_equal(train(run, on, &again), BL_EFORMAT);
        assert_non_null(strstr(failure.message, newer[i]));
        assert_int_equal(json_object_set_new(root, newer[i], member), 0);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(json_object_del(root, newer[i]), 0);
    assert_int_equal(json_dump_file(root, path, 0), 0);
    json_decref(root);
    assert_ok(bl_manifest_write(dir, files, 3, &failure));
    assert_ok(train(run, on, &again));
    assert_int_equal(again.first, 3);
    bl_train_state after;
    assert_ok(bl_checkpoint_state(&after, scratch("old/ckpt/step-00000005"), &failure));
    assert_int_equal(strlen(after.train_hash), 32);
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
    bl_sampling s;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    o.temperature = 1e-300;
    o.top_p = 0;
    o.min_p = 1;
    for (size_t k = 0; k < 6; k++) {
        o.top_k = k;
        assert_ok(bl_sampling_open(&s, 4, &failure));
        assert_ok(bl_sampling_configure(&s, &o, &failure));
        assert_int_equal(bl_sampling_next(&s, none, NULL), 0);
        assert_int_equal(bl_sampling_next(&s, one, NULL), 2);
        bl_sampling_release(&s);
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
        cmocka_unit_test(other_data),
        cmocka_unit_test(old_states),
        cmocka_unit_test(no_folder),
        cmocka_unit_test(odd_logits),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
