/* Any bytes as a conversation.  What is read has answers, a byte of who said it for each of the text,
 * and nothing of a message outside what is marked as one: without the marked bytes the text is the
 * template's alone. */
#include "fuzz.h"

#include "corpus/conversation.h"

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

static void check(const bl_conversation *c)
{
    size_t answers = 0, at = 0;
    FUZZ_CHECK(c->said.len == c->text.len && c->text.len);
    while (at < c->text.len) {
        if (c->said.data[at] & BL_SAID_INPUT) {
            at++;
            continue;
        }
        size_t n = take_own(c->text.data + at, c->text.len - at);
        FUZZ_CHECK(n);
        for (size_t i = at; i < at + n; i++)
            FUZZ_CHECK(!(c->said.data[i] & BL_SAID_INPUT));
        answers += (c->said.data[at] & BL_SAID_ANSWER) != 0;
        at += n;
    }
    FUZZ_CHECK(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const fields[] = {NULL, "messages", "talk", "q,a", ",", ""};
    static bl_conversation c;
    char why[BL_CONVERSATION_WHY];
    if (size < 1)
        return 0;
    const char *field = fields[data[0] % (sizeof fields / sizeof *fields)];
    switch (bl_conversation_read(&c, (const char *)data + 1, size - 1, field, why)) {
    case BL_CONVERSATION_GOOD:
        check(&c);
        break;
    case BL_CONVERSATION_BAD:
        FUZZ_CHECK(*why && strlen(why) < sizeof why);
        break;
    case BL_CONVERSATION_NO_MEMORY:
        break;
    }
    return 0;
}
