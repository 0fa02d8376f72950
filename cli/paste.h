/* Commands shown for pasting into a shell. */
#ifndef BL_CLI_PASTE_H
#define BL_CLI_PASTE_H

#include <stddef.h>

/* How this program was called: argv[0].  Call first. */
void bl_paste_program(const char *argv0);

/* A line on stderr: `lead`, the program as it was called, and the words (NULL ends them), each
 * quoted where a POSIX shell would not read it as it is (with $'...', which not all shells know,
 * when it holds control characters). */
void bl_paste_print(const char *lead, const char *const *words);

/* One word quoted like that, into to[cap], cut off when it is too long; returns its length. */
size_t bl_paste_quote(const char *word, char *to, size_t cap);

#endif
