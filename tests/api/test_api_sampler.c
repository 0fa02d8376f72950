/* Samplers: what they draw from the logits of a session is what bl_generate() and bl_batch_next()
 * draw, with all options, biases and grammars; masks are biases of minus infinity. */
#include "api.h"

#include <math.h>

enum { TOKENS = 40, WORDS = (API_V + 63) / 64 };

static bl_grammar *g;
static int32_t eos;

/* Options to draw with: name, value, ..., NULL. */
static const char *const sets[][13] = {
    {"seed", "1", NULL},
    {"seed", "2", "temperature", "0", NULL},
    {"seed", "3", "top_k", "0", "top_p", "0.9", NULL},
    {"seed", "4", "top_k", "0", "top_p", "1", "min_p", "0", "temperature", "1.3", NULL},
    {"seed", "5", "repeat_penalty", "1.3", "repeat_last", "24", NULL},
    {"seed", "6", "repeat_penalty", "0.8", "repeat_last", "7", "min_p", "0.02", NULL},
    {"seed", "7", "top_k", "300", "temperature", "2", NULL},
    {"seed", "8", "temperature", "0", "repeat_penalty", "1.5", "repeat_last", "64", NULL},
};
enum { SETS = sizeof sets / sizeof *sets };

static bl_options *options_of(size_t i)
{
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "40", "log_probability", "true",
                                "ignore_eos", "true", (char *)NULL);
    for (size_t k = 0; sets[i][k]; k += 2)
        assert_ok(bl_options_set(o, sets[i][k], sets[i][k + 1], &api_error));
    return o;
}

static int make(void **state)
{
    static const char gbnf[] =
        "root ::= (word \" \")+ word \".\"\nword ::= [a-z]+ | [A-Z] [a-z]*\n";
    if (api_make_model(state) != 0)
        return -1;
    const bl_tokenizer *t = bl_model_tokenizer(api_model);
    eos = bl_tokenizer_id(t, "<|endoftext|>");
    assert_ok(bl_grammar_open(&g, t, gbnf, sizeof gbnf - 1, &api_error));
    return 0;
}

static int end(void **state)
{
    bl_grammar_close(g);
    return api_remove_model(state);
}

/* A text as it was drawn. */
typedef struct drawn {
    int32_t ids[TOKENS];
    double p[TOKENS];
    size_t count;
} drawn;

static int note(void *user, const bl_token_event *token)
{
    drawn *d = user;
    d->ids[d->count] = token->id;
    d->p[d->count++] = token->log_probability;
    return 0;
}

/* The same by a sampler: the session reads, and gives its logits. */
static bl_status write_by_hand(bl_session *s, bl_sampler *sampler, const int32_t *prompt, size_t n,
                               const bl_options *o, const uint64_t *mask, int ends, size_t most,
                               drawn *d)
{
    float logits[API_V];
    assert_ok(bl_session_feed(s, prompt, n, logits, &api_error));
    assert_ok(bl_sampler_accept(sampler, prompt, n, o, &api_error));
    while (d->count < most) {
        int32_t id = 0;
        double p = 0;
        bl_status status = bl_sampler_draw(sampler, logits, mask, o, &id, &p, &api_error);
        if (status != BL_OK) {
            assert_int_equal(id, -1);
            return status;
        }
        d->ids[d->count] = id;
        d->p[d->count++] = p;
        if (id == eos && ends)
            break;
        assert_ok(bl_session_feed(s, &id, 1, logits, &api_error));
    }
    return BL_OK;
}

static void assert_same(const drawn *a, const drawn *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->ids, b->ids, a->count * sizeof *a->ids);
    assert_memory_equal(a->p, b->p, a->count * sizeof *a->p);
}

static const int32_t bias_ids[] = {5, 300, 77, 120}, prompt[] = {0, 61, 200, 33, 61, 7};
static const float bias[] = {2.5f, -INFINITY, -1, 0.25f};

/* With or without biases and the grammar, all sets of options. */
static void as_generate(int with_bias, int with_grammar)
{
    bl_session *s, *t;
    size_t tokens = 0;
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_open(&t, api_model, NULL, &api_error));
    for (size_t i = 0; i < SETS; i++) {
        bl_options *o = options_of(i);
        bl_sampler *sampler;
        drawn want = {.count = 0}, got = {.count = 0};
        assert_ok(bl_sampler_open(&sampler, api_model, &api_error));
        assert_ok(bl_session_reset(s, &api_error));
        assert_ok(bl_session_reset(t, &api_error));
        if (with_grammar) {
            assert_ok(bl_options_set(o, "finish", "true", &api_error));
            assert_ok(bl_session_constrain(s, g, &api_error));
            assert_ok(bl_sampler_constrain(sampler, g, &api_error));
        } else
            assert_ok(bl_options_set(o, "ignore_eos", "false", &api_error));
        if (with_bias) {
            assert_ok(bl_session_bias(s, bias_ids, bias, 4, &api_error));
            assert_ok(bl_sampler_bias(sampler, bias_ids, bias, 4, &api_error));
        }
        assert_ok(bl_generate_ids(s, prompt, 6, o, note, &want, NULL, &api_error));
        if (with_grammar) { /* max_tokens is how many are left, with each token one fewer */
            float logits[API_V];
            assert_ok(bl_session_feed(t, prompt, 6, logits, &api_error));
            assert_ok(bl_sampler_accept(sampler, prompt, 6, o, &api_error));
            for (int left = TOKENS; left && bl_sampler_constrained(sampler); left--) {
                char text[8];
                int32_t id;
                (void)snprintf(text, sizeof text, "%d", left);
                assert_ok(bl_options_set(o, "max_tokens", text, &api_error));
                assert_ok(
                    bl_sampler_draw(sampler, logits, NULL, o, &id, &got.p[got.count], &api_error));
                got.ids[got.count++] = id;
                assert_ok(bl_session_feed(t, &id, 1, logits, &api_error));
            }
        } else
            assert_ok(write_by_hand(t, sampler, prompt, 6, o, NULL, 1, TOKENS, &got));
        assert_same(&want, &got);
        tokens += got.count;
        bl_sampler_close(sampler);
        bl_options_close(o);
    }
    assert_true(tokens > (with_grammar ? 2 : 20) * SETS);
    bl_session_close(s);
    bl_session_close(t);
}

static void what_generate_draws(void **state)
{
    (void)state;
    as_generate(0, 0);
    as_generate(1, 0);
    as_generate(0, 1);
    as_generate(1, 1);
}

/* A fork goes on as its origin; a reset begins again; a seed is a place in the random numbers. */
static void forks_and_resets(void **state)
{
    (void)state;
    bl_options *o = options_of(4);
    bl_session *s;
    bl_sampler *a, *b;
    float logits[API_V];
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_feed(s, prompt, 6, logits, &api_error));
    assert_ok(bl_sampler_open(&a, api_model, &api_error));
    assert_ok(bl_sampler_bias(a, bias_ids, bias, 4, &api_error));
    assert_ok(bl_sampler_constrain(a, g, &api_error));
    int32_t first[12], id;
    for (int i = 0; i < 12; i++)
        assert_ok(bl_sampler_draw(a, logits, NULL, o, &first[i], NULL, &api_error));
    assert_ok(bl_sampler_reset(a, &api_error));
    assert_int_equal(bl_sampler_constrained(a), 0);
    assert_ok(bl_sampler_constrain(a, g, &api_error));
    for (int i = 0; i < 5; i++) {
        assert_ok(bl_sampler_draw(a, logits, NULL, o, &id, NULL, &api_error));
        assert_int_equal(id, first[i]);
    }
    assert_ok(bl_sampler_fork(&b, a, &api_error));
    for (int i = 5; i < 12; i++) {
        assert_ok(bl_sampler_draw(b, logits, NULL, o, &id, NULL, &api_error));
        assert_int_equal(id, first[i]);
    }
    bl_sampler_close(b);
    for (int i = 5; i < 12; i++) {
        assert_ok(bl_sampler_draw(a, logits, NULL, o, &id, NULL, &api_error));
        assert_int_equal(id, first[i]);
    }
    assert_ok(bl_sampler_constrain(a, NULL, &api_error));
    bl_options *p = options_of(6);
    assert_ok(bl_options_set(p, "seed", "-1", &api_error));
    int32_t some[8];
    size_t differ = 0;
    for (int round = 0; round < 2; round++) {
        bl_sampler_seed(a, 99);
        for (int i = 0; i < 8; i++) {
            assert_ok(bl_sampler_draw(a, logits, NULL, p, &id, NULL, &api_error));
            if (round)
                assert_int_equal(id, some[i]);
            some[i] = id;
            differ += i > 0 && id != some[0];
        }
    }
    assert_true(differ > 4);
    bl_sampler_close(a);
    bl_options_close(o);
    bl_options_close(p);
    bl_session_close(s);
}

static uint64_t random_word(uint64_t *at)
{
    uint64_t x = *at += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* What may be drawn through a mask is drawn as with biases of minus infinity for all else. */
static void masks_are_biases(void **state)
{
    (void)state;
    uint64_t place = 3, all[WORDS], some[WORDS];
    bl_session *s, *t;
    assert_ok(bl_session_open(&s, api_model, NULL, &api_error));
    assert_ok(bl_session_open(&t, api_model, NULL, &api_error));
    memset(all, 0xFF, sizeof all);
    for (size_t i = 0; i < 2 * SETS; i++) {
        bl_options *o = options_of(i % SETS);
        int32_t ids[API_V];
        float none[API_V];
        size_t forbidden = 0;
        for (size_t w = 0; w < WORDS; w++)
            some[w] = random_word(&place) & random_word(&place) & random_word(&place);
        for (int32_t v = 0; v < API_V; v++)
            if (!(some[v / 64] >> v % 64 & 1)) {
                ids[forbidden] = v;
                none[forbidden++] = -INFINITY;
            }
        for (int masked = 0; masked < 2; masked++) {
            bl_sampler *a, *b;
            drawn x = {.count = 0}, y = {.count = 0};
            assert_ok(bl_sampler_open(&a, api_model, &api_error));
            assert_ok(bl_sampler_open(&b, api_model, &api_error));
            if (i >= SETS) {
                assert_ok(bl_sampler_constrain(a, g, &api_error));
                assert_ok(bl_sampler_constrain(b, g, &api_error));
            }
            if (masked)
                assert_ok(bl_sampler_bias(b, ids, none, forbidden, &api_error));
            assert_ok(bl_session_reset(s, &api_error));
            assert_ok(bl_session_reset(t, &api_error));
            bl_status one = write_by_hand(s, a, prompt, 6, o, masked ? some : all, 0, 20, &x);
            bl_status other = write_by_hand(t, b, prompt, 6, o, NULL, 0, x.count ? x.count : 1, &y);
            if (x.count) /* until then at least */
                assert_same(&x, &y);
            else
                assert_int_equal(one, other);
            for (size_t k = 0; masked && k < x.count; k++)
                assert_true(some[x.ids[k] / 64] >> x.ids[k] % 64 & 1);
            assert_true(one == BL_OK || (one == BL_EUNSUPPORTED && i >= SETS));
            bl_sampler_close(a);
            bl_sampler_close(b);
        }
        bl_options_close(o);
    }
    bl_session_close(s);
    bl_session_close(t);
}

/* A draw that fails changes nothing, and says why. */
static void nothing_may_be_drawn(void **state)
{
    (void)state;
    uint64_t none[WORDS] = {0}, one[WORDS] = {0};
    float logits[API_V];
    bl_sampler *a, *b;
    int32_t x, y;
    double p;
    for (int32_t v = 0; v < API_V; v++)
        logits[v] = (float)((v * 37) % 101) / 9;
    one[2] = 1u << 5;
    assert_ok(bl_sampler_open(&a, api_model, &api_error));
    assert_ok(bl_sampler_open(&b, api_model, &api_error));
    bl_sampler_seed(a, 4);
    bl_sampler_seed(b, 4);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(bl_sampler_draw(a, logits, none, NULL, &x, &p, &api_error),
                         BL_EUNSUPPORTED);
        assert_int_equal(x, -1);
        assert_non_null(strstr(api_error.message, "mask"));
        assert_ok(bl_sampler_draw(a, logits, NULL, NULL, &x, NULL, &api_error));
        assert_ok(bl_sampler_draw(b, logits, NULL, NULL, &y, NULL, &api_error));
        assert_int_equal(x, y);
    }
    assert_ok(bl_sampler_draw(a, logits, one, NULL, &x, NULL, &api_error));
    assert_int_equal(x, 2 * 64 + 5);
    const int32_t past[] = {3, API_V};
    assert_int_equal(bl_sampler_accept(a, past, 2, NULL, &api_error), BL_EFORMAT);
    bl_options *wrong = api_options(BL_OPTIONS_TRAIN, (char *)NULL);
    assert_int_equal(bl_sampler_draw(a, logits, NULL, wrong, &x, NULL, &api_error), BL_EINVAL);
    bl_options_close(wrong);
    const int32_t every = 0;
    const float nan = NAN;
    assert_int_equal(bl_sampler_bias(a, &every, &nan, 1, &api_error), BL_EINVAL);
    for (int32_t v = 0; v < API_V; v++)
        logits[v] = NAN; /* each counts as minus infinity */
    assert_ok(bl_sampler_draw(a, logits, NULL, NULL, &x, NULL, &api_error));
    assert_int_equal(x, 0);
    bl_sampler_close(a);
    bl_sampler_close(b);
}

/* The model goes with the last who holds it. */
static void it_holds_its_model(void **state)
{
    (void)state;
    static float logits[API_V] = {[7] = 30};
    bl_model *own;
    bl_sampler *a;
    int32_t id;
    assert_ok(bl_model_open(&own, api_path("run"), NULL, &api_error));
    assert_ok(bl_sampler_open(&a, own, &api_error));
    bl_model_close(own);
    assert_ok(bl_sampler_draw(a, logits, NULL, NULL, &id, NULL, &api_error));
    assert_int_equal(id, 7);
    bl_sampler_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_generate_draws), cmocka_unit_test(forks_and_resets),
        cmocka_unit_test(masks_are_biases),    cmocka_unit_test(nothing_may_be_drawn),
        cmocka_unit_test(it_holds_its_model),
    };
    return cmocka_run_group_tests(tests, make, end);
}
