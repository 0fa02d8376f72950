/* Where a prompt's end cut a token: what is taken back of it, and what may be written in its place.
 *
 * A line break at the end of a prompt is a token that training showed before an empty line only:
 * before an indented one it is in one token with most of the indentation. */
#include "infer/heal.h"

#include <ctype.h>
#include <string.h>

static int begins_within(const char *text)
{
    return ((unsigned char)*text & 0xC0) == 0x80;
}

static int is_blank(const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && memchr(" \t\r\n", text[n], 4))
        n++;
    return n == bytes;
}

/* The bytes of a token that has text of its own, or NULL. */
static const char *text_of(const bl_tokenizer *t, int32_t id, size_t *bytes)
{
    const char *text = bl_tokenizer_bytes(t, id, bytes);
    return text && *bytes && !bl_tokenizer_is_special(t, id) ? text : NULL;
}

/* Letters, digits, and all that is not ASCII. */
static int is_of_word(char c)
{
    return (unsigned char)c >= 0x80 || isalnum((unsigned char)c);
}

/* Whether a token and the one behind it are of one word, which the space before it belongs to, or
 * both blank. */
static int belong(const char *one, size_t bytes, const char *next, size_t next_bytes)
{
    int blank = is_blank(one, bytes);
    char end = one[bytes - 1];
    return begins_within(next) ||
           (is_of_word(*next) && (is_of_word(end) || (blank && end == ' '))) ||
           (blank && is_blank(next, next_bytes));
}

bl_status bl_heal_take_back(const bl_tokenizer *t, const int32_t *ids, size_t count, size_t most,
                            bl_buf *rest, size_t *taken, bl_error *err)
{
    size_t bytes, next_bytes = 0;
    const char *next = NULL;
    *taken = 0;
    for (size_t n = 0; n < most && n < BL_HEAL_MOST; n++) {
        const char *text = text_of(t, ids[count - 1 - n], &bytes);
        if (!text || (n && !belong(text, bytes, next, next_bytes)))
            break;
        next = text;
        next_bytes = bytes;
        if (!begins_within(text))
            *taken = n + 1;
    }
    for (size_t i = count - *taken; i < count; i++) {
        const char *text = bl_tokenizer_bytes(t, ids[i], &bytes);
        bl_buf_append(rest, text, bytes);
    }
    return bl_buf_status(rest, err);
}

void bl_heal_mask(const bl_tokenizer *t, bl_span left, uint64_t *mask, size_t V)
{
    memset(mask, 0, (V + 63) / 64 * sizeof *mask);
    for (size_t id = 0; id < V; id++) {
        size_t bytes;
        const char *text = text_of(t, (int32_t)id, &bytes);
        if (text && memcmp(text, left.text, bytes < left.bytes ? bytes : left.bytes) == 0)
            mask[id / 64] |= (uint64_t)1 << id % 64;
    }
}
