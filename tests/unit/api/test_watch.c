/* Long calls report their progress, and stop when asked to: at once, not at their end. */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tiny_models.h"
#include "core/path.h"

/* A watcher that asks to stop in its n-th call. */
typedef struct watcher {
    size_t calls, stop; /* 0: never */
    uint64_t done, total;
    char stage[32];
} watcher;

static bl_model *model;
static bl_session *session;
static bl_error failure;

static int note(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    watcher *w = user;
    assert_true(unit && done <= total);
    if (w->calls && strcmp(stage, w->stage) == 0)
        assert_true(done >= w->done); /* forwards */
    w->calls++;
    w->done = done;
    w->total = total;
    (void)snprintf(w->stage, sizeof w->stage, "%s", stage);
    /* What the function calls itself is not watched: it would come back here forever. */
    size_t count;
    assert_int_equal(
        bl_tokenizer_encode(bl_model_tokenizer(model), "a b", 3, 0, NULL, 0, &count, NULL), BL_OK);
    return w->calls == w->stop;
}

static char *long_text(size_t bytes)
{
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + i * 7 % 26);
    text[bytes] = 0;
    return text;
}

static int open_all(void **state)
{
    assert_int_equal(tiny_make(state), 0);
    bl_set_threads(1); /* several read longer pieces than 128 tokens */
    assert_int_equal(bl_model_open(&model, tiny_path("ternary"), NULL, &failure), BL_OK);
    assert_int_equal(bl_session_open(&session, model, NULL, &failure), BL_OK);
    return 0;
}

static int close_all(void **state)
{
    bl_session_close(session);
    bl_model_close(model);
    return tiny_remove(state);
}

static void encoding_stops(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *text = long_text(BYTES);
    const bl_tokenizer *t = bl_model_tokenizer(model);
    size_t count = 0, whole = 0;
    watcher all = {0}, some = {.stop = 3};
    bl_progress_to(note, &all);
    assert_int_equal(bl_tokenizer_encode(t, text, BYTES, 0, NULL, 0, &whole, &failure), BL_OK);
    assert_in_range(all.calls, BYTES / 65536 - 1, BYTES / 65536 + 1);
    assert_string_equal(all.stage, "encoding");
    assert_int_equal(all.total, BYTES);
    bl_progress_to(note, &some);
    assert_int_equal(bl_tokenizer_encode(t, text, BYTES, 0, NULL, 0, &count, &failure),
                     BL_EINTERRUPTED);
    assert_int_equal(some.calls, 3); /* not one more */
    assert_string_equal(failure.message, "stopped while encoding");
    bl_progress_to(NULL, NULL);
    assert_int_equal(bl_tokenizer_encode(t, text, BYTES, 0, NULL, 0, &count, &failure), BL_OK);
    assert_int_equal(count, whole);
    assert_int_equal(some.calls, 3);
    free(text);
}

/* A call with so many threads is asked after so many tokens, which stay read. */
static void pieces_of(const char *threads, size_t tokens)
{
    watcher some = {.stop = 1};
    int32_t ids[1000] = {0};
    bl_options *device = NULL;
    bl_session *other = NULL;
    assert_int_equal(bl_options_open(&device, BL_OPTIONS_DEVICE, &failure), BL_OK);
    assert_int_equal(bl_options_set(device, "threads", threads, &failure), BL_OK);
    assert_int_equal(bl_session_open(&other, model, device, &failure), BL_OK);
    bl_progress_to(note, &some);
    assert_int_equal(bl_session_feed(other, ids, 1000, NULL, &failure), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_int_equal(bl_session_position(other), tokens);
    bl_session_close(other);
    bl_options_close(device);
}

static void pieces_are_longer_with_threads(void **state)
{
    (void)state;
    pieces_of("1", 128);
    pieces_of("2", 256);
    pieces_of("9", 256);
}

/* Reading stops after as many tokens as were reported, which stay read. */
static void reading_stops(void **state)
{
    (void)state;
    char *text = long_text(6000);
    bl_generate_result result = {.size = sizeof result};
    watcher some = {.stop = 4};
    int32_t ids[1000];
    assert_int_equal(bl_session_reset(session, &failure), BL_OK);
    bl_progress_to(note, &some);
    assert_int_equal(bl_generate(session, text, 6000, NULL, NULL, NULL, &result, &failure),
                     BL_EINTERRUPTED);
    assert_int_equal(some.calls, 4);
    assert_string_equal(some.stage, "reading");
    assert_int_equal(bl_session_position(session), 4 * 128);
    assert_int_equal(some.done, 4 * 128);
    assert_int_equal(result.tokens, 0);
    /* Nothing is pending, so an empty prompt has nothing to continue from. */
    assert_int_equal(bl_generate(session, "", 0, NULL, NULL, NULL, &result, &failure), BL_EINVAL);

    for (size_t i = 0; i < 1000; i++)
        ids[i] = (int32_t)(i % TINY_V);
    some = (watcher){.stop = 2};
    assert_int_equal(bl_session_reset(session, &failure), BL_OK);
    assert_int_equal(bl_session_feed(session, ids, 1000, NULL, &failure), BL_EINTERRUPTED);
    assert_int_equal(some.calls, 2);
    assert_int_equal(bl_session_position(session), 2 * 128);
    some = (watcher){0};
    assert_int_equal(bl_session_feed(session, ids, 128, NULL, &failure), BL_OK);
    assert_int_equal(some.calls, 0); /* short work is not reported */
    bl_progress_to(NULL, NULL);
    free(text);
}

/* One long document reports and stops inside, a token file after every few windows. */
static void evaluation_stops(void **state)
{
    (void)state;
    bl_eval_result result = {.size = sizeof result};
    char *text = long_text(200000), *path = tiny_path("long.txt");
    watcher all = {0}, some = {.stop = 5}, tokens = {.stop = 2};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, 20000, f), 20000);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(bl_eval(model, path, 0, note, &all, &result, &failure), BL_OK);
    assert_in_range(all.calls, result.tokens / 64, result.tokens / 64 + 3);
    assert_string_equal(all.stage, "evaluating");
    assert_int_equal(all.done, all.total);
    assert_int_equal(all.total, 20000);
    assert_int_equal(bl_eval(model, path, 0, note, &some, &result, &failure), BL_EINTERRUPTED);
    assert_int_equal(some.calls, 5);
    /* While such a text is encoded, too. */
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, 200000, f), 200000);
    assert_int_equal(fclose(f), 0);
    some = (watcher){.stop = 2};
    assert_int_equal(bl_eval(model, path, 0, note, &some, &result, &failure), BL_EINTERRUPTED);
    assert_int_equal(some.calls, 2);
    assert_int_equal(some.done, 0);
    f = fopen(tiny_path("data/val.bin"), "rb");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(
        bl_eval(model, tiny_path("data/train.bin"), 64, note, &tokens, &result, &failure),
        BL_EINTERRUPTED);
    assert_int_equal(tokens.calls, 2);
    assert_in_range(tokens.done, 1, 2 * 256);
    free(text);
}

static void no_octave(void *user, const bl_stream_point *point)
{
    (void)user, (void)point;
    fail_msg("a stopped stream has no curve");
}

/* A stream of a token file and of a text, every 64 tokens. */
static void streams_stop(void **state)
{
    (void)state;
    const char *const paths[] = {tiny_path("data/train.bin"), tiny_path("long.txt")};
    for (size_t i = 0; i < 2; i++) {
        bl_eval_result result = {.size = sizeof result};
        watcher some = {.stop = 12}; /* the text is asked about before it is read, too */
        assert_int_equal(bl_eval_stream(model, paths[i], NULL, 128, 0, note, no_octave, &some,
                                        &result, &failure),
                         BL_EINTERRUPTED);
        assert_int_equal(some.calls, 12);
        assert_string_equal(some.stage, "evaluating");
    }
}

/* What a stopped call would have made is not there. */
static void opening_and_writing_stop(void **state)
{
    (void)state;
    bl_model *other = NULL;
    char out[128];
    (void)snprintf(out, sizeof out, "%s", tiny_path("stopped-export"));
    for (size_t stop = 1; stop < 60; stop += 7) {
        watcher some = {.stop = stop};
        bl_progress_to(note, &some);
        bl_status status = bl_export(model, out, "f32", 0, &failure);
        bl_progress_to(NULL, NULL);
        assert_int_equal(status, BL_EINTERRUPTED);
        assert_int_equal(some.calls, stop);
        assert_int_equal(bl_path_what(out), BL_PATH_NONE);
    }
    watcher some = {.stop = 2};
    bl_progress_to(note, &some);
    assert_int_equal(bl_model_open(&other, tiny_path("ternary"), NULL, &failure), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_null(other);
    assert_int_equal(some.calls, 2);
}

/* How often a call of this session asks while it saves, and loads again. */
static size_t calls_of_keeping(bl_session *s, const char *stage)
{
    watcher all = {0};
    bl_progress_to(note, &all);
    assert_int_equal(bl_session_save(s, tiny_path("kept.mem"), &failure), BL_OK);
    assert_int_equal(bl_session_load(s, tiny_path("kept.mem"), &failure), BL_OK);
    bl_progress_to(NULL, NULL);
    assert_string_equal(all.stage, stage);
    return all.calls;
}

/* The weights of an open model are hashed for its first memory, and by nobody afterwards. */
static void a_model_is_hashed_once(void **state)
{
    (void)state;
    bl_model *other = NULL;
    bl_session *first = NULL, *second = NULL;
    char hex[33], again[33], unasked[33];
    watcher some = {.stop = 2}, none = {0};
    assert_int_equal(bl_model_open(&other, tiny_path("ternary"), NULL, &failure), BL_OK);
    assert_int_equal(bl_session_open(&first, other, NULL, &failure), BL_OK);
    assert_int_equal(bl_session_open(&second, other, NULL, &failure), BL_OK);
    bl_progress_to(note, &some);
    assert_int_equal(bl_session_save(first, tiny_path("none.mem"), &failure), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_string_equal(some.stage, "hashing");
    assert_int_equal(some.calls, 2);
    assert_int_equal(bl_path_what(tiny_path("none.mem")), BL_PATH_NONE);
    assert_true(calls_of_keeping(first, "hashing") > 2); /* a tensor at a time, and all of them */
    assert_int_equal(calls_of_keeping(first, ""), 0);
    assert_int_equal(calls_of_keeping(second, ""), 0);
    bl_progress_to(note, &none);
    assert_int_equal(bl_model_fingerprint(other, hex, &failure), BL_OK);
    bl_progress_to(NULL, NULL);
    assert_int_equal(none.calls, 0);
    assert_int_equal(bl_model_fingerprint(other, again, &failure), BL_OK);
    assert_int_equal(bl_model_fingerprint(model, unasked, &failure), BL_OK);
    assert_string_equal(hex, again);
    assert_string_equal(hex, unasked);
    bl_session_close(first);
    bl_session_close(second);
    bl_model_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_stops),
        cmocka_unit_test(reading_stops),
        cmocka_unit_test(evaluation_stops),
        cmocka_unit_test(streams_stop),
        cmocka_unit_test(opening_and_writing_stop),
        cmocka_unit_test(a_model_is_hashed_once),
        cmocka_unit_test(pieces_are_longer_with_threads),
    };
    return cmocka_run_group_tests_name("watch", tests, open_all, close_all) != 0;
}
