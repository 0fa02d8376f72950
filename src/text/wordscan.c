/* GPT-2's pattern by hand:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * Every character has one class, so a word is a contraction, a run of one class with perhaps a
 * space before it, or a run of spaces, which leaves its last one to what follows.  The pattern
 * never looks back: from a place where a word ends, the rest is cut as if it were alone. */
#include "text/wordscan.h"
#include "core/alloc.h"
#include "text/unicode/classes.h"
#include "core/utf8.h"

#include <string.h>

enum { CODE_POINTS = 0x110000, OTHER = 0, LETTER, NUMBER, SPACE };

struct bl_wordscan {
    unsigned char class_of[CODE_POINTS];
};

bl_status bl_wordscan_open(bl_wordscan **s, bl_error *err)
{
    const uint32_t letters = bl_categories_named("L", 1), numbers = bl_categories_named("N", 1);
    *s = bl_calloc(1, sizeof **s);
    if (!*s)
        return bl_fail(err, BL_ENOMEM, "out of memory for the classes of characters");
    for (size_t i = 0; i < bl_category_run_count; i++) {
        const bl_category_run *r = &bl_category_runs[i];
        int class = letters >> r->category & 1   ? LETTER
                    : numbers >> r->category & 1 ? NUMBER
                                                 : OTHER;
        memset((*s)->class_of + r->first, class, r[1].first - r->first);
    }
    bl_code_fill((*s)->class_of, BL_CODE_SPACE, SPACE);
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

/* The contractions in any case, the long s among them. */
static size_t contraction_of_any_case(const char *text, size_t bytes)
{
    char lower[3] = {'\'', 0, 0};
    for (size_t i = 1; i < 3 && i < bytes; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    if (bytes > 2 && memcmp(text + 1, "\xC5\xBF", 2) == 0)
        return 3;
    return contraction(lower, bytes < 3 ? bytes : 3);
}

/* White space: up to its last newline, if there is one; else all but its last character, unless the
 * text ends or there is only one. */
static size_t lines_white(const bl_wordscan *s, const char *text, size_t bytes, size_t at)
{
    size_t end = at, last = at, line = at, used;
    for (; end < bytes && class_at(s, text + end, &used) == SPACE; end += used) {
        last = end;
        if (text[end] == '\n' || text[end] == '\r')
            line = end + 1;
    }
    if (line > at)
        return line;
    return end == bytes || last == at ? end : last;
}

/*     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
 *     | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+                       */
size_t bl_wordscan_lines(const bl_wordscan *s, const char *text, size_t bytes, size_t at,
                         int digits)
{
    size_t used, last;
    if (text[at] == '\'') {
        size_t n = contraction_of_any_case(text + at, bytes - at);
        if (n)
            return at + n;
    }
    int class = class_at(s, text + at, &used);
    size_t end = at + used;
    if (class == LETTER)
        return run_end(s, text, bytes, end, LETTER, &last);
    if (class == NUMBER) {
        while (--digits > 0 && end < bytes && class_at(s, text + end, &used) == NUMBER)
            end += used;
        return end;
    }
    int next = end < bytes ? class_at(s, text + end, &used) : SPACE;
    if (next == LETTER && text[at] != '\r' && text[at] != '\n')
        return run_end(s, text, bytes, end, LETTER, &last);
    if (class == SPACE && !(text[at] == ' ' && next == OTHER))
        return lines_white(s, text, bytes, at);
    end = run_end(s, text, bytes, end, OTHER, &last);
    while (end < bytes && (text[end] == '\r' || text[end] == '\n'))
        end++;
    return end;
}
