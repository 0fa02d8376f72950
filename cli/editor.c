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

enum { PROMPT_BYTES = 32, HEAD_BYTES = 5, TRIES = 3 };

#define HIDDEN '\1' /* encloses what takes no column; some character has to follow */

/* A key that nobody can type (of C1, see bl_keys_next): libedit calls perform(). */
#define OWN_KEY      0x9f
#define OWN_KEY_NAME "\302\237"

/* Others of that kind, for commands that are libedit's. */
#define OLDER_KEY "\302\235"
#define NEWER_KEY "\302\236"

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
    size_t undone;  /* but first so many characters before the cursor go */
    int tries;      /* so often it was not called */
    /* libedit keeps 1,024 characters of the line from which the history is entered. */
    wchar_t *left;     /* the whole of it, */
    size_t left_count; /* so many */
    size_t depth;      /* how far back */
    /* Tab: */
    bl_complete_fn *complete;
    int tabs;        /* so many in a row */
    bl_message list; /* shown below the line, */
    size_t place;    /* with the cursor then before so many characters of its end */
    /* Whether the line begins with a pasted text of several lines. */
    int in_paste;          /* the end of one has not come, */
    size_t in_line;        /* of which so many characters are in the line; */
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
    if (e->undone)
        el_deletestr(editor, (int)e->undone);
    e->undone = 0;
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

/* ---- up and down, in the line and the history ---- */

static void keep_left(bl_editor *e)
{
    const LineInfoW *line = el_wline(e->libedit);
    size_t count = (size_t)(line->lastchar - line->buffer);
    free(e->left);
    e->left = malloc((count + 1) * sizeof *e->left);
    e->left_count = count;
    if (!e->left)
        return;
    memcpy(e->left, line->buffer, count * sizeof *e->left);
    e->left[count] = 0;
}

/* Whether the line is the one that was left, cut off: then it is whole again. */
static int mend_left(bl_editor *e)
{
    const LineInfoW *line = el_wline(e->libedit);
    if (!e->left || (size_t)(line->lastchar - line->buffer) != e->left_count ||
        !wmemchr(line->buffer, 0, e->left_count))
        return 0;
    (void)el_cursor(e->libedit, (int)(line->lastchar - line->cursor));
    el_deletestr(e->libedit, (int)e->left_count);
    return el_winsertstr(e->libedit, e->left) == 0;
}

/* The cursor goes to the row before, at most its end; in the first row to what was said before. */
static unsigned char go_up(EditLine *editor, int key)
{
    bl_editor *e = NULL;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    const LineInfoW *line = el_wline(editor);
    const wchar_t *row = line->cursor;
    while (row > line->buffer && row[-1] != '\n')
        row--;
    if (row == line->buffer) {
        if (!e->depth)
            keep_left(e);
        e->depth += e->history && e->depth < bl_chat_history_count(e->history);
        el_push(editor, OLDER_KEY);
        return CC_NORM;
    }
    const wchar_t *end = row - 1, *before = end;
    while (before > line->buffer && before[-1] != '\n')
        before--;
    ptrdiff_t column = line->cursor - row, most = end - before;
    (void)el_cursor(editor, (int)(before + (column < most ? column : most) - line->cursor));
    return CC_CURSOR;
}

static unsigned char go_down(EditLine *editor, int key)
{
    bl_editor *e = NULL;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    const LineInfoW *line = el_wline(editor);
    const wchar_t *row = line->cursor, *next = line->cursor;
    while (row > line->buffer && row[-1] != '\n')
        row--;
    while (next < line->lastchar && *next != '\n')
        next++;
    if (next == line->lastchar) {
        if (!e->depth) /* libedit would put back what the line was when it was left */
            return CC_ERROR;
        e->depth--;
        el_push(editor, NEWER_KEY);
        return CC_NORM;
    }
    const wchar_t *to = next + 1;
    for (ptrdiff_t n = line->cursor - row; n && to < line->lastchar && *to != '\n'; n--)
        to++;
    (void)el_cursor(editor, (int)(to - line->cursor));
    return CC_CURSOR;
}

/* ---- Tab ---- */

/* The word before the cursor, of so many characters, becomes another. */
static unsigned char replace(bl_editor *e, size_t count, const char *word)
{
    el_deletestr(e->libedit, (int)count);
    return *word && el_insertstr(e->libedit, word) != 0 ? CC_REFRESH_BEEP : CC_REFRESH;
}

/* What all candidates for text + c->from have in common takes its place.  As in a shell, when that
 * is nothing new the first Tab rings and the second lists them. */
static unsigned char take_candidates(bl_editor *e, const char *text, bl_candidates *c)
{
    const char *begun = text + c->from, *end = text + strlen(text);
    size_t same = bl_candidates_end(c);
    if (!c->count)
        return CC_ERROR;
    size_t count = characters(begun, end);
    if (c->count == 1) {
        char *word = c->word[0];
        int failed = replace(e, count, word) != CC_REFRESH ||
                     (!c->goes_on && el_insertstr(e->libedit, " ") != 0);
        return failed ? CC_REFRESH_BEEP : CC_REFRESH;
    }
    c->word[0][same] = 0;
    if (strcmp(c->word[0], begun) != 0)
        return replace(e, count, c->word[0]);
    return CC_ERROR;
}

/* Tab; a command of libedit.  In a text it is a character. */
static unsigned char complete(EditLine *editor, int key)
{
    bl_editor *e = NULL;
    bl_candidates c = {0};
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &e);
    const LineInfo *line = el_line(editor);
    if (!e->complete || e->further || line->cursor == line->buffer || *line->buffer != '/')
        return el_insertstr(editor, "\t") == 0 ? CC_REFRESH : CC_ERROR;
    char *text = strndup(line->buffer, (size_t)(line->cursor - line->buffer));
    if (!text)
        return CC_ERROR;
    e->place = characters(line->cursor, line->lastchar);
    e->complete(text, &c);
    if (c.count > 1 && e->tabs > 1) {
        (void)bl_candidates_end(&c);
        bl_candidates_list(&c, bl_terminal_columns(stderr), &e->list);
    }
    unsigned char result = take_candidates(e, text, &c);
    if (e->list.text.data) { /* below the end of the line */
        e->to_end = 1;
        e->tries = 0;
        result = CC_NORM;
    }
    bl_candidates_release(&c);
    free(text);
    return result;
}

/* The candidates, and the line again below them. */
static void show_list(bl_editor *e)
{
    fprintf(stderr, "\n%s", e->list.text.data);
    bl_message_release(&e->list);
    (void)el_cursor(e->libedit, -(int)e->place);
    (void)el_set(e->libedit, EL_REFRESH);
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
    e->in_line = (continues ? e->in_line : 0) + characters(text, text + strlen(text));
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
        /* A search may take the key. */
        if ((e->inserted || e->to_end || mend_left(e)) && e->tries++ < TRIES) {
            *character = OWN_KEY;
            return 1;
        }
        if (e->leaving != STAYING)
            return -1;
        if (e->list.text.data)
            show_list(e);
        switch (bl_keys_next(e->keys, character)) {
        case BL_KEY_CHARACTER:
            e->tabs = *character == '\t' ? e->tabs + 1 : 0;
            return 1;
        case BL_KEY_END:
            return 0;
        case BL_KEY_PASTE:
            (void)take_paste(e);
            break;
        case BL_KEY_LONG:
            e->leaving = TOO_LONG;
            e->undone = e->in_paste ? e->in_line : 0;
            e->in_paste = 0;
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

/* Keys that people know from elsewhere; ~/.editrc may change them.  In vi's keys ESC is a key of its
 * own, and arrows are commands behind it. */
static void bind_keys(EditLine *libedit, int vi)
{
    static const char *const keys[][2] = {
        {"^I", "bl-complete"}, {"^P", "bl-up"}, {"^N", "bl-down"}};
    static const char *const arrows[][2] = {
        {"\033[A", "bl-up"}, {"\033OA", "bl-up"}, {"\033[B", "bl-down"}, {"\033OB", "bl-down"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        (void)el_set(libedit, EL_BIND, keys[i][0], keys[i][1], NULL);
    for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++)
        if (vi)
            (void)el_set(libedit, EL_BIND, "-a", arrows[i][0] + 1, arrows[i][1], NULL);
        else
            (void)el_set(libedit, EL_BIND, arrows[i][0], arrows[i][1], NULL);
}

static void add_commands(EditLine *libedit)
{
    static const struct {
        const wchar_t *name, *help; /* which el_set() would copy, and lose */
        unsigned char (*run)(EditLine *, int);
    } commands[] = {
        {L"bl-complete", L"complete a command or its argument", complete},
        {L"bl-up", L"a row up, or back in the history", go_up},
        {L"bl-down", L"a row down, or on in the history", go_down},
        {L"bl-perform", L"what the program does", perform},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        (void)el_wset(libedit, EL_ADDFN, commands[i].name, commands[i].help, commands[i].run);
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
    add_commands(e->libedit);
    bind_keys(e->libedit, 0);
    (void)el_source(e->libedit, NULL); /* the user's own keys: ~/.editrc */
    const char *keys = NULL;
    if (el_get(e->libedit, EL_EDITOR, &keys) == 0 && keys && strcmp(keys, "vi") == 0)
        bind_keys(e->libedit, 1); /* the choice of vi has undone it */
    static const char *const own[][2] = {{OWN_KEY_NAME, "bl-perform"},
                                         {OLDER_KEY, "ed-prev-history"},
                                         {NEWER_KEY, "ed-next-history"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        (void)el_set(e->libedit, EL_BIND, own[i][0], own[i][1], NULL);
        (void)el_set(e->libedit, EL_BIND, "-a", own[i][0], own[i][1], NULL);
    }
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
    e->depth = 0;
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
    e->pasted_lines = e->pasted_first = e->in_paste = 0;
    do {
        /* Before the prompt tells that keys are taken; libedit gives the terminal back each time. */
        take_terminal(e, 1);
        text = edit(e, &count);
        if (!text && e->leaving == TOO_LONG)
            bl_progress_print("what was pasted is dropped: it has more than %d bytes",
                              BL_PASTE_MOST);
    } while (!text && (e->leaving == RESIZED || e->leaving == TOO_LONG));
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

void bl_editor_complete_with(bl_editor *e, bl_complete_fn *asked)
{
    e->complete = asked;
}

void bl_editor_serve_signals(bl_editor *e)
{
    bl_keys_serve_signals(e->keys);
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
    bl_message_release(&e->list);
    free(e->left);
    free(e->inserted);
    free(e);
}
