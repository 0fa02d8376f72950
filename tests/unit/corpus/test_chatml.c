/* The text that is learned is the one that the template in tokenizer_config.json writes, and so are
 * the bytes that count: random conversations by both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "corpus/conversation.h"
#include "template/jinja.h"

/* Marks are the same numbers in both. */
static void same_marks(void **state)
{
    (void)state;
    assert_int_equal(BL_SAID_INPUT, BL_MARK_INPUT);
    assert_int_equal(BL_SAID_ANSWER, BL_MARK_ANSWER);
}

static json_t *random_messages(uint64_t seed)
{
    static const char *const roles[] = {"assistant", "user", "system", "tool"};
    static const char *const texts[] = {"a",   " b \n", "{{ c }}", "<|im_end|>",       "\xC3\xA9",
                                        "\"'", "\\n",   "{% d %}", "<|im_start|>user", "\n\n e"};
    json_t *list = json_array();
    for (uint64_t i = 0; i <= bl_rng_below(seed, 1, 0, 6); i++) {
        char text[200] = "";
        size_t role = i ? bl_rng_below(seed, 2, i, 4) : 0;
        for (uint64_t k = 0; k <= bl_rng_below(seed, 3, i, 5); k++)
            strcat(text, texts[bl_rng_below(seed, 4, 10 * i + k, 10)]);
        json_array_append_new(list,
                              json_pack("{s: s, s: s}", "role", roles[role], "content", text));
    }
    return json_pack("{s: o}", "messages", list);
}

static void as_the_template(void **state)
{
    enum { CASES = 400 };
    bl_program *p;
    bl_error err;
    bl_conversation c = {0};
    unsigned compared = 0;
    (void)state;
    assert_int_equal(bl_program_open(&p, "ChatML", bl_chatml, strlen(bl_chatml), &err), BL_OK);
    for (uint64_t seed = 0; seed < CASES; seed++) {
        char why[BL_CONVERSATION_WHY];
        bl_rendering made;
        json_t *input = random_messages(seed);
        char *json = json_dumps(input, 0);
        assert_non_null(json);
        if (bl_conversation_read(&c, json, strlen(json), NULL, why) == BL_CONVERSATION_GOOD) {
            assert_int_equal(bl_program_render(p, NULL, input, strlen(json), 0, &made, &err),
                             BL_OK);
            assert_int_equal(made.bytes, c.text.len);
            assert_memory_equal(made.text, c.text.data, made.bytes);
            for (size_t i = 0; i < made.bytes; i++) /* roles are the caller's words too, there */
                assert_int_equal(made.marks[i] & BL_MARK_ANSWER, c.said.data[i] & BL_SAID_ANSWER);
            for (size_t i = 0; i < made.bytes; i++)
                assert_true(!(c.said.data[i] & BL_SAID_INPUT) || (made.marks[i] & BL_MARK_INPUT));
            bl_rendering_release(&made);
            compared++;
        }
        free(json);
        json_decref(input);
    }
    assert_true(compared > CASES / 2);
    bl_conversation_release(&c);
    bl_program_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_marks),
        cmocka_unit_test(as_the_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
