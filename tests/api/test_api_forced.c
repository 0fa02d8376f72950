/* Texts of grammars are the same when all logits are computed, when none or a few are, and in a batch. */
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
    "root ::= [^ a-z]{1,40} \"\\n\"",
    "root ::= ([Q-Z] [a-p])+ \"!\"",
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
    {"repeat_penalty", "50", "repeat_last", "400", "top_k", "4"},
    {"top_k", "200", "min_p", "0"},
    {"top_k", "0"},
    {"finish", "false"},
};

enum { GRAMMARS = sizeof grammars / sizeof *grammars, TASTES = sizeof tastes / sizeof *tastes };

enum { SEEDS = 6, FIRST = 25, MORE = 35, MANY = 150, FEW = 24 }; /* tokens of the calls; biases */

typedef struct drawn {
    int32_t ids[FIRST + MORE];
    double likely[FIRST + MORE]; /* the logarithm, or NaN */
    size_t count;
    bl_status status; /* the grammar may allow only what is forbidden */
} drawn;

static int note(void *user, const bl_token_event *token)
{
    drawn *d = user;
    assert_true(d->count < FIRST + MORE);
    d->likely[d->count] = token->log_probability;
    d->ids[d->count++] = token->id;
    return 0;
}

/* The token of the i-th of `count` biases: of many those that are often the likeliest, or few of single
 * bytes, so that of the best enough is left. */
static int32_t biased(size_t count, size_t i)
{
    return (int32_t)(count == MANY ? API_V - MANY + i : 2 * i + 90);
}

static void forbid(bl_session *s, size_t count)
{
    int32_t ids[MANY];
    float bias[MANY];
    for (size_t i = 0; i < count; i++) {
        ids[i] = biased(count, i);
        bias[i] = i % 3 ? -20 : -INFINITY;
    }
    assert_ok(bl_session_bias(s, ids, bias, count, &api_error));
}

static size_t biases_of(size_t seed)
{
    return seed == 4 ? MANY : seed == 5 ? FEW : 0;
}

static bl_options *options_of(size_t taste, size_t seed, int tells)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%zu", seed);
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "seed", number, "log_probability",
                                tells ? "true" : "false", (char *)NULL);
    for (size_t i = 0; i < 6 && tastes[taste][i]; i += 2)
        assert_ok(bl_options_set(o, tastes[taste][i], tastes[taste][i + 1], &api_error));
    return o;
}

static void may_write(bl_options *o, size_t tokens)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%zu", tokens);
    assert_ok(bl_options_set(o, "max_tokens", number, &api_error));
}

static bl_session *open_writer(size_t grammar, size_t seed)
{
    const char *text = grammars[grammar];
    bl_grammar *g;
    bl_session *s;
    assert_ok(bl_grammar_open(&g, bl_model_tokenizer(api_model), text, strlen(text), &api_error));
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_constrain(s, g, &api_error));
    bl_grammar_close(g);
    if (biases_of(seed))
        forbid(s, biases_of(seed));
    return s;
}

/* A text in two calls; `tells`: log-probabilities, for which all logits are computed. */
static drawn write_text(size_t grammar, size_t taste, size_t seed, int tells)
{
    drawn d = {.count = 0};
    bl_options *o = options_of(taste, seed, tells);
    bl_session *s = open_writer(grammar, seed);
    may_write(o, FIRST);
    d.status = bl_generate(s, prompt, strlen(prompt), o, note, &d, NULL, &api_error);
    may_write(o, MORE);
    if (d.status == BL_OK && bl_session_constrained(s))
        d.status = bl_generate(s, "", 0, o, note, &d, NULL, &api_error);
    bl_session_close(s);
    bl_options_close(o);
    return d;
}

enum { WRITERS = TASTES * SEEDS };

/* The same texts of a grammar, a token of each a call; every second one tells. */
static void write_batch(size_t grammar, const int32_t *ids, size_t count, drawn *d)
{
    bl_session *s[WRITERS];
    bl_options *o[WRITERS];
    bl_batch *b;
    assert_ok(bl_batch_open(&b, api_model, WRITERS, NULL, &api_error));
    for (size_t i = 0; i < WRITERS; i++) {
        o[i] = options_of(i / SEEDS, i % SEEDS, i % 2);
        s[i] = open_writer(grammar, i % SEEDS);
        assert_ok(bl_batch_join(b, s[i], &api_error));
    }
    for (size_t step = 0; step < FIRST + MORE; step++) {
        bl_batch_turn turns[WRITERS];
        const bl_options *options[WRITERS];
        int32_t drawn_ids[WRITERS];
        size_t who[WRITERS], n = 0;
        for (size_t i = 0; i < WRITERS; i++) {
            if (d[i].status != BL_OK || !bl_session_constrained(s[i]))
                continue;
            may_write(o[i], step < FIRST ? FIRST - step : FIRST + MORE - step);
            turns[n] = (bl_batch_turn){s[i], ids, step ? 0 : count, NULL};
            options[n] = o[i];
            who[n++] = i;
        }
        if (!n)
            break;
        bl_status status = bl_batch_next(b, turns, n, options, drawn_ids, &api_error);
        for (size_t k = 0; k < n; k++)
            if (drawn_ids[k] >= 0)
                (void)note(&d[who[k]], bl_batch_event(b, k));
            else
                d[who[k]].status = status;
    }
    for (size_t i = 0; i < WRITERS; i++) {
        bl_session_close(s[i]);
        bl_options_close(o[i]);
    }
    bl_batch_close(b);
}

/* What a bias forbids is not drawn where a grammar leaves nothing else either. */
static void none_is_forbidden(const drawn *d, size_t biases)
{
    for (size_t i = 0; i < d->count; i++)
        for (size_t k = 0; k < biases; k += 3)
            assert_int_not_equal(d->ids[i], biased(biases, k));
}

static void compare(const drawn *a, const drawn *b, int told)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->status, b->status);
    assert_memory_equal(a->ids, b->ids, sizeof a->ids);
    for (size_t i = 0; i < a->count; i++)
        assert_true(told ? a->likely[i] == b->likely[i] : isnan(a->likely[i]));
}

static void as_from_all_logits(void **state)
{
    (void)state;
    static int32_t ids[sizeof prompt];
    static drawn together[WRITERS];
    size_t tokens = 0, count;
    assert_ok(bl_tokenizer_encode(bl_model_tokenizer(api_model), prompt, strlen(prompt), 0, ids,
                                  sizeof prompt, &count, &api_error));
    for (size_t g = 0; g < GRAMMARS; g++) {
        memset(together, 0, sizeof together);
        write_batch(g, ids, count, together);
        for (size_t i = 0; i < WRITERS; i++) {
            size_t seed = i % SEEDS;
            drawn few = write_text(g, i / SEEDS, seed, 0), all = write_text(g, i / SEEDS, seed, 1);
            compare(&few, &all, 0);
            compare(&together[i], &all, i % 2);
            none_is_forbidden(&all, biases_of(seed));
            assert_true(all.status == BL_OK || (biases_of(seed) && all.status == BL_EUNSUPPORTED));
            tokens += all.count;
        }
    }
    printf("  %zu tokens\n", tokens);
    assert_true(tokens > GRAMMARS * WRITERS * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_from_all_logits)};
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
