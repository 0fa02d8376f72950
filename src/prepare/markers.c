/* What a chat template writes around messages: words that must be one token each.
 *
 * They are found in what it writes of short exchanges, in its own text alone: <|word|>, with the bar
 * of ASCII or the full-width one, at both ends or at one, <word> and </word>, [WORD] and [/WORD].  <think> is not one: what
 * a model says itself is text. */
#include "prepare/markers.h"
#include "core/alloc.h"
#include "core/utf8.h"

#include <string.h>

enum { LONGEST = 64 };

#define BAR "\xEF\xBD\x9C" /* U+FF5C */

#define SYSTEM "{\"role\": \"system\", \"content\": \"Be.\"}"
#define ASKED  "{\"role\": \"user\", \"content\": \"One?\"}"
#define SAID   "{\"role\": \"assistant\", \"content\": \"Two.\"}"
#define CALLED                                                                                     \
    "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"abcdefghi\", "       \
    "\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1}}}]}, "      \
    "{\"role\": \"tool\", \"name\": \"f\", \"tool_call_id\": \"abcdefghi\", \"content\": \"1\"}"
#define TOOLS                                                                                      \
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"d\", "           \
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\", "      \
    "\"description\": \"d\"}}, \"required\": [\"a\"]}}}]"

/* Exchanges; whether tags count, which stand in the prose about tools too. */
static const struct {
    const char *json;
    int tags;
} exchanges[] = {
    {"{\"messages\": [" SYSTEM ", " ASKED ", " SAID ", " ASKED ", " SAID "]}", 1},
    {"{\"messages\": [" ASKED ", " SAID ", " ASKED ", " SAID "]}", 1},
    {"{\"messages\": [" ASKED "], \"add_generation_prompt\": true}", 1},
    {"{\"messages\": [" ASKED ", " CALLED ", " SAID "], \"tools\": " TOOLS "}", 0},
};

/* ---- what looks like one ---- */

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int is_capital(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of "<" word ">" at the beginning of a text where the word has a bar at one end or at
 * both, and anything but white space between them; 0: there is none. */
static size_t barred(const char *text, size_t bytes, const char *bar)
{
    size_t n = strlen(bar), at = 1;
    while (at < bytes && at < LONGEST && !strchr(" \t\n\r<>", text[at]))
        at++;
    if (at < n + 2 || at == bytes || text[at] != '>')
        return 0;
    int first = memcmp(text + 1, bar, n) == 0, last = memcmp(text + at - n, bar, n) == 0;
    return (first || last) && at > n + 1 ? at + 1 : 0;
}

/* The same of a word between two brackets. */
static size_t bracketed(const char *text, size_t bytes, char close, int (*is_word)(char))
{
    size_t first = bytes > 1 && text[1] == '/' ? 2 : 1, at = first;
    while (at < bytes && at < LONGEST && is_word(text[at]))
        at++;
    return at > first && at < bytes && text[at] == close ? at + 1 : 0;
}

static int is_thought(const char *text, size_t bytes)
{
    return (bytes == 7 && memcmp(text, "<think>", 7) == 0) ||
           (bytes == 8 && memcmp(text, "</think>", 8) == 0);
}

/* A marker at byte `at` of a text. */
static size_t marker_at(const char *text, size_t at, size_t bytes, int tags)
{
    const char *here = text + at;
    size_t left = bytes - at, n;
    if (*here == '[')
        return bracketed(here, left, ']', is_capital);
    if (*here != '<')
        return 0;
    if ((n = barred(here, left, "|")) || (n = barred(here, left, BAR)))
        return n;
    n = tags && (at == 0 || text[at - 1] != '<') ? bracketed(here, left, '>', is_letter) : 0;
    return n && !(n < left && here[n] == '>') && !is_thought(here, n) ? n : 0;
}

/* ---- finding them ---- */

bl_status bl_prepare_add_marker(json_t *markers, const char *text, size_t bytes, bl_error *err)
{
    size_t i;
    json_t *one;
    json_array_foreach (markers, i, one)
        if (json_string_length(one) == bytes && memcmp(json_string_value(one), text, bytes) == 0)
            return BL_OK;
    return json_array_append_new(markers, json_stringn(text, bytes)) == 0
               ? BL_OK
               : bl_fail(err, BL_ENOMEM, "out of memory for special tokens");
}

/* Those of the template's own text. */
static bl_status take(json_t *markers, const bl_rendering *made, int tags, bl_error *err)
{
    for (size_t at = 0, end; at < made->bytes; at = end) {
        int given = made->marks && (made->marks[at] & BL_MARK_INPUT);
        for (end = at + 1; end < made->bytes; end++)
            if ((made->marks && (made->marks[end] & BL_MARK_INPUT)) != given)
                break;
        for (size_t n; !given && at < end; at += n ? n : 1) {
            n = marker_at(made->text, at, end, tags);
            if (n)
                BL_TRY(bl_prepare_add_marker(markers, made->text + at, n, err));
        }
    }
    return BL_OK;
}

bl_status bl_prepare_find_markers(json_t *markers, const bl_template *t, int64_t now, bl_error *err)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges && status == BL_OK; i++) {
        bl_rendering made = {.text = NULL};
        bl_error why;
        json_t *input = json_loads(exchanges[i].json, 0, NULL);
        status = input ? bl_template_run(t, input, strlen(exchanges[i].json), now, &made, &why)
                       : bl_fail(&why, BL_ENOMEM, "out of memory for special tokens");
        json_decref(input);
        if (status == BL_OK)
            status = take(markers, &made, exchanges[i].tags, err);
        else if (status == BL_ENOMEM)
            (void)bl_fail(err, status, "%s", why.message);
        else
            status = BL_OK; /* not every template takes every exchange */
        bl_rendering_release(&made);
    }
    return status;
}
