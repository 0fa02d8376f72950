/* A program and a library of different versions: sizes of structs, numbers, lists. */
#include "api.h"

#include <stddef.h>

static int make(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    (void)snprintf(api_folder, sizeof api_folder, "%s/bitllama-api-XXXXXX",
                   root && *root ? root : "/tmp");
    if (!mkdtemp(api_folder))
        return -1;
    const char *source = "tales";
    bl_options *o =
        api_options(BL_OPTIONS_PREPARE, "tales_bytes", "3000", "vocab_size", "300", (char *)NULL);
    assert_ok(bl_prepare(&source, 1, api_path("data"), o, NULL, NULL, NULL, &api_error));
    bl_options_close(o);
    return 0;
}

/* What an older program has: a shorter struct, and something of its own after it. */
static void a_shorter_result(void **state)
{
    (void)state;
    bl_advice whole = {.size = sizeof whole};
    union {
        bl_advice advice;
        unsigned char bytes[sizeof(bl_advice)];
    } old;
    assert_ok(bl_advise(api_path("data"), &whole, &api_error));
    size_t known = offsetof(bl_advice, preset);
    memset(old.bytes, 0xA5, sizeof old);
    old.advice.size = known;
    assert_ok(bl_advise(api_path("data"), &old.advice, &api_error));
    assert_int_equal(old.advice.size, known);
    assert_int_equal(old.advice.tokens, whole.tokens);
    assert_true(whole.tokens > 100);
    for (size_t i = known; i < sizeof old; i++)
        assert_int_equal(old.bytes[i], 0xA5);
}

/* What a newer program has: members that this library does not know, which read as 0. */
static void a_longer_result(void **state)
{
    (void)state;
    struct {
        bl_advice known;
        unsigned char more[40];
    } newer;
    memset(&newer, 0xA5, sizeof newer);
    newer.known.size = sizeof newer;
    assert_ok(bl_advise(api_path("data"), &newer.known, &api_error));
    assert_int_equal(newer.known.size, sizeof newer);
    assert_string_equal(newer.known.preset, "tiny");
    for (size_t i = 0; i < sizeof newer.more; i++)
        assert_int_equal(newer.more[i], 0);
    /* a failure clears all of it but the size */
    memset(newer.more, 0xA5, sizeof newer.more);
    assert_int_equal(bl_advise(api_path("nothing"), &newer.known, &api_error), BL_ENOENT);
    assert_int_equal(newer.known.size, sizeof newer);
    assert_int_equal(newer.known.tokens, 0);
    for (size_t i = 0; i < sizeof newer.more; i++)
        assert_int_equal(newer.more[i], 0);
}

/* A result whose size nobody set is refused, and stays as it is. */
#define UNSIZED(type, call)                                                                        \
    do {                                                                                           \
        type r;                                                                                    \
        memset(&r, 0, sizeof r);                                                                   \
        assert_int_equal(call, BL_EINVAL);                                                         \
        assert_non_null(strstr(api_error.message, "set it to its sizeof"));                        \
        memset(&r, 0xA5, sizeof r);                                                                \
        assert_int_equal(call, BL_EINVAL);                                                         \
        assert_int_equal(*((unsigned char *)&r + sizeof r - 1), 0xA5);                             \
    } while (0)

static void a_result_without_a_size(void **state)
{
    (void)state;
    const char *source = "tales";
    bl_error *e = &api_error;
    UNSIZED(bl_advice, bl_advise("x", &r, e));
    UNSIZED(bl_prepare_result, bl_prepare(&source, 1, api_path("o"), NULL, NULL, NULL, &r, e));
    UNSIZED(bl_plan_result, bl_plan(NULL, NULL, NULL, &r, e));
    UNSIZED(bl_plan_result, bl_plan_model("x", NULL, &r, e));
    UNSIZED(bl_eval_result, bl_eval(NULL, "x", 0, NULL, NULL, &r, e));
    UNSIZED(bl_eval_result, bl_eval_by_position(NULL, "x", 0, NULL, NULL, NULL, &r, e));
    UNSIZED(bl_eval_result, bl_eval_text(NULL, "x", NULL, 0, NULL, NULL, NULL, &r, e));
    UNSIZED(bl_eval_result, bl_eval_session(NULL, "x", NULL, NULL, NULL, NULL, &r, e));
    UNSIZED(bl_eval_result, bl_eval_stream(NULL, "x", NULL, 0, 0, NULL, NULL, NULL, &r, e));
    UNSIZED(bl_recall_result, bl_eval_recall(NULL, 1, 1, NULL, NULL, &r, e));
    UNSIZED(bl_learn_result, bl_session_learn(NULL, "x", NULL, 0, 0, NULL, NULL, &r, e));
    UNSIZED(bl_memory_difference, bl_memory_diff("x", "x", &r, e));
    UNSIZED(bl_score_result, bl_score(NULL, NULL, 0, NULL, NULL, &r, e));
    UNSIZED(bl_generate_result, bl_generate(NULL, "x", 1, NULL, NULL, NULL, &r, e));
}

static void numbers_and_lists(void **state)
{
    (void)state;
    char version[32];
    (void)snprintf(version, sizeof version, "%d.%d.%d", BL_VERSION_NUMBER / 10000,
                   BL_VERSION_NUMBER / 100 % 100, BL_VERSION_NUMBER % 100);
    assert_string_equal(bl_version(), version);
    assert_int_equal(bl_abi(), BL_ABI);
    bl_options *o = api_options(BL_OPTIONS_CONFIG, (char *)NULL);
    size_t presets = 0, features = 0;
    for (const char *name; (name = bl_preset_at(presets)) != NULL; presets++)
        assert_ok(bl_options_preset(o, name, &api_error));
    assert_int_equal(presets, 3);
    assert_null(bl_preset_at(SIZE_MAX));
    for (const bl_feature *f; (f = bl_feature_at(features)) != NULL; features++) {
        assert_int_equal(f->size, sizeof *f);
        assert_true(f->name && *f->name && f->text && *f->text && f->present / 2 == 0);
    }
    assert_true(features >= 1);
    assert_string_equal(bl_feature_at(0)->name, "curl");
    assert_int_equal(bl_options_field(BL_OPTIONS_TRAIN, 0)->size, sizeof(bl_field_info));
    bl_options_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shorter_result),
        cmocka_unit_test(a_longer_result),
        cmocka_unit_test(a_result_without_a_size),
        cmocka_unit_test(numbers_and_lists),
    };
    return cmocka_run_group_tests(tests, make, api_remove);
}
