/* Any bytes as a conversation, by several templates.  What is read has answers and a byte of who said
 * it for each of the text.  Of ChatML nothing of a message is outside what is marked as one, and
 * with generation blocks and without it is the same. */
#include "fuzz.h"

#include "core/call.h"
#include "core/utf8.h"
#include "corpus/conversation.h"

static const char *const sources[] = {
    bl_chatml,
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "{% for m in messages %}{{ m.role + ': ' }}{{ m.content | trim if loop.last else m.content }}"
    "{{ m.tool_calls | tojson if m.tool_calls }}\n{% endfor %}{% if add_generation_prompt %}"
    "{{ 'assistant:' }}{% elif tools %}{{ raise_exception('no') }}{% endif %}",
};

enum { TEMPLATES = sizeof sources / sizeof *sources };

/* The template's own text: its two tokens, a role, and line ends. */
static size_t take_own(const char *text, size_t n)
{
    static const char *const words[] = {"<|im_start|>system\n", "<|im_start|>user\n",
                                        "<|im_start|>assistant\n", "<|im_start|>tool\n",
                                        "<|im_end|>\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n >= strlen(words[i]) && memcmp(text, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

static void check_chatml(const bl_conversation *c)
{
    for (size_t at = 0, n; at < c->text.len; at += n) {
        n = 1;
        if (c->said.data[at] & BL_SAID_INPUT)
            continue;
        n = take_own(c->text.data + at, c->text.len - at);
        FUZZ_CHECK(n);
        for (size_t i = at; i < at + n; i++)
            FUZZ_CHECK(!(c->said.data[i] & BL_SAID_INPUT));
    }
}

static void check(const bl_conversation *c)
{
    size_t answers = 0;
    FUZZ_CHECK(c->said.len == c->text.len && c->text.len);
    FUZZ_CHECK(bl_utf8_invalid(c->text.data, c->text.len) == c->text.len);
    for (size_t i = 0; i < c->said.len; i++) {
        answers += (c->said.data[i] & BL_SAID_ANSWER) != 0;
        FUZZ_CHECK(!(c->said.data[i] & BL_SAID_LAST) ||
                   (i + 1 == c->said.len && (c->said.data[i] & BL_SAID_ANSWER)));
    }
    FUZZ_CHECK(answers);
}

static void open_forms(bl_talk_form *forms)
{
    static bl_added_index index;
    static const bl_added special[] = {{.id = 0, .special = 1}, {.id = 1, .special = 1}};
    FUZZ_CHECK(bl_added_index_add(&index, &special[0], "<|im_start|>", 12, NULL) == BL_OK);
    FUZZ_CHECK(bl_added_index_add(&index, &special[1], "<|im_end|>", 10, NULL) == BL_OK);
    FUZZ_CHECK(bl_added_index_sort(&index, NULL) == BL_OK);
    for (size_t i = 0; i < TEMPLATES; i++) {
        bl_template *t;
        FUZZ_CHECK(bl_template_of_text(&t, "t", sources[i], NULL) == BL_OK);
        forms[i] = (bl_talk_form){.template = t, .specials = &index, .end = -1};
        FUZZ_CHECK(bl_talk_form_find_end(&forms[i], NULL) == BL_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const fields[] = {NULL, "messages", "talk", "q,a", ",", ""};
    static bl_talk_form forms[TEMPLATES];
    static bl_conversation c[TEMPLATES];
    bl_conversation_found found[TEMPLATES];
    char why[BL_CONVERSATION_WHY];
    bl_call call;
    bl_error err;
    if (size < 1)
        return 0;
    if (!forms[0].template)
        open_forms(forms);
    const char *field = fields[data[0] % (sizeof fields / sizeof *fields)];
    bl_call_begin(&call, &err);
    for (size_t i = 0; i < TEMPLATES; i++) {
        found[i] =
            bl_conversation_read(&c[i], &forms[i], (const char *)data + 1, size - 1, field, why);
        if (found[i] == BL_CONVERSATION_GOOD)
            check(&c[i]);
        else
            FUZZ_CHECK(found[i] == BL_CONVERSATION_NO_MEMORY || (*why && strlen(why) < sizeof why));
    }
    if (found[0] == BL_CONVERSATION_GOOD)
        check_chatml(&c[0]);
    FUZZ_CHECK(found[0] == found[1] || found[1] == BL_CONVERSATION_NO_MEMORY);
    if (found[0] == BL_CONVERSATION_GOOD) {
        FUZZ_CHECK(c[0].text.len == c[1].text.len);
        FUZZ_CHECK(memcmp(c[0].text.data, c[1].text.data, c[0].text.len) == 0);
    }
    FUZZ_CHECK(bl_call_end(&call, BL_OK, &err) == BL_OK);
    return 0;
}
