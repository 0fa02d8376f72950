/* Log-probabilities against the logits of sessions that read the same: of bl_score(), and of what is
 * generated and the likeliest in its place. */
#include "api.h"

#include <math.h>

enum { CONTEXT = 5, TOKENS = 70 }; /* more than two pieces of rows */

static int32_t ids[CONTEXT + TOKENS];

static int make(void **state)
{
    if (api_make_model(state) != 0)
        return -1;
    for (int i = 0; i < CONTEXT + TOKENS; i++)
        ids[i] = (i * 37 + i * i) % API_V;
    return 0;
}

static double plain(const float *logits, int32_t id)
{
    double most = logits[0], sum = 0;
    for (int v = 1; v < API_V; v++)
        most = logits[v] > most ? logits[v] : most;
    for (int v = 0; v < API_V; v++)
        sum += exp(logits[v] - most);
    return logits[id] - most - log(sum);
}

static int32_t likeliest(const float *logits)
{
    int32_t best = 0;
    for (int32_t v = 1; v < API_V; v++)
        best = logits[v] > logits[best] ? v : best;
    return best;
}

static bl_session *after_context(void)
{
    bl_session *s;
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_feed(s, ids, CONTEXT, NULL, &api_error));
    return s;
}

/* Continuations of several lengths, on one session, which stays as it is. */
static void it_is_the_sum_of_the_logits(void **state)
{
    (void)state;
    static float logits[(CONTEXT + TOKENS) * API_V], before[API_V], after[API_V];
    static const size_t lengths[] = {1, 2, 32, 33, 34, TOKENS, 1};
    bl_session *s = after_context(), *other;
    assert_ok(bl_session_open(&other, api_model, NULL, &api_error));
    assert_ok(bl_session_feed_each(other, ids, CONTEXT + TOKENS, logits, &api_error));
    assert_ok(bl_session_feed(s, NULL, 0, before, &api_error));
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        bl_score_result r = {.size = sizeof r};
        double each[TOKENS], sum = 0;
        int greedy[TOKENS];
        uint64_t best = 0;
        assert_ok(bl_score(s, ids + CONTEXT, lengths[k], each, greedy, &r, &api_error));
        for (size_t i = 0; i < lengths[k]; i++) {
            const float *row = logits + (CONTEXT - 1 + i) * API_V;
            double wanted = plain(row, ids[CONTEXT + i]);
            assert_true(wanted < 0 && fabs(each[i] - wanted) < 1e-9);
            assert_int_equal(greedy[i], ids[CONTEXT + i] == likeliest(row));
            sum += wanted;
            best += (uint64_t)greedy[i];
        }
        assert_true(fabs(r.log_probability - sum) < 1e-7);
        assert_int_equal(r.tokens, lengths[k]);
        assert_int_equal(r.greedy_tokens, best);
    }
    assert_int_equal(bl_session_position(s), CONTEXT);
    assert_ok(bl_session_feed(s, NULL, 0, after, &api_error));
    assert_memory_equal(before, after, sizeof before);
    bl_session_close(other);
    bl_session_close(s);
}

/* What greedy generation wrote is greedy to the last token, and its pending token is context. */
static void a_greedy_text_is_greedy(void **state)
{
    (void)state;
    static float logits[API_V];
    bl_session *s = after_context(), *writer;
    int32_t text[9];
    assert_ok(bl_session_fork(&writer, s, &api_error));
    assert_ok(bl_session_feed(writer, NULL, 0, logits, &api_error));
    for (int i = 0; i < 9; i++) {
        text[i] = likeliest(logits);
        assert_ok(bl_session_feed(writer, &text[i], 1, logits, &api_error));
    }
    bl_score_result r = {.size = sizeof r}, rest = {.size = sizeof rest};
    double each[9];
    assert_ok(bl_score(s, text, 9, each, NULL, &r, &api_error));
    assert_int_equal(r.greedy_tokens, 9);
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "1", "temperature", "0",
                                "ignore_eos", "true", (char *)NULL);
    assert_ok(bl_generate_ids(s, text, 1, o, NULL, NULL, NULL, &api_error));
    assert_int_equal(bl_session_pending(s), text[1]);
    assert_ok(bl_score(s, text + 2, 7, NULL, NULL, &rest, &api_error));
    assert_true(fabs(r.log_probability - each[0] - each[1] - rest.log_probability) < 1e-9);
    assert_int_equal(bl_session_pending(s), text[1]);
    bl_options_close(o);
    bl_session_close(writer);
    bl_session_close(s);
}

/* ---- of what is generated ---- */

enum { WRITTEN = 24 };

typedef struct told {
    int32_t ids[WRITTEN], likeliest[WRITTEN][API_V];
    double own[WRITTEN], logs[WRITTEN][API_V];
    size_t count, each;
} told;

static int note(void *user, const bl_token_event *token)
{
    told *t = user;
    assert_true(t->count < WRITTEN && token->likeliest_count <= API_V);
    assert_int_equal(token->position, CONTEXT + t->count);
    t->ids[t->count] = token->id;
    t->own[t->count] = token->log_probability;
    t->each = token->likeliest_count;
    for (size_t i = 0; i < t->each; i++) {
        t->likeliest[t->count][i] = token->likeliest[i];
        t->logs[t->count][i] = token->likeliest_log_probabilities[i];
    }
    t->count++;
    return 0;
}

/* The best first, each before those after it, and none left out that is better. */
static void compare_likeliest(const told *t, const float *logits)
{
    for (size_t n = 0; n < t->count; n++) {
        const float *row = logits + (CONTEXT - 1 + n) * API_V;
        char seen[API_V] = {0};
        assert_true(fabs(t->own[n] - plain(row, t->ids[n])) < 1e-9);
        for (size_t i = 0; i < t->each; i++) {
            int32_t best = -1;
            for (int32_t v = 0; v < API_V; v++)
                if (!seen[v] && (best < 0 || row[v] > row[best]))
                    best = v;
            seen[best] = 1;
            assert_int_equal(t->likeliest[n][i], best);
            assert_true(fabs(t->logs[n][i] - plain(row, best)) < 1e-9);
        }
    }
}

/* With all that changes what is drawn, and changes no probability of the model's own. */
static void the_likeliest_are_told(void **state)
{
    (void)state;
    static const char *const counts[] = {"1", "5", "256", "0"};
    static const float bias[] = {-INFINITY, 4};
    static const int32_t biased[] = {7, 90};
    static float logits[(CONTEXT + WRITTEN) * API_V];
    static told t, before;
    const char letters[] = "root ::= [a-z ]+";
    bl_grammar *g;
    assert_ok(
        bl_grammar_open(&g, bl_model_tokenizer(api_model), letters, strlen(letters), &api_error));
    for (size_t k = 0; k < 4; k++) {
        bl_session *s, *other;
        assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
        bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "24", "ignore_eos", "true",
                                    "seed", "3", "logprobs", counts[k], "temperature", "1.5",
                                    "repeat_penalty", "1.4", "top_k", "30", (char *)NULL);
        assert_ok(bl_session_bias(s, biased, bias, 2, &api_error));
        assert_ok(bl_session_constrain(s, g, &api_error));
        before = t;
        t = (told){.count = 0};
        assert_ok(bl_generate_ids(s, ids, CONTEXT, o, note, &t, NULL, &api_error));
        assert_int_equal(t.count, WRITTEN);
        assert_int_equal(t.each, strtoul(counts[k], NULL, 10));
        if (k)
            assert_memory_equal(t.ids, before.ids, sizeof t.ids);
        assert_ok(bl_session_open(&other, api_model, NULL, &api_error));
        assert_ok(bl_session_feed_each(other, ids, CONTEXT, logits, &api_error));
        assert_ok(
            bl_session_feed_each(other, t.ids, WRITTEN, logits + CONTEXT * API_V, &api_error));
        if (t.each)
            compare_likeliest(&t, logits);
        else
            assert_true(isnan(t.own[0]) && isnan(t.own[WRITTEN - 1]));
        bl_options_close(o);
        bl_session_close(other);
        bl_session_close(s);
    }
    bl_grammar_close(g);
}

static int stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total,
                        const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    return strcmp(stage, "reading") == 0;
}

static void what_cannot_be_scored(void **state)
{
    (void)state;
    bl_session *s;
    bl_score_result r = {.size = sizeof r, .tokens = 7};
    const int32_t bad[] = {1, 2, API_V}, negative[] = {-1};
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_int_equal(bl_score(s, ids, 3, NULL, NULL, &r, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "nothing"));
    assert_int_equal(r.tokens, 0);
    assert_ok(bl_score(s, NULL, 0, NULL, NULL, &r, &api_error));
    assert_true(r.log_probability == 0 && r.tokens == 0 && r.greedy_tokens == 0);
    assert_ok(bl_session_feed(s, ids, CONTEXT, NULL, &api_error));
    assert_int_equal(bl_score(s, bad, 3, NULL, NULL, &r, &api_error), BL_EFORMAT);
    assert_int_equal(bl_score(s, negative, 1, NULL, NULL, &r, &api_error), BL_EFORMAT);
    bl_progress_to(stop_at_once, NULL);
    assert_int_equal(bl_score(s, ids, TOKENS, NULL, NULL, &r, &api_error), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_int_equal(r.tokens, 0);
    assert_ok(bl_score(s, ids, TOKENS, NULL, NULL, &r, &api_error));
    assert_int_equal(r.tokens, TOKENS);
    bl_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_sum_of_the_logits),
        cmocka_unit_test(a_greedy_text_is_greedy),
        cmocka_unit_test(the_likeliest_are_told),
        cmocka_unit_test(what_cannot_be_scored),
    };
    return cmocka_run_group_tests(tests, make, api_remove_model);
}
