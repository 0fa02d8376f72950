/* GPT-2's pattern by hand:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * Every character has one class, so a word is a contraction, a run of one class with perhaps a
 * space in front, or a run of spaces, which leaves its last one to what follows.  The pattern never
 * looks back: from a place where a word ends, the rest is cut as if it stood alone. */
#include "text/wordscan.h"
#include "core/alloc.h"
#include "text/unicode_classes.h"
#include "text/utf8.h"

#include <string.h>

enum { CODE_POINTS = 0x110000, OTHER = 0, LETTER, NUMBER, SPACE };

struct bl_wordscan {
    unsigned char class_of[CODE_POINTS];
};

bl_status bl_wordscan_open(bl_wordscan **s, bl_error *err)
{
    static const int name[] = {BL_CODE_LETTER, BL_CODE_NUMBER, BL_CODE_SPACE};
    *s = bl_calloc(1, sizeof **s);
    if (!*s)
        return bl_fail(err, BL_ENOMEM, "out of memory for the classes of characters");
    for (int k = 0; k < 3; k++) {
        const bl_code_class *c = &bl_code_classes[name[k]];
        for (size_t i = 0; i < c->count; i++)
            memset((*s)->class_of + c->ranges[i].first, LETTER + k,
                   c->ranges[i].last - c->ranges[i].first + 1);
    }
    return BL_OK;
}

void bl_wordscan_close(bl_wordscan *s)
{
    bl_free(s);
}

static int class_at(const bl_wordscan *s, const char *text, size_t *used)
{
    unsigned char byte = (unsigned char)text[0];
    *used = 1;
    return s->class_of[byte < 0x80 ? byte : bl_utf8_get(text, used)];
}

/* The end of the run of one class that begins at `at`; *last is where its last character begins. */
static size_t run_end(const bl_wordscan *s, const char *text, size_t bytes, size_t at, int class,
                      size_t *last)
{
    size_t used;
    for (; at < bytes && class_at(s, text + at, &used) == class; at += used)
        *last = at;
    return at;
}

/* Length of the contraction at an apostrophe, or 0. */
static size_t contraction(const char *text, size_t bytes)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);
        if (n < bytes && memcmp(text + 1, endings[i], n) == 0)
            return 1 + n;
    }
    return 0;
}

/* The end of a run of spaces as a word: all of it at the end of the text, else all but its last
 * character, unless it is the only one. */
static size_t spaces_end(const bl_wordscan *s, const char *text, size_t bytes, size_t at)
{
    size_t last = at, end = run_end(s, text, bytes, at, SPACE, &last);
    return end == bytes || last == at ? end : last;
}

size_t bl_wordscan_next(const bl_wordscan *s, const char *text, size_t bytes, size_t at)
{
    size_t used, last;
    if (text[at] == '\'') {
        size_t n = contraction(text + at, bytes - at);
        if (n)
            return at + n;
    }
    int class = class_at(s, text + at, &used);
    if (text[at] == ' ' && at + 1 < bytes) {
        int next = class_at(s, text + at + 1, &used);
        if (next != SPACE)
            return run_end(s, text, bytes, at + 1, next, &last);
    }
    return class == SPACE ? spaces_end(s, text, bytes, at)
                          : run_end(s, text, bytes, at, class, &last);
}

size_t bl_wordscan_prefixed(const bl_wordscan *s, const char *text, size_t bytes)
{
    size_t used, last = 0;
    int class = class_at(s, text, &used);
    size_t end = run_end(s, text, bytes, 0, class, &last);
    return class != SPACE || end == bytes ? end : last;
}

/* Between two classes, unless the first character is a space, which may join what follows, or an
 * apostrophe, which may begin a contraction. */
size_t bl_wordscan_cut(const bl_wordscan *s, const char *text, size_t bytes, size_t at)
{
    size_t used;
    while (at < bytes && ((unsigned char)text[at] & 0xC0) == 0x80)
        at++;
    int before = SPACE;
    for (; at < bytes; at += used) {
        int class = class_at(s, text + at, &used);
        if (before != SPACE && class != before)
            return at;
        before = text[at] == '\'' ? SPACE : class;
    }
    return bytes;
}
