/* What a stream can show: width, colour, characters beyond ASCII. */
#ifndef BL_CLI_TERMINAL_H
#define BL_CLI_TERMINAL_H

#include <stddef.h>
#include <stdio.h>

/* Whether \r and escape sequences mean something there: a terminal of which TERM says more
 * than dumb. */
int bl_terminal_is(FILE *stream);

/* Columns as the terminal says now; 0: it does not. */
size_t bl_terminal_columns(FILE *stream);

/* Columns: COLUMNS when set, or what the terminal says, or 80. */
size_t bl_terminal_width(FILE *stream);

/* Whether the locale's characters are UTF-8. */
int bl_terminal_unicode(void);

typedef enum bl_colour { BL_PLAIN, BL_BOLD, BL_RED, BL_YELLOW, BL_GREEN, BL_BLUE } bl_colour;

/* The escape sequence that begins a colour (BL_PLAIN ends it); "" where colours are not wanted: not
 * a terminal, or NO_COLOR set. */
const char *bl_terminal_colour(FILE *stream, bl_colour colour);

#endif
