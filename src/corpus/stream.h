/* The bytes of a file or of standard input, decompressed on the way: gzip, zstd and xz are
 * recognised by their first bytes, not by their names.  Several compressed pieces in a row are one
 * text, as for the programs of those names.  Text in another encoding is turned into UTF-8 if asked
 * for. */
#ifndef BL_CORPUS_STREAM_H
#define BL_CORPUS_STREAM_H

#include "core/status.h"

typedef struct bl_stream bl_stream;

/* path NULL: standard input; keep: as in bl_in_open().  Nothing is read yet.
 * BL_ENOENT, BL_EIO, BL_ENOMEM. */
bl_status bl_stream_open(bl_stream **s, const char *path, const char *keep,
                         bl_error *err) BL_NODISCARD;
void bl_stream_close(bl_stream *s);

/* Up to `cap` bytes of text; none without *end: a pipe was idle, try again.
 * BL_EFORMAT: compressed data that is damaged or cut off. */
bl_status bl_stream_read(bl_stream *s, char *to, size_t cap, size_t *n, int *end,
                         bl_error *err) BL_NODISCARD;

/* The first bytes of the text, as many as there are up to BL_STREAM_HEAD, without taking them:
 * before the first read, and before bl_stream_convert().  Ask again while *whole is 0 and there are
 * fewer: a pipe was idle.  *whole: this is all the text.  Valid until the next call. */
enum { BL_STREAM_HEAD = 1 << 16 };
bl_status bl_stream_look(bl_stream *s, const char **head, size_t *bytes, int *whole,
                         bl_error *err) BL_NODISCARD;

/* From here on the text is converted to UTF-8 from this encoding, a name of iconv with the bytes of
 * its unit; what is not a character of it is refused, or with `replace` becomes U+FFFD.  NULL: as
 * it is.  With `returns` every carriage return becomes a line feed, for files that have no other
 * line ends.
 * Undone by a rewind.  BL_EUNSUPPORTED, BL_ENOMEM. */
bl_status bl_stream_convert(bl_stream *s, const char *encoding, size_t unit, int replace,
                            int returns, bl_error *err) BL_NODISCARD;
uint64_t bl_stream_replaced(const bl_stream *s); /* U+FFFD written since it was opened */

/* Back to the start, after the end was seen (or, for a file, at any time). */
bl_status bl_stream_rewind(bl_stream *s, bl_error *err) BL_NODISCARD;

/* Bytes of the file that were read, and bytes it has (0 while a pipe has not ended). */
uint64_t bl_stream_done(const bl_stream *s);
uint64_t bl_stream_size(const bl_stream *s);

/* The length of a name without the endings of compressed files: 5 for "a.txt.gz". */
size_t bl_stream_stem(const char *name);

#endif
