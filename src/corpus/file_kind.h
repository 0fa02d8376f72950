/* What a file of a corpus is, by its name and its first bytes: text, and in which encoding; JSON
 * with documents; or something that would be learnt as rubbish. */
#ifndef BL_CORPUS_FILE_KIND_H
#define BL_CORPUS_FILE_KIND_H

#include "core/status.h"

/* In the order of the option's choices. */
typedef enum bl_encoding {
    BL_ENCODING_AUTO,
    BL_ENCODING_UTF8,
    BL_ENCODING_UTF16,
    BL_ENCODING_UTF16LE,
    BL_ENCODING_UTF16BE,
    BL_ENCODING_LATIN1,
    BL_ENCODING_WINDOWS1252,
    BL_ENCODING_UTF32LE, /* these only by their mark */
    BL_ENCODING_UTF32BE,
    BL_ENCODINGS
} bl_encoding;

/* The name for iconv and the bytes of a unit; NULL for UTF-8. */
const char *bl_encoding_name(bl_encoding encoding, size_t *unit);

typedef enum bl_file_form {
    BL_FORM_TEXT,
    BL_FORM_JSON_LINES, /* .jsonl, .ndjson */
    BL_FORM_JSON,       /* .json: an array, or objects one after the other */
    BL_FORM_OTHER
} bl_file_form;

typedef struct bl_file_kind {
    bl_file_form form;
    bl_encoding encoding; /* never AUTO or UTF16 */
    int returns;          /* its lines end with a carriage return alone */
    const char *what;     /* of OTHER: "a PDF", */
    const char *remedy;   /* and what to do about it */
} bl_file_kind;

typedef struct bl_file_question {
    bl_encoding encoding; /* asked for; a byte order mark in the file overrides it */
    int by_name;          /* no rule for the ends of documents was asked for: names decide */
    const char *field;    /* of JSON objects */
    int skip_bad;         /* values of JSON without the field are dropped */
} bl_file_question;

/* `head` is the text's first bytes, all of them if `whole`. */
bl_status bl_file_look(bl_file_kind *kind, const char *name, const char *head, size_t bytes,
                       int whole, const bl_file_question *q, bl_error *err) BL_NODISCARD;

/* By its name alone: may it hold documents in JSON? */
int bl_file_is_json_lines(const char *name);

#endif
