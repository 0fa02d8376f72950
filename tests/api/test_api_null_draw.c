/* The rows of NULL pointers, as in test_api_null.c, of what draws: grammars and samplers. */
#include "null.h"

static void grammars(void **state)
{
    (void)state;
    bl_grammar *g;
    REFUSED(bl_grammar_open, g, NULL, tok, "root ::= \"a\"", 12, e);
    REFUSED(bl_grammar_open, t, &g, NULL, "root ::= \"a\"", 12, e);
    REFUSED(bl_grammar_open, gbnf, &g, tok, NULL, 12, e);
    REFUSED(bl_grammar_open_schema, g, NULL, tok, "{}", 2, e);
    REFUSED(bl_grammar_open_schema, t, &g, NULL, "{}", 2, e);
    REFUSED(bl_grammar_open_schema, schema, &g, tok, NULL, 2, e);
    NOTHING(bl_grammar_close, g, NULL);
}

static void samplers(void **state)
{
    (void)state;
    static float logits[API_V];
    bl_sampler *a = (bl_sampler *)1, *fork = a;
    int32_t id = 5;
    double p;
    REFUSED(bl_sampler_open, s, NULL, m, e);
    REFUSED(bl_sampler_open, m, &a, NULL, e);
    assert_null(a);
    NOTHING(bl_sampler_close, s, NULL);
    assert_ok(bl_sampler_open(&a, m, &api_error));
    REFUSED(bl_sampler_fork, fork, NULL, a, e);
    REFUSED(bl_sampler_fork, s, &fork, NULL, e);
    assert_null(fork);
    NOTHING(bl_sampler_seed, s, NULL, 3);
    REFUSED(bl_sampler_bias, s, NULL, &id, logits, 1, e);
    REFUSED(bl_sampler_bias, ids, a, NULL, logits, 1, e);
    REFUSED(bl_sampler_bias, bias, a, &id, NULL, 1, e);
    FINE(bl_sampler_bias, ids, a, NULL, NULL, 0, e);
    REFUSED(bl_sampler_constrain, s, NULL, NULL, e);
    FINE(bl_sampler_constrain, g, a, NULL, e);
    GIVES(bl_sampler_constrained, s, bl_sampler_constrained(NULL) == 0);
    REFUSED(bl_sampler_reset, s, NULL, e);
    FINE(bl_sampler_reset, err, a, e);
    REFUSED(bl_sampler_accept, s, NULL, &id, 1, NULL, e);
    REFUSED(bl_sampler_accept, ids, a, NULL, 1, NULL, e);
    FINE(bl_sampler_accept, ids, a, NULL, 0, NULL, e);
    FINE(bl_sampler_accept, options, a, &id, 1, NULL, e);
    REFUSED(bl_sampler_draw, s, NULL, logits, NULL, NULL, &id, &p, e);
    assert_int_equal(id, -1);
    REFUSED(bl_sampler_draw, logits, a, NULL, NULL, NULL, &id, &p, e);
    REFUSED(bl_sampler_draw, id, a, logits, NULL, NULL, NULL, &p, e);
    FINE(bl_sampler_draw, mask, a, logits, NULL, NULL, &id, &p, e);
    FINE(bl_sampler_draw, options, a, logits, NULL, NULL, &id, &p, e);
    FINE(bl_sampler_draw, log_probability, a, logits, NULL, NULL, &id, NULL, e);
    bl_sampler_close(a);
}

static void replies(void **state)
{
    (void)state;
    static const int32_t ids[] = {5};
    bl_options *o = sets[BL_OPTIONS_GENERATE];
    bl_token_event token = {.size = sizeof token};
    bl_generate_result sum = {.size = sizeof sum};
    REFUSED(bl_generate_next, s, NULL, "a", 1, NULL, 0, o, &token, &sum, e);
    assert_int_equal(sum.tokens, 0);
    REFUSED(bl_generate_next, prompt, s, NULL, 1, NULL, 0, o, &token, &sum, e);
    REFUSED(bl_generate_next, token, s, "a", 1, NULL, 0, o, NULL, &sum, e);
    REFUSED(bl_generate_next, result, s, "a", 1, NULL, 0, o, &token, NULL, e);
    FINE(bl_generate_next, prompt, s, NULL, 0, ids, 1, o, &token, &sum, e);
    FINE(bl_generate_next, ids, s, "a", 1, NULL, 1, o, &token, &sum, e);
    FINE(bl_generate_next, options, s, "a", 1, NULL, 0, NULL, &token, &sum, e);
    assert_true(sum.tokens > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammars),
        cmocka_unit_test(replies),
        cmocka_unit_test(samplers),
    };
    return cmocka_run_group_tests(tests, make, end);
}
