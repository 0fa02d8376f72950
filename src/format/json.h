/* JSON files and the option tables as JSON objects (jansson). */
#ifndef BL_FORMAT_JSON_H
#define BL_FORMAT_JSON_H

#include "format/fields.h"

#include <jansson.h>

/* json_loadb(), but JSON sets no range for numbers (RFC 8259, section 6), so one that Jansson
 * cannot hold becomes the nearest real number that it can; NaN and Infinity, which Python writes,
 * become null.  Whether such a value is of use is up to the reader of its key. */
json_t *bl_json_parse(const char *text, size_t bytes, size_t flags, json_error_t *why);

/* The same, but with Jansson's own numbers. */
json_t *bl_json_parse_strict(const char *text, size_t bytes, size_t flags, json_error_t *why);

/* What their failure is: BL_ENOMEM when it was memory, BL_EFORMAT when it was the text. */
bl_status bl_json_failure(const json_error_t *why) BL_NODISCARD;

/* A strict JSON object from a file: UTF-8, no key twice, nothing after it.  Free with
 * json_decref().  BL_ENOENT, BL_EIO, BL_EFORMAT (with the line). */
bl_status bl_json_load(json_t **root, const char *path, bl_error *err) BL_NODISCARD;

/* Writes a JSON value, indented, with a final newline; atomic. */
bl_status bl_json_save(const json_t *root, const char *path, bl_error *err) BL_NODISCARD;

/* "an integer", "text", ...: what a value is, in words. */
const char *bl_json_type_name(const json_t *value);

/* One field's value as JSON (NULL: out of memory), and back; `name` is the file. */
json_t *bl_field_to_json(const bl_field *field, const void *fields);
bl_status bl_field_from_json(const bl_field *field, void *fields, const json_t *value,
                             const char *name, bl_error *err) BL_NODISCARD;

#endif
