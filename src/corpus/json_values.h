/* Where the JSON values of a stream end: those of an array, or objects one after the other. */
#ifndef BL_CORPUS_JSON_VALUES_H
#define BL_CORPUS_JSON_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* Only brackets and strings are looked at, so it works on pieces as they come; bl_json_text_find()
 * says whether a value is JSON.  Zero it at the start of a stream, except for `lax`: with it what
 * cannot stand between two values is skipped and counted.  A value without an end is not a
 * value. */
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
