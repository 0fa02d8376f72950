/* What a command makes: text on stdout, checked, and files that appear whole or not at all. */
#ifndef BL_CLI_OUTPUT_H
#define BL_CLI_OUTPUT_H

#include "cli.h"

#include <stdio.h>

/* Writes to stdout at once.  BL_EIO names the reason (a full disk, a closed pipe). */
bl_status bl_output_write(const char *text, size_t bytes, bl_error *err);

/* The same for text that somebody else chose, a model or a file: to a terminal as bl_text_shown()
 * gives it, across the pieces of a stream; to anything else as it is. */
bl_status bl_output_text(const char *text, size_t bytes, bl_error *err);

/* A reply begins, or is over: until then bl_output_text() keeps words whole at the edge of a
 * terminal.  Others may have written there: where it stands is not known. */
void bl_output_reply(int begins);
void bl_output_reply_lost(void);

/* Flushes stdout and reports what went wrong since the start. */
bl_status bl_output_end(bl_error *err);

/* Whether a write failed because the reader of stdout is gone. */
int bl_output_closed(void);

/* A JSON string with its quotes, anything that a terminal could take for a control character
 * escaped; a JSON number, null for what is not finite. */
void bl_output_json_text(FILE *stream, const char *text, size_t bytes);
void bl_output_json_number(FILE *stream, double value);

/* A file that appears whole or not at all (bl_out); a device, a pipe or "-" (stdout) is written
 * directly. */
typedef struct bl_output_file {
    bl_out *out;
    FILE *stream;     /* or this */
    const char *path; /* the caller's */
} bl_output_file;

bl_status bl_output_open(bl_output_file *f, const char *path, bl_error *err);
bl_status bl_output_append(bl_output_file *f, const void *data, size_t bytes, bl_error *err);
bl_status bl_output_finish(bl_output_file *f, bl_error *err);

/* Removes what was written unless bl_output_finish() has succeeded. */
void bl_output_abandon(bl_output_file *f);

#endif
