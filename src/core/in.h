/* A file or standard input, read from its start to its end. */
#ifndef BL_CORE_IN_H
#define BL_CORE_IN_H

#include "core/status.h"

/* A file, or standard input (path NULL), from its start to its end.  What comes out of a pipe is
 * kept in an unnamed file in the folder `keep`, so that it can be read again too; with keep NULL it
 * cannot.  BL_ENOENT, BL_EIO. */
typedef struct bl_in bl_in;
bl_status bl_in_open(bl_in **in, const char *path, const char *keep, bl_error *err) BL_NODISCARD;
void bl_in_close(bl_in *in);

/* Up to `cap` bytes.  None without *end: a pipe had nothing for a fifth of a second, and the caller
 * may check for Ctrl-C.  A file ends where it ended when it was opened.  A named pipe that nobody
 * opens for writing is BL_EIO after ten seconds, or after the patience set. */
void bl_in_patience(bl_in *in, int milliseconds);
bl_status bl_in_read(bl_in *in, void *to, size_t cap, size_t *n, int *end,
                     bl_error *err) BL_NODISCARD;

/* Back to the first byte, after the end was seen. */
bl_status bl_in_rewind(bl_in *in, bl_error *err) BL_NODISCARD;
uint64_t bl_in_size(const bl_in *in); /* bytes; 0 while a pipe has not ended */

#endif
