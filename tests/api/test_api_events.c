/* What a batch tells of the tokens that it drew, and what is told of those that are asked for, is what
 * bl_generate() tells of them alone: ids, places, texts before those to stop at, and likelihoods, to
 * the bit. */
#include "api.h"

enum { WRITERS = 12, TOKENS = 40, LIST = 256 };

/* Everything that was told of a reply. */
typedef struct heard {
    bl_token_event of[TOKENS];
    int32_t likeliest[TOKENS][LIST];
    double logs[TOKENS][LIST];
    char text[TOKENS * 16];
    size_t count, bytes;
} heard;

static int hear(void *user, const bl_token_event *token)
{
    heard *h = user;
    size_t i = h->count++, n = token->likeliest_count;
    assert_true(i < TOKENS && n <= LIST && h->bytes + token->bytes < sizeof h->text);
    assert_int_equal(token->size, sizeof *token);
    h->of[i] = *token;
    h->of[i].text = NULL;
    h->of[i].likeliest = NULL;
    h->of[i].likeliest_log_probabilities = NULL;
    for (size_t k = 0; k < n; k++) {
        h->likeliest[i][k] = token->likeliest[k];
        h->logs[i][k] = token->likeliest_log_probabilities[k];
    }
    memcpy(h->text + h->bytes, token->text, token->bytes);
    h->bytes += token->bytes;
    return 0;
}

static void assert_same(const heard *a, const heard *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const bl_token_event *x = &a->of[i], *y = &b->of[i];
        assert_true(x->id == y->id && x->ends == y->ends && x->position == y->position);
        assert_true(x->bytes == y->bytes && x->stopped == y->stopped);
        assert_true(x->likeliest_count == y->likeliest_count);
        assert_memory_equal(&x->log_probability, &y->log_probability, sizeof(double));
    }
    assert_memory_equal(a->likeliest, b->likeliest, sizeof a->likeliest);
    assert_memory_equal(a->logs, b->logs, sizeof a->logs);
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->text, b->text, a->bytes);
}

/* Options, grammar and texts to stop at of writer i. */
static bl_options *options_of(size_t i)
{
    static const char *const counts[] = {"0", "3", "256", "1"}, *const seeds[] = {"1", "2", "3"};
    return api_options(BL_OPTIONS_GENERATE, "seed", seeds[i % 3], "logprobs", counts[i % 4],
                       "log_probability", i % 8 == 4 ? "true" : "false", "ignore_eos",
                       i % 5 ? "true" : "false", "temperature", i % 2 ? "0.8" : "4", "top_k",
                       i % 3 ? "40" : "0", "repeat_penalty", i % 4 ? "1.1" : "1", (char *)NULL);
}

static bl_session *open_writer(size_t i)
{
    static const char words[] = "root ::= ([a-z]+ \" \")+ \"the end\"";
    static const bl_span stops[] = {{"zzz", 3}, {"e", 1}, {"the end", 7}};
    bl_session *s;
    bl_grammar *g;
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    if (i % 3 == 1) {
        assert_ok(
            bl_grammar_open(&g, bl_model_tokenizer(api_model), words, strlen(words), &api_error));
        assert_ok(bl_session_constrain(s, g, &api_error));
        bl_grammar_close(g);
    }
    if (i % 2)
        assert_ok(bl_session_stop(s, stops, i % 4 == 1 ? 1 : 3, &api_error));
    return s;
}

static void write_tokens(bl_batch *b, bl_session **s, bl_options **o, heard *h, size_t tokens)
{
    int done[WRITERS] = {0};
    for (size_t step = 0; step < tokens; step++) {
        bl_batch_turn turns[WRITERS];
        const bl_options *options[WRITERS];
        int32_t ids[WRITERS];
        size_t who[WRITERS], n = 0;
        char left[8];
        (void)snprintf(left, sizeof left, "%zu", tokens - step);
        for (size_t i = 0; i < WRITERS; i++) {
            if (done[i])
                continue;
            assert_ok(bl_options_set(o[i], "max_tokens", left, &api_error));
            turns[n] = (bl_batch_turn){s[i], NULL, 0, NULL};
            options[n] = o[i];
            who[n++] = i;
        }
        assert_ok(bl_batch_next(b, turns, n, options, ids, &api_error));
        for (size_t k = 0; k < n; k++) {
            const bl_token_event *token = bl_batch_event(b, k);
            assert_int_equal(token->id, ids[k]);
            (void)hear(&h[who[k]], token);
            done[who[k]] = token->ends || token->stopped;
        }
        assert_null(bl_batch_event(b, n));
    }
}

/* A reply in the batch, and then one that goes on with it, by bl_generate(), which tells the rest of a
 * text to stop at that has begun before. */
static void as_alone(void **state)
{
    (void)state;
    static heard together[WRITERS], alone[WRITERS];
    bl_options *o[WRITERS], *three = api_options(BL_OPTIONS_DEVICE, "threads", "3", (char *)NULL);
    bl_session *s[WRITERS], *twin[WRITERS];
    bl_batch *b;
    size_t stopped = 0, ended = 0, listed = 0;
    assert_ok(bl_batch_open(&b, api_model, WRITERS, three, &api_error));
    for (size_t i = 0; i < WRITERS; i++) {
        o[i] = options_of(i);
        s[i] = open_writer(i);
        twin[i] = open_writer(i);
        assert_ok(bl_batch_join(b, s[i], &api_error));
    }
    write_tokens(b, s, o, together, TOKENS - 10);
    for (size_t i = 0; i < WRITERS; i++) {
        const bl_token_event *last = &together[i].of[together[i].count - 1];
        stopped += last->stopped > 0;
        ended += last->ends > 0;
        listed += last->likeliest_count;
        assert_ok(bl_options_set(o[i], "max_tokens", "30", &api_error));
        assert_ok(bl_generate(twin[i], "", 0, o[i], hear, &alone[i], NULL, &api_error));
        assert_same(&together[i], &alone[i]);
        assert_ok(bl_options_set(o[i], "max_tokens", "10", &api_error));
        assert_ok(bl_generate(s[i], "", 0, o[i], hear, &together[i], NULL, &api_error));
        assert_ok(bl_generate(twin[i], "", 0, o[i], hear, &alone[i], NULL, &api_error));
        assert_same(&together[i], &alone[i]);
        bl_session_close(s[i]);
        bl_session_close(twin[i]);
        bl_options_close(o[i]);
    }
    assert_true(stopped > 1 && ended > 0 && listed > LIST);
    bl_options_close(three);
    bl_batch_close(b);
}

static void assert_same_result(const bl_generate_result *a, const bl_generate_result *b)
{
    assert_true(a->seed == b->seed && a->prompt_tokens == b->prompt_tokens);
    assert_true(a->tokens == b->tokens && a->ended == b->ended && a->stopped == b->stopped);
    assert_true(a->waiting_bytes == b->waiting_bytes && a->whole == b->whole);
    assert_true(a->seconds >= 0 && a->prompt_seconds >= 0);
}

/* A reply asked for token by token, by one session and then by its fork, as bl_generate() tells it to
 * another; of a prompt as text and as ids. */
static void asked_for(void **state)
{
    (void)state;
    static heard told, asked;
    static const int32_t ids[] = {5, 3, 8};
    for (size_t i = 0; i < 2 * WRITERS; i++) {
        bl_options *o = options_of(i % WRITERS);
        bl_session *one = open_writer(i % WRITERS), *other = open_writer(i % WRITERS), *fork;
        bl_generate_result result = {.size = sizeof result}, sum = {.size = sizeof sum};
        bl_token_event token = {.size = sizeof token};
        const int32_t *prompt = i < WRITERS ? NULL : ids;
        assert_ok(bl_options_set(o, "max_tokens", i % 2 ? "30" : "7", &api_error));
        told.count = told.bytes = asked.count = asked.bytes = 0;
        assert_ok(prompt ? bl_generate_ids(one, ids, 3, o, hear, &told, &result, &api_error)
                         : bl_generate(one, "On", 2, o, hear, &told, &result, &api_error));
        for (;;) {
            assert_ok(bl_generate_next(other, "On", 2, prompt, 3, o, &token, &sum, &api_error));
            assert_int_equal(token.size, sizeof token);
            if (token.id < 0)
                break;
            (void)hear(&asked, &token);
            assert_int_equal(bl_session_pending(other), token.id);
            if (asked.count % 5 == 2) {
                assert_ok(bl_session_fork(&fork, other, &api_error));
                bl_session_close(other);
                other = fork;
            }
        }
        assert_same(&told, &asked);
        assert_same_result(&result, &sum);
        assert_ok(bl_options_set(o, "max_tokens", "10", &api_error));
        assert_ok(bl_generate(one, "", 0, o, hear, &told, &result, &api_error));
        assert_ok(bl_generate(other, "", 0, o, hear, &asked, &sum, &api_error));
        assert_same(&told, &asked);
        bl_session_close(one);
        bl_session_close(other);
        bl_options_close(o);
    }
}

/* No tokens leave the prompt's last one pending; what fails leaves no token. */
static void asked_for_nothing(void **state)
{
    (void)state;
    static const int32_t ids[] = {5, 3, 8}, wrong[] = {API_V};
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "0", (char *)NULL);
    bl_session *s = open_writer(0);
    bl_generate_result sum = {.size = sizeof sum}, none = {.size = 0};
    bl_token_event token = {.size = sizeof token, .id = 5};
    bl_error e;
    assert_ok(bl_generate_next(s, NULL, 0, ids, 3, o, &token, &sum, &api_error));
    assert_int_equal(token.id, -1);
    assert_int_equal(bl_session_pending(s), 8);
    assert_int_equal(sum.prompt_tokens, 3);
    token.id = 5;
    sum = (bl_generate_result){.size = sizeof sum};
    assert_ok(bl_options_set(o, "max_tokens", "3", &api_error));
    assert_int_equal(bl_generate_next(s, NULL, 0, wrong, 1, o, &token, &sum, &e), BL_EFORMAT);
    assert_int_equal(token.id, -1);
    assert_int_equal(sum.tokens, 0);
    assert_int_equal(bl_generate_next(s, NULL, 0, ids, 1, o, &token, &none, &e), BL_EINVAL);
    assert_non_null(strstr(e.message, "the size of the result is 0"));
    assert_int_equal(bl_session_pending(s), 8);
    struct {
        size_t size;
        int32_t id;
    } old = {.size = 12}; /* of a program that knows less of a token */
    assert_ok(bl_generate_next(s, NULL, 0, ids, 1, o, (bl_token_event *)&old, &sum, &api_error));
    assert_int_equal(old.id, bl_session_pending(s));
    bl_session_close(s);
    bl_options_close(o);
}

/* Nothing is told where nothing was drawn. */
static void only_of_what_was_drawn(void **state)
{
    (void)state;
    static const int32_t some[] = {5, 3}, wrong[] = {API_V};
    bl_batch *b;
    bl_session *s;
    int32_t id;
    bl_error e;
    assert_ok(bl_batch_open(&b, api_model, 2, NULL, &api_error));
    assert_null(bl_batch_event(b, 0));
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_batch_join(b, s, &api_error));
    const bl_batch_turn turn = {s, some, 2, NULL}, bad = {s, wrong, 1, NULL};
    assert_ok(bl_batch_next(b, &turn, 1, NULL, &id, &api_error));
    assert_int_equal(bl_batch_event(b, 0)->id, id);
    assert_int_equal(bl_batch_event(b, 0)->position, 3); /* after bos and two */
    assert_true(bl_batch_event(b, 0)->log_probability != bl_batch_event(b, 0)->log_probability);
    assert_null(bl_batch_event(b, 1));
    assert_null(bl_batch_event(b, SIZE_MAX));
    assert_int_equal(bl_batch_next(b, &bad, 1, NULL, &id, &e), BL_EFORMAT);
    assert_null(bl_batch_event(b, 0));
    assert_ok(bl_batch_next(b, &turn, 1, NULL, &id, &api_error));
    assert_ok(bl_batch_feed(b, &turn, 1, &api_error));
    assert_null(bl_batch_event(b, 0));
    bl_session_close(s);
    bl_batch_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_alone),
        cmocka_unit_test(asked_for),
        cmocka_unit_test(asked_for_nothing),
        cmocka_unit_test(only_of_what_was_drawn),
    };
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
