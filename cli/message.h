/* Messages of several lines, and how they are typed: """ to """, or lines that end with \. */
#ifndef BL_CLI_MESSAGE_H
#define BL_CLI_MESSAGE_H

#include "input.h"

/* A message as its lines come; begins as {0}. */
typedef struct bl_message {
    bl_text text; /* what has come */
    size_t cap;
    size_t lines;
    int block;   /* it began with """ */
    int open;    /* more lines belong to it */
    int literal; /* text, whatever it begins with */
} bl_message;

/* Adds a line.  One that came whole, as from a history, may hold line breaks.  A line that begins
 * with """ opens a block, and the next that ends with """ closes it; either may stand alone on its
 * line.  With `continued` a line goes on after an odd number of backslashes at its end. */
bl_status bl_message_add(bl_message *m, const bl_text *line, int continued, bl_error *err);

/* A text of several lines that came whole: a block without quotes. */
bl_status bl_message_take(bl_message *m, const bl_text *text, bl_error *err);

/* Adds bytes as they are. */
bl_status bl_message_append(bl_message *m, const char *from, size_t bytes, bl_error *err);

/* Puts a slash before one that begins with one, so that it is no command. */
bl_status bl_message_escape(bl_message *m, bl_error *err);
void bl_message_release(bl_message *m);

/* What one would type to say a text: with a slash before one that looks like a command, between
 * lines of """ when it has several.  To be freed; NULL: no memory. */
char *bl_message_typed(const char *text);

#endif
