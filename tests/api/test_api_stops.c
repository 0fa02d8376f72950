/* Texts to stop at, in replies that are written by several calls. */
#include "api.h"

#include <math.h>

typedef struct writing {
    bl_session *s;
    bl_options *o;
    char text[400];
    size_t bytes, tokens, stop_after; /* the reader stops the call after so many tokens; 0: never */
    bl_generate_result result;
} writing;

static int add(void *user, const bl_token_event *token)
{
    writing *w = user;
    assert_true(w->bytes + token->bytes < sizeof w->text);
    memcpy(w->text + w->bytes, token->text, token->bytes);
    w->bytes += token->bytes;
    w->text[w->bytes] = 0;
    return ++w->tokens == w->stop_after;
}

/* A session whose next text is this one, each of whose letters is a token, and that stops at some. */
static writing begin(const char *text, const char *stop)
{
    writing w = {.result = {.size = sizeof w.result}};
    char gbnf[200];
    bl_grammar *g;
    const bl_span stops[] = {{"\n\n\n", 3}, {stop, strlen(stop)}};
    int n = snprintf(gbnf, sizeof gbnf, "root ::= \"%s\"", text);
    assert_ok(bl_grammar_open(&g, bl_model_tokenizer(api_model), gbnf, (size_t)n, &api_error));
    assert_ok(bl_session_open(&w.s, api_model, NULL, &api_error));
    assert_ok(bl_session_constrain(w.s, g, &api_error));
    assert_ok(bl_session_stop(w.s, stops, 2, &api_error));
    bl_grammar_close(g);
    w.o = api_options(BL_OPTIONS_GENERATE, "finish", "false", "seed", "1", (char *)NULL);
    return w;
}

static bl_status call(writing *w, const char *prompt, const char *tokens)
{
    assert_ok(bl_options_set(w->o, "max_tokens", tokens, &api_error));
    return bl_generate(w->s, prompt, strlen(prompt), w->o, add, w, &w->result, &api_error);
}

static void close_all(writing *w)
{
    bl_session_close(w->s);
    bl_options_close(w->o);
}

/* However many calls write a text, it ends where one call ends it; what was handed out by the end
 * of a call is a beginning of the text to stop at. */
static void calls_stop_where_one_does(void **state)
{
    (void)state;
    static const char text[] = "QXZJXZQJXZJXQ", *const sizes[] = {"1", "2", "3", "4", "5", "40"};
    static const char *const stops[] = {"XZJXQ", "ZJ", "QJX", "Q", "JXZJ", "QQ"};
    for (size_t k = 0; k < 6; k++)
        for (size_t i = 0; i < 6; i++) {
            writing w = begin(text, stops[k]);
            const char *found = strstr(text, stops[k]);
            size_t before = found ? (size_t)(found - text) : strlen(text),
                   length = strlen(stops[k]);
            do
                assert_ok(call(&w, w.tokens ? "" : "a", sizes[i]));
            while (!w.result.stopped && !w.result.ended);
            assert_int_equal(w.result.stopped, found ? 2 : 0);
            assert_int_equal(w.tokens, found ? before + length : strlen(text) + 1);
            assert_true(w.bytes >= before && w.bytes < before + length);
            assert_memory_equal(w.text, text, w.bytes);
            if (i == 5)
                assert_int_equal(w.bytes, before);
            close_all(&w);
        }
}

/* What a reader stopped the call on is held, and not lost. */
static void what_is_held_is_not_lost(void **state)
{
    (void)state;
    writing w = begin("QXXJ", "XZ");
    w.stop_after = 2;
    assert_int_equal(call(&w, "a", "9"), BL_EINTERRUPTED);
    assert_string_equal(w.text, "Q");
    writing copy = {.result = {.size = sizeof copy.result}, .o = w.o};
    assert_ok(bl_session_fork(&copy.s, w.s, &api_error));
    assert_ok(call(&w, "", "9"));
    assert_string_equal(w.text, "QXXJ");
    assert_ok(call(&copy, "", "9"));
    assert_string_equal(copy.text, "XXJ");
    bl_session_close(copy.s);
    close_all(&w);
}

/* A reader that stops after every token is told of the text that ended the reply, like any other. */
static void a_reader_hears_of_the_end(void **state)
{
    (void)state;
    writing w = begin("QXZJXZQJXZJXQ", "ZQJ");
    bl_status status = BL_EINTERRUPTED;
    for (w.stop_after = 1; status == BL_EINTERRUPTED && w.tokens < 40; w.stop_after++)
        status = call(&w, w.tokens ? "" : "a", "40");
    assert_int_equal(status, BL_OK);
    assert_int_equal(w.result.stopped, 2);
    assert_string_equal(w.text, "QXZJX");
    close_all(&w);
}

/* A prompt, other texts to stop at, and a reset begin another text. */
static void another_text_begins(void **state)
{
    (void)state;
    writing w = begin("QXZJ", "XZ");
    assert_ok(call(&w, "a", "2"));
    assert_ok(call(&w, " ", "1"));
    assert_int_equal(w.result.stopped, 0);
    assert_string_equal(w.text, "QXZ");
    close_all(&w);
    w = begin("QXZJ", "XZ");
    assert_ok(call(&w, "a", "2"));
    assert_ok(bl_session_stop(w.s, &(bl_span){"XZ", 2}, 1, &api_error));
    assert_ok(call(&w, "", "2"));
    assert_int_equal(w.result.stopped, 0);
    assert_string_equal(w.text, "QXZJ");
    close_all(&w);
    w = begin("QXZJ", "XZ");
    assert_ok(call(&w, "a", "9"));
    assert_int_equal(w.result.stopped, 2);
    assert_ok(call(&w, "", "9")); /* behind it */
    assert_string_equal(w.text, "QJ");
    close_all(&w);
}

static int add_piece(void *user, const char *text, size_t bytes)
{
    return add(user, &(bl_token_event){.text = text, .bytes = bytes});
}

/* In pieces of any size, by one call or by many, a reply is the text of bl_generate(). */
static void pieces_are_the_text(void **state)
{
    (void)state;
    static const double every[] = {0, 1e9, -1, (double)NAN};
    for (size_t i = 0; i < 4; i++)
        for (size_t stops = 0; stops < 2; stops++) {
            writing w = begin("QXZJXZQJXZJXQ", "ZQJ");
            assert_ok(bl_options_set(w.o, "max_tokens", "40", &api_error));
            bl_status status = BL_EINTERRUPTED;
            size_t calls = 0;
            for (; status == BL_EINTERRUPTED; calls++) {
                w.stop_after = stops ? w.tokens + 1 : 0;
                status = bl_generate_text(w.s, calls ? "" : "a", !calls, NULL, 0, w.o, every[i],
                                          add_piece, &w, &w.result, &api_error);
            }
            assert_int_equal(status, BL_OK);
            assert_int_equal(w.result.stopped, 2);
            assert_string_equal(w.text, "QXZJX");
            assert_true(every[i] > 0 ? w.tokens == 1 : w.tokens > 5); /* pieces */
            assert_true(calls == 1 || (stops && every[i] <= 0) || (stops && isnan(every[i])));
            close_all(&w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_stop_where_one_does), cmocka_unit_test(what_is_held_is_not_lost),
        cmocka_unit_test(a_reader_hears_of_the_end), cmocka_unit_test(pieces_are_the_text),
        cmocka_unit_test(another_text_begins),
    };
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
