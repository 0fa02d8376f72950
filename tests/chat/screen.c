/* What a terminal makes of the bytes it gets: a screen of characters, and what it scrolled away. */
#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RIGHT_HALF = -1 }; /* of the wide character before it */

screen *screen_open(size_t columns)
{
    screen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_in_range(columns, 1, SCREEN_COLUMNS);
    s->columns = columns;
    return s;
}

static void feed_line(screen *s)
{
    s->full = 0;
    if (++s->row == s->top + SCREEN_ROWS)
        s->top++;
    assert_in_range(s->row, 0, SCREEN_LINES - 1);
}

static void put(screen *s, wchar_t c)
{
    int width = wcwidth(c);
    if (width == 0) /* it would join the cell before */
        return;
    assert_in_range(width, 1, 2);
    if (s->full || s->column + (size_t)width > s->columns) {
        s->wrapped[s->row] = 1;
        feed_line(s);
        s->column = 0;
    }
    wchar_t *row = s->cells[s->row];
    size_t wide = (size_t)width;
    if (s->inserting)
        memmove(row + s->column + wide, row + s->column,
                (s->columns - s->column - wide) * sizeof *row);
    row[s->column] = c;
    if (wide == 2)
        row[s->column + 1] = RIGHT_HALF;
    s->column += wide;
    s->full = s->column == s->columns;
    s->column -= (size_t)s->full;
}

static void erase(screen *s, size_t row, size_t from, size_t to)
{
    memset(s->cells[row] + from, 0, (to - from) * sizeof(wchar_t));
    if (to == s->columns)
        s->wrapped[row] = 0;
}

/* ESC [ n final. */
static void obey(screen *s, size_t n, char final)
{
    size_t count = n ? n : 1, end = s->columns;
    wchar_t *row = s->cells[s->row];
    s->full = 0;
    switch (final) {
    case 'A':
        s->row = s->row - s->top < count ? s->top : s->row - count;
        break;
    case 'C':
        s->column = s->column + count < end ? s->column + count : end - 1;
        break;
    case 'D':
        s->column = s->column < count ? 0 : s->column - count;
        break;
    case 'G':
        s->column = count <= end ? count - 1 : end - 1;
        break;
    case 'H':
        assert_int_equal(n, 0);
        s->row = s->top;
        s->column = 0;
        break;
    case 'K':
        assert_int_equal(n, 0);
        erase(s, s->row, s->column, end);
        break;
    case 'J':
        assert_int_equal(n, 0);
        erase(s, s->row, s->column, end);
        for (size_t r = s->row + 1; r < SCREEN_LINES; r++)
            erase(s, r, 0, end);
        break;
    case 'P':
        count = count < end - s->column ? count : end - s->column;
        memmove(row + s->column, row + s->column + count, (end - s->column - count) * sizeof *row);
        erase(s, s->row, end - count, end);
        break;
    case '@':
        count = count < end - s->column ? count : end - s->column;
        memmove(row + s->column + count, row + s->column, (end - s->column - count) * sizeof *row);
        erase(s, s->row, s->column, s->column + count);
        break;
    case 'm':
        break;
    default:
        fail_msg("the terminal was sent ESC [ %zu %c", n, final);
    }
}

/* What follows an ESC; returns how much of it. */
static size_t take_sequence(screen *s, const char *text, size_t bytes)
{
    char *end;
    assert_true(bytes >= 2);
    if (strncmp(text, "[?2004", 6) == 0) {
        assert_true(bytes >= 7 && strchr("hl", text[6]));
        s->pastes = text[6] == 'h';
        return 7;
    }
    if (strncmp(text, "[4h", 3) == 0 || strncmp(text, "[4l", 3) == 0) {
        s->inserting = text[2] == 'h';
        return 3;
    }
    if (text[0] != '[')
        fail_msg("the terminal was sent ESC %.20s", text);
    unsigned long n = strtoul(text + 1, &end, 10);
    assert_in_range(n, 0, 1000);
    obey(s, n, *end);
    return (size_t)(end - text) + 1;
}

/* A character below a blank; what a terminal would not show, but ring a bell for, fails. */
static void control(screen *s, char c)
{
    switch (c) {
    case '\r':
        s->column = 0;
        s->full = 0;
        break;
    case '\n':
        feed_line(s);
        break;
    case '\b':
        s->column -= s->column > 0;
        s->full = 0;
        break;
    case '\t':
        s->column = (s->column | 7) + 1 < s->columns ? (s->column | 7) + 1 : s->columns - 1;
        break;
    case '\a':
        break;
    default:
        fail_msg("the terminal was sent the byte %02x", (unsigned char)c);
    }
}

void screen_show(screen *s, const char *text, size_t bytes)
{
    mbstate_t decoding = {0};
    for (size_t at = 0; at < bytes;) {
        wchar_t c;
        if (text[at] == 27) {
            at += 1 + take_sequence(s, text + at + 1, bytes - at - 1);
            continue;
        }
        if ((unsigned char)text[at] < ' ') {
            control(s, text[at++]);
            continue;
        }
        size_t used = mbrtowc(&c, text + at, bytes - at, &decoding);
        assert_in_range(used, 1, 4);
        put(s, c);
        at += used;
    }
}

char *screen_copy(const screen *s)
{
    size_t made = 0;
    char *copy = malloc((s->row + 1) * (4 * s->columns + 1) + 1);
    assert_non_null(copy);
    for (size_t r = 0; r <= s->row; r++) {
        size_t end = s->columns;
        while (end && !s->cells[r][end - 1])
            end--;
        for (size_t c = 0; c < end; c++) {
            wchar_t cell = s->cells[r][c];
            mbstate_t encoding = {0};
            if (cell != RIGHT_HALF)
                made += wcrtomb(copy + made, cell ? cell : L' ', &encoding);
        }
        if (!s->wrapped[r] && r < s->row)
            copy[made++] = '\n';
    }
    copy[made] = 0;
    return copy;
}

void screen_join_words(char *text)
{
    char *to = text;
    for (const char *c = text; *c; c++)
        if (!strchr(" \t\r\n", *c))
            *to++ = *c;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    *to = 0;
}
