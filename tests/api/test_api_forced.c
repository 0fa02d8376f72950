/* Texts of grammars are the same when all logits are computed, and when none or a few are. */
#include "api.h"

#include <math.h>

static const char prompt[] = "Once upon a time there was a little fox, and the fox had a red ball. "
                             "She said that the ball was in the garden. He went to the river.";

static const char *const grammars[] = {
    "root ::= (\"zinc\" | \"quasar\" | \"xylophone\" | \"Wednesday\" | \"vortex\") (\" \" root)?",
    "root ::= (\"[\\\"\" (\"a\" | \"b\") \"\\\"]\\n\"){20}",
    "root ::= [0-9]{1,60}",
    "root ::= [a-z]* \"!\"",
    "root ::= ([A-Z] [a-z]* \" \")+ \"!\"?",
    "root ::= [!-~]* \"\\n\"",
};

static const char *const tastes[][6] = {
    {"top_k", "40"}, /* what is so by default */
    {"temperature", "0"},
    {"temperature", "2", "top_k", "5"},
    {"temperature", "1.5", "top_k", "64", "top_p", "1"},
    {"top_k", "3", "temperature", "3"},
    {"repeat_penalty", "1.3", "repeat_last", "8"},
    {"repeat_penalty", "50", "top_k", "60"},
    {"top_k", "60"},
    {"repeat_penalty", "0.8"},
    {"top_k", "200", "min_p", "0"},
    {"top_k", "0"},
    {"finish", "false"},
};

enum { GRAMMARS = sizeof grammars / sizeof *grammars, TASTES = sizeof tastes / sizeof *tastes };

typedef struct drawn {
    int32_t ids[60];
    size_t count;
    bl_status status; /* the grammar may allow only what is forbidden */
} drawn;

static int note(void *user, const bl_token_event *token)
{
    drawn *d = user;
    assert_true(d->count < sizeof d->ids / sizeof *d->ids);
    d->ids[d->count++] = token->id;
    return 0;
}

/* What is likeliest without biases is not then. */
static void forbid_most(bl_session *s)
{
    enum { SOME = 150 };
    int32_t ids[SOME];
    float bias[SOME];
    for (int32_t i = 0; i < SOME; i++) {
        ids[i] = 2 * i + 90;
        bias[i] = i % 3 ? -20 : -INFINITY;
    }
    assert_ok(bl_session_bias(s, ids, bias, SOME, &api_error));
}

/* A text of 60 tokens at most, in two calls; `tells`: log-probabilities, for which all logits are
 * computed. */
static drawn write_text(size_t grammar, size_t taste, size_t seed, int tells, int biased)
{
    drawn d = {.count = 0};
    char number[16];
    bl_grammar *g;
    bl_session *s;
    (void)snprintf(number, sizeof number, "%zu", seed);
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "seed", number, "max_tokens", "25",
                                "log_probability", tells ? "true" : "false", (char *)NULL);
    for (size_t i = 0; i < 6 && tastes[taste][i]; i += 2)
        assert_ok(bl_options_set(o, tastes[taste][i], tastes[taste][i + 1], &api_error));
    const char *text = grammars[grammar];
    assert_ok(bl_grammar_open(&g, bl_model_tokenizer(api_model), text, strlen(text), &api_error));
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_constrain(s, g, &api_error));
    bl_grammar_close(g);
    if (biased)
        forbid_most(s);
    d.status = bl_generate(s, prompt, strlen(prompt), o, note, &d, NULL, &api_error);
    assert_ok(bl_options_set(o, "max_tokens", "35", &api_error));
    if (d.status == BL_OK && bl_session_constrained(s))
        d.status = bl_generate(s, "", 0, o, note, &d, NULL, &api_error);
    bl_session_close(s);
    bl_options_close(o);
    return d;
}

static void as_from_all_logits(void **state)
{
    (void)state;
    size_t tokens = 0;
    for (size_t g = 0; g < GRAMMARS; g++)
        for (size_t t = 0; t < TASTES; t++)
            for (size_t seed = 0; seed < 6; seed++) {
                drawn few = write_text(g, t, seed, 0, seed >= 4);
                drawn all = write_text(g, t, seed, 1, seed >= 4);
                assert_int_equal(few.count, all.count);
                assert_int_equal(few.status, all.status);
                assert_true(few.status == BL_OK || (seed >= 4 && few.status == BL_EUNSUPPORTED));
                assert_memory_equal(few.ids, all.ids, sizeof all.ids);
                tokens += all.count;
            }
    printf("  %zu tokens\n", tokens);
    assert_true(tokens > GRAMMARS * TASTES * 6 * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_from_all_logits)};
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
