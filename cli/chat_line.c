/* Lines that a person types: edited on a terminal by libedit, plain from anything else. */
#include "chat_line.h"
#include "chat_history.h"
#include "signals.h"
#include "terminal.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { PLAIN_BYTES = 65536 };

#define HIDDEN '\1' /* encloses what takes no column; some character has to follow */

/* A key that nobody can type (of C1, is_shown_otherwise): it inserts `inserted`. */
#define INSERT_KEY      0x9f
#define INSERT_KEY_NAME "\302\237"

struct bl_chat_line {
    int typed; /* the input is a terminal */
    EditLine *editor;
    bl_chat_history *history;
    char prompt[32];
    mbstate_t decoding; /* of a character of the editor's input, */
    char character[8];  /* whose bytes so far are these */
    size_t bytes;
    int interrupted;   /* why the editor got no more characters: Ctrl-C, */
    int resized;       /* or another width of the terminal */
    char *inserted;    /* text that goes into the line, */
    size_t behind;     /* with the cursor before this many characters of its end, */
    int tries;         /* and calls in which it has not been taken */
    char *buffer;      /* [PLAIN_BYTES] of the plain reader */
    size_t begin, end; /* the part of it not yet read */
    int ended;
};

/* ---- the editor ---- */

/* Inserts the text; a command of libedit. */
static unsigned char insert(EditLine *editor, int key)
{
    bl_chat_line *l = NULL;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &l);
    if (!l->inserted)
        return CC_ERROR;
    int failed = *l->inserted && el_insertstr(editor, l->inserted) != 0;
    (void)el_cursor(editor, -(int)l->behind);
    free(l->inserted);
    l->inserted = NULL;
    return failed ? CC_REFRESH_BEEP : CC_REFRESH;
}

/* The line as it stands will be inserted into the next one, with the cursor where it is.  Without
 * memory the line is lost. */
static void keep_line(bl_chat_line *l)
{
    const LineInfo *line = el_line(l->editor);
    size_t bytes = (size_t)(line->lastchar - line->buffer);
    char *copy = malloc(bytes + 1);
    if (!copy)
        return;
    memcpy(copy, line->buffer, bytes);
    copy[bytes] = 0;
    l->behind = 0;
    for (const char *c = line->cursor; c < line->lastchar; c++)
        l->behind += ((unsigned char)*c & 0xc0) != 0x80; /* the first byte of a character */
    free(l->inserted);
    l->inserted = copy;
}

/* libedit keeps its cursor when its display shrinks, and then writes past the row that it is in.
 * So the line is read again in the new width, from a display that begins at the left margin. */
static void resize(bl_chat_line *l)
{
    l->resized = 0;
    fputs("\r\033[J", stderr);
    el_resize(l->editor);
}

/* Serves the signals that came while the line was being edited; 0: the line is given up. */
static int serve_signals(bl_chat_line *l)
{
    if (bl_signals_caught())
        return 0;
    if (bl_signals_take(SIGINT)) {
        l->interrupted = 1;
        return 0;
    }
    int stopped = bl_signals_take(SIGTSTP);
    if (stopped) {
        (void)el_set(l->editor, EL_PREP_TERM, 0);
        bl_signals_stop_here();
    }
    if (bl_signals_take(SIGCONT) || stopped) {
        (void)el_set(l->editor, EL_PREP_TERM, 1);
        (void)el_set(l->editor, EL_REFRESH);
    }
    if (bl_signals_take(SIGWINCH)) {
        keep_line(l);
        l->resized = 1;
        return 0;
    }
    return 1;
}

/* Whether the character just read would be a command to the terminal that libedit echoes it to; of
 * ASCII libedit takes care. */
static int is_shown_otherwise(const bl_chat_line *l)
{
    char shown[8];
    return l->bytes > 1 &&
           bl_text_shown(l->character, l->bytes, 0, shown, sizeof shown, NULL) != l->bytes;
}

/* libedit's source of characters: one, 0 at the end, -1 when the line is given up.  A byte that is
 * not UTF-8 becomes U+FFFD, and so does what a pasted text hides to turn a terminal's display. */
static int next_character(EditLine *editor, wchar_t *character)
{
    bl_chat_line *l = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &l);
    if (l->inserted && l->tries++ < 3) { /* a search or a vi command may take the key */
        *character = INSERT_KEY;
        return 1;
    }
    for (;;) {
        char byte;
        if (!bl_signals_wait(STDIN_FILENO)) {
            if (!serve_signals(l))
                return -1;
            continue;
        }
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        if (byte == 0) /* a Ctrl-D typed ahead, before the terminal was the editor's */
            byte = 4;
        if (mbsinit(&l->decoding))
            l->bytes = 0;
        if (l->bytes < sizeof l->character)
            l->character[l->bytes++] = byte;
        size_t used = mbrtowc(character, &byte, 1, &l->decoding);
        if (used == (size_t)-2)
            continue;
        if (used == (size_t)-1)
            memset(&l->decoding, 0, sizeof l->decoding);
        if (used == (size_t)-1 || is_shown_otherwise(l))
            *character = 0xfffd;
        return 1;
    }
}

static char *prompt_of(EditLine *editor)
{
    bl_chat_line *l = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &l);
    return l->prompt;
}

static bl_status open_editor(bl_chat_line *l, int history, bl_error *err)
{
    const char *colour = bl_terminal_colour(stderr, BL_GREEN);
    const char *plain = bl_terminal_colour(stderr, BL_PLAIN);
    if (*colour)
        (void)snprintf(l->prompt, sizeof l->prompt, "%c%s%c>%c%s%c ", HIDDEN, colour, HIDDEN,
                       HIDDEN, plain, HIDDEN);
    else
        (void)snprintf(l->prompt, sizeof l->prompt, "> ");
    if (!bl_terminal_unicode()) /* models write UTF-8, whatever the locale */
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    l->editor = el_init("bitllama", stdin, stderr, stderr);
    if (!l->editor)
        return bl_cli_fail(err, BL_ENOMEM, "the line editor cannot be opened");
    (void)el_set(l->editor, EL_CLIENTDATA, l);
    (void)el_set(l->editor, EL_PROMPT_ESC, prompt_of, HIDDEN);
    (void)el_set(l->editor, EL_EDITOR, "emacs");
    (void)el_set(l->editor, EL_SIGNAL, 0);
    (void)el_set(l->editor, EL_GETCFN, next_character);
    if (history) {
        l->history = bl_chat_history_open();
        if (l->history)
            bl_chat_history_attach(l->history, l->editor);
    }
    (void)el_source(l->editor, NULL); /* the user's own keys: ~/.editrc */
    (void)el_set(l->editor, EL_ADDFN, "bl-insert", "insert a text of the program", insert);
    (void)el_set(l->editor, EL_BIND, INSERT_KEY_NAME, "bl-insert", NULL);
    (void)el_set(l->editor, EL_BIND, "-a", INSERT_KEY_NAME, "bl-insert", NULL);
    return BL_OK;
}

static bl_line_event read_edited(bl_chat_line *l, bl_text *line, bl_error *err)
{
    int count = 0;
    memset(&l->decoding, 0, sizeof l->decoding);
    l->interrupted = 0;
    l->tries = 0;
    (void)el_set(l->editor, EL_PREP_TERM, 1); /* before the prompt tells that keys are taken */
    const char *text = el_gets(l->editor, &count);
    while (l->resized) {
        resize(l);
        l->tries = 0;
        text = el_gets(l->editor, &count);
    }
    if (!text || count <= 0) {
        fputc('\n', stderr);
        return l->interrupted ? BL_LINE_INTERRUPT : BL_LINE_END;
    }
    if (bl_text_copy(line, text, err) != BL_OK)
        return BL_LINE_FAILED;
    if (line->bytes && line->data[line->bytes - 1] == '\n')
        line->data[--line->bytes] = 0;
    if (l->history)
        bl_chat_history_add(l->history, line->data);
    return BL_LINE_TEXT;
}

/* ---- the plain reader ---- */

static bl_status append(bl_text *line, size_t *cap, const char *from, size_t bytes, bl_error *err)
{
    if (*cap - line->bytes <= bytes) {
        size_t bigger = 2 * (line->bytes + bytes + 1);
        char *moved = bigger > bytes ? realloc(line->data, bigger) : NULL;
        if (!moved)
            return bl_cli_fail(err, BL_ENOMEM, "out of memory for a line");
        line->data = moved;
        *cap = bigger;
    }
    memcpy(line->data + line->bytes, from, bytes);
    line->bytes += bytes;
    line->data[line->bytes] = 0;
    return BL_OK;
}

static bl_line_event read_plain(bl_chat_line *l, bl_text *line, bl_error *err)
{
    size_t cap = 0;
    *line = (bl_text){0};
    for (;;) {
        size_t bytes = l->end - l->begin;
        const char *from = l->buffer + l->begin, *newline = memchr(from, '\n', bytes);
        size_t part = newline ? (size_t)(newline - from) : bytes;
        if (append(line, &cap, from, part, err) != BL_OK)
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

/* ---- both ---- */

bl_status bl_chat_line_open(bl_chat_line **result, int history, bl_error *err)
{
    bl_chat_line *l = calloc(1, sizeof *l);
    *result = l;
    if (!l)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    l->typed = isatty(STDIN_FILENO);
    if (l->typed && bl_terminal_is(stderr))
        return open_editor(l, history, err);
    l->buffer = malloc(PLAIN_BYTES);
    return l->buffer ? BL_OK : bl_cli_fail(err, BL_ENOMEM, "out of memory");
}

bl_line_event bl_chat_line_read(bl_chat_line *l, bl_text *line, bl_error *err)
{
    *line = (bl_text){0};
    if (bl_signals_caught())
        return BL_LINE_END;
    return l->editor ? read_edited(l, line, err) : read_plain(l, line, err);
}

int bl_chat_line_begin_with(bl_chat_line *l, const char *text)
{
    size_t bytes = strlen(text), escape = *text == '/';
    char *line = l->editor ? malloc(escape + bytes + 1) : NULL;
    if (!line)
        return 0;
    *line = '/';
    memcpy(line + escape, text, bytes + 1);
    free(l->inserted);
    l->inserted = line;
    l->behind = 0;
    return 1;
}

void bl_chat_line_close(bl_chat_line *l)
{
    if (!l)
        return;
    if (l->editor)
        el_end(l->editor);
    bl_chat_history_close(l->history);
    free(l->inserted);
    free(l->buffer);
    free(l);
}

int bl_chat_line_is_typed(const bl_chat_line *l)
{
    return l->typed;
}
