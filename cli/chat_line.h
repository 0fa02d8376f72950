/* Lines that a person types: edited on a terminal, plain from anything else. */
#ifndef BL_CLI_CHAT_LINE_H
#define BL_CLI_CHAT_LINE_H

#include "candidates.h"
#include "input.h"

typedef struct bl_chat_line bl_chat_line;

typedef enum bl_line_event {
    BL_LINE_TEXT,      /* a line, without its end */
    BL_LINE_INTERRUPT, /* Ctrl-C: what was typed is dropped */
    BL_LINE_END,       /* Ctrl-D, the end of the input, or a signal that stops the program */
    BL_LINE_FAILED
} bl_line_event;

/* With `history` lines can be recalled, and are kept in a file for the next time.  Signals must be
 * caught as at a prompt. */
bl_status bl_chat_line_open(bl_chat_line **l, int history, bl_error *err);
bl_line_event bl_chat_line_read(bl_chat_line *l, bl_text *line, bl_error *err);

/* What Tab asks how a line that begins with a slash may go on. */
void bl_chat_line_complete_with(bl_chat_line *l, bl_complete_fn *complete);

/* The next line begins with what a person would type to say this text, to be edited.  0: lines are
 * not edited here, or no memory. */
int bl_chat_line_begin_with(bl_chat_line *l, const char *text);

/* Before what takes long: Ctrl-C, Ctrl-Z and the like that were typed after the line, before the
 * terminal itself made signals of them, are noted. */
void bl_chat_line_serve_signals(bl_chat_line *l);

/* Saves the history and restores the terminal. */
void bl_chat_line_close(bl_chat_line *l);

/* Whether a person types at a terminal. */
int bl_chat_line_is_typed(const bl_chat_line *l);

#endif
