/* Conversations in JSON: what is read, what is refused in words, and who said each byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "corpus/conversation.h"

static bl_conversation c;
static bl_template *chatml;

static bl_conversation_found take(const char *json, const char *field, char *why)
{
    const bl_talk_form form = {.template = chatml, .end = -1};
    return bl_conversation_read(&c, &form, json, strlen(json), field, why);
}

/* The text, with * before each byte of an answer and ' before one of a message. */
static void good(const char *json, const char *field, const char *text, const char *said)
{
    char why[BL_CONVERSATION_WHY];
    if (take(json, field, why) != BL_CONVERSATION_GOOD)
        fail_msg("%s: %s", json, why);
    assert_int_equal(c.text.len, strlen(text));
    assert_memory_equal(c.text.data, text, c.text.len);
    assert_int_equal(c.said.len, c.text.len);
    assert_int_equal(strlen(said), c.text.len);
    for (size_t i = 0; i < c.said.len; i++)
        assert_int_equal(c.said.data[i], said[i] == 'i'   ? BL_SAID_INPUT
                                         : said[i] == 'a' ? BL_SAID_ANSWER
                                         : said[i] == 'b' ? BL_SAID_INPUT | BL_SAID_ANSWER
                                                          : 0);
}

#define USER "<|im_start|>user\nHi<|im_end|>\n"
#define USER_SAID                                                                                  \
    "................."                                                                            \
    "ii"                                                                                           \
    "..........."
#define REPLY "<|im_start|>assistant\nYes<|im_end|>\n"
#define REPLY_SAID                                                                                 \
    "......................"                                                                       \
    "bbb"                                                                                          \
    "aaaaaaaaaa."

static void forms(void **state)
{
    (void)state;
    good("{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
         "\"content\": \"Yes\"}], \"id\": 99999999999999999999999, \"score\": NaN}",
         NULL, USER REPLY, USER_SAID REPLY_SAID);
    good("{\"prompt\": \"Hi\", \"completion\": \"Yes\"}", NULL, USER REPLY, USER_SAID REPLY_SAID);
    good("{\"q\": \"Hi\", \"a b\": \"Yes\"}", "q,a b", USER REPLY, USER_SAID REPLY_SAID);
    good("{\"talk\": [{\"content\": [{\"type\": \"text\", \"text\": \"H\"}, {\"type\": \"text\", "
         "\"text\": \"i\"}], \"role\": \"user\"}, {\"role\": \"assistant\", \"content\": "
         "\"Yes\", \"name\": null}]}",
         "talk", USER REPLY, USER_SAID REPLY_SAID);
    good("{\"messages\": [{\"role\": \"system\", \"content\": \"\"}, {\"role\": \"assistant\", "
         "\"content\": \"Yes\"}, {\"role\": \"user\", \"content\": \"Hi\"}]}",
         NULL, REPLY USER, REPLY_SAID USER_SAID);
    /* words of a message that look like the template's are still a message's */
    good("{\"prompt\": \"<|im_end|>\", \"completion\": \"Yes\"}", NULL,
         "<|im_start|>user\n<|im_end|><|im_end|>\n" REPLY,
         "................."
         "iiiiiiiiii"
         "..........." REPLY_SAID);
}

static void refused(void **state)
{
    static const struct {
        const char *json, *field, *why;
    } cases[] = {
        {"", NULL, "not JSON"},
        {"[", NULL, "not JSON"},
        {"\xFF", NULL, "not JSON"},
        {"{\"messages\": \"\xC3\"}", NULL, "not JSON"},
        {"{\"prompt\": \"\\ud83d\", \"completion\": \"x\"}", NULL, "not JSON"},
        {"{\"messages\": [], \"messages\": []}", NULL, "not JSON: duplicate object key"},
        {"{\"messages\": [{\"role\": \"user\", \"role\": \"user\"}]}", NULL, "duplicate"},
        {"[]", NULL, "not a JSON object"},
        {"\"text\"", NULL, "not a JSON object"},
        {"{}", NULL, "no field \"messages\", nor \"prompt\" and \"completion\""},
        {"{\"text\": \"a\"}", "talk", "no field \"talk\""},
        {"{\"prompt\": \"a\"}", NULL, "no field"},
        {"{\"prompt\": \"a\", \"completion\": null}", NULL, "\"completion\" is null, not text"},
        {"{\"prompt\": \"a\", \"completion\": \" \\n\"}", NULL, "\"completion\" is empty"},
        {"{\"prompt\": \"\", \"completion\": \"a\"}", NULL, "\"prompt\" is empty"},
        {"{\"q\": 5, \"a\": \"b\"}", "q,a", "\"q\" is an integer, not text"},
        {"{\"messages\": {}}", NULL, "\"messages\" is an object, not an array of messages"},
        {"{\"messages\": []}", NULL, "no message of the assistant"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", NULL, "nothing to learn"},
        {"{\"messages\": [null]}", NULL, "message 1 is null, not an object"},
        {"{\"messages\": [{\"content\": \"a\"}]}", NULL, "message 1 has no \"role\""},
        {"{\"messages\": [{\"role\": 1, \"content\": \"a\"}]}", NULL, "has no \"role\""},
        {"{\"messages\": [{\"role\": \"gpt\", \"content\": \"a\"}]}", NULL,
         "the role \"gpt\" of message 1 is not system, user, assistant or tool"},
        {"{\"messages\": [{\"role\": \"user\\u0000x\", \"content\": \"a\"}]}", NULL, "the role"},
        {"{\"messages\": [{\"role\": \"assistant\"}]}", NULL, "content of message 1 is missing"},
        {"{\"messages\": [{\"role\": \"assistant\", \"content\": null}]}", NULL,
         "content of message 1 is null, not text"},
        {"{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}", NULL,
         "message 1 (assistant) is empty"},
        {"{\"messages\": [{\"role\": \"assistant\", \"content\": []}]}", NULL, "is empty"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": [\"a\"]}]}", NULL,
         "a part of the content of message 1 is no object"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}", NULL,
         "is of type \"image_url\"; only text is learned"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]}", NULL,
         "a part of message 1 has no \"text\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[BL_CONVERSATION_WHY] = "";
        bl_conversation_found found = take(cases[i].json, cases[i].field, why);
        if (found != BL_CONVERSATION_BAD || !strstr(why, cases[i].why))
            fail_msg("%s: %d, \"%s\", expected \"%s\"", cases[i].json, (int)found, why,
                     cases[i].why);
    }
}

/* A key or role of a megabyte, and nesting without an end. */
static void huge(void **state)
{
    enum { BYTES = 1 << 20 };
    char why[BL_CONVERSATION_WHY];
    char *json = malloc(BYTES + 200);
    (void)state;
    assert_non_null(json);
    int n = sprintf(json, "{\"messages\": [{\"content\": \"a\", \"role\": \"");
    memset(json + n, 'r', BYTES);
    strcpy(json + n + BYTES, "\"}]}");
    assert_int_equal(take(json, NULL, why), BL_CONVERSATION_BAD);
    assert_true(strlen(why) < sizeof why);
    memset(json, '[', BYTES);
    json[BYTES] = 0;
    assert_int_equal(take(json, NULL, why), BL_CONVERSATION_BAD);
    n = sprintf(json, "{\"prompt\": \"a\", \"completion\": \"");
    memset(json + n, 'r', BYTES);
    strcpy(json + n + BYTES, "\"}");
    assert_int_equal(take(json, NULL, why), BL_CONVERSATION_GOOD);
    assert_true(c.text.len > BYTES && c.said.len == c.text.len);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(refused),
        cmocka_unit_test(huge),
    };
    if (bl_template_of_text(&chatml, "ChatML", bl_chatml, NULL) != BL_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bl_template_close(chatml);
    bl_conversation_release(&c);
    return failed;
}
