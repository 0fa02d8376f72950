/* Grammars: what fits is what PCRE2 finds by the same grammar in its own words; masks, ends and drawing. */
#include "core/rng.h"
#include "constrain/automaton.h"
#include "constrain/gbnf.h"
#include "constrain/schema.h"
#include "infer/sequence.h"
#include "ops/ops.h"
#include "text/tokenizer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static uint64_t draws;
static uint64_t below(uint64_t n)
{
    return bl_rng_below(7, 5, draws++, n);
}

/* ---- what fits, against PCRE2 ---- */

static const char *const same[][3] = {
    /* grammar, pattern, alphabet */
    {"root ::= \"ab\" | \"ac\" [b-d]*", "ab|ac[b-d]*", "abcde"},
    {"root ::= a{2,4} b{0,2} a{3} | b{1,}\na ::= \"a\"\nb ::= \"b\"", "a{2,4}b{0,2}a{3}|b+", "abc"},
    {"root ::= (\"a\" | \"\")* (\"b\" root \"c\")?", "(?<r>a*(?:b(?&r)c)?)", "abc"},
    {"root ::= s\ns ::= \"(\" s \")\" s | \"\"", "(?<s>(?:\\((?&s)\\)(?&s))?)", "()x"},
    {"root ::= t (\"+\" t)*\nt ::= f (\"*\" f)*\nf ::= [0-9]+ | \"(\" root \")\"",
     "(?<r>(?<t>(?<f>[0-9]+|\\((?&r)\\))(?:\\*(?&f))*)(?:\\+(?&t))*)", "01+*()"},
    {"root ::= [^a-c\\n]+ \"a\"? .", "[^a-c\\n]+a?[\\s\\S]", "abcd\n\xC3\xA9\xE2\x82\xAC"},
    {"root ::= [\\u00E0-\\u0451]{2} [\\U00010000-\\U0010FFFF] | [\\u20AC\\uD7FF\\uE000]*",
     "[\\x{E0}-\\x{451}]{2}[\\x{10000}-\\x{10FFFF}]|[\\x{20AC}\\x{D7FF}\\x{E000}]*",
     "\xC3\xA0\xD1\x91\xD1\x92\xF0\x9F\x98\x80\xE2\x82\xAC\xED\x9F\xBF\xEE\x80\x80"},
    {"root ::= \"x\" root \"y\" | \"x\" root \"z\" | \"q\"", "(?<r>x(?&r)y|x(?&r)z|q)", "xyzq"},
    {"root ::= # a comment\n  \"\\x41\\\"\\\\\\n\" (\n \"b\" # more\n | [\\]\\[\"-] )+ |\n \"c\"",
     "A\"\\\\\\n(?:b|[\\]\\[\"-])+|c", "A\"\\\nb[]-c"},
    {"root ::= a a\na ::= b | \"\"\nb ::= \"x\" a \"y\"", "(?<a>(?:x(?&a)y)?)(?&a)", "xy"},
    {"root ::= (((\"a\"?)*)+ \"b\"){2,} | [^]", "(?:a*b){2,}|[\\s\\S]", "ab"},
};

typedef struct matcher {
    pcre2_code *code;
    pcre2_match_data *data;
} matcher;

/* 2: the whole fits; 1: it may once it goes on; 0: never. */
static int pcre_says(const matcher *m, const char *text, size_t bytes)
{
    int whole = pcre2_match(m->code, (PCRE2_SPTR)text, bytes, 0, 0, m->data, NULL);
    int part = pcre2_match(m->code, (PCRE2_SPTR)text, bytes, 0, PCRE2_PARTIAL_HARD, m->data, NULL);
    return whole > 0 ? 2 : !bytes || part == PCRE2_ERROR_PARTIAL || part > 0;
}

static int we_say(bl_automaton *a, const char *text, size_t bytes)
{
    uint32_t state;
    assert_int_equal(bl_automaton_start(a, &state, NULL), BL_OK);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(bl_automaton_step(a, state, (unsigned char)text[i], &state, NULL), BL_OK);
    return state == BL_STATE_DEAD ? 0 : a->states[state].least == 0 ? 2 : 1;
}

/* A text that mostly fits, character by character. */
static size_t some_text(char *text, bl_automaton *a, const char *alphabet)
{
    size_t n = 0, characters = below(14), all = strlen(alphabet);
    for (size_t i = 0; i < characters; i++) {
        for (size_t tries = below(12) + 1; tries; tries--) {
            size_t at = below(all);
            while (((unsigned char)alphabet[at] & 0xC0) == 0x80)
                at--;
            size_t bytes = bl_utf8_length((unsigned char)alphabet[at]);
            memcpy(text + n, alphabet + at, bytes);
            if (tries == 1 || we_say(a, text, n + bytes)) {
                n += bytes;
                break;
            }
        }
    }
    return n;
}

static void test_same_as_pcre(void **state)
{
    enum { TEXTS = 3000 };
    size_t whole = 0, begun = 0, texts = 0;
    (void)state;
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        bl_graph g = {0};
        bl_automaton a;
        bl_error err;
        int code;
        PCRE2_SIZE where;
        char pattern[300], text[64];
        if (bl_gbnf_read(&g, same[k][0], strlen(same[k][0]), &err) != BL_OK)
            fail_msg("%s: %s", same[k][0], err.message);
        assert_int_equal(bl_automaton_open(&a, &g, 1, NULL), BL_OK);
        (void)snprintf(pattern, sizeof pattern, "(?:%s)\\z", same[k][1]);
        matcher m = {.code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                           PCRE2_UTF | PCRE2_ANCHORED, &code, &where, NULL)};
        assert_non_null(m.code);
        m.data = pcre2_match_data_create_from_pattern(m.code, NULL);
        for (size_t i = 0; i < TEXTS; i++, texts++) {
            size_t bytes = some_text(text, &a, same[k][2]);
            int want = pcre_says(&m, text, bytes), have = we_say(&a, text, bytes);
            if (want != have)
                fail_msg("%s: \"%.*s\": %d, PCRE2 says %d", same[k][0], (int)bytes, text, have,
                         want);
            whole += have == 2;
            begun += have == 1;
        }
        pcre2_match_data_free(m.data);
        pcre2_code_free(m.code);
        bl_automaton_release(&a);
        bl_graph_release(&g);
    }
    printf("  %zu texts of %zu grammars: %zu whole, %zu begun, as PCRE2 says\n", texts,
           sizeof same / sizeof *same, whole, begun);
    assert_true(whole > texts / 10 && begun > texts / 10);
}

/* ---- what is refused, in words ---- */

static const struct {
    int is_schema;
    bl_status status;
    const char *text, *words;
} refused[] = {
    {0, BL_EFORMAT, "", "no rule root"},
    {0, BL_EFORMAT, "root ::= a", "a rule a that it does not define"},
    {0, BL_EFORMAT, "root ::= \"a", "\" at the end of a string expected, not the end of the gr"},
    {0, BL_EFORMAT, "root ::= \"a\n\"", "not the end of the line"},
    {0, BL_EFORMAT, "root ::= [a", "] at the end of a class"},
    {0, BL_EFORMAT, "root ::= (\"a\"", ") at the end of a group"},
    {0, BL_EFORMAT, "root ::= \"a\")", "not ')'"},
    {0, BL_EFORMAT, "root ::= [z-a]", "ends before it begins"},
    {0, BL_EFORMAT, "root ::= \"\\q\"", "an escape is one of"},
    {0, BL_EFORMAT, "root ::= \"\\u12g4\"", "four hexadecimal digits"},
    {0, BL_EFORMAT, "root ::= \"\\uD800\"", "no character of Unicode"},
    {0, BL_EFORMAT, "root ::= \"\xFF\"", "not UTF-8"},
    {0, BL_EFORMAT, "root ::= \"a\"{3,2}", "fewer repetitions at most"},
    {0, BL_EFORMAT, "root ::= \"a\"{x}", "a number of repetitions"},
    {0, BL_EFORMAT, "root : \"a\"", "::= after the rule's name"},
    {0, BL_EFORMAT, "root ::= \"a\"\nroot ::= \"b\"",
     "line 2 of the grammar: rule root is defined"},
    {0, BL_EFORMAT, "root ::= \"a\" root", "goes on for ever"},
    {0, BL_EFORMAT, "root ::= []", "a character out of none"},
    {0, BL_EUNSUPPORTED, "root ::= root \"a\" | \"b\"", "rule root may begin with itself"},
    {0, BL_EUNSUPPORTED, "root ::= \"x\" | a\na ::= b?\nb ::= c* a \"y\"\nc ::= \"z\"", "left"},
    {0, BL_EUNSUPPORTED, "root ::= (\"a\"{1000}){2000}", "too large"},
    {0, BL_EUNSUPPORTED, "root ::= ((\"\"{99999}){99999}){99999}\nroot2 ::= <|x|>",
     "tokens as parts"},
    {1, BL_EFORMAT, "{", "the schema is not JSON"},
    {1, BL_EFORMAT, "{\"type\":\"thing\"}", "at #: type is the name"},
    {1, BL_EFORMAT, "false", "fits no text"},
    {1, BL_EFORMAT, "{\"$ref\":\"#/$defs/x\"}", "no such $ref"},
    {1, BL_EFORMAT, "{\"$ref\":\"#\"}", "leads to itself"},
    {1, BL_EUNSUPPORTED, "{\"properties\":{\"a\":{\"not\":{}}}}",
     "at #/properties/a: the keyword not"},
    {1, BL_EUNSUPPORTED, "{\"type\":\"array\",\"uniqueItems\":true}", "uniqueItems"},
    {1, BL_EUNSUPPORTED, "{\"type\":\"number\",\"multipleOf\":2}", "the keyword multipleOf"},
    {1, BL_EUNSUPPORTED, "{\"type\":\"string\",\"format\":\"email\"}", "the format email"},
    {1, BL_EUNSUPPORTED, "{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "only (...) and (?:...)"},
    {1, BL_EUNSUPPORTED, "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}",
     "branch 0 and"},
    {1, BL_EUNSUPPORTED, "{\"required\":[\"a\"]}", "required names a"},
    {1, BL_EUNSUPPORTED, "{\"allOf\":[{\"type\":\"string\"}]}", "allOf of what is not an object"},
    {1, BL_EFORMAT, "{\"items\":{\"minItems\":-1,\"type\":\"array\"}}",
     "at #/items: minItems is a whole"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bl_graph g = {0};
        bl_error err = {.message = ""};
        const char *text = refused[i].text;
        bl_status status = refused[i].is_schema ? bl_schema_read(&g, text, strlen(text), &err)
                                                : bl_gbnf_read(&g, text, strlen(text), &err);
        if (status != refused[i].status || !strstr(err.message, refused[i].words))
            fail_msg("%s: status %d, %s", text, status, err.message);
        bl_graph_release(&g);
    }
}

/* Ways and depth are bounded: too many readings fail in words, what nests for ever does not grow. */
static void test_bounds(void **state)
{
    static const char ways[] = "root ::= [x]{0,3000} [x]{0,3000} \"y\"",
                      deep[] = "root ::= \"[\" root \"]\" | \"\"";
    bl_graph g = {0};
    bl_automaton a;
    bl_error err = {.message = ""};
    uint32_t at;
    bl_status status = BL_OK;
    (void)state;
    assert_int_equal(bl_gbnf_read(&g, ways, strlen(ways), NULL), BL_OK);
    assert_int_equal(bl_automaton_open(&a, &g, 1, NULL), BL_OK);
    assert_int_equal(bl_automaton_start(&a, &at, NULL), BL_OK);
    for (size_t i = 0; i < 3000 && status == BL_OK; i++)
        status = bl_automaton_step(&a, at, 'x', &at, &err);
    assert_int_equal(status, BL_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "more than 4096 ways"));
    bl_automaton_release(&a);
    bl_graph_release(&g);
    assert_int_equal(bl_gbnf_read(&g, deep, strlen(deep), NULL), BL_OK);
    assert_int_equal(bl_automaton_open(&a, &g, 1, NULL), BL_OK);
    assert_int_equal(bl_automaton_start(&a, &at, NULL), BL_OK);
    size_t depth = 0;
    for (uint32_t next = at; next != BL_STATE_DEAD;
         depth += next != BL_STATE_DEAD, at = next ? next : at)
        assert_int_equal(bl_automaton_step(&a, at, '[', &next, NULL), BL_OK);
    assert_int_equal(depth, BL_NESTED_MOST);
    uint32_t *held = &at;
    assert_int_equal(bl_automaton_drop(&a, &held, 1, NULL), BL_OK); /* to this state alone */
    for (size_t i = 0; i < depth; i++) {
        assert_int_equal(a.states[at].least, depth - i);
        assert_int_equal(bl_automaton_step(&a, at, ']', &at, NULL), BL_OK);
    }
    assert_int_equal(a.states[at].least, 0);
    bl_automaton_release(&a);
    bl_graph_release(&g);
}

/* ---- tokens ---- */

static const char *const over_tokens[][2] = {
    {"gbnf", "root ::= \"{\" [a-z \"]{2,9} \"}\" | [^x]{3} root | \"\\n\""},
    {"schema",
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"type\":"
     "\"integer\",\"minimum\":-20,\"maximum\":1234},\"tags\":{\"items\":{\"enum\":[\"red\","
     "\"green\",1.5]},\"maxItems\":3},\"more\":{\"$ref\":\"#\"}},\"required\":[\"name\"],"
     "\"additionalProperties\":{\"type\":\"boolean\"}}"},
    {"schema", "{}"},
    {"gbnf",
     "root ::= (\"\\x01\\x02\")*"}, /* often one token alone, and sometimes the end beside it */
};
enum { OVER_TOKENS = sizeof over_tokens / sizeof *over_tokens };

static bl_tokenizer *open_tokenizer(void)
{
    bl_tokenizer *t;
    bl_error err;
    if (bl_tokenizer_open(&t, BL_TEST_DATA "/fixtures/tokenizer/vocab-2000.json", &err) != BL_OK)
        fail_msg("%s", err.message);
    return t;
}

static bl_grammar *open_grammar(const bl_tokenizer *t, size_t i)
{
    const char *text = over_tokens[i][1];
    bl_grammar *g;
    bl_error err;
    bl_status status = *over_tokens[i][0] == 's'
                           ? bl_grammar_open_schema(&g, t, text, strlen(text), &err)
                           : bl_grammar_open(&g, t, text, strlen(text), &err);
    if (status != BL_OK)
        fail_msg("%s: %s", text, err.message);
    return g;
}

/* Whether a token may be next, byte by byte over another automaton. */
static int may_be(bl_automaton *a, uint32_t at, const bl_tokenizer *t, int32_t id,
                  const bl_token_limit *limit)
{
    size_t bytes;
    const char *text = bl_tokenizer_bytes(t, id, &bytes);
    if (id == limit->end)
        return a->states[at].least == 0;
    if (!text || t->special[id])
        return 0;
    size_t i = limit->drop && bytes && *text == ' ';
    if (i == bytes)
        return 0;
    for (; i < bytes; i++)
        assert_int_equal(bl_automaton_step(a, at, (unsigned char)text[i], &at, NULL), BL_OK);
    return at != BL_STATE_DEAD;
}

/* Whether a token was found to be the only one, before or after its mask: the mask agrees. */
static int only_agrees(const bl_token_limit *limit, int32_t only, const uint64_t *mask, size_t V)
{
    size_t count = 0;
    for (size_t i = bl_allowed_next(mask, V, 0); i < V; i = bl_allowed_next(mask, V, i + 1))
        count++;
    if (only < 0)
        assert_true(count > 1 || limit->drop || limit->left);
    else
        assert_true(count == 1 && bl_allowed_next(mask, V, 0) == (size_t)only);
    return only >= 0;
}

/* Random texts by masks: each is the one of single tokens, what is kept of all tokens is the mask,
 * a token that is the only one is known to be it, and with a number of tokens left the text always
 * comes to its end. */
static void test_masks(void **state)
{
    enum { WORDS = 64, TEXTS = 40 };
    bl_tokenizer *t = open_tokenizer();
    size_t V = t->ids, ended = 0, checked = 0, forced = 0;
    uint64_t mask[WORDS];
    bl_candidate *list = calloc(V, sizeof *list);
    (void)state;
    assert_true(V < 64 * WORDS && list);
    for (size_t k = 0; k < OVER_TOKENS * TEXTS; k++) {
        size_t which = k % OVER_TOKENS;
        bl_grammar *g = open_grammar(t, which);
        bl_constraint *c, *copy;
        bl_graph graph = {0};
        bl_automaton a;
        uint32_t at;
        int any, whole = 0;
        const char *text = over_tokens[which][1];
        assert_int_equal(*over_tokens[which][0] == 's'
                             ? bl_schema_read(&graph, text, strlen(text), NULL)
                             : bl_gbnf_read(&graph, text, strlen(text), NULL),
                         BL_OK);
        assert_int_equal(bl_automaton_open(&a, &graph, 1, NULL), BL_OK);
        assert_int_equal(bl_automaton_start(&a, &at, NULL), BL_OK);
        assert_int_equal(bl_constraint_open(&c, g, NULL), BL_OK);
        bl_grammar_close(g); /* the constraint has it */
        uint64_t left = below(2) ? 12 + below(60) : 0;
        bl_token_limit limit = {.end = 0, .drop = (int)below(2), .left = left};
        for (size_t n = 0; n < 80 && !whole; n++, limit.drop = 0) {
            int32_t only, before = (int32_t)below(2);
            if (before)
                assert_int_equal(bl_constraint_only(c, &limit, V, &only, NULL), BL_OK);
            assert_int_equal(bl_constraint_mask(c, &limit, mask, V, &any, NULL), BL_OK);
            assert_true(any);
            if (!before)
                assert_int_equal(bl_constraint_only(c, &limit, V, &only, NULL), BL_OK);
            forced += (size_t)only_agrees(&limit, only, mask, V);
            size_t count = V, kept = 0;
            for (size_t i = 0; i < V; i++) {
                int bit = mask[i / 64] >> i % 64 & 1;
                list[i] = (bl_candidate){0, (int32_t)i};
                if (!left)
                    assert_int_equal(bit, may_be(&a, at, t, (int32_t)i, &limit));
                checked++;
            }
            assert_int_equal(bl_constraint_keep(c, &limit, list, &count, NULL), BL_OK);
            for (size_t i = 0; i < V; i++)
                if (mask[i / 64] >> i % 64 & 1)
                    assert_int_equal(list[kept++].id, i);
            assert_int_equal(kept, count);
            int32_t id = list[below(count)].id;
            if (id == 0) {
                whole = 1;
                break;
            }
            assert_int_equal(bl_constraint_copy(&copy, c, NULL), BL_OK);
            bl_constraint_close(c);
            c = copy;
            assert_int_equal(bl_constraint_accept(c, &limit, id, NULL), BL_OK);
            size_t bytes;
            const char *token = bl_tokenizer_bytes(t, id, &bytes);
            for (size_t i = limit.drop && *token == ' '; i < bytes; i++)
                assert_int_equal(bl_automaton_step(&a, at, (unsigned char)token[i], &at, NULL),
                                 BL_OK);
            limit.left -= left != 0;
            assert_true(!left || limit.left);
        }
        assert_true(!left || whole);
        ended += (size_t)whole;
        bl_constraint_close(c);
        bl_automaton_release(&a);
        bl_graph_release(&graph);
    }
    printf("  %zu bits of masks, %zu texts ended, %zu tokens were the only ones\n", checked, ended,
           forced);
    assert_true(ended > TEXTS && forced > TEXTS);
    free(list);
    bl_tokenizer_close(t);
}

/* ---- drawing: from the best, from all, and from none ---- */

/* The best of what a mask allows, as a head of these tokens alone leaves them; 0: they are fewer. */
static int best_allowed(bl_candidate *best, size_t count, const float *x, const uint64_t *mask,
                        size_t V)
{
    bl_candidate *all = calloc(V, sizeof *all);
    size_t n = 0;
    assert_non_null(all);
    for (size_t i = bl_allowed_next(mask, V, 0); i < V; i = bl_allowed_next(mask, V, i + 1))
        all[n++] = (bl_candidate){x[i], (int32_t)i};
    if (n >= count) {
        bl_best_keep(all, n, count);
        memcpy(best, all, count * sizeof *all);
    }
    free(all);
    return n >= count;
}

static void test_draws(void **state)
{
    enum { DRAWS = 4000 };
    bl_tokenizer *t = open_tokenizer();
    size_t V = t->ids, again = 0, drawn = 0, forced = 0, kept[2] = {0};
    float *x = calloc(V, sizeof *x);
    bl_candidate best[BL_TOP_MOST];
    bl_sequence s[2] = {{.pending = BL_NO_TOKEN}, {.pending = BL_NO_TOKEN}};
    (void)state;
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(bl_sampling_open(&s[k].sampler, V, NULL), BL_OK);
    for (size_t n = 0; n < DRAWS; n++) {
        static const double temperature[] = {0, 0.8, 2}, penalty[] = {1, 1, 1.3, 0.8};
        static const size_t top_k[] = {0, 1, 5, 40, 200};
        bl_generate_options o;
        bl_options_defaults(BL_OPTIONS_GENERATE, &o);
        o.temperature = temperature[below(3)];
        o.repeat_penalty = penalty[below(4)];
        o.repeat_last = below(20);
        o.top_k = top_k[below(5)];
        o.seed = 5;
        size_t forbidden = below(3) ? 0 : below(90);
        bl_grammar *g = s[0].constraint && below(16) ? NULL : open_grammar(t, below(OVER_TOKENS));
        for (size_t i = 0; i < V; i++)
            x[i] = 12 * bl_rng_uniform(3, n, i);
        int32_t id[2];
        for (size_t k = 0; k < 2; k++) {
            bl_bias *biases = calloc(forbidden, sizeof *biases);
            for (size_t i = 0; i < forbidden; i++)
                biases[i] = (bl_bias){(int32_t)(1 + 3 * i), i % 3   ? -INFINITY
                                                            : i % 2 ? -2.5f
                                                                    : -0.5f};
            bl_sampling_bias(&s[k].sampler, biases, forbidden);
            if (g)
                assert_int_equal(bl_sequence_constrain(&s[k], g, NULL), BL_OK);
            assert_int_equal(bl_sampling_configure(&s[k].sampler, &o, NULL), BL_OK);
            size_t enough = k ? bl_sampling_enough(&s[k].sampler) : 0;
            if (enough)
                bl_best_of(best, enough, x, V);
            bl_drawing d = {.best = enough ? best : NULL, .count = enough, .logits = x};
            if (k) /* which asks whether it needs logits at all */
                assert_int_equal(bl_sequence_only(&s[k], &d, &id[k], NULL), BL_OK);
            int only = k && id[k] != BL_NO_TOKEN;
            bl_status status = only ? bl_sequence_take(&s[k], &d, id[k], NULL)
                                    : bl_sequence_draw(&s[k], &d, &id[k], NULL);
            forced += (size_t)only;
            if (status == BL_OK && id[k] == BL_NO_TOKEN) {
                assert_true(enough > 0);
                d.found = (forbidden || below(2)) && best_allowed(best, enough, x, s[k].mask, V);
                d.best = d.found ? best : NULL;
                kept[forbidden > 0] += (size_t)d.found;
                again++;
                status = bl_sequence_draw(&s[k], &d, &id[k], NULL);
            }
            if (status != BL_OK) { /* all that the grammar allows is forbidden */
                assert_true(status == BL_EUNSUPPORTED && forbidden);
                bl_sequence_unconstrain(&s[k]);
                id[k] = BL_NO_TOKEN;
            } else { /* and nothing that is forbidden is drawn */
                for (size_t i = 0; i < forbidden; i++)
                    assert_true(id[k] != (int32_t)(1 + 3 * i) || i % 3 == 0);
                bl_sampling_accept(&s[k].sampler, id[k]);
            }
        }
        bl_grammar_close(g);
        assert_int_equal(id[0], id[1]);
        drawn += id[0] != BL_NO_TOKEN;
    }
    printf(
        "  %zu draws the same from the best and from all, %zu of them in two steps, %zu in none, "
        "%zu from the best allowed, %zu with biases\n",
        drawn, again, forced, kept[0], kept[1]);
    assert_true(drawn > DRAWS / 2 && again > DRAWS / 40 && forced > DRAWS / 40);
    assert_true(kept[0] > DRAWS / 100 && kept[1] > DRAWS / 400);
    for (size_t k = 0; k < 2; k++) {
        bl_sequence_unconstrain(&s[k]);
        bl_sampling_release(&s[k].sampler);
    }
    free(x);
    bl_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_pcre), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_masks), cmocka_unit_test(test_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
