/* JSON files and the option tables as JSON objects. */
#include "format/json.h"
#include "core/buf.h"
#include "core/file.h"
#include "format/number.h"
#include "format/other_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers out of Jansson's range ---- */

static size_t span_of_number(const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && text[n] && strchr("+-.eE0123456789", text[n]))
        n++;
    return n;
}

enum { MOST_DIGITS = 60 }; /* that bl_number_read_real() takes; no exponent needs more */

/* One number, or what Python writes for one, as something that Jansson takes. */
static void append_number(bl_buf *out, const char *text, size_t bytes)
{
    bl_buf copy = {0};
    uint64_t whole;
    double real;
    bl_buf_append(&copy, text, bytes);
    if (bl_buf_status(&copy, NULL) != BL_OK) {
        out->failed = 1;
        return;
    }
    const char *digits = copy.data + (*text == '-');
    int is_whole = digits[strspn(digits, "0123456789")] == 0;
    int fits = is_whole ? bl_number_read_u64(digits, &whole) && whole <= INT64_MAX
                        : bytes > MOST_DIGITS || bl_number_read_real(copy.data, &real);
    if (fits || *digits < '0' || *digits > '9')
        bl_buf_append(out, text, bytes); /* unchanged, or not JSON at all */
    else if (is_whole && bytes <= 300)
        bl_buf_printf(out, "%s.0", copy.data);
    else
        bl_buf_puts(out, *text == '-' ? "-1e308" : "1e308");
    bl_buf_release(&copy);
}

/* The same text with every number in Jansson's range, and NaN and Infinity, which Python writes, as
 * null.  What is not JSON stays invalid. */
static void tame_numbers(bl_buf *out, const char *text, size_t bytes)
{
    static const char *const names[] = {"-Infinity", "Infinity", "NaN"};
    for (size_t i = 0, n; i < bytes; i += n) {
        const char *at = text + i;
        n = 1;
        if (*at == '"') {
            while (i + n < bytes && at[n] != '"')
                n += at[n] == '\\' && i + n + 1 < bytes ? 2 : 1;
            n += i + n < bytes;
            bl_buf_append(out, at, n);
            continue;
        }
        size_t k = 0;
        while (k < 3 && (bytes - i < strlen(names[k]) || memcmp(at, names[k], strlen(names[k]))))
            k++;
        if (k < 3) {
            n = strlen(names[k]);
            bl_buf_puts(out, "null");
        } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            n = span_of_number(at, bytes - i);
            append_number(out, at, n);
        } else {
            bl_buf_append(out, at, n);
        }
    }
}

static json_t *parse(const char *text, size_t bytes, size_t flags, json_error_t *why)
{
    json_t *value = json_loadb(text, bytes, flags, why);
    enum json_error_code code = value ? json_error_unknown : json_error_code(why);
    if (code != json_error_numeric_overflow && code != json_error_invalid_syntax)
        return value;
    bl_buf tame = {0};
    json_error_t again = *why;
    tame_numbers(&tame, text, bytes);
    if (bl_buf_status(&tame, NULL) == BL_OK)
        value = json_loadb(tame.data, tame.len, flags, &again);
    if (!value && code == json_error_numeric_overflow)
        *why = again; /* numbers were not what is wrong with it */
    bl_buf_release(&tame);
    return value;
}

/* Jansson does not report most failed allocations; when a string cannot grow it leaves out bytes,
 * and succeeds. */
static json_t *checked(json_t *value, json_error_t *why)
{
    if (errno != ENOMEM)
        return value;
    json_decref(value);
    memset(why->text, 0, sizeof why->text);
    (void)snprintf(why->text, sizeof why->text, "out of memory");
    why->text[sizeof why->text - 1] = (char)json_error_out_of_memory;
    return NULL;
}

json_t *bl_json_parse(const char *text, size_t bytes, size_t flags, json_error_t *why)
{
    errno = 0;
    return checked(parse(text, bytes, flags, why), why);
}

json_t *bl_json_parse_strict(const char *text, size_t bytes, size_t flags, json_error_t *why)
{
    errno = 0;
    return checked(json_loadb(text, bytes, flags, why), why);
}

bl_status bl_json_failure(const json_error_t *why)
{
    return json_error_code(why) == json_error_out_of_memory ? BL_ENOMEM : BL_EFORMAT;
}

/* ---- files ---- */

bl_status bl_json_load(json_t **root, const char *path, bl_error *err)
{
    *root = NULL;
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    json_error_t why;
    json_t *value = bl_json_parse((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &why);
    bl_status status = BL_OK;
    if (!value)
        status = bl_other_explain(
            bl_fail(err, bl_json_failure(&why), "%s: line %d: %s", path, why.line, why.text),
            BL_PLACE_JSON, path, map.data, map.size, err);
    bl_map_close(&map);
    BL_TRY(status);
    if (!json_is_object(value)) {
        status = bl_fail(err, BL_EFORMAT, "%s: expected a JSON object, found %s", path,
                         bl_json_type_name(value));
        json_decref(value);
        return status;
    }
    *root = value;
    return BL_OK;
}

/* The text with the fewest digits at which every number reads back as it is: 1e-06, not
 * 9.9999999999999995e-07.  NULL: out of memory. */
static char *shortest_text(const json_t *root)
{
    for (size_t digits = 6;; digits++) {
        char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(digits));
        json_t *again = text && digits < 17 ? json_loads(text, 0, NULL) : NULL;
        int same = digits == 17 || json_equal(root, again);
        int forgotten = text && !again && digits < 17; /* no memory to read it in */
        json_decref(again);
        if (!text || (same && !forgotten))
            return text;
        free(text); /* jansson's own malloc, here and below */
        if (forgotten)
            return NULL;
    }
}

bl_status bl_json_save(const json_t *root, const char *path, bl_error *err)
{
    bl_buf file;
    bl_buf_init(&file);
    char *text = shortest_text(root);
    bl_buf_printf(&file, "%s\n", text ? text : "");
    bl_status status = text ? bl_buf_status(&file, err)
                            : bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path);
    if (status == BL_OK)
        status = bl_file_replace(path, file.data, file.len, err);
    free(text);
    bl_buf_release(&file);
    return status;
}

const char *bl_json_type_name(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a point";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

json_t *bl_field_to_json(const bl_field *field, const void *fields)
{
    char text[BL_TEXT_MAX];
    switch (field->kind) {
    case BL_FIELD_size:
        return json_integer((json_int_t)bl_field_size(field, fields));
    case BL_FIELD_real:
        return json_real(bl_field_real(field, fields));
    case BL_FIELD_flag:
        return json_boolean(bl_field_flag(field, fields));
    case BL_FIELD_choice:
    case BL_FIELD_text:
        (void)bl_field_write(field, fields, text, sizeof text);
        return json_string(text);
    }
    return NULL;
}

bl_status bl_field_from_json(const bl_field *field, void *fields, const json_t *value,
                             const char *name, bl_error *err)
{
    const char *wanted = NULL;
    switch (field->kind) {
    case BL_FIELD_size:
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            return bl_field_put_size(field, fields, (uint64_t)json_integer_value(value), name,
                                     BL_EFORMAT, err);
        if (json_is_real(value) && json_real_value(value) >= 0x1p63)
            return bl_fail(err, BL_EFORMAT, "%s: %s is a whole number of at most %.0f, found %g",
                           name, field->info.name, field->info.max, json_real_value(value));
        wanted = "a whole number";
        break;
    case BL_FIELD_real:
        if (json_is_number(value))
            return bl_field_put_real(field, fields, json_number_value(value), name, BL_EFORMAT,
                                     err);
        wanted = "a number";
        break;
    case BL_FIELD_flag:
        if (json_is_boolean(value)) {
            bl_field_put_flag(field, fields, json_is_true(value));
            return BL_OK;
        }
        wanted = "true or false";
        break;
    case BL_FIELD_choice:
    case BL_FIELD_text:
        if (json_is_boolean(value) && bl_field_is_switch(&field->info)) {
            bl_field_put_flag(field, fields, json_is_true(value)); /* it was a flag once */
            return BL_OK;
        }
        if (json_is_string(value))
            return bl_field_read(field, fields, json_string_value(value), name, BL_EFORMAT, err);
        wanted = "text";
        break;
    }
    int negative = field->kind == BL_FIELD_size && json_is_integer(value);
    return bl_fail(err, BL_EFORMAT, "%s: %s is %s, found %s", name, field->info.name, wanted,
                   negative ? "a negative number" : bl_json_type_name(value));
}

void *bl_options_to_json(bl_options_kind kind, const void *fields)
{
    const bl_field_table *table = bl_fields(kind);
    json_t *object = json_object();
    for (size_t i = 0; object && i < table->count; i++) {
        const bl_field *field = &table->fields[i];
        if (json_object_set_new(object, field->info.name, bl_field_to_json(field, fields)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

bl_status bl_options_from_json(bl_options_kind kind, void *fields, const void *json,
                               const char *name, bl_error *err)
{
    const bl_field_table *table = bl_fields(kind);
    const json_t *object = json;
    if (!json_is_object(object))
        return bl_fail(err, BL_EFORMAT, "%s: the %s options are %s, expected an object", name,
                       table->noun, bl_json_type_name(object));
    bl_options_defaults(kind, fields);
    for (size_t i = 0; i < table->count; i++) {
        const json_t *value = json_object_get(object, table->fields[i].info.name);
        const char *older = bl_field_older_name(&table->fields[i]);
        if (!value && older)
            value = json_object_get(object, older);
        if (value)
            BL_TRY(bl_field_from_json(&table->fields[i], fields, value, name, err));
    }
    return BL_OK;
}
