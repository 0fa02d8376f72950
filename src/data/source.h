/* Documents of a corpus, one after the other, as often as wanted.
 *
 * A source is made of parts: "tales" (the story generator; "./tales" is a file), text files,
 * folders (their files, recursively, in bytewise order of the path, hidden ones left out) and "-"
 * (standard input, read whole into memory, because a corpus is read twice: for the vocabulary and
 * for the ids).  A file is cut at the lines that are exactly <|endoftext|>; without one it is one
 * document. Documents are stripped of white space (ASCII) at both ends and empty ones dropped; a
 * UTF-8 byte order mark at the start of a file is dropped too.  Everything else, CR LF included,
 * stays. */
#ifndef BL_DATA_SOURCE_H
#define BL_DATA_SOURCE_H

#include "core/status.h"

typedef struct bl_source bl_source;

typedef struct bl_source_options {
    const char *glob;     /* files to take from folders; a pattern with a '/' is matched against the
                             path below the folder, any other against the name; NULL: all */
    uint64_t tales_bytes; /* text that "tales" gives: whole stories until it is reached */
    uint64_t seed;        /* of tales */
} bl_source_options;

/* Lists the files and reads standard input; texts themselves are mapped one at a time.
 * BL_ENOENT, BL_EIO, BL_ENOMEM; BL_EINVAL for no parts, or "-" given twice. */
bl_status bl_source_open(bl_source **s, const char *const *parts, size_t count,
                         const bl_source_options *options, bl_error *err) BL_NODISCARD;
void bl_source_close(bl_source *s);

/* The next document, valid until the next call; text is NULL after the last.
 * BL_EFORMAT names file and byte when a text is not UTF-8. */
bl_status bl_source_next(bl_source *s, bl_span *document, bl_error *err) BL_NODISCARD;

/* Back to the first document. */
void bl_source_rewind(bl_source *s);

/* Bytes read since the start and bytes there are, for progress. */
uint64_t bl_source_done(const bl_source *s);
uint64_t bl_source_total(const bl_source *s);

#endif
