/* Schemas of objects: members in the order of `properties`, and the rest. */
#include "core/alloc.h"
#include "constrain/schema_parts.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MOST = 4096 };

/* A schema's member that must be of a type of JSON, or absent. */
static bl_status check_kinds(bl_schema_writer *w, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    const json_t *others = json_object_get(schema, "additionalProperties");
    if (properties && !json_is_object(properties))
        return bl_schema_refuse(w, BL_EFORMAT, "properties is an object of schemas");
    if (required && !json_is_array(required))
        return bl_schema_refuse(w, BL_EFORMAT, "required is a list of names");
    if (others && !json_is_object(others) && !json_is_boolean(others))
        return bl_schema_refuse(w, BL_EFORMAT, "additionalProperties is a schema");
    if (json_object_size(properties) > MEMBERS_MOST || json_array_size(required) > MEMBERS_MOST)
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "more than %d properties", MEMBERS_MOST);
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!name)
            return bl_schema_refuse(w, BL_EFORMAT, "required is a list of names");
        if (!json_object_get(properties, name))
            return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                    "required names %.100s, which properties does not have", name);
    }
    return BL_OK;
}

static int is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++)
        if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
            return 1;
    return 0;
}

/* Members are not counted: what the others allow must do. */
static bl_status check_numbers(bl_schema_writer *w, const json_t *schema, int others)
{
    uint64_t least, most, required = json_array_size(json_object_get(schema, "required"));
    uint64_t listed = json_object_size(json_object_get(schema, "properties"));
    BL_TRY(bl_schema_whole(w, schema, "minProperties", 0, &least));
    BL_TRY(bl_schema_whole(w, schema, "maxProperties", UINT64_MAX, &most));
    if (least > required)
        return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                "the keyword minProperties of more than are required");
    if (most != UINT64_MAX && (others || most < listed))
        return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                "the keyword maxProperties of fewer than there may be");
    return BL_OK;
}

/* ---- names that are not listed ---- */

typedef struct name_list {
    bl_schema_writer *w;
    const char **names; /* rising */
    size_t count, rule; /* the number of the object's own rules */
    size_t next;
} name_list;

static size_t character(const char *text)
{
    unsigned char c = (unsigned char)*text;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* What may follow the first `at` bytes that names [first, last) share, so that it is none of them;
 * returns the number of the rule. */
static size_t write_other(name_list *l, size_t first, size_t last, size_t at)
{
    size_t number = l->next++, ends = l->names[first][at] == 0;
    bl_buf rule;
    bl_buf_init(&rule);
    bl_buf_printf(&rule, "o%zu-%zu ::= ", l->rule, number);
    bl_buf except;
    bl_buf_init(&except);
    for (size_t i = first + ends; i < last;) {
        size_t bytes = character(l->names[i] + at), same = i + 1;
        while (same < last && strncmp(l->names[same] + at, l->names[i] + at, bytes) == 0)
            same++;
        const char *c = l->names[i] + at;
        if ((unsigned char)*c >= 0x20 && *c != '"' && *c != '\\' && *c != 0x7F) {
            bl_schema_put_text(&rule, c, bytes);
            bl_buf_printf(&rule, " o%zu-%zu | ", l->rule, write_other(l, i, same, at + bytes));
            if (*c == ']' || *c == '[' || *c == '^' || *c == '-')
                bl_buf_puts(&except, "\\");
            bl_buf_append(&except, c, bytes);
        }
        i = same;
    }
    bl_buf_printf(&rule, "[^\"\\\\\\x7F\\x00-\\x1F%s] plain*%s\n", except.data ? except.data : "",
                  ends ? "" : " | \"\"");
    if (rule.failed || except.failed)
        l->w->out->failed = 1;
    else
        bl_buf_append(l->w->out, rule.data, rule.len);
    bl_buf_release(&rule);
    bl_buf_release(&except);
    return number;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The rule of all names but those of `properties`; other names are never spelled with escapes. */
static bl_status put_other_names(bl_schema_writer *w, bl_buf *to, json_t *properties, size_t rule)
{
    enum { LONGEST = 200 };
    name_list l = {.w = w, .rule = rule};
    const char *key;
    json_t *value;
    if (!json_object_size(properties)) {
        bl_buf_puts(to, "plain*");
        return BL_OK;
    }
    l.names = bl_calloc(json_object_size(properties), sizeof *l.names);
    if (!l.names)
        return bl_fail(w->err, BL_ENOMEM, "out of memory for a schema");
    bl_status status = BL_OK;
    json_object_foreach (properties, key, value) {
        l.names[l.count++] = key;
        if (strlen(key) > LONGEST && status == BL_OK)
            status = bl_schema_refuse(w, BL_EUNSUPPORTED,
                                      "additionalProperties beside a name of more than %d bytes",
                                      LONGEST);
    }
    qsort((void *)l.names, l.count, sizeof *l.names, by_name);
    if (status == BL_OK)
        bl_buf_printf(to, "o%zu-%zu", rule, write_other(&l, 0, l.count, 0));
    bl_free((void *)l.names);
    return status;
}

/* ---- members ---- */

static bl_status put_member(bl_schema_writer *w, bl_buf *to, const char *name, json_t *schema)
{
    json_t *key = json_string(name);
    bl_status status =
        key ? bl_schema_put_json(w, to, key) : bl_fail(w->err, BL_ENOMEM, "out of memory");
    json_decref(key);
    BL_TRY(status);
    size_t back = bl_schema_down(w, "properties", name);
    bl_buf_puts(to, " ws \":\" ws ");
    BL_TRY(w->put(w, to, schema));
    bl_buf_puts(to, " ws");
    bl_schema_up(w, back);
    return BL_OK;
}

/* The rule "mN-others": a member of another name; not written where there may be none. */
static bl_status write_others(bl_schema_writer *w, json_t *schema, size_t rule, int *others)
{
    json_t *value = json_object_get(schema, "additionalProperties");
    json_t *properties = json_object_get(schema, "properties");
    *others = value && !json_is_false(value);
    if (!*others)
        return BL_OK;
    bl_buf body;
    bl_buf_init(&body);
    bl_buf_printf(&body, "m%zu-others ::= \"\\\"\" ", rule);
    bl_status status = put_other_names(w, &body, properties, rule);
    if (status == BL_OK) {
        size_t back = bl_schema_down(w, "additionalProperties", NULL);
        bl_buf_puts(&body, " \"\\\"\" ws \":\" ws ");
        status = w->put(w, &body, value);
        bl_schema_up(w, back);
    }
    if (status == BL_OK)
        status = bl_buf_status(&body, w->err);
    if (status == BL_OK)
        bl_buf_printf(w->out, "%s ws\n", body.data);
    bl_buf_release(&body);
    return status;
}

/* Rules "mN-i": member i; "mN-first-i" and "mN-more-i": members i and later, of which the first
 * comes without a comma, or all come with one. */
static bl_status write_members(bl_schema_writer *w, json_t *schema, size_t rule, int others)
{
    const char *key;
    json_t *value;
    size_t i = 0;
    json_object_foreach (json_object_get(schema, "properties"), key, value) {
        bl_buf body;
        int must = is_required(schema, key);
        bl_buf_init(&body);
        bl_buf_printf(&body, "m%zu-%zu ::= ", rule, i);
        bl_status status = put_member(w, &body, key, value);
        if (status == BL_OK)
            status = bl_buf_status(&body, w->err);
        if (status == BL_OK)
            bl_buf_printf(w->out, "%s\n", body.data);
        bl_buf_release(&body);
        BL_TRY(status);
        bl_buf_printf(w->out, "m%zu-more-%zu ::= (\",\" ws m%zu-%zu)%s m%zu-more-%zu\n", rule, i,
                      rule, i, must ? "" : "?", rule, i + 1);
        bl_buf_printf(w->out, "m%zu-first-%zu ::= m%zu-%zu m%zu-more-%zu", rule, i, rule, i, rule,
                      i + 1);
        if (!must)
            bl_buf_printf(w->out, " | m%zu-first-%zu", rule, i + 1);
        bl_buf_puts(w->out, "\n");
        i++;
    }
    if (others)
        bl_buf_printf(w->out,
                      "m%zu-first-%zu ::= (m%zu-others m%zu-more-%zu)?\n"
                      "m%zu-more-%zu ::= (\",\" ws m%zu-others)*\n",
                      rule, i, rule, rule, i, rule, i, rule);
    else
        bl_buf_printf(w->out, "m%zu-first-%zu ::= \"\"\nm%zu-more-%zu ::= \"\"\n", rule, i, rule,
                      i);
    return BL_OK;
}

bl_status bl_schema_object(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    int others;
    size_t rule = w->rules++;
    BL_TRY(check_kinds(w, schema));
    if (!json_object_get(schema, "properties") &&
        !json_object_get(schema, "additionalProperties")) {
        BL_TRY(check_numbers(w, schema, 1));
        bl_buf_puts(to, "object");
        return BL_OK;
    }
    BL_TRY(write_others(w, schema, rule, &others));
    BL_TRY(check_numbers(w, schema, others));
    BL_TRY(write_members(w, schema, rule, others));
    bl_buf_printf(to, "\"{\" ws m%zu-first-0 \"}\"", rule);
    return BL_OK;
}
