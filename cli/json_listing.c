/* JSON text as an indented listing for people. */
#include "json_listing.h"
#include "figures.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 24, ROW_COLUMNS = 64, DEPTH_MOST = 32 };

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \n\r\t");
}

/* Prints the string that begins at a quote, its escapes undone where that is one ASCII character;
 * returns what follows it and the columns used. */
static const char *print_string(FILE *stream, const char *at, size_t *columns)
{
    for (at++; *at && *at != '"'; at++) {
        char c = *at;
        if (c == '\\' && (at[1] == '"' || at[1] == '\\' || at[1] == '/'))
            c = *++at;
        fputc(c, stream);
        *columns += ((unsigned char)c & 0xc0) != 0x80;
    }
    return *at ? at + 1 : at;
}

/* Whole numbers get separators; all else stays as written. */
static const char *print_number(FILE *stream, const char *at)
{
    size_t bytes = strcspn(at, ",]} \n\r\t");
    if (bytes == 0 && *at)
        bytes = 1;
    if (bytes > 3 && bytes < 20 && strspn(at, "0123456789") == bytes)
        fputs(bl_format_count(strtoull(at, NULL, 10)).text, stream);
    else
        (void)fwrite(at, 1, bytes, stream);
    return at + bytes;
}

static const char *print_scalar(FILE *stream, const char *at)
{
    size_t columns = 0;
    return *at == '"' ? print_string(stream, at, &columns) : print_number(stream, at);
}

/* Whether none of `stops` occurs outside strings before the closing character. */
static int holds_none(const char *at, char close, const char *stops)
{
    int quoted = 0;
    for (at++; *at && (quoted || *at != close); at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && strchr(stops, *at))
            return 0;
    }
    return 1;
}

/* An array of numbers and texts fits on one line; an object without objects is a row. */
static int is_flat(const char *at)
{
    return holds_none(at, ']', "{[");
}

static int is_row(const char *at)
{
    return holds_none(at, '}', "{");
}

static const char *print_flat(FILE *stream, const char *at)
{
    at = skip_space(at + 1);
    if (*at == ']')
        fputs("none", stream);
    while (*at && *at != ']') {
        at = skip_space(print_scalar(stream, at));
        if (*at == ',') {
            fputs(", ", stream);
            at = skip_space(at + 1);
        }
    }
    return *at ? at + 1 : at;
}

/* The values of a row, without their names. */
static const char *print_row(FILE *stream, const char *at)
{
    size_t columns = 0;
    int first = 1;
    at = skip_space(at + 1);
    while (*at == '"') {
        at += 1 + strcspn(at + 1, "\"");
        at = skip_space(at + (*at != 0));
        at = skip_space(at + (*at == ':'));
        if (*at == '[' && is_flat(at)) {
            fputc('[', stream);
            at = print_flat(stream, at);
            fputc(']', stream);
        } else if (*at == '"') {
            at = print_string(stream, at, &columns);
        } else {
            at = print_number(stream, at);
        }
        at = skip_space(at);
        at = skip_space(at + (*at == ','));
        if (*at == '"')
            fprintf(stream, "%*s",
                    first && columns < ROW_COLUMNS ? (int)(ROW_COLUMNS - columns) : 2, "");
        first = 0;
    }
    fputc('\n', stream);
    return *at ? at + 1 : at;
}

/* One value and the end of its line; a nested one begins on the next line. */
static const char *print_value(FILE *stream, const char *at, int depth);

static const char *print_members(FILE *stream, const char *at, int depth)
{
    char close = *at == '{' ? '}' : ']';
    at = skip_space(at + 1);
    while (*at && *at != close) {
        size_t columns = (size_t)depth * 2;
        fprintf(stream, "%*s", depth * 2, "");
        if (close == '}' && *at == '"') {
            at = skip_space(print_string(stream, at, &columns));
            if (*at == ':')
                at = skip_space(at + 1);
            if (*at != '{' && (*at != '[' || is_flat(at)))
                fprintf(stream, "%*s ", columns < NAME_COLUMNS ? (int)(NAME_COLUMNS - columns) : 1,
                        "");
        }
        int row = close == ']' && *at == '{' && is_row(at);
        if (close == ']')
            fputs(*at == '{' && !row ? "-" : "- ", stream);
        at = skip_space(row ? print_row(stream, at) : print_value(stream, at, depth + 1));
        if (*at == ',')
            at = skip_space(at + 1);
    }
    return *at ? at + 1 : at;
}

static const char *print_value(FILE *stream, const char *at, int depth)
{
    if (*at == '[' && is_flat(at)) {
        at = print_flat(stream, at);
        fputc('\n', stream);
        return at;
    }
    if ((*at == '{' || *at == '[') && depth < DEPTH_MOST) {
        if (depth > 0)
            fputc('\n', stream);
        return print_members(stream, at, depth);
    }
    at = print_scalar(stream, at);
    fputc('\n', stream);
    return at;
}

void bl_listing_print(FILE *stream, const char *json)
{
    (void)print_value(stream, skip_space(json), 0);
}
