/* Sessions of one model on several threads: each gives the bits that it gives alone, also with
 * guarded memory, which opens for all threads while any is in an op.  And a process that forks:
 * what was opened before keeps working in both. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "on_device.h"
#include "bitllama.h"
#include "core/dir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#define TSAN __has_feature(thread_sanitizer)
#else
#define TSAN 0
#endif

enum { THREADS = 3, TOKENS = 150, V = 400 };

static char dir[] = "/tmp/bitllama-threads-XXXXXX";
static char run[64];
static bl_model *model;

static void make_model(void)
{
    static const char *const prepare[][2] = {{"tales_bytes", "60000"}, {"vocab_size", "400"}};
    static const char *const train[][2] = {{"preset", "tiny"}, {"steps", "2"}, {"batch", "2"}};
    char data[64];
    const char *source = "tales";
    bl_options *o;
    bl_trainer *t;
    assert_non_null(mkdtemp(dir));
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    assert_int_equal(bl_options_open(&o, BL_OPTIONS_PREPARE, NULL), BL_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(bl_options_set(o, prepare[i][0], prepare[i][1], NULL), BL_OK);
    assert_int_equal(bl_prepare(&source, 1, data, o, NULL, NULL, NULL, NULL), BL_OK);
    bl_options_close(o);
    assert_int_equal(bl_options_open(&o, BL_OPTIONS_TRAIN, NULL), BL_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(bl_options_set(o, train[i][0], train[i][1], NULL), BL_OK);
    assert_int_equal(bl_trainer_open(&t, data, run, o, NULL, NULL), BL_OK);
    assert_int_equal(bl_trainer_run(t, NULL, NULL, NULL), BL_OK);
    bl_trainer_close(t);
    bl_options_close(o);
}

typedef struct work {
    int32_t first;
    float logits[V];
    bl_status status;
} work;

static void *read_text(void *argument)
{
    work *w = argument;
    bl_session *s;
    int32_t ids[TOKENS];
    for (int32_t i = 0; i < TOKENS; i++)
        ids[i] = (w->first + 7 * i) % V;
    w->status = bl_session_open(&s, model, NULL, NULL);
    if (w->status != BL_OK)
        return NULL;
    for (size_t i = 0; i < TOKENS && w->status == BL_OK; i += 3)
        w->status = bl_session_feed(s, ids + i, 3, w->logits, NULL);
    bl_session_close(s);
    return NULL;
}

static bl_session *known; /* has read a text; nobody feeds it */

/* Forks it over and over, and reads on in each. */
static void *fork_known(void *argument)
{
    work *w = argument;
    int32_t ids[3] = {w->first, 1, 2};
    w->status = BL_OK;
    for (int i = 0; i < 20 && w->status == BL_OK; i++) {
        bl_session *fork;
        w->status = bl_session_fork(&fork, known, NULL);
        if (w->status == BL_OK)
            w->status = bl_session_feed(fork, ids, 3, w->logits, NULL);
        bl_session_close(fork);
    }
    return NULL;
}

static void test_forks(void **state)
{
    (void)state;
    static work alone[THREADS], together[THREADS];
    pthread_t thread[THREADS];
    assert_int_equal(bl_model_open(&model, run, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_open(&known, model, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed(known, (const int32_t[]){5, 9, 3}, 3, NULL, NULL), BL_OK);
    for (int32_t i = 0; i < THREADS; i++) {
        alone[i].first = together[i].first = i + 1;
        fork_known(&alone[i]);
        assert_int_equal(alone[i].status, BL_OK);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, fork_known, &together[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(together[i].status, BL_OK);
        assert_memory_equal(alone[i].logits, together[i].logits, sizeof alone[i].logits);
    }
    assert_memory_not_equal(alone[0].logits, alone[1].logits, sizeof alone[0].logits);
    assert_int_equal(bl_session_position(known), 3);
    bl_session_close(known);
    bl_model_close(model);
}

static void test_sessions(void **state)
{
    (void)state;
    static work alone[THREADS], together[THREADS];
    static const char *const devices[] = {"cpu", "fault:cpu"};
    pthread_t thread[THREADS];
    make_model();
    assert_int_equal(bl_model_open(&model, run, NULL, NULL), BL_OK);
    for (int32_t i = 0; i < THREADS; i++) {
        alone[i].first = together[i].first = 11 * i;
        read_text(&alone[i]);
        assert_int_equal(alone[i].status, BL_OK);
    }
    bl_model_close(model);
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        assert_int_equal(model_open_on(&model, run, devices[d], NULL), BL_OK);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, read_text, &together[i]), 0);
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(thread[i], NULL), 0);
            assert_int_equal(together[i].status, BL_OK);
            assert_memory_equal(alone[i].logits, together[i].logits, sizeof alone[i].logits);
            memset(together[i].logits, 0, sizeof together[i].logits);
        }
        bl_model_close(model);
    }
    assert_memory_not_equal(alone[0].logits, alone[1].logits, sizeof alone[0].logits);
}

/* What a program has open when it forks, and a piece of text to continue with. */
typedef struct opened {
    bl_session *session;
    bl_encoder *encoder;
    bl_span texts[64];
    int32_t ids[TOKENS];
} opened;

/* What comes of continuing: logits of the open session and of a new one, ids of many texts. */
typedef struct outcome {
    bl_status status;
    float logits[2][V];
    int64_t ids, sum;
} outcome;

static void go_on(const opened *o, outcome *out)
{
    bl_session *fresh = NULL;
    memset(out, 0, sizeof *out);
    out->status = bl_session_feed(o->session, o->ids, TOKENS, out->logits[0], NULL);
    if (out->status == BL_OK)
        out->status = bl_session_open(&fresh, model, NULL, NULL);
    if (out->status == BL_OK)
        out->status = bl_session_feed(fresh, o->ids, TOKENS, out->logits[1], NULL);
    bl_session_close(fresh);
    if (out->status == BL_OK)
        out->status = bl_encoder_run(o->encoder, o->texts, 64, 0, NULL);
    for (size_t i = 0, n; i < 64 && out->status == BL_OK; i++) {
        const int32_t *ids = bl_encoder_ids(o->encoder, i, &n);
        for (size_t k = 0; k < n; k++)
            out->sum += ids[k] * (int64_t)(i + k + 1);
        out->ids += (int64_t)n;
    }
}

/* The outcome of a child, read from a pipe; it closes everything before it ends. */
static outcome of_child(opened *o)
{
    outcome out;
    int ends[2], how;
    char *to = (char *)&out;
    size_t left = sizeof out;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(120); /* when it waits for threads that only the parent has */
        go_on(o, &out);
        bl_session_close(o->session);
        bl_encoder_close(o->encoder);
        bl_model_close(model);
        exit(write(ends[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
    }
    assert_int_equal(close(ends[1]), 0);
    for (ssize_t n; left && (n = read(ends[0], to, left)) > 0; to += n)
        left -= (size_t)n;
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(left, 0);
    return out;
}

static void test_fork(void **state)
{
    (void)state;
#if TSAN
    print_message("skipped: ThreadSanitizer knows no threads after a fork()\n");
    skip();
#endif
    static opened o;
    static char text[] = "One day, a little dog went to the park. It was happy and ran and ran.";
    bl_set_threads(THREADS);
    assert_int_equal(bl_model_open(&model, run, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_open(&o.session, model, NULL, NULL), BL_OK);
    assert_int_equal(bl_encoder_open(&o.encoder, bl_model_tokenizer(model), 0, NULL), BL_OK);
    for (size_t i = 0; i < 64; i++)
        o.texts[i] = (bl_span){text, i + 1};
    for (int32_t i = 0; i < TOKENS; i++)
        o.ids[i] = 5 * i % V;
    outcome mine;
    go_on(&o, &mine); /* the pool is at work before the first fork */
    assert_int_equal(mine.status, BL_OK);
    for (int i = 0; i < 2; i++) {
        outcome first = of_child(&o), second = of_child(&o);
        go_on(&o, &mine);
        assert_int_equal(first.status, BL_OK);
        assert_memory_equal(&first, &mine, sizeof mine);
        assert_memory_equal(&second, &mine, sizeof mine);
        assert_true(mine.ids > 64);
    }
    bl_session_close(o.session);
    bl_encoder_close(o.encoder);
    bl_model_close(model);
    bl_set_threads(0);
}

static int remove_run(void **state)
{
    (void)state;
    return bl_dir_remove(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sessions),
                                       cmocka_unit_test(test_forks), cmocka_unit_test(test_fork)};
    return cmocka_run_group_tests(tests, NULL, remove_run);
}
