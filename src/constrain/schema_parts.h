/* What the files that write schemas as grammars share. */
#ifndef BL_CONSTRAIN_SCHEMA_PARTS_H
#define BL_CONSTRAIN_SCHEMA_PARTS_H

#include "constrain/schema.h"

#include <jansson.h>

/* Writes a schema of any kind, as the name of a rule; the path is at it. */
typedef struct bl_schema_writer bl_schema_writer;
typedef bl_status bl_schema_put_fn(bl_schema_writer *w, bl_buf *to, json_t *schema);

struct bl_schema_writer {
    bl_schema_put_fn *put;
    json_t *root;
    json_t *refs; /* pointer -> number of the rule that it became */
    bl_buf *out;  /* rules that are whole */
    size_t rules; /* named s0, s1, ... */
    size_t nested, merged;
    char path[BL_SCHEMA_PATH]; /* of the schema at hand: #/properties/name */
    bl_error *err;
};

/* ---- places and messages ---- */

/* One step down the path, by a keyword and a name below it or NULL; returns where to go back to. */
size_t bl_schema_down(bl_schema_writer *w, const char *keyword, const char *name_or_null);
void bl_schema_up(bl_schema_writer *w, size_t back);

/* A refusal that ends with the place. */
bl_status bl_schema_refuse(bl_schema_writer *w, bl_status code, const char *format, ...)
    BL_PRINTF(3, 4);

/* BL_EUNSUPPORTED for a keyword that is neither an annotation nor in `accepted`, a list with spaces
 * around each. */
bl_status bl_schema_keys(bl_schema_writer *w, const json_t *schema,
                         const char *accepted) BL_NODISCARD;

/* A keyword as a whole number; what it is when it is absent. */
bl_status bl_schema_whole(bl_schema_writer *w, const json_t *schema, const char *keyword,
                          uint64_t absent, uint64_t *value) BL_NODISCARD;

/* What a local $ref names, by way of other references; NULL: nothing, and *err says so. */
json_t *bl_schema_resolve(bl_schema_writer *w, json_t *schema);

/* A text as a string of GBNF, and a JSON value as one: its text without spaces. */
void bl_schema_put_text(bl_buf *to, const char *text, size_t bytes);
bl_status bl_schema_put_json(bl_schema_writer *w, bl_buf *to, const json_t *value) BL_NODISCARD;

/* ---- the parts: each writes an expression that stands for a JSON value ---- */

bl_status bl_schema_object(bl_schema_writer *w, bl_buf *to, json_t *schema) BL_NODISCARD;
bl_status bl_schema_array(bl_schema_writer *w, bl_buf *to, json_t *schema) BL_NODISCARD;
bl_status bl_schema_string(bl_schema_writer *w, bl_buf *to, const json_t *schema) BL_NODISCARD;
bl_status bl_schema_number(bl_schema_writer *w, bl_buf *to, const json_t *schema,
                           int whole) BL_NODISCARD;

/* A regular expression as what stands between the quotes of a JSON string. */
bl_status bl_schema_pattern(bl_schema_writer *w, bl_buf *to, const char *pattern) BL_NODISCARD;

/* One object schema out of all of `allOf` and what stands beside it; json_decref() it. */
bl_status bl_schema_merge(bl_schema_writer *w, json_t *schema, json_t **merged) BL_NODISCARD;

/* BL_EUNSUPPORTED unless no text of one branch of a oneOf can fit another. */
bl_status bl_schema_apart(bl_schema_writer *w, json_t *branches) BL_NODISCARD;

/* Whether the keyword `type` of a schema, if it has one, has that name, or the value that type. */
int bl_schema_has_type(const json_t *schema, const char *type);
int bl_schema_is_type(const json_t *value, const char *type);

#endif
