/* Places in a schema, messages about them, references, and texts as GBNF. */
#include "constrain/schema_parts.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- places and messages ---- */

size_t bl_schema_down(bl_schema_writer *w, const char *keyword, const char *name_or_null)
{
    size_t back = strlen(w->path);
    (void)snprintf(w->path + back, sizeof w->path - back, name_or_null ? "/%s/%s" : "/%s", keyword,
                   name_or_null ? name_or_null : "");
    return back;
}

void bl_schema_up(bl_schema_writer *w, size_t back)
{
    w->path[back] = 0;
}

bl_status bl_schema_refuse(bl_schema_writer *w, bl_status code, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return bl_fail(w->err, code, "the schema at %s: %s", w->path, text);
}

bl_status bl_schema_keys(bl_schema_writer *w, const json_t *schema, const char *accepted)
{
    static const char annotations[] = " $schema $id $comment $defs definitions title description "
                                      "default examples deprecated readOnly writeOnly ";
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)schema, key, value) {
        char word[80];
        (void)snprintf(word, sizeof word, " %.70s ", key);
        if (strchr(key, ' ') || strlen(key) > 70 ||
            (!strstr(accepted, word) && !strstr(annotations, word)))
            return bl_schema_refuse(w, BL_EUNSUPPORTED, "the keyword %.70s is not supported here",
                                    key);
    }
    return BL_OK;
}

bl_status bl_schema_whole(bl_schema_writer *w, const json_t *schema, const char *keyword,
                          uint64_t absent, uint64_t *value)
{
    const json_t *given = json_object_get(schema, keyword);
    double n = json_number_value(given);
    *value = absent;
    if (!given)
        return BL_OK;
    if (!json_is_number(given) || !(n >= 0 && n <= BL_GRAPH_NODES) || n != (double)(uint64_t)n)
        return bl_schema_refuse(w, BL_EFORMAT, "%s is a whole number from 0 to %d", keyword,
                                BL_GRAPH_NODES);
    *value = (uint64_t)n;
    return BL_OK;
}

int bl_schema_is_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_INTEGER:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_REAL:
        return strcmp(type, "number") == 0;
    case JSON_NULL:
        return strcmp(type, "null") == 0;
    default:
        return strcmp(type, "boolean") == 0;
    }
}

int bl_schema_has_type(const json_t *schema, const char *type)
{
    const json_t *types = json_object_get(schema, "type");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *name = json_string_value(json_array_get(types, i));
        if (name && strcmp(name, type) == 0)
            return 1;
    }
    const char *name = json_string_value(types);
    return name && strcmp(name, type) == 0;
}

/* ---- references ---- */

/* One step of a pointer: a key with ~0 and ~1, which may be spelled in % too, or an index. */
static json_t *step(json_t *at, const char *text, size_t bytes)
{
    char key[BL_SCHEMA_PATH];
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (n + 1 >= sizeof key)
            return NULL;
        if (c == '~' && i + 1 < bytes && (text[i + 1] == '0' || text[i + 1] == '1')) {
            c = text[++i] == '0' ? '~' : '/';
        } else if (c == '%' && i + 2 < bytes) {
            char digits[3] = {text[i + 1], text[i + 2], 0}, *end;
            unsigned long code = strtoul(digits, &end, 16);
            if (*end || !code)
                return NULL;
            c = (char)code;
            i += 2;
        }
        key[n++] = c;
    }
    key[n] = 0;
    if (json_is_object(at))
        return json_object_get(at, key);
    char *end;
    unsigned long index = strtoul(key, &end, 10);
    return *key >= '0' && *key <= '9' && !*end ? json_array_get(at, index) : NULL;
}

static json_t *follow(json_t *root, const char *pointer)
{
    if (*pointer != '#' || (pointer[1] && pointer[1] != '/'))
        return NULL;
    json_t *at = root;
    for (pointer++; *pointer && at;) {
        size_t bytes = strcspn(pointer + 1, "/");
        at = step(at, pointer + 1, bytes);
        pointer += 1 + bytes;
    }
    return at;
}

json_t *bl_schema_resolve(bl_schema_writer *w, json_t *schema)
{
    for (size_t steps = 0; steps < BL_SCHEMA_NESTED; steps++) {
        const char *name = json_string_value(json_object_get(schema, "$ref"));
        if (!name)
            return schema;
        json_t *to = follow(w->root, name);
        if (!to) {
            (void)bl_schema_refuse(w, BL_EFORMAT,
                                   "no such $ref in this schema: %.120s (others are not fetched)",
                                   name);
            return NULL;
        }
        schema = to;
    }
    (void)bl_schema_refuse(w, BL_EFORMAT, "a $ref that leads to itself");
    return NULL;
}

/* ---- texts ---- */

void bl_schema_put_text(bl_buf *to, const char *text, size_t bytes)
{
    bl_buf_puts(to, "\"");
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            bl_buf_printf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            bl_buf_printf(to, "\\x%02X", c);
        else
            bl_buf_append(to, text + i, 1);
    }
    bl_buf_puts(to, "\"");
}

/* A real number in the fewest digits that are the same number. */
static void shorten(char text[40], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, 40, "%.*g", digits, value);
        double read = strtod(text, NULL);
        if (!(read < value) && !(read > value))
            return;
    }
}

bl_status bl_schema_put_json(bl_schema_writer *w, bl_buf *to, const json_t *value)
{
    char number[40];
    if (json_is_real(value)) {
        shorten(number, json_real_value(value));
        bl_schema_put_text(to, number, strlen(number));
        return BL_OK;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return bl_fail(w->err, BL_ENOMEM, "out of memory for a schema");
    bl_schema_put_text(to, text, strlen(text));
    free(text);
    return BL_OK;
}
