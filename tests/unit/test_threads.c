/* Sessions of one model on several threads: each gives the bits that it gives alone, also with
 * guarded memory, which opens for all threads while any is in an op. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/os.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    w->status = bl_session_open(&s, model, NULL);
    if (w->status != BL_OK)
        return NULL;
    for (size_t i = 0; i < TOKENS && w->status == BL_OK; i += 3)
        w->status = bl_session_feed(s, ids + i, 3, w->logits, 0, NULL);
    bl_session_close(s);
    return NULL;
}

static void test_sessions(void **state)
{
    (void)state;
    static work alone[THREADS], together[THREADS];
    static const char *const devices[] = {"cpu", "fault:cpu"};
    pthread_t thread[THREADS];
    make_model();
    assert_int_equal(bl_model_open(&model, run, "cpu", NULL), BL_OK);
    for (int32_t i = 0; i < THREADS; i++) {
        alone[i].first = together[i].first = 11 * i;
        read_text(&alone[i]);
        assert_int_equal(alone[i].status, BL_OK);
    }
    bl_model_close(model);
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        assert_int_equal(bl_model_open(&model, run, devices[d], NULL), BL_OK);
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
    assert_int_equal(bl_dir_remove(dir, NULL), BL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sessions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
