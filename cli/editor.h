/* One line from a terminal, edited. */
#ifndef BL_CLI_EDITOR_H
#define BL_CLI_EDITOR_H

#include "chat_line.h"
#include "candidates.h"

typedef struct bl_editor bl_editor;

/* On standard input and standard error, which must be a terminal. */
bl_status bl_editor_open(bl_editor **e, int history, bl_error *err);

/* One line, after the prompt for a first line or for a further one of a message.  It may hold line
 * breaks; *pasted: a paste of several lines begins it. */
bl_line_event bl_editor_read(bl_editor *e, int further, bl_text *line, int *pasted, bl_error *err);

/* What Tab asks, on the first line of a message. */
void bl_editor_complete_with(bl_editor *e, bl_complete_fn *asked);

/* What the next line begins with; takes `text` over. */
void bl_editor_insert(bl_editor *e, char *text);

/* Before what takes long: a key that sends a signal, and was typed after the line, sends it. */
void bl_editor_serve_signals(bl_editor *e);

/* Puts a line, or several, into the history. */
void bl_editor_remember(bl_editor *e, const char *line);

/* Saves the history and restores the terminal. */
void bl_editor_close(bl_editor *e);

#endif
