/* Words kept whole at the right edge of a terminal, though they are shown as they come. */
#include "wrap.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { JOINER = 0x200D, EMOJI_STYLE = 0xFE0F, FIRST_EMOJI = 0x1F000 };

/* What is about to be written. */
typedef struct pen {
    char *to;
    size_t made;
} pen;

static void put(pen *p, const char *bytes, size_t count)
{
    memcpy(p->to + p->made, bytes, count);
    p->made += count;
}

static void end_row(bl_wrap *w, pen *p)
{
    put(p, "\n", 1);
    w->column = w->blanks = 0;
    w->swallowed = w->lost = 0;
}

static void end_word(bl_wrap *w)
{
    w->word = w->count = 0;
}

/* Columns of a character; rather too many than too few, so that a terminal which knows better does
 * not wrap before we do. */
static size_t width_of(int32_t c)
{
    int width = utf8proc_charwidth(c);
    if (width == 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_CN) /* newer than the library */
        return c >= FIRST_EMOJI ? 2 : 1;
    return width > 0 ? (size_t)width : 0;
}

static int is_wide(int32_t c)
{
    return utf8proc_charwidth(c) == 2;
}

/* Punctuation and modifiers that do not begin a row; and what does not end one. */
static int clings_back(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_PO || category == UTF8PROC_CATEGORY_PE ||
           category == UTF8PROC_CATEGORY_PF || category == UTF8PROC_CATEGORY_SK;
}

static int clings_on(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return c == JOINER || category == UTF8PROC_CATEGORY_PS || category == UTF8PROC_CATEGORY_PI;
}

/* Whether a row may end between two characters that are no blanks: beside a wide one, as in
 * Chinese. */
static int may_break(int32_t before, int32_t c)
{
    return (is_wide(before) || is_wide(c)) && !clings_back(c) && !clings_on(before);
}

static void blank(bl_wrap *w, pen *p, char c)
{
    size_t next = c == '\t' ? (w->column | 7) + 1 : w->column + 1;
    if (w->word) {
        end_word(w);
        w->blanks = 0;
    }
    if (w->lost) {
        end_row(w, p);
    } else if (w->swallowed || next >= w->columns) {
        w->swallowed = 1;
    } else {
        put(p, &c, 1);
        w->blanks += next - w->column;
        w->column = next;
    }
}

/* Writes a character of a word where the cursor is.  The terminal wraps it at its edge. */
static void write_on(bl_wrap *w, pen *p, const char *bytes, size_t count, size_t width)
{
    put(p, bytes, count);
    w->column += width;
    w->word += width;
    if (w->column > w->columns)
        w->column = w->word = width;
    if (w->count + count <= BL_WRAP_WORD)
        memcpy(w->bytes + w->count, bytes, count);
    w->count += count;
}

/* Moves the word that ends at the cursor to a new row, in the place of the blanks before it. */
static void move_word(bl_wrap *w, pen *p)
{
    size_t back = w->word + w->blanks, word = w->word;
    if (back)
        p->made += (size_t)snprintf(p->to + p->made, 32, "\033[%zuD\033[K", back);
    end_row(w, p);
    put(p, w->bytes, w->count);
    w->column = word;
}

static void letter(bl_wrap *w, pen *p, const char *bytes, size_t count, int32_t c)
{
    size_t width = width_of(c);
    if (c == EMOJI_STYLE && width_of(w->last) == 1)
        width = 1;
    if (w->swallowed)
        end_row(w, p);
    if (w->word && may_break(w->last, c)) {
        if (w->lost)
            end_row(w, p);
        end_word(w);
        w->blanks = 0;
    }
    /* The last column stays free of words that may be moved: at the edge itself terminals differ
     * in where the cursor is. */
    int movable = w->column > w->word + w->blanks && w->count <= BL_WRAP_WORD && !w->lost;
    if (movable && w->column + width >= w->columns && (w->word || w->blanks || !is_wide(c)))
        move_word(w, p);
    write_on(w, p, bytes, count, width);
}

size_t bl_wrap_text(bl_wrap *w, const char *text, size_t bytes, char *to, size_t cap, size_t *taken)
{
    pen p = {to, 0};
    size_t at = 0;
    if (w->columns < BL_WRAP_LEAST) {
        at = bytes < cap ? bytes : cap;
        put(&p, text, at);
    }
    while (at < bytes && cap - p.made >= BL_WRAP_WORD + 64) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                 (utf8proc_ssize_t)(bytes - at), &c);
        size_t count = used > 0 ? (size_t)used : 1;
        if (used <= 0)
            c = 0xFFFD;
        if (c == '\n') {
            end_word(w);
            end_row(w, &p);
        } else if (c == ' ' || c == '\t') {
            blank(w, &p, (char)c);
        } else {
            letter(w, &p, text + at, count, c);
        }
        w->last = c;
        at += count;
    }
    *taken = at;
    return p.made;
}

void bl_wrap_lose(bl_wrap *w, size_t columns)
{
    w->columns = columns;
    w->lost = 1;
    w->swallowed = 0;
    end_word(w);
    w->blanks = 0;
}
