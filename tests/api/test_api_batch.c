/* Batches by the public header: who may be in one, what it refuses, and who may close what when. */
#include "api.h"

static bl_model *model, *other;

static const int32_t some[] = {5, 3, 8, 100, 7, 9, 2};
enum { SOME = sizeof some / sizeof *some };

static bl_session *open_session(bl_model *m)
{
    bl_session *s;
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    return s;
}

static bl_batch *open_batch(size_t rows)
{
    bl_batch *b;
    assert_ok(bl_batch_open(&b, model, rows, NULL, &api_error));
    return b;
}

static void join(bl_batch *b, bl_session *s)
{
    assert_ok(bl_batch_join(b, s, &api_error));
}

#define REFUSES(expr, code_, words)                                                                \
    do {                                                                                           \
        bl_error e = {BL_OK, ""};                                                                  \
        assert_int_equal(expr, code_);                                                             \
        assert_int_equal(e.code, code_);                                                           \
        if (!strstr(e.message, words))                                                             \
            fail_msg("%s: %s", #expr, e.message);                                                  \
    } while (0)

/* ---- who is in it ---- */

static void members(void **state)
{
    (void)state;
    bl_options *ref = api_options(BL_OPTIONS_DEVICE, "device", "ref", (char *)NULL);
    bl_batch *b = (bl_batch *)1, *second;
    bl_session *s[4], *fork;
    REFUSES(bl_batch_open(&b, model, 0, NULL, &e), BL_EINVAL, "0 rows");
    assert_null(b);
    REFUSES(bl_batch_open(&b, model, 65537, NULL, &e), BL_EINVAL, "65537 rows");
    REFUSES(bl_batch_open(&b, model, 2, ref, &e), BL_EINVAL, "`device`");
    b = open_batch(2);
    second = open_batch(2);
    for (int i = 0; i < 3; i++)
        s[i] = open_session(model);
    s[3] = open_session(other);
    REFUSES(bl_batch_join(b, s[3], &e), BL_EINVAL, "another model");
    REFUSES(bl_batch_leave(b, s[0], &e), BL_EINVAL, "not in this batch");
    join(b, s[0]);
    REFUSES(bl_batch_join(b, s[0], &e), BL_EINVAL, "this batch already");
    REFUSES(bl_batch_join(second, s[0], &e), BL_EINVAL, "another batch already");
    join(b, s[1]);
    REFUSES(bl_batch_join(b, s[2], &e), BL_EINVAL, "full");
    assert_ok(bl_session_fork(&fork, s[0], &api_error)); /* has not joined */
    REFUSES(bl_batch_leave(b, fork, &e), BL_EINVAL, "not in this batch");
    bl_session_close(s[1]); /* and its place is free */
    join(b, fork);
    assert_ok(bl_batch_leave(b, fork, &api_error));
    join(second, fork);
    bl_batch_close(b);
    REFUSES(bl_batch_leave(second, s[0], &e), BL_EINVAL, "not in this batch");
    join(second, s[0]); /* the one that it was in is closed */
    assert_ok(bl_session_feed(s[0], some, 3, NULL, &api_error));
    bl_session_close(s[0]);
    bl_batch_close(second);
    bl_session_close(fork);
    bl_session_close(s[2]);
    bl_session_close(s[3]);
    bl_options_close(ref);
}

/* ---- what it reads ---- */

static void refusals(void **state)
{
    (void)state;
    static float logits[API_V], alone[API_V];
    static const int32_t wrong[] = {3, API_V};
    bl_batch *b = open_batch(2);
    bl_session *s = open_session(model), *t = open_session(model), *u = open_session(model);
    join(b, s);
    join(b, t);
    bl_batch_turn turns[3] = {{s, some, 2, NULL}, {t, wrong, 2, NULL}, {u, some, 1, NULL}};
    REFUSES(bl_batch_feed(b, turns, 2, &e), BL_EFORMAT, "turn 1: token 1 is id 400");
    REFUSES(bl_batch_feed(b, turns, 3, &e), BL_EINVAL, "3 turns");
    turns[1] = (bl_batch_turn){u, some, 1, NULL};
    REFUSES(bl_batch_feed(b, turns, 2, &e), BL_EINVAL, "not in this batch");
    turns[1] = (bl_batch_turn){s, some, 1, NULL};
    REFUSES(bl_batch_feed(b, turns, 2, &e), BL_EINVAL, "turns[1] is of a session that has one");
    turns[1] = (bl_batch_turn){t, NULL, 1, NULL};
    REFUSES(bl_batch_feed(b, turns, 2, &e), BL_EINVAL, "turns[1].ids is NULL");
    turns[1] = (bl_batch_turn){t, NULL, 0, logits};
    REFUSES(bl_batch_feed(b, turns, 2, &e), BL_EINVAL, "turn 1: no logits");
    assert_int_equal(bl_session_position(s) + bl_session_position(t), 0);

    /* More than the rows; nothing new, and the logits of an earlier call. */
    turns[0] = (bl_batch_turn){s, some, SOME, logits};
    assert_ok(bl_batch_feed(b, turns, 1, &api_error));
    assert_ok(bl_session_feed(u, some, SOME, alone, &api_error));
    assert_memory_equal(logits, alone, sizeof alone);
    memset(logits, 0, sizeof logits);
    turns[0] = (bl_batch_turn){s, NULL, 0, logits};
    turns[1] = (bl_batch_turn){t, some, 1, NULL};
    assert_ok(bl_batch_feed(b, turns, 2, &api_error));
    assert_memory_equal(logits, alone, sizeof alone);
    assert_int_equal(bl_session_position(s), SOME);
    assert_int_equal(bl_session_position(t), 1);
    bl_session_close(u);
    bl_session_close(t);
    bl_session_close(s);
    bl_batch_close(b);
}

static char text[2][600];

static int keep(void *user, const bl_token_event *token)
{
    char *to = user;
    size_t n = strlen(to);
    assert_true(n + token->bytes < sizeof text[0]);
    memcpy(to + n, token->text, token->bytes);
    to[n + token->bytes] = 0;
    return 0;
}

/* The token that a reply left pending is read first, and a reply may follow. */
static void replies_between(void **state)
{
    (void)state;
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "9", "seed", "5", "ignore_eos",
                                "true", (char *)NULL);
    static float logits[2][API_V];
    bl_batch *b = open_batch(8);
    bl_session *s[3] = {open_session(model), open_session(model), open_session(model)};
    for (int i = 0; i < 2; i++)
        assert_ok(bl_generate(s[i], "Once", 4, o, keep, text[i], NULL, &api_error));
    join(b, s[0]);
    join(b, s[2]);
    const bl_batch_turn turns[] = {{s[2], some, SOME, NULL}, {s[0], some, 3, logits[0]}};
    assert_ok(bl_batch_feed(b, turns, 2, &api_error));
    assert_ok(bl_session_feed(s[1], some, 3, logits[1], &api_error));
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    for (int i = 0; i < 2; i++)
        assert_ok(bl_generate(s[i], " upon", 5, o, keep, text[i], NULL, &api_error));
    assert_string_equal(text[0], text[1]);
    bl_batch_close(b);
    for (int i = 0; i < 3; i++)
        bl_session_close(s[i]);
    bl_options_close(o);
}

/* ---- from the callback ---- */

typedef struct meddler {
    bl_batch *b;
    bl_session *s, *waiting;
    unsigned calls;
    int stop, close_batch, close_session;
} meddler;

static int meddle(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    meddler *m = user;
    const bl_batch_turn turn = {m->waiting, some, 1, NULL};
    static float logits[API_V];
    bl_session *mine = (bl_session *)1;
    (void)done, (void)total, (void)unit;
    if (strcmp(stage, "reading") != 0 || m->calls++)
        return 0;
    REFUSES(bl_batch_feed(m->b, &turn, 1, &e), BL_EBUSY, "the batch is at work");
    REFUSES(bl_batch_join(m->b, m->waiting, &e), BL_EBUSY, "bl_batch_join");
    REFUSES(bl_batch_leave(m->b, m->s, &e), BL_EBUSY, "bl_batch_leave");
    REFUSES(bl_session_feed(m->s, some, 1, NULL, &e), BL_EBUSY, "the session is at work");
    REFUSES(bl_session_reset(m->s, &e), BL_EBUSY, "the session");
    assert_true(bl_session_position(m->s) > 0);
    assert_ok(bl_session_fork(&mine, m->waiting, &api_error)); /* has no turn: it is free */
    assert_ok(bl_session_feed(mine, some, 2, logits, &api_error));
    bl_session_close(mine);
    if (m->close_batch)
        bl_batch_close(m->b);
    if (m->close_session)
        bl_session_close(m->s);
    return m->stop;
}

static void from_its_own_callback(void **state)
{
    (void)state;
    static int32_t ids[200];
    for (int i = 0; i < 200; i++)
        ids[i] = i;
    for (int kind = 0; kind < 4; kind++) {
        bl_batch *b = open_batch(8);
        meddler m = {.b = b,
                     .s = open_session(model),
                     .waiting = open_session(model),
                     .stop = kind == 1,
                     .close_batch = kind == 2,
                     .close_session = kind == 3};
        join(b, m.s);
        join(b, m.waiting);
        const bl_batch_turn turn = {m.s, ids, 200, NULL};
        bl_progress_to(meddle, &m);
        bl_status status = bl_batch_feed(b, &turn, 1, NULL);
        bl_progress_to(NULL, NULL);
        assert_int_equal(m.calls > 0, 1);
        assert_int_equal(status, kind == 1 || kind == 2 ? BL_EINTERRUPTED : BL_OK);
        if (kind != 3) {
            uint64_t read = bl_session_position(m.s);
            assert_true(kind == 0 ? read == 200 : read > 0 && read < 200);
            assert_ok(bl_session_feed(m.s, some, 1, NULL, &api_error));
            bl_session_close(m.s);
        }
        if (kind != 2)
            bl_batch_close(b);
        bl_session_close(m.waiting);
    }
}

/* The model stays for its batch. */
static void the_model_closed_first(void **state)
{
    (void)state;
    bl_model *m;
    bl_batch *b;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    bl_session *s = open_session(m);
    assert_ok(bl_batch_open(&b, m, 3, NULL, &api_error));
    join(b, s);
    bl_model_close(m);
    const bl_batch_turn turn = {s, some, SOME, NULL};
    assert_ok(bl_batch_feed(b, &turn, 1, &api_error));
    bl_session_close(s);
    bl_batch_close(b);
}

static int make(void **state)
{
    if (api_make(state) != 0)
        return -1;
    return bl_model_open(&model, api_path("run"), NULL, &api_error) != BL_OK ||
           bl_model_open(&other, api_path("run"), NULL, &api_error) != BL_OK;
}

static int remove_all(void **state)
{
    bl_model_close(model);
    bl_model_close(other);
    return api_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(refusals),
        cmocka_unit_test(replies_between),
        cmocka_unit_test(from_its_own_callback),
        cmocka_unit_test(the_model_closed_first),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
