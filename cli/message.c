/* Messages of several lines, and how they are typed: """ to """, or lines that end with \. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define QUOTES "\"\"\""
enum { QUOTES_BYTES = 3 };

bl_status bl_message_append(bl_message *m, const char *from, size_t bytes, bl_error *err)
{
    if (m->cap - m->text.bytes <= bytes) {
        size_t bigger = 2 * (m->text.bytes + bytes + 1);
        char *moved = bigger > bytes ? realloc(m->text.data, bigger) : NULL;
        if (!moved)
            return bl_cli_fail(err, BL_ENOMEM, "out of memory for a line");
        m->text.data = moved;
        m->cap = bigger;
    }
    if (bytes)
        memcpy(m->text.data + m->text.bytes, from, bytes);
    m->text.bytes += bytes;
    m->text.data[m->text.bytes] = 0;
    return BL_OK;
}

static int begins(const char *text, size_t bytes)
{
    return bytes >= QUOTES_BYTES && memcmp(text, QUOTES, QUOTES_BYTES) == 0;
}

/* Whether """ is the end of a line, but for blanks; *bytes: what is before it. */
static int ends(const char *text, size_t *bytes)
{
    size_t n = *bytes;
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n < QUOTES_BYTES || memcmp(text + n - QUOTES_BYTES, QUOTES, QUOTES_BYTES) != 0)
        return 0;
    *bytes = n - QUOTES_BYTES;
    return 1;
}

static int is_continued(const char *text, size_t bytes)
{
    size_t backslashes = 0;
    while (backslashes < bytes && text[bytes - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

bl_status bl_message_add(bl_message *m, const bl_text *line, int continued, bl_error *err)
{
    const char *text = line->data;
    size_t bytes = line->bytes;
    int opening = !m->open && begins(text, bytes), closing = 0;
    if (opening) {
        m->block = m->literal = 1;
        text += QUOTES_BYTES;
        bytes -= QUOTES_BYTES;
    }
    if (m->block) {
        closing = ends(text, &bytes);
        m->open = !closing;
    } else {
        m->open = continued && is_continued(text, bytes);
        bytes -= (size_t)m->open;
    }
    /* """ alone on a line is no line of the message. */
    if (m->block && !bytes && opening != closing)
        return bl_message_append(m, "", 0, err);
    if (opening && bytes && *text == '\n') {
        text++;
        bytes--;
    }
    if (closing && bytes && text[bytes - 1] == '\n')
        bytes--;
    bl_status status = m->lines++ ? bl_message_append(m, "\n", 1, err) : BL_OK;
    return status == BL_OK ? bl_message_append(m, text, bytes, err) : status;
}

bl_status bl_message_take(bl_message *m, const bl_text *text, bl_error *err)
{
    m->block = m->literal = 1;
    return bl_message_append(m, text->data, text->bytes, err);
}

bl_status bl_message_escape(bl_message *m, bl_error *err)
{
    if (!m->text.bytes || *m->text.data != '/')
        return BL_OK;
    bl_status status = bl_message_append(m, "/", 1, err);
    if (status == BL_OK) /* slashes alike: the last has become the first */
        memmove(m->text.data + 1, m->text.data, m->text.bytes - 1);
    return status;
}

void bl_message_release(bl_message *m)
{
    bl_text_release(&m->text);
    *m = (bl_message){0};
}

char *bl_message_typed(const char *text)
{
    size_t bytes = strlen(text);
    int block = strchr(text, '\n') || begins(text, bytes) || is_continued(text, bytes);
    const char *before = block ? QUOTES "\n" : *text == '/' ? "/" : "";
    const char *after = block ? "\n" QUOTES : "";
    size_t cap = strlen(before) + bytes + strlen(after) + 1;
    char *typed = malloc(cap);
    if (typed)
        (void)snprintf(typed, cap, "%s%s%s", before, text, after);
    return typed;
}
