/* One line from a terminal, edited by libedit. */
#include "editor.h"
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

enum { PROMPT_BYTES = 32 };

#define HIDDEN '\1' /* encloses what takes no column; some character has to follow */

/* A key that nobody can type (of C1, is_shown_otherwise): it inserts `inserted`. */
#define INSERT_KEY      0x9f
#define INSERT_KEY_NAME "\302\237"

struct bl_editor {
    EditLine *libedit;
    bl_chat_history *history;
    char prompt[PROMPT_BYTES], further_prompt[PROMPT_BYTES];
    int further;        /* which of them is shown */
    mbstate_t decoding; /* of a character of the input, */
    char character[8];  /* whose bytes so far are these */
    size_t bytes;
    int interrupted; /* why libedit got no more characters: Ctrl-C, */
    int resized;     /* or another width of the terminal */
    char *inserted;  /* text that goes into the line, */
    size_t behind;   /* with the cursor before this many characters of its end, */
    int tries;       /* and calls in which it has not been taken */
};

/* Inserts the text; a command of libedit. */
static unsigned char insert(EditLine *editor, int key)
{
    bl_editor *e = NULL;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    if (!e->inserted)
        return CC_ERROR;
    int failed = *e->inserted && el_insertstr(editor, e->inserted) != 0;
    (void)el_cursor(editor, -(int)e->behind);
    free(e->inserted);
    e->inserted = NULL;
    return failed ? CC_REFRESH_BEEP : CC_REFRESH;
}

/* The line as it stands will be inserted into the next one, with the cursor where it is.  Without
 * memory the line is lost. */
static void keep_line(bl_editor *e)
{
    const LineInfo *line = el_line(e->libedit);
    size_t bytes = (size_t)(line->lastchar - line->buffer);
    char *copy = malloc(bytes + 1);
    if (!copy)
        return;
    memcpy(copy, line->buffer, bytes);
    copy[bytes] = 0;
    e->behind = 0;
    for (const char *c = line->cursor; c < line->lastchar; c++)
        e->behind += ((unsigned char)*c & 0xc0) != 0x80; /* the first byte of a character */
    free(e->inserted);
    e->inserted = copy;
}

/* libedit keeps its cursor when its display shrinks, and then writes past the row that it is in.
 * So the line is read again in the new width, from a display that begins at the left margin. */
static void resize(bl_editor *e)
{
    e->resized = 0;
    fputs("\r\033[J", stderr);
    el_resize(e->libedit);
}

/* Serves the signals that came while the line was being edited; 0: the line is given up. */
static int serve_signals(bl_editor *e)
{
    if (bl_signals_caught())
        return 0;
    if (bl_signals_take(SIGINT)) {
        e->interrupted = 1;
        return 0;
    }
    int stopped = bl_signals_take(SIGTSTP);
    if (stopped) {
        (void)el_set(e->libedit, EL_PREP_TERM, 0);
        bl_signals_stop_here();
    }
    if (bl_signals_take(SIGCONT) || stopped) {
        (void)el_set(e->libedit, EL_PREP_TERM, 1);
        (void)el_set(e->libedit, EL_REFRESH);
    }
    if (bl_signals_take(SIGWINCH)) {
        keep_line(e);
        e->resized = 1;
        return 0;
    }
    return 1;
}

/* Whether the character just read would be a command to the terminal that libedit echoes it to; of
 * ASCII libedit takes care. */
static int is_shown_otherwise(const bl_editor *e)
{
    char shown[8];
    return e->bytes > 1 &&
           bl_text_shown(e->character, e->bytes, 0, shown, sizeof shown, NULL) != e->bytes;
}

/* libedit's source of characters: one, 0 at the end, -1 when the line is given up.  A byte that is
 * not UTF-8 becomes U+FFFD, and so does what a pasted text hides to turn a terminal's display. */
static int next_character(EditLine *editor, wchar_t *character)
{
    bl_editor *e = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    if (e->inserted && e->tries++ < 3) { /* a search or a vi command may take the key */
        *character = INSERT_KEY;
        return 1;
    }
    for (;;) {
        char byte;
        if (!bl_signals_wait(STDIN_FILENO)) {
            if (!serve_signals(e))
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
        if (mbsinit(&e->decoding))
            e->bytes = 0;
        if (e->bytes < sizeof e->character)
            e->character[e->bytes++] = byte;
        size_t used = mbrtowc(character, &byte, 1, &e->decoding);
        if (used == (size_t)-2)
            continue;
        if (used == (size_t)-1)
            memset(&e->decoding, 0, sizeof e->decoding);
        if (used == (size_t)-1 || is_shown_otherwise(e))
            *character = 0xfffd;
        return 1;
    }
}

static char *prompt_of(EditLine *editor)
{
    bl_editor *e = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    return e->further ? e->further_prompt : e->prompt;
}

static void make_prompt(char prompt[PROMPT_BYTES], const char *sign)
{
    const char *colour = bl_terminal_colour(stderr, BL_GREEN);
    const char *plain = bl_terminal_colour(stderr, BL_PLAIN);
    if (*colour)
        (void)snprintf(prompt, PROMPT_BYTES, "%c%s%c%s%c%s%c ", HIDDEN, colour, HIDDEN, sign,
                       HIDDEN, plain, HIDDEN);
    else
        (void)snprintf(prompt, PROMPT_BYTES, "%s ", sign);
}

bl_status bl_editor_open(bl_editor **result, int history, bl_error *err)
{
    bl_editor *e = calloc(1, sizeof *e);
    *result = e;
    if (!e)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    make_prompt(e->prompt, ">");
    make_prompt(e->further_prompt, "...");
    if (!bl_terminal_unicode()) /* models write UTF-8, whatever the locale */
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    e->libedit = el_init("bitllama", stdin, stderr, stderr);
    if (!e->libedit)
        return bl_cli_fail(err, BL_ENOMEM, "the line editor cannot be opened");
    (void)el_set(e->libedit, EL_CLIENTDATA, e);
    (void)el_set(e->libedit, EL_PROMPT_ESC, prompt_of, HIDDEN);
    (void)el_set(e->libedit, EL_EDITOR, "emacs");
    (void)el_set(e->libedit, EL_SIGNAL, 0);
    (void)el_set(e->libedit, EL_GETCFN, next_character);
    if (history) {
        e->history = bl_chat_history_open();
        if (e->history)
            bl_chat_history_attach(e->history, e->libedit);
    }
    (void)el_source(e->libedit, NULL); /* the user's own keys: ~/.editrc */
    (void)el_set(e->libedit, EL_ADDFN, "bl-insert", "insert a text of the program", insert);
    (void)el_set(e->libedit, EL_BIND, INSERT_KEY_NAME, "bl-insert", NULL);
    (void)el_set(e->libedit, EL_BIND, "-a", INSERT_KEY_NAME, "bl-insert", NULL);
    return BL_OK;
}

bl_line_event bl_editor_read(bl_editor *e, int further, bl_text *line, bl_error *err)
{
    int count = 0;
    memset(&e->decoding, 0, sizeof e->decoding);
    e->interrupted = 0;
    e->tries = 0;
    e->further = further;
    (void)el_set(e->libedit, EL_PREP_TERM, 1); /* before the prompt tells that keys are taken */
    const char *text = el_gets(e->libedit, &count);
    while (e->resized) {
        resize(e);
        e->tries = 0;
        text = el_gets(e->libedit, &count);
    }
    if (!text || count <= 0) {
        fputc('\n', stderr);
        return e->interrupted ? BL_LINE_INTERRUPT : BL_LINE_END;
    }
    if (bl_text_copy(line, text, err) != BL_OK)
        return BL_LINE_FAILED;
    if (line->bytes && line->data[line->bytes - 1] == '\n')
        line->data[--line->bytes] = 0;
    return BL_LINE_TEXT;
}

void bl_editor_remember(bl_editor *e, const char *line)
{
    if (e->history)
        bl_chat_history_add(e->history, line);
}

void bl_editor_insert(bl_editor *e, char *text)
{
    free(e->inserted);
    e->inserted = text;
    e->behind = 0;
}

void bl_editor_close(bl_editor *e)
{
    if (!e)
        return;
    if (e->libedit)
        el_end(e->libedit);
    bl_chat_history_close(e->history);
    free(e->inserted);
    free(e);
}
