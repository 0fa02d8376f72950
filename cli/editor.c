/* One line from a terminal, edited by libedit. */
#include "editor.h"
#include "chat_history.h"
#include "keys.h"
#include "progress.h"
#include "signals.h"
#include "terminal.h"

#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT_BYTES = 32, HEAD_BYTES = 64, TRIES = 3 };

#define HIDDEN '\1' /* encloses what takes no column; some character has to follow */

/* A key that nobody can type (of C1, see bl_keys_next): libedit calls perform(). */
#define OWN_KEY      0x9f
#define OWN_KEY_NAME "\302\237"

/* Why libedit got no more characters. */
typedef enum leaving { STAYING, STOPPED, INTERRUPTED, RESIZED, TOO_LONG } leaving;

struct bl_editor {
    EditLine *libedit;
    bl_keys *keys;
    bl_chat_history *history;
    char prompt[PROMPT_BYTES], further_prompt[PROMPT_BYTES];
    int further; /* which of them is shown */
    leaving leaving;
    /* What perform() does with the line: */
    int to_end;     /* the cursor goes to its end; */
    char *inserted; /* a text goes into it, */
    size_t behind;  /* with the cursor before so many characters of its end; */
    int tries;      /* so often it was not called */
    /* Whether the line begins with a pasted text of several lines. */
    int in_paste;          /* the end of one has not come; */
    int pasted_first;      /* it began the line */
    int pasted_lines;      /* and had a line end */
    char head[HEAD_BYTES]; /* its first bytes */
};

/* ---- what is done with the line itself ---- */

/* A command of libedit. */
static unsigned char perform(EditLine *editor, int key)
{
    bl_editor *e = NULL;
    int failed = 0;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    if (e->to_end) {
        const LineInfo *line = el_line(editor);
        (void)el_cursor(editor, (int)(line->lastchar - line->cursor));
    }
    if (e->inserted) {
        failed = *e->inserted && el_insertstr(editor, e->inserted) != 0;
        (void)el_cursor(editor, -(int)e->behind);
    }
    free(e->inserted);
    e->inserted = NULL;
    e->to_end = 0;
    return failed ? CC_REFRESH_BEEP : CC_REFRESH;
}

/* The characters of UTF-8 between two places, by their first bytes. */
static size_t characters(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        n += ((unsigned char)*from & 0xc0) != 0x80;
    return n;
}

void bl_editor_insert(bl_editor *e, char *text)
{
    free(e->inserted);
    e->inserted = text;
    e->behind = 0;
    e->tries = 0;
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
    bl_editor_insert(e, copy);
    e->behind = characters(line->cursor, line->lastchar);
}

/* libedit keeps its cursor when its display shrinks, and then writes past the row that it is in.
 * So the line is read again in the new width, from a display that begins at the left margin.  Rows
 * that a line end began are left upwards; how a terminal wraps the others anew is not known. */
static void clear_rows(bl_editor *e)
{
    size_t rows = 0;
    const LineInfo *line = el_line(e->libedit);
    for (const char *c = line->buffer; c < line->cursor; c++)
        rows += *c == '\n';
    if (rows)
        fprintf(stderr, "\033[%zuA", rows);
    fputs("\r\033[J", stderr);
}

/* Notes whether a paste of several lines begins the line. */
static void look_at_paste(bl_editor *e, const char *text, int continues)
{
    const LineInfo *line = el_line(e->libedit);
    if (!continues) {
        e->pasted_first = line->lastchar == line->buffer;
        if (e->pasted_first) {
            e->pasted_lines = 0;
            (void)snprintf(e->head, sizeof e->head, "%s", text);
        }
    }
    e->pasted_lines |= e->pasted_first && strchr(text, '\n');
}

/* ---- characters for libedit ---- */

/* The terminal is the editor's, or as it was. */
static void take_terminal(bl_editor *e, int taken)
{
    if (!taken)
        bl_keys_mark_pastes(e->keys, 0);
    else
        bl_keys_before(e->keys);
    (void)el_set(e->libedit, EL_PREP_TERM, taken);
    if (taken)
        bl_keys_after(e->keys);
}

/* Serves the signals that came while the line was being edited. */
static leaving serve_signals(bl_editor *e)
{
    if (bl_signals_caught())
        return STOPPED;
    if (bl_signals_take(SIGINT))
        return INTERRUPTED;
    int stopped = bl_signals_take(SIGTSTP);
    if (stopped) {
        take_terminal(e, 0);
        bl_signals_stop_here();
    }
    if (bl_signals_take(SIGCONT) || stopped) {
        bl_keys_mark_pastes(e->keys, 0); /* whatever the shell made of it */
        take_terminal(e, 1);
        (void)el_set(e->libedit, EL_REFRESH);
        bl_keys_mark_pastes(e->keys, 1);
    }
    return bl_signals_take(SIGWINCH) ? RESIZED : STAYING;
}

/* What was pasted goes into the line: 1. */
static int take_paste(bl_editor *e)
{
    int continues = e->in_paste;
    char *text = bl_keys_pasted(e->keys);
    e->in_paste = bl_keys_in_paste(e->keys);
    if (!text)
        return 0;
    look_at_paste(e, text, continues);
    bl_editor_insert(e, text);
    return 1;
}

/* libedit's source of characters: one, 0 at the end, -1 when the line is given up. */
static int next_character(EditLine *editor, wchar_t *character)
{
    bl_editor *e = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    bl_keys_mark_pastes(e->keys, 1); /* after the prompt */
    for (;;) {
        if ((e->inserted || e->to_end) && e->tries++ < TRIES) { /* a search may take the key */
            *character = OWN_KEY;
            return 1;
        }
        if (e->leaving != STAYING)
            return -1;
        switch (bl_keys_next(e->keys, character)) {
        case BL_KEY_CHARACTER:
            return 1;
        case BL_KEY_END:
            return 0;
        case BL_KEY_PASTE:
            (void)take_paste(e);
            break;
        case BL_KEY_LONG:
            e->leaving = TOO_LONG;
            break;
        case BL_KEY_SIGNAL:
            e->leaving = serve_signals(e);
            break;
        }
        /* What is shown next stands below the line. */
        if (e->leaving != STAYING && e->leaving != RESIZED) {
            e->to_end = 1;
            e->tries = 0;
        }
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
    static const char *const modes[] = {"-isig", "-ixon", "-inlcr", "-icrnl", NULL};
    bl_editor *e = calloc(1, sizeof *e);
    *result = e;
    if (!e)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    make_prompt(e->prompt, ">");
    make_prompt(e->further_prompt, "...");
    e->keys = bl_keys_open();
    if (!bl_terminal_unicode()) /* models write UTF-8, whatever the locale */
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    e->libedit = e->keys ? el_init("bitllama", stdin, stderr, stderr) : NULL;
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
    (void)el_set(e->libedit, EL_ADDFN, "bl-perform", "what the program does", perform);
    (void)el_set(e->libedit, EL_BIND, OWN_KEY_NAME, "bl-perform", NULL);
    (void)el_set(e->libedit, EL_BIND, "-a", OWN_KEY_NAME, "bl-perform", NULL);
    /* A paste may hold bytes by which the system stops a program or its display, and both kinds of
     * line ends: they come as they are. */
    for (const char *const *mode = modes; *mode; mode++)
        (void)el_set(e->libedit, EL_SETTY, "-d", *mode, NULL);
    return BL_OK;
}

/* Once: the line, or NULL and e->leaving. */
static const char *edit(bl_editor *e, int *count)
{
    e->leaving = STAYING;
    e->tries = 0;
    const char *text = el_gets(e->libedit, count);
    if (text && *count > 0)
        return text;
    if (e->leaving == RESIZED || e->leaving == TOO_LONG)
        keep_line(e);
    if (e->leaving == RESIZED) {
        clear_rows(e);
        el_resize(e->libedit);
    } else {
        fputc('\n', stderr);
    }
    return NULL;
}

bl_line_event bl_editor_read(bl_editor *e, int further, bl_text *line, int *pasted, bl_error *err)
{
    int count = 0;
    const char *text;
    e->further = further;
    e->pasted_lines = e->pasted_first = 0;
    take_terminal(e, 1); /* before the prompt tells that keys are taken */
    while (!(text = edit(e, &count)) && (e->leaving == RESIZED || e->leaving == TOO_LONG))
        if (e->leaving == TOO_LONG)
            bl_progress_print("what was pasted is dropped: it has more than %d bytes",
                              BL_PASTE_MOST);
    take_terminal(e, 0);
    if (e->leaving == INTERRUPTED)
        bl_keys_drop_paste(e->keys);
    if (!text)
        return e->leaving == INTERRUPTED ? BL_LINE_INTERRUPT : BL_LINE_END;
    if (bl_text_copy(line, text, err) != BL_OK)
        return BL_LINE_FAILED;
    if (line->bytes && line->data[line->bytes - 1] == '\n')
        line->data[--line->bytes] = 0;
    *pasted = e->pasted_lines && strchr(line->data, '\n') &&
              strncmp(line->data, e->head, strlen(e->head)) == 0;
    return BL_LINE_TEXT;
}

void bl_editor_remember(bl_editor *e, const char *line)
{
    if (e->history)
        bl_chat_history_add(e->history, line);
}

void bl_editor_close(bl_editor *e)
{
    if (!e)
        return;
    if (e->libedit)
        el_end(e->libedit);
    bl_keys_close(e->keys);
    bl_chat_history_close(e->history);
    free(e->inserted);
    free(e);
}
