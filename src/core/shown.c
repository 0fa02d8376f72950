/* Text made safe for a terminal: what is not plain text is spelled out. */
#include "core/shown.h"
#include "core/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

/* What moves a cursor, changes a terminal's state, ends a line, or turns the order of what is read:
 * C0, DEL and C1; the marks, embeddings, overrides and isolates of the bidirectional algorithm; the
 * line and paragraph separators. */
static const range controls[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C},
                                 {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}};

static int is_control(uint32_t code)
{
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (code >= controls[i].first && code <= controls[i].last)
            return 1;
    return 0;
}

/* One character, or a part of none, as it is shown. */
static size_t spell(const char *text, size_t bytes, int valid, unsigned flags, char out[16])
{
    int json = (flags & BL_SHOWN_JSON) != 0;
    size_t used;
    if (!valid && json) {
        memcpy(out, BL_UTF8_REPLACEMENT, 3);
        return 3;
    }
    if (!valid)
        return (size_t)snprintf(out, 16, "<%02X>", (unsigned char)*text);
    uint32_t code = bl_utf8_get(text, &used);
    int layout = (code == '\n' || code == '\t') && !(flags & BL_SHOWN_LINE);
    if (!is_control(code) || layout) {
        memcpy(out, text, bytes);
        return bytes;
    }
    return (size_t)snprintf(out, 16, json ? "\\u%04x" : "<U+%04X>", (unsigned)code);
}

size_t bl_text_shown(const char *text, size_t bytes, unsigned flags, char *shown, size_t cap,
                     size_t *taken)
{
    size_t at = 0, made = 0;
    bytes = text ? bytes : 0;
    cap = shown ? cap : 0;
    while (at < bytes) {
        char out[16];
        size_t used;
        bl_utf8_kind kind = bl_utf8_look(text + at, bytes - at, &used);
        if (kind == BL_UTF8_INCOMPLETE && (flags & BL_SHOWN_PART))
            break;
        if (kind != BL_UTF8_VALID && !(flags & BL_SHOWN_JSON))
            used = 1; /* each byte is shown */
        size_t n = spell(text + at, used, kind == BL_UTF8_VALID, flags, out);
        if (n > cap - made)
            break;
        memcpy(shown + made, out, n);
        made += n;
        at += used;
    }
    if (taken)
        *taken = at;
    return made;
}

void bl_shown_line(char *line, size_t cap, const char *format, va_list args)
{
    char raw[1024];
    int length = vsnprintf(raw, sizeof raw, format, args);
    size_t bytes = length < 0 ? 0 : strlen(raw);
    unsigned cut = (size_t)length > bytes ? BL_SHOWN_PART : 0; /* perhaps inside a character */
    line[bl_text_shown(raw, bytes, BL_SHOWN_LINE | cut, line, cap - 1, NULL)] = 0;
}
