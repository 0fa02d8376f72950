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

/* ---- values one after the other ---- */

/* Where the values of a stream end: those of an array, or objects one after the other.  Only
 * brackets and strings are looked at, so it works on pieces as they come; bl_json_text_find() says
 * whether a value is JSON.  Zero it at the start of a stream, except for `lax`: with it what cannot
 * stand between two values is skipped and counted.  A value without an end is not a value. */
typedef struct bl_json_values {
    int begun, array; /* the first character was seen; it is a bracket */
    int in_value;     /* past the first character of one */
    int in_string, escaped;
    int comma; /* between a value and the next */
    int over;  /* 1: the array is closed; 2: something came after it */
    int lax;
    uint64_t odd;   /* places where something was skipped */
    uint64_t depth; /* open brackets of the value */
} bl_json_values;

typedef enum bl_json_step {
    BL_JSON_MORE,  /* all bytes were looked at */
    BL_JSON_VALUE, /* bytes *first .. *end - 1 are a value */
    BL_JSON_WRONG  /* at *end is something that cannot be there */
} bl_json_step;

/* Looks at text[*at ..bytes), moves *at to where to continue, and *first to the first byte of a
 * value that begins.  At the end of the stream an unfinished value, or a comma with nothing after
 * it, is left over. */
bl_json_step bl_json_values_next(bl_json_values *v, const char *text, size_t bytes, size_t *at,
                                 size_t *first);

/* At the end of the stream: is nothing missing? */
int bl_json_values_complete(const bl_json_values *v);

#endif
