/* What the rows of NULL pointers share: handles to use, and how a row is judged. */
#ifndef BL_TESTS_API_NULL_H
#define BL_TESTS_API_NULL_H

#include "api.h"

/* What the rows below may use. */
static bl_model *m;
static bl_session *s;
static const bl_tokenizer *tok;
static bl_encoder *enc;
static bl_options *sets[BL_OPTIONS_KINDS];
static bl_error err, *e;

static char data[300], run[300], none[300];

static int make(void **state)
{
    if (api_make(state) != 0)
        return -1;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    (void)snprintf(data, sizeof data, "%s", api_path("data"));
    (void)snprintf(run, sizeof run, "%s", api_path("run"));
    (void)snprintf(none, sizeof none, "%s", api_path("none"));
    tok = bl_model_tokenizer(m);
    assert_ok(bl_encoder_open(&enc, tok, 1, &api_error));
    for (int kind = 0; kind < BL_OPTIONS_KINDS; kind++)
        assert_ok(bl_options_open(&sets[kind], (bl_options_kind)kind, &api_error));
    setenv("HF_HUB_OFFLINE", "1", 1);
    setenv("HF_HOME", api_path("hub"), 1);
    setenv("BITLLAMA_CACHE", api_path("cache"), 1); /* there may be no HOME */
    return 0;
}

static int end(void **state)
{
    for (int kind = 0; kind < BL_OPTIONS_KINDS; kind++)
        bl_options_close(sets[kind]);
    bl_encoder_close(enc);
    bl_session_close(s);
    bl_model_close(m);
    return api_remove(state);
}

static void set_error(bl_error *where)
{
    e = where;
    err.code = BL_EIO;
    (void)snprintf(err.message, sizeof err.message, "of an earlier call");
}

static void check_refused(const char *function, const char *pointer, bl_status status)
{
    if (status != BL_EINVAL)
        fail_msg("%s with %s NULL: %s", function, pointer, bl_status_name(status));
    if (e && (err.code != BL_EINVAL || strstr(err.message, function) != err.message ||
              !strstr(err.message, pointer)))
        fail_msg("%s with %s NULL says '%s'", function, pointer, err.message);
}

static void check_fine(const char *function, const char *pointer, bl_status status)
{
    if (status != BL_OK)
        fail_msg("%s with %s NULL: %s, '%s'", function, pointer, bl_status_name(status),
                 e ? err.message : "");
    if (e && (err.code != BL_OK || err.message[0]))
        fail_msg("%s succeeded and left '%s'", function, err.message);
}

/* Each row twice: with an error to fill (e) and without.  REFUSED: BL_EINVAL that names function
 * and pointer.  FINE: BL_OK, and an old failure is gone.  GIVES: what must be true. */
#define REFUSED(function, pointer, ...)                                                            \
    do {                                                                                           \
        set_error(&err);                                                                           \
        check_refused(#function, #pointer, function(__VA_ARGS__));                                 \
        set_error(NULL);                                                                           \
        check_refused(#function, #pointer, function(__VA_ARGS__));                                 \
    } while (0)
#define FINE(function, pointer, ...)                                                               \
    do {                                                                                           \
        set_error(&err);                                                                           \
        check_fine(#function, #pointer, function(__VA_ARGS__));                                    \
        set_error(NULL);                                                                           \
        check_fine(#function, #pointer, function(__VA_ARGS__));                                    \
    } while (0)
#define GIVES(function, pointer, expression)                                                       \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s with %s NULL: %s", #function, #pointer, #expression);                     \
    } while (0)

/* Functions without a result: all that can be seen is that nothing happens. */
#define NOTHING(function, pointer, ...) function(__VA_ARGS__)

#endif
