/* What one file says about another: a file that is not the one its record names is refused. */
#include "small_run.h"

#include "core/alloc.h"
#include "core/path.h"
#include "data/tokens.h"
#include "train/checkpoint.h"

/* A copy of the data folder. */
static void copy_data(const char *name)
{
    static const char *const files[] = {"train.bin", "val.bin", "tokenizer.json", "meta.json"};
    char from[700], to[700];
    assert_ok(bl_dir_make(scratch(name), &failure));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(from, sizeof from, "%s/data/%s", scratch_folder, files[i]);
        (void)snprintf(to, sizeof to, "%s/%s/%s", scratch_folder, name, files[i]);
        copy_file(from, to);
    }
}

static void flip(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    int c = fgetc(file);
    assert_true(c >= 0 && fseek(file, 0, SEEK_SET) == 0);
    assert_true(fputc(c ^ 1, file) >= 0 && fclose(file) == 0);
}

static void says(const char *words)
{
    if (!strstr(failure.message, words))
        fail_msg("%s", failure.message);
}

/* meta.json's hashes are those of the files, which all have the right size. */
static void tokens_of_a_data_folder(void **state)
{
    (void)state;
    bl_data *d;
    bl_token_file *t;
    bl_data_split split;
    copy_data("flipped");
    assert_ok(bl_data_open(&d, scratch("flipped"), &failure));
    bl_data_close(d);
    flip(scratch("flipped/val.bin"));
    assert_int_equal(bl_data_open(&d, scratch("flipped"), &failure), BL_EFORMAT);
    says("flipped/val.bin: not what prepare wrote (hash ");
    assert_int_equal(bl_token_file_open_path(&t, scratch("flipped/val.bin"), 400, &split, &failure),
                     BL_EFORMAT);
    copy_data("flipped");
    flip(scratch("flipped/train.bin"));
    assert_int_equal(bl_data_open(&d, scratch("flipped"), &failure), BL_EFORMAT);
    says("flipped/train.bin: not what prepare wrote (hash ");
    copy_file(scratch("flipped/train.bin"), scratch("own.bin")); /* no record names it */
    assert_ok(bl_token_file_open_path(&t, scratch("own.bin"), 400, &split, &failure));
    bl_token_file_close(t);
}

static bl_status resume(const char *data, const char *run)
{
    bl_options *o;
    bl_trainer *t;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_set(o, "resume", "true", &failure));
    assert_ok(bl_options_set(o, "steps", "4", &failure));
    bl_status status = bl_trainer_open(&t, data, run, o, NULL, &failure);
    bl_trainer_close(t);
    bl_options_close(o);
    return status;
}

/* The vocabulary of meta.json, of the tokenizer and of the run are one. */
static void vocabularies(void **state)
{
    (void)state;
    bl_options *o;
    bl_trainer *t;
    copy_data("wide");
    replace_in(scratch("wide/meta.json"), scratch("wide/meta.json"), "\"vocab_size\": 400",
               "\"vocab_size\": 410");
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_set(o, "preset", "tiny", &failure));
    assert_int_equal(bl_trainer_open(&t, scratch("wide"), scratch("wide-run"), o, NULL, &failure),
                     BL_EFORMAT);
    bl_options_close(o);
    says("wide/tokenizer.json: 400 ids, meta.json says a vocabulary of 410");
    assert_int_equal(resume(scratch("wide"), scratch("run")), BL_EINVAL);
    says("vocabulary of 410, but the run has 400");
}

/* A run's tokenizer is that of its data; and a checkpoint is of the step in its name. */
static void files_of_a_run(void **state)
{
    (void)state;
    char *newest;
    FILE *file = fopen(scratch("run/tokenizer.json"), "ab");
    assert_true(file && fputc('\n', file) >= 0 && fclose(file) == 0);
    assert_int_equal(resume(scratch("data"), scratch("run")), BL_EFORMAT);
    says("run/tokenizer.json: not the tokenizer of the data (hash ");
    copy_file(scratch("data/tokenizer.json"), scratch("run/tokenizer.json"));
    assert_ok(resume(scratch("data"), scratch("run")));

    assert_ok(bl_path_rename(scratch("run/ckpt/step-00000002"), scratch("run/ckpt/step-00000007"),
                             &failure));
    assert_ok(bl_checkpoint_newest(&newest, NULL, scratch("run"), UINT64_MAX, &failure));
    assert_true(newest && strstr(newest, "step-00000001"));
    bl_free(newest);
    assert_ok(bl_path_rename(scratch("run/ckpt/step-00000007"), scratch("run/ckpt/step-00000002"),
                             &failure));
}

/* Tokens of another tokenizer mean something else; the same one may be written otherwise. */
static void tokens_for_a_model(void **state)
{
    (void)state;
    bl_model *m;
    bl_eval_result r = {.size = sizeof r};
    FILE *file = fopen(scratch("run/tokenizer.json"), "ab");
    assert_true(file && fputc('\n', file) >= 0 && fclose(file) == 0);
    assert_ok(bl_model_open(&m, scratch("run"), NULL, &failure));
    assert_ok(bl_eval(m, scratch("data/val.bin"), 0, NULL, NULL, &r, &failure));
    bl_options *o;
    const char *source = "tales";
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "tales_bytes", "20000", &failure));
    assert_ok(bl_options_set(o, "vocab_size", "400", &failure));
    assert_ok(bl_options_set(o, "seed", "9", &failure));
    assert_ok(bl_prepare(&source, 1, scratch("other"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
    assert_int_equal(bl_eval(m, scratch("other/val.bin"), 0, NULL, NULL, &r, &failure), BL_EFORMAT);
    says("other/val.bin: made with another tokenizer than the model's; ");
    bl_model_close(m);
    copy_file(scratch("data/tokenizer.json"), scratch("run/tokenizer.json"));
}

/* A trainer that saves all the time would otherwise always be faster than a reader. */
static void a_checkpoint_that_is_read(void **state)
{
    (void)state;
    char *best;
    bl_lock *hold;
    bl_train_state now = {.step = 2, .options.keep = 1};
    const char *old = scratch("run/ckpt/step-00000001");
    assert_int_equal(bl_lock_share(&hold, scratch("run/ckpt/step-00000009"), &failure), BL_ENOENT);
    assert_null(hold);
    assert_ok(bl_lock_share(&hold, old, &failure));
    assert_int_equal(bl_lock_is_of(hold, old), 1);
    assert_int_equal(bl_lock_is_of(hold, scratch("run/ckpt/step-00000002")), 0);
    assert_ok(bl_checkpoint_prune(scratch("run"), &now, &failure));
    assert_int_equal(bl_path_what(old), BL_PATH_DIR);
    bl_lock_close(hold);
    assert_ok(bl_checkpoint_prune(scratch("run"), &now, &failure));
    assert_int_equal(bl_path_what(old), BL_PATH_NONE);

    assert_ok(bl_checkpoint_best(&best, &hold, scratch("run"), &failure));
    assert_int_equal(bl_lock_is_of(hold, scratch("run/ckpt/step-00000002")), 1);
    assert_ok(bl_path_rename(best, scratch("elsewhere"), &failure));
    assert_int_equal(bl_lock_is_of(hold, best), 0);
    bl_lock_close(hold);
    bl_free(best);
}

static int make_run(void **state)
{
    watch w = {0};
    int failed = make_data(state);
    if (!failed)
        assert_ok(train("run", (pair[]){{"steps", "2"}, {"save_every", "1"}, {NULL}}, &w));
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_a_data_folder),
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(files_of_a_run),
        cmocka_unit_test(tokens_for_a_model),
        cmocka_unit_test(a_checkpoint_that_is_read),
    };
    return cmocka_run_group_tests_name("records", tests, make_run, scratch_remove);
}
