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

/* ---- tokens drawn ---- */

enum { TOLD = 60 };
typedef struct told {
    int32_t ids[TOLD];
    size_t count;
} told;

static int note_id(void *user, const bl_token_event *token)
{
    told *t = user;
    assert_true(t->count < TOLD);
    t->ids[t->count++] = token->id;
    return 0;
}

/* Sessions with options of their own, which join one after the other, and their twins that write
 * alone: from all logits, which log_probability needs. */
static const char *const tastes[][8] = {
    {"seed", "1"},
    {"seed", "2", "temperature", "0"},
    {"seed", "3", "repeat_penalty", "1.4", "repeat_last", "30"},
    {"seed", "4", "repeat_penalty", "0.7", "top_k", "12"},
    {"seed", "5", "top_k", "0", "top_p", "1", "min_p", "0"},
    {"seed", "6", "top_k", "200", "repeat_penalty", "2", "temperature", "3"},
    {"seed", "7", "top_k", "300", "bos", "false"},
    {"seed", "8", "temperature", "0", "repeat_penalty", "1.1"},
};
enum { TASTES = sizeof tastes / sizeof *tastes, WRITERS = 3 * TASTES };

static bl_options *options_of(size_t i, const char *tokens)
{
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "ignore_eos", "true", "log_probability",
                                "true", "max_tokens", tokens, (char *)NULL);
    for (size_t k = 0; k < 8 && tastes[i % TASTES][k]; k += 2)
        assert_ok(bl_options_set(o, tastes[i % TASTES][k], tastes[i % TASTES][k + 1], &api_error));
    return o;
}

static size_t encode(const char *of, int32_t ids[64])
{
    size_t count;
    assert_ok(bl_tokenizer_encode(bl_model_tokenizer(model), of, strlen(of), 0, ids, 64, &count,
                                  &api_error));
    assert_true(count <= 64);
    return count;
}

/* The ones without bos must have something to read. */
static const char *prompt_of(size_t i)
{
    static const char *const prompts[] = {"Once upon a time", "Tom", "",
                                          "a small dog and a big dog"};
    return prompts[i % TASTES == 6 ? 0 : (i + i / TASTES) % 4];
}

static void the_tokens_of_generate(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    bl_options *o[WRITERS];
    bl_session *s[WRITERS], *alone[WRITERS];
    told in_batch[WRITERS] = {0}, by_itself[WRITERS] = {0};
    static int32_t prompt[WRITERS][64];
    bl_options *three = api_options(BL_OPTIONS_DEVICE, "threads", "3", (char *)NULL);
    bl_batch *b; /* of so few rows that prompts take several passes */
    assert_ok(bl_batch_open(&b, model, WRITERS + 3, three, &api_error));
    for (size_t i = 0; i < WRITERS; i++) {
        o[i] = options_of(i, "40");
        s[i] = open_session(model);
        alone[i] = open_session(model);
        join(b, s[i]);
    }
    for (size_t step = 0; step < STEPS + WRITERS / 3; step++) {
        bl_batch_turn turns[WRITERS];
        const bl_options *options[WRITERS];
        int32_t ids[WRITERS];
        size_t who[WRITERS], count = 0;
        for (size_t i = WRITERS; i-- > 0;) { /* three more in each step */
            if (step < i / 3 || step >= i / 3 + STEPS)
                continue;
            const char *of = prompt_of(i);
            turns[count] =
                (bl_batch_turn){s[i], prompt[i], step == i / 3 ? encode(of, prompt[i]) : 0, NULL};
            options[count] = o[i];
            who[count++] = i;
        }
        assert_ok(bl_batch_next(b, turns, count, options, ids, &api_error));
        for (size_t k = 0; k < count; k++)
            in_batch[who[k]].ids[in_batch[who[k]].count++] = ids[k];
    }
    for (size_t i = 0; i < WRITERS; i++) {
        const char *of = prompt_of(i);
        assert_ok(
            bl_generate(alone[i], of, strlen(of), o[i], note_id, &by_itself[i], NULL, &api_error));
        assert_int_equal(by_itself[i].count, STEPS);
        assert_memory_equal(in_batch[i].ids, by_itself[i].ids, STEPS * sizeof(int32_t));
        assert_int_equal(bl_session_position(s[i]), bl_session_position(alone[i]));
        text[0][0] = text[1][0] = 0; /* and each may be continued as the other */
        assert_ok(bl_generate(s[i], "", 0, o[i], keep, text[0], NULL, &api_error));
        assert_ok(bl_generate(alone[i], "", 0, o[i], keep, text[1], NULL, &api_error));
        assert_string_equal(text[0], text[1]);
        bl_session_close(s[i]);
        bl_session_close(alone[i]);
        bl_options_close(o[i]);
    }
    bl_options_close(three);
    bl_batch_close(b);
}

/* Without tokens: what is pending, or the logits of an earlier call; and what cannot be drawn. */
static void drawn_from_what_was_read(void **state)
{
    (void)state;
    static float logits[API_V];
    static const int32_t wrong[] = {3, API_V};
    bl_options *greedy =
        api_options(BL_OPTIONS_GENERATE, "temperature", "0", "bos", "false", (char *)NULL);
    bl_options *bos = api_options(BL_OPTIONS_GENERATE, "temperature", "0", (char *)NULL);
    bl_options *other_kind = api_options(BL_OPTIONS_TRAIN, "steps", "3", (char *)NULL);
    const bl_options *both[2] = {greedy, bos};
    bl_batch *b = open_batch(2);
    bl_session *s = open_session(model), *t = open_session(model);
    int32_t ids[2] = {7, 7}, best = 0;
    join(b, s);
    join(b, t);
    bl_batch_turn turns[2] = {{s, NULL, 0, NULL}, {t, some, 2, NULL}};
    REFUSES(bl_batch_next(b, turns, 2, both, ids, &e), BL_EINVAL, "turn 0: no logits");
    assert_true(ids[0] == -1 && ids[1] == -1);
    turns[0] = (bl_batch_turn){s, some, 2, NULL};
    turns[1] = (bl_batch_turn){t, wrong, 2, NULL};
    REFUSES(bl_batch_next(b, turns, 2, both, ids, &e), BL_EFORMAT, "turn 1: token 1 is id 400");
    both[1] = other_kind;
    REFUSES(bl_batch_next(b, turns, 2, both, ids, &e), BL_EINVAL, "bl_batch_next");
    turns[1] = (bl_batch_turn){s, some, 1, NULL};
    both[1] = bos;
    REFUSES(bl_batch_next(b, turns, 2, both, ids, &e), BL_EINVAL, "turns[1] is of a session");
    assert_int_equal(bl_session_position(s) + bl_session_position(t), 0);

    assert_ok(bl_session_feed(s, some, SOME, logits, &api_error));
    for (int32_t i = 1; i < API_V; i++)
        best = logits[i] > logits[best] ? i : best;
    turns[0] = (bl_batch_turn){s, NULL, 0, logits};
    turns[1] = (bl_batch_turn){t, NULL, 0, NULL}; /* begins with bos */
    memset(logits, 0, sizeof logits);
    assert_ok(bl_batch_next(b, turns, 2, both, ids, &api_error));
    assert_int_equal(ids[0], best);
    assert_true(logits[best] != 0);
    assert_int_equal(bl_session_position(s), SOME);
    assert_int_equal(bl_session_position(t), 1);
    bl_session *fork;
    assert_ok(bl_session_fork(&fork, s, &api_error)); /* with what is pending */
    bl_session_seed(s, 12);
    assert_ok(bl_batch_next(b, turns, 2, NULL, ids, &api_error));
    assert_int_equal(bl_session_position(s), SOME + 1);
    assert_ok(bl_session_feed(fork, NULL, 0, NULL, &api_error));
    assert_int_equal(bl_session_position(fork), SOME + 1);
    bl_session_close(fork);
    bl_session_close(t);
    bl_session_close(s);
    bl_batch_close(b);
    bl_options_close(greedy);
    bl_options_close(bos);
    bl_options_close(other_kind);
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

static int stop(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return 1;
}

/* What was drawn before a stop is told, and pending. */
static void stopped_between_passes(void **state)
{
    (void)state;
    static int32_t long_text[200];
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "seed", "4", (char *)NULL);
    const bl_options *options[] = {o, o};
    bl_batch *b = open_batch(8);
    bl_session *s = open_session(model), *t = open_session(model), *alone = open_session(model);
    int32_t ids[2], next[2];
    told by_itself = {.count = 0};
    join(b, s);
    join(b, t);
    const bl_batch_turn turns[] = {{t, long_text, 200, NULL}, {s, NULL, 0, NULL}};
    bl_progress_to(stop, NULL);
    REFUSES(bl_batch_next(b, turns, 2, options, ids, &e), BL_EINTERRUPTED, "");
    bl_progress_to(NULL, NULL);
    assert_int_equal(ids[0], -1);
    assert_true(bl_session_position(t) > 0 && bl_session_position(t) < 200);
    assert_int_equal(bl_session_position(s), 1);
    assert_ok(bl_batch_next(b, turns + 1, 1, options, next, &api_error));
    assert_ok(bl_options_set(o, "max_tokens", "2", &api_error));
    assert_ok(bl_generate(alone, "", 0, o, note_id, &by_itself, NULL, &api_error));
    assert_int_equal(by_itself.ids[0], ids[1]);
    assert_int_equal(by_itself.ids[1], next[0]);
    bl_session_close(alone);
    bl_session_close(s);
    bl_session_close(t);
    bl_batch_close(b);
    bl_options_close(o);
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

/* Grammars of which one is short, one cannot end in time, and one is JSON. */
static bl_grammar *open_grammar(size_t i)
{
    static const char *const gbnf[] = {"root ::= [A-Z] [a-z ]{2,30} [.!?]",
                                       "root ::= [a-e \\n]{300}"};
    static const char schema[] =
        "{\"properties\": {\"who\": {\"type\": \"string\"}, \"age\": {\"type\": \"integer\", "
        "\"minimum\": -3, \"maximum\": 99}}, \"required\": [\"who\", \"age\"]}";
    const bl_tokenizer *t = bl_model_tokenizer(model);
    bl_grammar *g;
    if (i % 3 < 2)
        assert_ok(bl_grammar_open(&g, t, gbnf[i % 3], strlen(gbnf[i % 3]), &api_error));
    else
        assert_ok(bl_grammar_open_schema(&g, t, schema, strlen(schema), &api_error));
    return g;
}

/* Texts by grammars, of which each ends when it is whole and leaves the batch, and its twin. */
static void the_texts_of_grammars(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    bl_options *o[WRITERS], *three = api_options(BL_OPTIONS_DEVICE, "threads", "3", (char *)NULL);
    bl_session *s[WRITERS], *alone[WRITERS];
    bl_grammar *g[3] = {open_grammar(0), open_grammar(1), open_grammar(2)};
    told in_batch[WRITERS] = {0}, by_itself[WRITERS] = {0};
    static int32_t prompt[64];
    size_t whole = 0, count = encode("Once upon", prompt);
    bl_batch *b;
    assert_ok(bl_batch_open(&b, model, WRITERS + 3, three, &api_error));
    for (size_t i = 0; i < WRITERS; i++) {
        o[i] = options_of(i, "40");
        assert_ok(bl_options_set(o[i], "bos", "true", &api_error));
        if (i / 3 % 2) /* these need no logits where there is no choice */
            assert_ok(bl_options_set(o[i], "log_probability", "false", &api_error));
        s[i] = open_session(model);
        alone[i] = open_session(model);
        assert_ok(bl_session_constrain(s[i], g[i % 3], &api_error));
        assert_ok(bl_session_constrain(alone[i], g[i % 3], &api_error));
        join(b, s[i]);
    }
    for (size_t step = 0; step < STEPS; step++) {
        bl_batch_turn turns[WRITERS];
        const bl_options *options[WRITERS];
        int32_t ids[WRITERS];
        size_t who[WRITERS], n = 0;
        char left[8];
        (void)snprintf(left, sizeof left, "%zu", STEPS - step);
        for (size_t i = 0; i < WRITERS; i++) {
            if (step && !bl_session_constrained(s[i]))
                continue;
            assert_ok(bl_options_set(o[i], "max_tokens", left, &api_error));
            turns[n] = (bl_batch_turn){s[i], prompt, step ? 0 : count, NULL};
            options[n] = o[i];
            who[n++] = i;
        }
        assert_true(n > 0);
        assert_ok(bl_batch_next(b, turns, n, options, ids, &api_error));
        for (size_t k = 0; k < n; k++)
            in_batch[who[k]].ids[in_batch[who[k]].count++] = ids[k];
    }
    for (size_t i = 0; i < WRITERS; i++) {
        bl_generate_result r = {.size = sizeof r};
        assert_ok(bl_options_set(o[i], "max_tokens", "40", &api_error));
        assert_ok(
            bl_generate(alone[i], "Once upon", 9, o[i], note_id, &by_itself[i], &r, &api_error));
        assert_int_equal(in_batch[i].count, by_itself[i].count);
        assert_memory_equal(in_batch[i].ids, by_itself[i].ids, sizeof by_itself[i].ids);
        assert_int_equal(r.whole, i % 3 != 1);
        assert_int_equal(bl_session_constrained(s[i]), bl_session_constrained(alone[i]));
        whole += (size_t)r.whole;
        bl_options_close(o[i]);
        bl_session_close(s[i]);
        bl_session_close(alone[i]);
    }
    assert_int_equal(whole, WRITERS / 3 * 2);
    for (size_t i = 0; i < 3; i++)
        bl_grammar_close(g[i]);
    bl_options_close(three);
    bl_batch_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(refusals),
        cmocka_unit_test(replies_between),
        cmocka_unit_test(the_tokens_of_generate),
        cmocka_unit_test(the_texts_of_grammars),
        cmocka_unit_test(drawn_from_what_was_read),
        cmocka_unit_test(from_its_own_callback),
        cmocka_unit_test(stopped_between_passes),
        cmocka_unit_test(the_model_closed_first),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
