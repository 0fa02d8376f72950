/* The option heal: what is taken back of a prompt, what may be written for it, and replies with it. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "infer/heal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_models.h"

static bl_model *model;
static const bl_tokenizer *tokenizer;

static int make(void **state)
{
    int made = tiny_make(state);
    model = tiny_open("ternary", "cpu");
    tokenizer = bl_model_tokenizer(model);
    return made;
}

static int unmake(void **state)
{
    bl_model_close(model);
    return tiny_remove(state);
}

/* Takes back of a text's ids, of which `kept` have to stay. */
static size_t take(const char *text, unsigned flags, size_t kept, bl_buf *rest)
{
    int32_t ids[128];
    size_t count, taken;
    bl_buf_clear(rest);
    assert_int_equal(
        bl_tokenizer_encode(tokenizer, text, strlen(text), flags, ids, 128, &count, NULL), BL_OK);
    assert_true(count <= 128 && count >= kept);
    assert_int_equal(bl_heal_take_back(tokenizer, ids, count, count - kept, rest, &taken, NULL),
                     BL_OK);
    return taken;
}

static void taken_back(void **state)
{
    static const char *const texts[][2] = {{"Once upon a ti", " ti"},
                                           {"the dog ran.\n", "\n"},
                                           {"the dog ran.\n    ", "\n    "},
                                           {"the dog ran,", ","},
                                           {"the dog ", " "},
                                           {"the dog qzj9", " qzj9"},
                                           {"the dog \xE6\x98\x94", " \xE6\x98\x94"}};
    bl_buf rest = {0};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(take(texts[i][0], 0, 1, &rest) > 0);
        size_t bytes = strlen(texts[i][1]);
        if (rest.len != bytes || memcmp(rest.data, texts[i][1], bytes) != 0)
            fail_msg("'%s': '%.*s'", texts[i][0], (int)rest.len, rest.data);
    }
    assert_int_equal(take("the<|endoftext|>", BL_ENCODE_SPECIAL, 0, &rest), 0);
    assert_int_equal(take("Once", 0, take("Once", 0, 0, &rest), &rest), 0);
    assert_int_equal(take("xqzjxqzjxqzjxqzjxqzjxqzjxqzj", 0, 0, &rest), BL_HEAL_MOST);
    assert_int_equal(rest.len, BL_HEAL_MOST);
    /* 3 bytes a character, none of them in a token with others: 2 characters of the 8 bytes */
    assert_int_equal(take("\xE6\x98\x94\xE6\x98\x94\xE6\x98\x94\xE6\x98\x94", 0, 1, &rest), 6);
    bl_buf_release(&rest);
}

static void masks(void **state)
{
    enum { WORDS = (TINY_V + 63) / 64 };
    static const char *const lefts[] = {" t", "\n", "the", "\x98\x94"};
    (void)state;
    for (size_t i = 0; i < sizeof lefts / sizeof *lefts; i++) {
        uint64_t mask[WORDS];
        size_t set = 0, longer = 0;
        memset(mask, 0xFF, sizeof mask);
        bl_heal_mask(tokenizer, (bl_span){lefts[i], strlen(lefts[i])}, mask, TINY_V);
        for (int32_t id = 0; id < TINY_V; id++) {
            size_t bytes = 0, both = 0;
            const char *text = bl_tokenizer_bytes(tokenizer, id, &bytes);
            while (both < bytes && lefts[i][both] && text[both] == lefts[i][both])
                both++;
            int may = bytes && (both == bytes || !lefts[i][both]);
            assert_int_equal(mask[id / 64] >> id % 64 & 1,
                             may && !bl_tokenizer_is_special(tokenizer, id));
            set += (size_t)may;
            longer += may && bytes > strlen(lefts[i]);
        }
        assert_true(set > 0 && (longer > 0 || i > 0));
    }
}

typedef struct reply {
    char text[512];
    size_t bytes, tokens, first, first_bytes; /* of the first token what is told, and all of it */
} reply;

static int add(void *user, const bl_token_event *token)
{
    reply *r = user;
    assert_true(r->bytes + token->bytes < sizeof r->text);
    if (!r->tokens++) {
        r->first = token->bytes;
        (void)bl_tokenizer_bytes(tokenizer, token->id, &r->first_bytes);
    }
    memcpy(r->text + r->bytes, token->text, token->bytes);
    r->bytes += token->bytes;
    return 0;
}

static void replies(void **state)
{
    static const char *const prompts[] = {"Once upon a ti", "The dog ran.\n", "The \xE6\x98\x94",
                                          " "};
    (void)state;
    size_t cut = 0;
    for (size_t i = 0; i < 20; i++) {
        const char *prompt = prompts[i % 4];
        char values[96];
        (void)snprintf(values, sizeof values, "max_tokens=9,heal=true,ignore_eos=true,seed=%zu", i);
        bl_options *o = tiny_options(BL_OPTIONS_GENERATE, values);
        bl_session *whole, *steps;
        assert_int_equal(bl_session_open(&whole, model, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_open(&steps, model, NULL, NULL), BL_OK);
        reply a = {0}, b = {0};
        bl_generate_result result = {.size = sizeof result}, by_step = {.size = sizeof by_step};
        assert_int_equal(bl_generate(whole, prompt, strlen(prompt), o, add, &a, &result, NULL),
                         BL_OK);
        bl_token_event token = {.size = sizeof token};
        for (size_t n = 0; n < 9; n++) {
            assert_int_equal(
                bl_generate_next(steps, prompt, strlen(prompt), NULL, 0, o, &token, &by_step, NULL),
                BL_OK);
            (void)add(&b, &token);
        }
        assert_int_equal(result.tokens, 9);
        assert_int_equal(by_step.prompt_tokens, result.prompt_tokens);
        assert_int_equal(bl_session_position(whole), result.prompt_tokens + 8);
        assert_int_equal(a.bytes, b.bytes);
        assert_memory_equal(a.text, b.text, a.bytes);
        cut += a.first < a.first_bytes;
        bl_session_close(whole);
        bl_session_close(steps);
        bl_options_close(o);
    }
    assert_true(cut > 0);
}

static void left_alone(void **state)
{
    static const char any[] = "root ::= [a-z]+";
    bl_generate_result plain = {.size = sizeof plain}, read = {.size = sizeof read};
    bl_options *o = tiny_options(BL_OPTIONS_GENERATE, "max_tokens=0,heal=true"),
               *none = tiny_options(BL_OPTIONS_GENERATE, "max_tokens=0"),
               *one = tiny_options(BL_OPTIONS_GENERATE, "max_tokens=1,heal=true");
    bl_session *s;
    bl_grammar *g;
    bl_error err;
    (void)state;
    assert_int_equal(bl_session_open(&s, model, NULL, NULL), BL_OK);
    assert_int_equal(bl_generate(s, "Once", 4, none, NULL, NULL, &plain, NULL), BL_OK);
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(bl_generate(s, "Once", 4, o, NULL, NULL, &read, NULL), BL_OK);
    assert_int_equal(read.prompt_tokens, plain.prompt_tokens);
    assert_int_equal(bl_grammar_open(&g, tokenizer, any, strlen(any), NULL), BL_OK);
    assert_int_equal(bl_session_constrain(s, g, NULL), BL_OK);
    assert_int_equal(bl_generate(s, " upon", 5, one, NULL, NULL, NULL, &err), BL_EINVAL);
    assert_non_null(strstr(err.message, "heal"));
    assert_int_equal(bl_session_constrain(s, NULL, NULL), BL_OK);
    const bl_batch_turn turn = {.session = s};
    const bl_options *const wish = one;
    int32_t drawn;
    bl_batch *batch;
    assert_int_equal(bl_batch_open(&batch, model, 2, NULL, NULL), BL_OK);
    assert_int_equal(bl_batch_join(batch, s, NULL), BL_OK);
    assert_int_equal(bl_batch_next(batch, &turn, 1, &wish, &drawn, &err), BL_EINVAL);
    assert_non_null(strstr(err.message, "heal"));
    bl_batch_close(batch);
    bl_grammar_close(g);
    bl_session_close(s);
    bl_options_close(o);
    bl_options_close(none);
    bl_options_close(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_back),
        cmocka_unit_test(masks),
        cmocka_unit_test(replies),
        cmocka_unit_test(left_alone),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
