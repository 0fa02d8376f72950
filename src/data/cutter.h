/* Cutting the text of a stream into documents.
 *
 * Only the document at hand is in memory.  Documents lose white space (ASCII) at both ends, empty
 * ones are dropped, a UTF-8 byte order mark at the start of the text too; everything else, CR LF
 * included, stays.  One that is longer than `most` bytes is cut there, behind the last newline that
 * fits, else the last space, else the last character. */
#ifndef BL_DATA_CUTTER_H
#define BL_DATA_CUTTER_H

#include "data/stream.h"

/* Where documents end. */
typedef enum bl_cut {
    BL_CUT_END_OF_TEXT, /* at lines that are exactly <|endoftext|> */
    BL_CUT_BLANK_LINE,  /* at lines of nothing but white space */
    BL_CUT_LINE,        /* at every line */
    BL_CUT_FILE,        /* at the end of the file */
    BL_CUT_JSONL        /* every line is a JSON object; the document is a string in it */
} bl_cut;

typedef struct bl_cutter_options {
    const char *field;       /* of JSON objects; must outlive the cutter */
    int replace_invalid;     /* U+FFFD in place of what is not UTF-8 instead of an error */
    uint64_t most;           /* bytes of a document, at least 4 */
    int (*idle)(void *user); /* called when a pipe is idle; not 0 stops.  NULL: wait on */
    void *user;
} bl_cutter_options;

typedef struct bl_cutter_counts {
    uint64_t replaced; /* U+FFFD written */
    uint64_t cut;      /* places where a document was cut for its length */
} bl_cutter_counts;

typedef struct bl_cutter bl_cutter;

bl_status bl_cutter_open(bl_cutter **c, const bl_cutter_options *options,
                         bl_error *err) BL_NODISCARD;
void bl_cutter_close(bl_cutter *c);

/* The next text: `name` is for messages, both must live until its last document was taken. */
void bl_cutter_begin(bl_cutter *c, bl_stream *stream, const char *name, bl_cut rule);

/* The next document, valid until the next call; text is NULL after the last.
 * BL_EFORMAT names the byte that is not UTF-8 or the line that is not as it should be. */
bl_status bl_cutter_next(bl_cutter *c, bl_span *document, bl_error *err) BL_NODISCARD;

/* Since the cutter was opened. */
bl_cutter_counts bl_cutter_counted(const bl_cutter *c);

#endif
