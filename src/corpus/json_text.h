/* The string in one field of a JSON object, found in one scan of the text.
 *
 * Corpora contain whatever their makers had: hashes of 64 bits, NaN, keys with a NUL, nesting of
 * any depth.  None of it matters for the field wanted, so the rest is checked to be JSON and not
 * kept.  Time is linear in the text; memory is the string and a bit for each level of nesting.
 * Beyond RFC 8259 the names NaN, Infinity and -Infinity are numbers, as Python writes them. */
#ifndef BL_CORPUS_JSON_TEXT_H
#define BL_CORPUS_JSON_TEXT_H

#include "core/buf.h"

typedef enum bl_json_found {
    BL_JSON_TEXT,      /* the string is in `text` */
    BL_JSON_NULL,      /* the field is null */
    BL_JSON_NO_FIELD,  /* the object has no such field */
    BL_JSON_NOT_TEXT,  /* the field is something else */
    BL_JSON_NO_OBJECT, /* JSON, but not an object */
    BL_JSON_BAD,       /* not JSON: `why`, at byte `at` */
    BL_JSON_NO_MEMORY
} bl_json_found;

/* Zero it before the first use. */
typedef struct bl_json_text {
    bl_buf text;     /* UTF-8, with U+FFFD in place of a lone surrogate */
    size_t lone;     /* how many of them there are */
    const char *why; /* "a string without an end" */
    size_t at;       /* byte of the text */
    bl_buf key, nest;
} bl_json_text;

/* Scans one JSON value, with white space around it; the text must be UTF-8.  Of a key given twice
 * the last counts.  With `or_string` a string that is the whole value counts as the field. */
bl_json_found bl_json_text_find(bl_json_text *j, const char *text, size_t bytes, const char *field,
                                int or_string);
void bl_json_text_release(bl_json_text *j);

static inline int bl_json_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
