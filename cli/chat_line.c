/* What a person types, or a pipe holds: lines, and messages of several lines. */
#include "chat_line.h"
#include "editor.h"
#include "message.h"
#include "progress.h"
#include "signals.h"
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAIN_BYTES = 65536 };

struct bl_chat_line {
    int typed;         /* the input is a terminal */
    bl_editor *editor; /* or NULL, and then */
    char *buffer;      /* [PLAIN_BYTES] of the plain reader, */
    size_t begin, end; /* the part of it not yet read, */
    int ended;
};

/* ---- the plain reader ---- */

static bl_line_event read_plain(bl_chat_line *l, bl_text *line, bl_error *err)
{
    bl_message so_far = {0};
    if (bl_signals_take(SIGINT)) /* after what the line before has done */
        return BL_LINE_INTERRUPT;
    for (;;) {
        size_t bytes = l->end - l->begin;
        const char *from = l->buffer + l->begin, *newline = memchr(from, '\n', bytes);
        size_t part = newline ? (size_t)(newline - from) : bytes;
        bl_status status = bl_message_append(&so_far, from, part, err);
        *line = so_far.text;
        if (status != BL_OK)
            return BL_LINE_FAILED;
        l->begin += part + (newline != NULL);
        if (newline && line->bytes && line->data[line->bytes - 1] == '\r')
            line->data[--line->bytes] = 0;
        if (newline)
            return BL_LINE_TEXT;
        if (l->ended) /* text before the end is a line too */
            return line->bytes ? BL_LINE_TEXT : BL_LINE_END;
        if (!bl_signals_wait(STDIN_FILENO)) {
            if (bl_signals_caught())
                return BL_LINE_END;
            if (bl_signals_take(SIGINT))
                return BL_LINE_INTERRUPT;
            continue;
        }
        ssize_t got = read(STDIN_FILENO, l->buffer, PLAIN_BYTES);
        if (got < 0 && errno != EINTR) {
            (void)bl_cli_fail(err, BL_EIO, "cannot read standard input: %s", strerror(errno));
            return BL_LINE_FAILED;
        }
        l->ended = got == 0;
        l->begin = 0;
        l->end = got > 0 ? (size_t)got : 0;
    }
}

static bl_line_event read_line(bl_chat_line *l, int further, bl_text *line, int *pasted,
                               bl_error *err)
{
    *line = (bl_text){0};
    *pasted = 0;
    if (bl_signals_caught())
        return BL_LINE_END;
    return l->editor ? bl_editor_read(l->editor, further, line, pasted, err)
                     : read_plain(l, line, err);
}

/* ---- messages ---- */

/* The input ended inside a block, of which nothing is said. */
static bl_line_event end_inside(const bl_chat_line *l, bl_error *err)
{
    static const char why[] = "the input ended after \"\"\" that no \"\"\" closes: what came after "
                              "it was not said";
    if (l->typed) {
        bl_progress_print("%s", why);
        return BL_LINE_END;
    }
    (void)bl_cli_fail(err, BL_EINVAL, "%s", why);
    return BL_LINE_FAILED;
}

/* The history keeps a message of several lines whole. */
static void remember(bl_chat_line *l, const bl_message *m)
{
    char *block = m->block ? bl_message_typed(m->text.data) : NULL;
    if (l->editor && (block || !m->block))
        bl_editor_remember(l->editor, block ? block : m->text.data);
    free(block);
}

/* Adds lines to the message until it is whole. */
static bl_line_event read_message(bl_chat_line *l, bl_message *m, bl_error *err)
{
    do {
        bl_text line;
        bl_status status = BL_OK;
        int pasted;
        bl_line_event event = read_line(l, m->open, &line, &pasted, err);
        if (event == BL_LINE_TEXT)
            status = pasted && !m->open ? bl_message_take(m, &line, err)
                                        : bl_message_add(m, &line, l->typed, err);
        bl_text_release(&line);
        if (status != BL_OK)
            return BL_LINE_FAILED;
        if (event == BL_LINE_END && m->block && !bl_signals_caught())
            return end_inside(l, err);
        if (event != BL_LINE_TEXT)
            return event;
    } while (m->open);
    return BL_LINE_TEXT;
}

bl_line_event bl_chat_line_read(bl_chat_line *l, bl_text *line, bl_error *err)
{
    bl_message m = {0};
    *line = (bl_text){0};
    bl_line_event event = read_message(l, &m, err);
    if (event == BL_LINE_TEXT) {
        remember(l, &m);
        if (m.literal && bl_message_escape(&m, err) != BL_OK)
            event = BL_LINE_FAILED;
    }
    if (event == BL_LINE_TEXT)
        *line = m.text;
    else
        bl_message_release(&m);
    return event;
}

/* ---- both ---- */

bl_status bl_chat_line_open(bl_chat_line **result, int history, bl_error *err)
{
    bl_chat_line *l = calloc(1, sizeof *l);
    *result = l;
    if (!l)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    l->typed = isatty(STDIN_FILENO);
    if (l->typed && bl_terminal_is(stderr))
        return bl_editor_open(&l->editor, history, err);
    l->buffer = malloc(PLAIN_BYTES);
    return l->buffer ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory");
}

void bl_chat_line_complete_with(bl_chat_line *l, bl_complete_fn *complete)
{
    if (l->editor)
        bl_editor_complete_with(l->editor, complete);
}

int bl_chat_line_begin_with(bl_chat_line *l, const char *text)
{
    char *typed = l->editor ? bl_message_typed(text) : NULL;
    if (typed)
        bl_editor_insert(l->editor, typed);
    return typed != NULL;
}

void bl_chat_line_serve_signals(bl_chat_line *l)
{
    if (l->editor)
        bl_editor_serve_signals(l->editor);
}

void bl_chat_line_close(bl_chat_line *l)
{
    if (!l)
        return;
    bl_editor_close(l->editor);
    free(l->buffer);
    free(l);
}

int bl_chat_line_is_typed(const bl_chat_line *l)
{
    return l->typed;
}
