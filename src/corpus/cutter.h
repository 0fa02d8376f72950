/* Cutting the text of a stream into documents.
 *
 * Only the current document is in memory.  Documents lose white space (ASCII) at both ends, empty
 * ones are dropped.  CR LF and CR become LF, and byte order marks are dropped, wherever they are:
 * files from other systems, and files joined from them, are the same text.  Strings of JSON say
 * what they hold and are not changed.  A document of more than `most` bytes is cut there, after the
 * last newline that fits, else the last space, else the last character. */
#ifndef BL_CORPUS_CUTTER_H
#define BL_CORPUS_CUTTER_H

#include "corpus/stream.h"

struct bl_talk_form; /* corpus/answers.h */

/* Where documents end. */
typedef enum bl_cut {
    BL_CUT_END_OF_TEXT, /* at lines that are exactly <|endoftext|> */
    BL_CUT_BLANK_LINE,  /* at lines of white space only */
    BL_CUT_LINE,        /* at every line */
    BL_CUT_FILE,        /* at the end of the file */
    BL_CUT_JSONL,       /* every line is a JSON object; the document is a string in it */
    BL_CUT_JSON         /* the same for objects or strings in an array, or objects in a row */
} bl_cut;

typedef struct bl_cutter_options {
    const char *field;   /* of JSON objects; must outlive the cutter */
    int replace_invalid; /* U+FFFD in place of what is not UTF-8, and of lone surrogates in JSON,
                            instead of an error */
    int skip_bad;        /* what is not JSON, or has no text in the field, is dropped and counted */
    int conversations;   /* documents of JSON are those of corpus/conversation.h, and are not cut */
    size_t threads;      /* that read them, as of bl_threads(); what comes is the same */
    const struct bl_talk_form *form; /* of conversations; must outlive the cutter; NULL: ChatML */
    int keep_space;                  /* documents keep the white space at their ends */
    uint64_t most;                   /* bytes of a document, at least 4 */
    int (*idle)(void *user); /* called when a pipe is idle; not 0 stops.  NULL: keep waiting */
    void *user;
} bl_cutter_options;

typedef struct bl_cutter_counts {
    uint64_t replaced;  /* U+FFFD written */
    uint64_t cut;       /* places where a document was cut for its length */
    uint64_t bad;       /* lines or values of JSON that were dropped */
    uint64_t returns;   /* carriage returns that were dropped or became line feeds */
    uint64_t marks;     /* byte order marks inside a text */
    uint64_t rewritten; /* answers that are not learned (corpus/answers.h) */
} bl_cutter_counts;

typedef struct bl_cutter bl_cutter;

bl_status bl_cutter_open(bl_cutter **c, const bl_cutter_options *options,
                         bl_error *err) BL_NODISCARD;
void bl_cutter_close(bl_cutter *c);

/* The next text: `name` is for messages; both must live until its last document has been taken. */
void bl_cutter_begin(bl_cutter *c, bl_stream *stream, const char *name, bl_cut rule);

/* The next document, valid until the next call; text is NULL after the last.
 * BL_EFORMAT names the byte that is not UTF-8 or the line that is not as it should be. */
bl_status bl_cutter_next(bl_cutter *c, bl_span *document, bl_error *err) BL_NODISCARD;

/* Of each byte of the document just given who said it (corpus/conversation.h); NULL: it is no
 * conversation. */
const unsigned char *bl_cutter_said(const bl_cutter *c);

/* Counts since the cutter was opened; place and fault of the first value dropped, or "". */
bl_cutter_counts bl_cutter_counted(const bl_cutter *c);
const char *bl_cutter_first_bad(const bl_cutter *c);

#endif
