/* Memory of many sessions: a state each, and room to compute for as many as compute at once. */
#define _GNU_SOURCE
#include "scratch.h"

#include "tiny_models.h"

#include <pthread.h>
#include <stdatomic.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if !defined(__GLIBC__) || defined(SANITIZED) || defined(__SANITIZE_ADDRESS__) ||                  \
    defined(__SANITIZE_THREAD__)
#define COUNTS 0 /* a sanitizer's allocator is in this place already */
#else
#define COUNTS 1
#endif

enum { SESSIONS = 100, BLOCKS = 4096 };

/* ---- the memory of the CPU device is all that is aligned ---- */

static size_t device_bytes;

#if COUNTS
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static struct {
    void *at;
    size_t bytes;
} blocks[BLOCKS];
static atomic_flag counting = ATOMIC_FLAG_INIT;

/* The place of a block, or of NULL a free one. */
static size_t find(const void *block)
{
    size_t i = 0;
    while (i < BLOCKS && blocks[i].at != block)
        i++;
    return i;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    void *block = __libc_memalign(alignment, size);
    while (atomic_flag_test_and_set(&counting))
        ;
    size_t i = find(NULL);
    if (block && i < BLOCKS) {
        blocks[i].at = block;
        blocks[i].bytes = size;
        device_bytes += size;
    }
    atomic_flag_clear(&counting);
    return block;
}

void free(void *block)
{
    if (block && (uintptr_t)block % 64 == 0) {
        while (atomic_flag_test_and_set(&counting))
            ;
        size_t i = find(block);
        if (i < BLOCKS) {
            blocks[i].at = NULL;
            device_bytes -= blocks[i].bytes;
        }
        atomic_flag_clear(&counting);
    }
    __libc_free(block);
}
#endif

static const int32_t some[] = {5, 3, 8, 100, 7};

static bl_session *open_session(bl_model *m)
{
    bl_session *s;
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    return s;
}

static void feed(bl_session *s, float *logits)
{
    assert_ok(bl_session_feed(s, some, sizeof some / sizeof *some, logits, &failure));
}

/* ---- many sessions, one after the other ---- */

static void conversations_share_the_room(void **state)
{
    (void)state;
    static bl_session *s[SESSIONS];
    static float first[TINY_V], other[TINY_V];
    bl_plan_result plan = {.size = sizeof plan};
    if (!COUNTS) {
        printf("skipped: bytes of 100 sessions (the sanitizer has its own allocator)\n");
        skip();
    }
    for (size_t i = 0; i < TINY_MODELS; i++) {
        const char *name = tiny_models[i][0];
        size_t empty = device_bytes;
        assert_ok(bl_plan_model(tiny_path(name), NULL, &plan, &failure));
        bl_model *m = tiny_open(name, "cpu");
        s[0] = open_session(m);
        size_t row = 32 * sizeof(float); /* what the last token's logits are made of */
        assert_int_equal(device_bytes - empty, plan.total);
        for (size_t k = 1; k < SESSIONS; k++) {
            if (k % 3)
                s[k] = open_session(m);
            else
                assert_ok(bl_session_fork(&s[k], s[0], &failure));
        }
        size_t all = plan.total + (SESSIONS - 1) * (plan.state + row);
        assert_int_equal(device_bytes - empty, all);
        for (size_t k = 0; k < SESSIONS; k++) {
            feed(s[k], k ? other : first);
            assert_true(!k || memcmp(first, other, sizeof first) == 0);
            assert_ok(bl_session_save(s[k], scratch("memory"), &failure));
            assert_ok(bl_session_reset(s[k], &failure));
            assert_ok(bl_session_load(s[k], scratch("memory"), &failure));
        }
        assert_int_equal(device_bytes - empty, all);
        if (plan.base) { /* its writer has a state while it writes */
            assert_ok(bl_session_consolidate(s[1], 0.5, &failure));
            assert_int_equal(device_bytes - empty, all + plan.base);
        }
        for (size_t k = SESSIONS; k-- > 1;)
            bl_session_close(s[k]);
        assert_int_equal(device_bytes - empty, plan.total);
        bl_session_close(s[0]); /* with the last one the room goes too */
        assert_int_equal(device_bytes - empty, plan.weights);
        bl_model_close(m);
        assert_int_equal(device_bytes, empty);
    }
}

/* ---- at once ---- */

/* Two threads meet in the middle of a call. */
typedef struct meeting {
    bl_session *s;
    pthread_barrier_t *both_here;
    size_t bytes;
} meeting;

static int meet(void *user, const bl_token_event *token)
{
    const meeting *m = user;
    (void)token;
    (void)pthread_barrier_wait(m->both_here);
    (void)pthread_barrier_wait(m->both_here); /* the main thread has counted */
    return 1;
}

static void *write_reply(void *user)
{
    meeting *m = user;
    bl_error err;
    bl_status status = bl_generate(m->s, "Once", 4, NULL, meet, m, NULL, &err);
    return status == BL_EINTERRUPTED ? NULL : m;
}

static void two_threads_need_two(void **state)
{
    (void)state;
    pthread_barrier_t both_here;
    pthread_t thread[2];
    bl_plan_result plan = {.size = sizeof plan};
    if (!COUNTS) {
        printf("skipped: bytes of two threads (the sanitizer has its own allocator)\n");
        skip();
    }
    assert_ok(bl_plan_model(tiny_path("ternary"), NULL, &plan, &failure));
    bl_model *m = tiny_open("ternary", "cpu");
    assert_int_equal(pthread_barrier_init(&both_here, NULL, 3), 0);
    meeting part[2] = {{open_session(m), &both_here, 0}, {open_session(m), &both_here, 0}};
    size_t before = device_bytes;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_reply, &part[i]), 0);
    (void)pthread_barrier_wait(&both_here);
    size_t meanwhile = device_bytes;
    (void)pthread_barrier_wait(&both_here);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    size_t room = plan.activations - 32 * sizeof(float) + plan.scratch;
    assert_int_equal(meanwhile - before, room);
    assert_int_equal(device_bytes, meanwhile); /* kept for the next time */
    bl_session_close(part[0].s);
    bl_session_close(part[1].s);
    bl_model_close(m);
    (void)pthread_barrier_destroy(&both_here);
}

/* A session in the callback of another is one more at work, and both have their own bits. */
static int in_between(void *user, const bl_token_event *token)
{
    static float logits[TINY_V], alone[TINY_V];
    bl_session **s = user;
    (void)token;
    bl_session *fork;
    assert_ok(bl_session_fork(&fork, s[1], &failure));
    feed(s[1], logits);
    feed(fork, alone);
    assert_memory_equal(logits, alone, sizeof alone);
    bl_session_close(fork);
    return 0;
}

static void append(char *to, size_t cap, const char *text, size_t bytes)
{
    size_t n = strlen(to);
    assert_true(n + bytes < cap);
    memcpy(to + n, text, bytes);
    to[n + bytes] = 0;
}

static char reply[2][800];

static int keep_first(void *user, const bl_token_event *token)
{
    append(reply[0], sizeof reply[0], token->text, token->bytes);
    return in_between(user, token);
}

static int keep_second(void *user, const bl_token_event *token)
{
    (void)user;
    append(reply[1], sizeof reply[1], token->text, token->bytes);
    return 0;
}

static void one_inside_another(void **state)
{
    (void)state;
    bl_options *o = tiny_options(BL_OPTIONS_GENERATE, "seed=4,max_tokens=20,ignore_eos=true");
    bl_model *m = tiny_open("mlp", "cpu");
    bl_session *s[3] = {open_session(m), open_session(m), open_session(m)};
    assert_ok(bl_generate(s[0], "Once", 4, o, keep_first, s, NULL, &failure));
    assert_ok(bl_generate(s[2], "Once", 4, o, keep_second, s, NULL, &failure));
    assert_string_equal(reply[0], reply[1]);
    for (int i = 0; i < 3; i++)
        bl_session_close(s[i]);
    bl_model_close(m);
    bl_options_close(o);
}

/* ---- threads of a session's own ---- */

static void own_threads(void **state)
{
    (void)state;
    static float logits[3][TINY_V];
    bl_options *one = tiny_options(BL_OPTIONS_DEVICE, "threads=1");
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s[3];
    assert_ok(bl_session_open(&s[0], m, one, &failure));
    assert_ok(bl_session_open(&s[1], m, NULL, &failure));
    assert_ok(bl_session_fork(&s[2], s[0], &failure));
    for (int i = 0; i < 3; i++) {
        feed(s[i], logits[i]);
        assert_memory_equal(logits[0], logits[i], sizeof logits[0]);
    }
    for (int i = 0; i < 3; i++)
        bl_session_close(s[i]);
    bl_model_close(m);
    bl_options_close(one);
}

static int make(void **state)
{
    return scratch_make(state) || tiny_make(state);
}

static int remove_all(void **state)
{
    return tiny_remove(state) || scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_share_the_room),
        cmocka_unit_test(two_threads_need_two),
        cmocka_unit_test(one_inside_another),
        cmocka_unit_test(own_threads),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
