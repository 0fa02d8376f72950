/* Commands that are shown to be pasted into a shell. */
#ifndef BL_CLI_PASTE_H
#define BL_CLI_PASTE_H

#include <stddef.h>

/* How this program was called: argv[0].  Call first. */
void bl_paste_program(const char *argv0);

/* A line on stderr: `lead`, the program as it was called, and the words (NULL ends them), each
 * quoted where a POSIX shell, or one that knows $'...' when it holds control characters, would not
 * read it as it stands. */
void bl_paste_print(const char *lead, const char *const *words);

/* One word so quoted, into to[cap], cut off when it is too long; returns its length. */
size_t bl_paste_quote(const char *word, char *to, size_t cap);

#endif
