/* The generic field: what the option tables become, and values in and out of their structs. */
#ifndef BL_FORMAT_FIELDS_H
#define BL_FORMAT_FIELDS_H

#include "format/options.h"

/* Kinds of values; the C type of each is bl_opt_<kind>. */
typedef enum bl_field_kind {
    BL_FIELD_size,
    BL_FIELD_real,
    BL_FIELD_flag,
    BL_FIELD_choice,
    BL_FIELD_text
} bl_field_kind;

typedef struct bl_field {
    bl_field_info info;
    bl_field_kind kind;
    size_t offset; /* of the member in the struct */
} bl_field;

typedef struct bl_field_table {
    const char *noun; /* "config", "training option", ... */
    const bl_field *fields;
    size_t count;
    size_t bytes; /* of the struct */
} bl_field_table;

const bl_field_table *bl_fields(bl_options_kind kind);

/* What earlier versions called it, or NULL. */
const char *bl_field_older_name(const bl_field *field);

/* The field that has that name, or had it, or NULL. */
const bl_field *bl_field_find(const bl_field_table *table, const char *name);

/* BL_EINVAL for a name that no field has, with the closest one. */
bl_status bl_field_unknown(const bl_field_table *table, const char *name,
                           bl_error *err) BL_NODISCARD;

/* One value from text into its member of `fields`.  The message begins with `name`, the file that
 * it is from, and `code` is the status for a bad value; NULL: an option of the caller's, which a
 * message names in backquotes (bl_error). */
bl_status bl_field_read(const bl_field *field, void *fields, const char *text, const char *name,
                        bl_status code, bl_error *err) BL_NODISCARD;

/* Typed values, checked against the bounds. */
bl_status bl_field_put_size(const bl_field *field, void *fields, uint64_t value, const char *name,
                            bl_status code, bl_error *err) BL_NODISCARD;
bl_status bl_field_put_real(const bl_field *field, void *fields, double value, const char *name,
                            bl_status code, bl_error *err) BL_NODISCARD;
void bl_field_put_flag(const bl_field *field, void *fields, int value);

/* Whether a choice is a switch with more values than on and off: false|true|auto. */
int bl_field_is_switch(const bl_field_info *info);

size_t bl_field_size(const bl_field *field, const void *fields);
double bl_field_real(const bl_field *field, const void *fields);
int bl_field_flag(const bl_field *field, const void *fields);

/* The value as text, as much of it as fits: bl_field_read() of the whole gives the same value.
 * Returns the length of the whole, at most BL_TEXT_MAX - 1. */
size_t bl_field_write(const bl_field *field, const void *fields, char *text, size_t cap);

#endif
