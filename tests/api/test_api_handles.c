/* What handles do when they are not used one after the other: fed with nothing, stopped before,
 * while and after they run, used or closed from their own callbacks or another thread, and what an
 * error says afterwards. */
#include "api.h"

#include <pthread.h>

static bl_session *open_session(void)
{
    bl_session *s;
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    return s;
}

/* ---- feeding ---- */

static const int32_t some[] = {0, 65, 300, 17, 66, 120, 5,  399, 31,
                               7, 64, 2,   90, 91, 92,  93, 94,  95};
enum { SOME = sizeof some / sizeof *some };

static void no_tokens_give_the_logits_of_the_last(void **state)
{
    (void)state;
    static float wanted[API_V], every[SOME * API_V], got[API_V];
    for (size_t n = 1; n <= SOME; n++) {
        bl_session *s = open_session(), *fork;
        assert_ok(bl_session_feed(s, some, n, wanted, &api_error));
        assert_ok(bl_session_reset(s, &api_error));
        if (n % 2)
            assert_ok(bl_session_feed(s, some, n, NULL, &api_error));
        else
            assert_ok(bl_session_feed_each(s, some, n, every, &api_error));
        for (int again = 0; again < 2; again++) {
            memset(got, 0xff, sizeof got);
            assert_ok(bl_session_feed(s, NULL, 0, got, &api_error));
            assert_memory_equal(got, wanted, sizeof got);
        }
        assert_int_equal(bl_session_position(s), n);
        assert_ok(bl_session_fork(&fork, s, &api_error));
        bl_session_close(s);
        memset(got, 0xff, sizeof got);
        assert_ok(bl_session_feed(fork, some, 0, got, &api_error));
        assert_memory_equal(got, wanted, sizeof got);
        bl_session_close(fork);
    }
}

static void no_tokens_and_nothing_read(void **state)
{
    (void)state;
    static float logits[API_V], kept[API_V];
    bl_session *s = open_session();
    assert_int_equal(bl_session_feed(s, NULL, 0, logits, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "nothing"));
    assert_ok(bl_session_feed(s, NULL, 0, NULL, &api_error));
    assert_ok(bl_session_feed(s, some, 4, NULL, &api_error));
    assert_ok(bl_session_save(s, api_path("fed"), &api_error));
    assert_ok(bl_session_load(s, api_path("fed"), &api_error));
    assert_int_equal(bl_session_feed(s, NULL, 0, logits, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "memory"));
    assert_int_equal(bl_session_position(s), 4);
    assert_ok(bl_session_feed(s, some, 1, logits, &api_error));
    assert_ok(bl_session_reset(s, &api_error));
    assert_int_equal(bl_session_feed(s, NULL, 0, logits, &api_error), BL_EINVAL);

    /* A token that was drawn is the last one; [0,V] means no rows. */
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "3", "seed", "1", "ignore_eos",
                                "true", (char *)NULL);
    memset(logits, 0x7f, sizeof logits);
    memset(kept, 0x7f, sizeof kept);
    assert_ok(bl_generate(s, "Once", 4, o, NULL, NULL, NULL, &api_error));
    uint64_t position = bl_session_position(s);
    assert_ok(bl_session_feed_each(s, NULL, 0, logits, &api_error));
    assert_memory_equal(logits, kept, sizeof kept);
    assert_int_equal(bl_session_position(s), position + 1);
    assert_ok(bl_session_feed(s, NULL, 0, logits, &api_error));
    assert_memory_not_equal(logits, kept, sizeof kept);
    assert_int_equal(bl_session_feed(s, (const int32_t[]){API_V}, 1, logits, &api_error),
                     BL_EFORMAT);
    bl_options_close(o);
    bl_session_close(s);
}

/* ---- sessions from their own callback ---- */

typedef struct reader {
    bl_session *s;
    bl_options *o;
    unsigned calls;
    int close, free_after;
} reader;

static int meddle(void *user, const bl_token_event *token)
{
    reader *r = user;
    bl_error e = {BL_OK, ""};
    bl_session *fork = (bl_session *)1;
    static float logits[API_V];
    (void)token;
    r->calls++;
    assert_int_equal(r->free_after, 0);
    assert_int_equal(bl_generate(r->s, "x", 1, r->o, NULL, NULL, NULL, &e), BL_EBUSY);
    assert_int_equal(e.code, BL_EBUSY);
    assert_non_null(strstr(e.message, "bl_generate"));
    assert_int_equal(bl_session_feed(r->s, some, 2, logits, NULL), BL_EBUSY);
    assert_int_equal(bl_session_reset(r->s, NULL), BL_EBUSY);
    assert_int_equal(bl_session_fork(&fork, r->s, NULL), BL_EBUSY);
    assert_null(fork);
    assert_int_equal(bl_session_save(r->s, api_path("never"), NULL), BL_EBUSY);
    assert_int_equal(bl_session_load(r->s, api_path("never"), NULL), BL_EBUSY);
    assert_true(bl_session_position(r->s) > 0 && bl_session_bytes(r->s) > 0);

    bl_session *own = open_session(); /* others of the model are free */
    assert_ok(bl_session_feed(own, some, 3, logits, &api_error));
    bl_session_close(own);
    if (r->close) {
        bl_session_close(r->s);
        r->free_after = 1;
    }
    return 0;
}

static void a_session_in_its_own_callback(void **state)
{
    (void)state;
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "6", "seed", "9", "ignore_eos",
                                "true", (char *)NULL);
    bl_generate_result made = {.size = sizeof made};
    reader r = {.s = open_session(), .o = o};
    assert_ok(bl_generate(r.s, "Once", 4, o, meddle, &r, &made, &api_error));
    assert_true(r.calls > 0);
    assert_int_equal(made.tokens, 6);
    static float after[API_V], alone[API_V];
    assert_ok(bl_session_feed(r.s, NULL, 0, after, &api_error));
    bl_session *s = open_session();
    assert_ok(bl_generate(s, "Once", 4, o, NULL, NULL, NULL, &api_error));
    assert_ok(bl_session_feed(s, NULL, 0, alone, &api_error));
    assert_memory_equal(after, alone, sizeof after); /* nothing was disturbed */
    bl_session_close(s);

    assert_ok(bl_session_reset(r.s, &api_error));
    r.calls = 0;
    r.close = 1;
    assert_int_equal(bl_generate(r.s, "Once", 4, o, meddle, &r, &made, &api_error),
                     BL_EINTERRUPTED);
    assert_int_equal(r.calls, 1);
    assert_true(made.tokens >= 1 && made.tokens < 6);
    bl_options_close(o);
}

/* Two threads on one session: each call is either done or refused, and the state is that of the
 * calls that were done. */
typedef struct racer {
    bl_session *s;
    unsigned done, refused;
} racer;

static void *race(void *user)
{
    racer *r = user;
    for (int i = 0; i < 400; i++) {
        bl_status status = bl_session_feed(r->s, some, SOME, NULL, NULL);
        r->done += status == BL_OK;
        r->refused += status == BL_EBUSY;
    }
    return NULL;
}

static void two_threads_on_one_session(void **state)
{
    (void)state;
    bl_session *s = open_session();
    racer a = {.s = s}, b = {.s = s};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, race, &a), 0);
    (void)race(&b);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.done + a.refused, 400);
    assert_int_equal(b.done + b.refused, 400);
    assert_int_equal(bl_session_position(s), (a.done + b.done) * (uint64_t)SOME);
    bl_session_close(s);
}

static int close_model(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)stage, (void)done, (void)total, (void)unit;
    bl_model **own = user;
    bl_model_close(*own);
    *own = NULL;
    return 0;
}

static void a_model_closed_before_what_uses_it(void **state)
{
    (void)state;
    static float early[API_V], late[API_V];
    bl_model *own;
    bl_session *s, *fork;
    bl_eval_result r = {.size = sizeof r};
    assert_ok(bl_model_open(&own, api_path("run"), NULL, &api_error));
    assert_ok(bl_session_open(&s, own, NULL, &api_error));
    assert_ok(bl_session_feed(s, some, 3, early, &api_error));
    bl_model_close(own);
    assert_ok(bl_session_reset(s, &api_error));
    assert_ok(bl_session_fork(&fork, s, &api_error));
    bl_session_close(s);
    assert_ok(bl_session_feed(fork, some, 3, late, &api_error));
    assert_memory_equal(early, late, sizeof early);
    assert_ok(bl_session_save(fork, api_path("late"), &api_error));
    bl_session_close(fork);
    assert_ok(bl_model_open(&own, api_path("run"), NULL, &api_error));
    assert_ok(bl_eval(own, api_path("data/val.bin"), 16, close_model, &own, &r, &api_error));
    assert_null(own);
}

/* ---- trainers ---- */

typedef struct watch {
    bl_trainer *t;
    uint64_t stop_at, close_at, first, last;
    unsigned events, ends, checkpoints, starts, resumes, after_end;
    bl_train_event_kind newest, before_end;
    char reason[100];
} watch;

static void on_event(void *user, const bl_train_event *e)
{
    watch *w = user;
    w->events++;
    w->after_end += w->ends;
    w->starts += e->kind == BL_TRAIN_START;
    w->resumes += e->kind == BL_TRAIN_RESUME;
    w->checkpoints += e->kind == BL_TRAIN_CHECKPOINT;
    if (e->kind == BL_TRAIN_END) {
        w->ends++;
        w->before_end = w->newest;
        (void)snprintf(w->reason, sizeof w->reason, "%s", e->text);
    }
    w->newest = e->kind;
    assert_int_equal(bl_trainer_run(w->t, NULL, NULL, NULL), BL_EBUSY);
    if (e->kind != BL_TRAIN_STEP)
        return;
    w->first = w->first ? w->first : e->step;
    w->last = e->step;
    if (e->step == w->stop_at)
        bl_trainer_stop(w->t);
    if (e->step == w->close_at)
        bl_trainer_close(w->t);
}

/* One call, whose events are in the order that the header says. */
static bl_status run_once(watch *w)
{
    bl_trainer *t = w->t;
    uint64_t stop_at = w->stop_at;
    *w = (watch){.t = t, .stop_at = stop_at};
    bl_status status = bl_trainer_run(t, on_event, w, &api_error);
    assert_int_equal(w->starts, 1);
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->after_end, 0);
    assert_int_equal(w->newest, BL_TRAIN_END);
    return status;
}

static bl_trainer *open_trainer(const char *run)
{
    bl_trainer *t;
    bl_options *train = api_small_training("9"), *config = api_small_config();
    assert_ok(bl_trainer_open(&t, api_path("data"), api_path(run), train, config, &api_error));
    bl_options_close(train);
    bl_options_close(config);
    return t;
}

static void same_weights(const char *a, const char *b)
{
    static char bytes[2][200000];
    const char *names[] = {a, b};
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%.16s/ckpt/step-00000009/model.safetensors", names[i]);
        FILE *file = fopen(api_path(path), "rb");
        if (!file)
            fail_msg("no %s", path);
        n[i] = fread(bytes[i], 1, sizeof bytes[i], file);
        (void)fclose(file);
    }
    assert_true(n[0] > 1000 && n[0] == n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
}

static void a_stop_holds_for_one_run(void **state)
{
    (void)state;
    watch whole = {.t = open_trainer("whole")}, w = {.t = open_trainer("parts")};
    assert_int_equal(run_once(&whole), BL_OK);
    assert_int_equal(whole.last, 9);
    assert_int_equal(whole.before_end, BL_TRAIN_CHECKPOINT);
    assert_string_equal(whole.reason, "done after 9 steps");

    bl_trainer_stop(w.t); /* before */
    bl_trainer_stop(w.t);
    assert_int_equal(run_once(&w), BL_EINTERRUPTED);
    assert_int_equal(w.last, 0);
    assert_int_equal(w.resumes, 0);
    assert_int_equal(w.checkpoints, 1);
    assert_string_equal(w.reason, "stopped after 0 steps");
    w.stop_at = 4; /* while */
    assert_int_equal(run_once(&w), BL_EINTERRUPTED);
    assert_int_equal(w.first, 1);
    assert_int_equal(w.last, 4);
    assert_int_equal(w.resumes, 1);
    assert_string_equal(w.reason, "stopped after 4 steps");
    w.stop_at = 9; /* too late: with the last step */
    assert_int_equal(run_once(&w), BL_OK);
    assert_int_equal(w.first, 5);
    assert_int_equal(w.last, 9);
    w.stop_at = 0;
    assert_int_equal(run_once(&w), BL_OK); /* used up, and nothing is left to do */
    assert_int_equal(w.last, 0);
    assert_string_equal(w.reason, "done after 9 steps");
    bl_trainer_stop(w.t); /* after */
    bl_trainer_close(w.t);
    bl_trainer_close(whole.t);
    same_weights("whole", "parts");
}

static void a_trainer_closed_in_its_own_callback(void **state)
{
    (void)state;
    watch w = {.t = open_trainer("closed"), .close_at = 3};
    assert_int_equal(bl_trainer_run(w.t, on_event, &w, &api_error), BL_EINTERRUPTED);
    assert_int_equal(w.last, 3);
    assert_int_equal(w.newest, BL_TRAIN_STEP);
    assert_int_equal(w.ends, 0);
    assert_int_equal(access(api_path("closed/ckpt/step-00000003/model.safetensors"), R_OK), 0);
}

/* A run whose loss is not a number, and one whose last checkpoint cannot be written, end too. */
static void a_failure_ends_with_the_end(void **state)
{
    (void)state;
    bl_options *train = api_small_training("400"), *config = api_small_config();
    watch w = {0};
    assert_ok(bl_options_set(train, "lr", "10", &api_error));
    assert_ok(bl_options_set(train, "weight_decay", "10", &api_error));
    assert_ok(bl_options_set(train, "warmup", "1", &api_error));
    assert_ok(bl_options_set(train, "eval_every", "1000", &api_error));
    assert_ok(bl_trainer_open(&w.t, api_path("data"), api_path("wild"), train, config, &api_error));
    bl_status status = run_once(&w);
    assert_int_equal(status, BL_EDIVERGED);
    assert_int_equal(strncmp(w.reason, "failed after ", 13), 0);
    assert_int_equal(bl_trainer_run(w.t, on_event, &w, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "resume"));
    assert_int_equal(w.ends, 1); /* no event of a call that was refused */
    bl_trainer_close(w.t);

    w = (watch){.t = open_trainer("full")};
    char path[300];
    (void)snprintf(path, sizeof path, "%s", api_path("full/ckpt"));
    FILE *in_the_way = fopen(path, "w");
    assert_non_null(in_the_way);
    assert_int_equal(fclose(in_the_way), 0);
    status = run_once(&w);
    assert_int_not_equal(status, BL_OK);
    assert_int_equal(api_error.code, status);
    assert_string_equal(w.reason, "failed after 9 steps");
    assert_int_equal(remove(path), 0);
    assert_int_equal(run_once(&w), BL_OK); /* only the checkpoint was missing */
    assert_int_equal(w.before_end, BL_TRAIN_CHECKPOINT);
    bl_trainer_close(w.t);
    same_weights("whole", "full");
    bl_options_close(train);
    bl_options_close(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_tokens_give_the_logits_of_the_last),
        cmocka_unit_test(no_tokens_and_nothing_read),
        cmocka_unit_test(a_session_in_its_own_callback),
        cmocka_unit_test(two_threads_on_one_session),
        cmocka_unit_test(a_model_closed_before_what_uses_it),
        cmocka_unit_test(a_stop_holds_for_one_run),
        cmocka_unit_test(a_trainer_closed_in_its_own_callback),
        cmocka_unit_test(a_failure_ends_with_the_end),
    };
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
