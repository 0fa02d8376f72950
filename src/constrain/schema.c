/* JSON schemas as grammars: which part of a schema stands for what. */
#include "constrain/schema.h"
#include "format/json.h"
#include "constrain/gbnf.h"
#include "constrain/schema_parts.h"

#include <string.h>

/* Rules that those of a schema name. */
static const char common_rules[] =
    "ws ::= | \" \" | \"\\n\"{1,2} [ \\t]{0,20}\n"
    "plain ::= [^\"\\\\\\x7F\\x00-\\x1F]\n"
    "char ::= plain | \"\\\\\" ([\"\\\\bfnrt/] | \"u\" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | "
    "[dD] [0-7] [0-9a-fA-F]{2}))\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"
    "number ::= integer (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"
    "boolean ::= \"true\" | \"false\"\n"
    "null ::= \"null\"\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "object ::= \"{\" ws (member (\",\" ws member)*)? \"}\"\n"
    "member ::= string ws \":\" ws value ws\n"
    "value ::= string | number | boolean | null | array | object\n"
    "day30 ::= \"0\" [1-9] | [12] [0-9] | \"30\"\n"
    "leap ::= [1-9] [0-9] (\"0\" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] "
    "[26]) \"00\"\n"
    "date ::= [1-9] [0-9]{3} \"-\" ((\"0\" [13578] | \"10\" | \"12\") \"-\" (day30 | \"31\") | "
    "(\"0\" [469] | \"11\") \"-\" day30 | \"02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8])) | "
    "leap \"-02-29\"\n"
    "clock ::= ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9]\n"
    "time ::= clock \":\" [0-5] [0-9] (\".\" [0-9]{1,6})? (\"Z\" | [-+] clock)\n"
    "hex ::= [0-9a-f]\n"
    "uuid ::= hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}\n"
    "octet ::= [0-9] | [1-9] [0-9] | \"1\" [0-9]{2} | \"2\" [0-4] [0-9] | \"25\" [0-5]\n"
    "ipv4 ::= octet \".\" octet \".\" octet \".\" octet\n";

/* ---- values that are given ---- */

static bl_status put_values(bl_schema_writer *w, bl_buf *to, const json_t *schema)
{
    const json_t *one = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    size_t n = one ? 1 : json_array_size(list), put = 0;
    BL_TRY(bl_schema_keys(w, schema, one ? " const type " : " enum type "));
    if (!one && !json_is_array(list))
        return bl_schema_refuse(w, BL_EFORMAT, "enum is a list of values");
    for (size_t i = 0; i < n; i++) {
        const json_t *value = one ? one : json_array_get(list, i);
        static const char *const types[] = {"object",  "array",   "string", "number",
                                            "integer", "boolean", "null"};
        int fits = !json_object_get(schema, "type");
        for (size_t k = 0; k < sizeof types / sizeof *types; k++)
            fits |= bl_schema_is_type(value, types[k]) && bl_schema_has_type(schema, types[k]);
        if (!fits)
            continue;
        bl_buf_puts(to, put++ ? " | " : "");
        BL_TRY(bl_schema_put_json(w, to, value));
    }
    bl_buf_puts(to, put ? "" : "[]");
    return BL_OK;
}

/* ---- one of several ---- */

static bl_status put_branches(bl_schema_writer *w, bl_buf *to, json_t *schema, const char *keyword)
{
    json_t *branches = json_object_get(schema, keyword);
    char accepted[32];
    (void)snprintf(accepted, sizeof accepted, " %s type ", keyword);
    BL_TRY(bl_schema_keys(w, schema, accepted));
    if (!json_is_array(branches) || !json_array_size(branches))
        return bl_schema_refuse(w, BL_EFORMAT, "%s is a list of schemas", keyword);
    const char *type = json_string_value(json_object_get(schema, "type"));
    for (size_t i = 0; type && i < json_array_size(branches); i++) {
        const json_t *branch = bl_schema_resolve(w, json_array_get(branches, i));
        const char *own = json_string_value(json_object_get(branch, "type"));
        if (!branch)
            return w->err->code;
        if (!own || strcmp(own, type) != 0)
            return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                    "type beside %s whose branches do not all have it", keyword);
    }
    if (json_object_get(schema, "type") && !type)
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "several types beside %s", keyword);
    if (strcmp(keyword, "oneOf") == 0)
        BL_TRY(bl_schema_apart(w, branches));
    for (size_t i = 0; i < json_array_size(branches); i++) {
        char index[24];
        (void)snprintf(index, sizeof index, "%zu", i);
        size_t back = bl_schema_down(w, keyword, index);
        bl_buf_puts(to, i ? " | " : "");
        BL_TRY(w->put(w, to, json_array_get(branches, i)));
        bl_schema_up(w, back);
    }
    return BL_OK;
}

static bl_status put_merged(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    json_t *merged = NULL;
    bl_status status = bl_schema_merge(w, schema, &merged);
    if (status == BL_OK)
        status = bl_schema_object(w, to, merged);
    json_decref(merged);
    return status;
}

/* ---- by type ---- */

#define OBJECT_KEYS " properties required additionalProperties minProperties maxProperties "
#define ARRAY_KEYS  " items prefixItems minItems maxItems uniqueItems "
#define STRING_KEYS " minLength maxLength pattern format "
#define NUMBER_KEYS " minimum maximum exclusiveMinimum exclusiveMaximum "

static const struct {
    const char *name, *keys;
} types[] = {
    {"object", OBJECT_KEYS},
    {"array", ARRAY_KEYS},
    {"string", STRING_KEYS},
    {"number", NUMBER_KEYS},
    {"integer", NUMBER_KEYS},
    {"boolean", ""},
    {"null", ""},
};
enum { TYPES = sizeof types / sizeof *types };

static bl_status put_type(bl_schema_writer *w, bl_buf *to, json_t *schema, const char *type)
{
    if (strcmp(type, "object") == 0)
        return bl_schema_object(w, to, schema);
    if (strcmp(type, "array") == 0)
        return bl_schema_array(w, to, schema);
    if (strcmp(type, "string") == 0)
        return bl_schema_string(w, to, schema);
    if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0)
        return bl_schema_number(w, to, schema, *type == 'i');
    bl_buf_puts(to, type); /* boolean, null */
    return BL_OK;
}

/* The types that a schema without one speaks of: bit i is types[i].  Keywords of two are refused. */
static unsigned guess_types(const json_t *schema)
{
    const char *key;
    json_t *value;
    unsigned found = 0;
    json_object_foreach ((json_t *)(uintptr_t)schema, key, value) {
        char word[80];
        (void)snprintf(word, sizeof word, " %.70s ", key);
        for (unsigned i = 0; i < 4; i++)
            if (strstr(types[i].keys, word))
                found |= 1u << i;
    }
    return found;
}

static bl_status find_types(bl_schema_writer *w, const json_t *schema, unsigned *found)
{
    const json_t *type = json_object_get(schema, "type");
    size_t n = json_is_array(type) ? json_array_size(type) : 1;
    *found = type ? 0 : guess_types(schema);
    for (size_t i = 0; type && i < n; i++) {
        const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);
        size_t k = 0;
        while (k < TYPES && (!name || strcmp(name, types[k].name) != 0))
            k++;
        if (k == TYPES)
            return bl_schema_refuse(w, BL_EFORMAT, "type is the name of a type of JSON");
        *found |= 1u << k;
    }
    if (!type && (*found & (*found - 1)))
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "keywords of several types, and no type");
    return BL_OK;
}

static bl_status put_types(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    char accepted[400] = " type ";
    unsigned found = 0;
    BL_TRY(find_types(w, schema, &found));
    for (size_t i = 0, used = strlen(accepted); i < TYPES; i++)
        if (found >> i & 1)
            used += (size_t)snprintf(accepted + used, sizeof accepted - used, "%s", types[i].keys);
    BL_TRY(bl_schema_keys(w, schema, accepted));
    if (!found)
        bl_buf_puts(to, "value");
    for (size_t i = 0, put = 0; i < TYPES; i++) {
        if (!(found >> i & 1))
            continue;
        bl_buf_puts(to, put++ ? " | " : "");
        BL_TRY(put_type(w, to, schema, types[i].name));
    }
    return BL_OK;
}

/* ---- a schema of any kind ---- */

static bl_status put_body(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    if (json_is_boolean(schema)) {
        bl_buf_puts(to, json_is_true(schema) ? "value" : "[]");
        return BL_OK;
    }
    if (!json_is_object(schema))
        return bl_schema_refuse(w, BL_EFORMAT, "a schema is an object, true or false");
    if (json_object_get(schema, "const") || json_object_get(schema, "enum"))
        return put_values(w, to, schema);
    if (json_object_get(schema, "anyOf"))
        return put_branches(w, to, schema, "anyOf");
    if (json_object_get(schema, "oneOf"))
        return put_branches(w, to, schema, "oneOf");
    if (json_object_get(schema, "allOf"))
        return put_merged(w, to, schema);
    return put_types(w, to, schema);
}

static bl_status write_rule(bl_schema_writer *w, size_t number, json_t *schema)
{
    bl_buf body;
    if (w->nested == BL_SCHEMA_NESTED)
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "more than %d schemas in one another",
                                BL_SCHEMA_NESTED);
    w->nested++;
    bl_buf_init(&body);
    bl_status status = put_body(w, &body, schema);
    if (status == BL_OK)
        status = bl_buf_status(&body, w->err);
    if (status == BL_OK)
        bl_buf_printf(w->out, "s%zu ::= %s\n", number, body.data);
    bl_buf_release(&body);
    w->nested--;
    return status;
}

/* The rule of what a $ref names, written once. */
static bl_status put_reference(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    const char *name = json_string_value(json_object_get(schema, "$ref"));
    BL_TRY(bl_schema_keys(w, schema, " $ref "));
    if (!name)
        return bl_schema_refuse(w, BL_EFORMAT, "$ref is a text");
    const json_t *known = json_object_get(w->refs, name);
    size_t number = known ? (size_t)json_integer_value(known) : w->rules;
    bl_buf_printf(to, "s%zu", number);
    if (known)
        return BL_OK;
    json_t *target = bl_schema_resolve(w, schema);
    if (!target)
        return w->err->code;
    w->rules++;
    if (json_object_set_new(w->refs, name, json_integer((json_int_t)number)) != 0)
        return bl_fail(w->err, BL_ENOMEM, "out of memory for a schema");
    char path[BL_SCHEMA_PATH];
    memcpy(path, w->path, sizeof path);
    (void)snprintf(w->path, sizeof w->path, "%s", name);
    bl_status status = write_rule(w, number, target);
    memcpy(w->path, path, sizeof path);
    return status;
}

static bl_status put_schema(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    if (json_object_get(schema, "$ref"))
        return put_reference(w, to, schema);
    size_t number = w->rules++;
    bl_buf_printf(to, "s%zu", number);
    return write_rule(w, number, schema);
}

static bl_status write_all(bl_schema_writer *w)
{
    bl_buf root;
    bl_buf_init(&root);
    bl_status status = put_schema(w, &root, w->root);
    if (status == BL_OK) {
        bl_buf_printf(w->out, "root ::= %s\n", root.data ? root.data : "");
        bl_buf_puts(w->out, common_rules);
        status = root.failed ? bl_buf_status(&root, w->err) : bl_buf_status(w->out, w->err);
    }
    bl_buf_release(&root);
    return status;
}

bl_status bl_schema_write(bl_buf *gbnf, const char *text, size_t bytes, bl_error *err)
{
    json_error_t why;
    bl_error local;
    bl_schema_writer w = {.put = put_schema, .out = gbnf, .path = "#", .err = err ? err : &local};
    if (bytes > BL_GBNF_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED, "a schema of %zu bytes: it has at most %d", bytes,
                       BL_GBNF_BYTES);
    w.root = bl_json_parse(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!w.root) {
        if (bl_json_failure(&why) == BL_ENOMEM)
            return bl_fail(err, BL_ENOMEM, "out of memory for a schema");
        return bl_fail(err, BL_EFORMAT, "the schema is not JSON: line %d: %s", why.line, why.text);
    }
    w.refs = json_object();
    bl_status status =
        w.refs ? write_all(&w) : bl_fail(err, BL_ENOMEM, "out of memory for a schema");
    json_decref(w.refs);
    json_decref(w.root);
    return status;
}

bl_status bl_schema_read(bl_graph *g, const char *text, size_t bytes, bl_error *err)
{
    bl_buf gbnf;
    bl_buf_init(&gbnf);
    bl_status status = bl_schema_write(&gbnf, text, bytes, err);
    if (status == BL_OK)
        status = bl_gbnf_read(g, gbnf.data, gbnf.len, err);
    bl_buf_release(&gbnf);
    return status;
}
