/* Schemas of several: allOf as one object, and whether a text may fit two branches of a oneOf. */
#include "constrain/schema_parts.h"

#include <string.h>

enum { MERGED_MOST = 1000, BRANCHES_MOST = 500 };

/* ---- allOf ---- */

static bl_status no_memory(bl_schema_writer *w)
{
    return bl_fail(w->err, BL_ENOMEM, "out of memory for a schema");
}

static bl_status merge_properties(bl_schema_writer *w, json_t *into, json_t *from)
{
    const char *key;
    json_t *value;
    json_object_foreach (from, key, value) {
        json_t *there = json_object_get(into, key);
        if (there && !json_equal(there, value))
            return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                    "allOf whose parts say different things of %.100s", key);
        if (!there && json_object_set(into, key, value) != 0)
            return no_memory(w);
    }
    return BL_OK;
}

/* Adds what an object schema says to `into`, and what its own allOf says. */
static bl_status merge_into(bl_schema_writer *w, json_t *into, json_t *part)
{
    part = bl_schema_resolve(w, part);
    if (!part)
        return w->err->code;
    if (++w->merged > MERGED_MOST)
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "allOf of more than %d parts", MERGED_MOST);
    if (!json_is_object(part))
        return bl_schema_refuse(w, BL_EFORMAT, "allOf is a list of schemas of objects");
    BL_TRY(bl_schema_keys(w, part, " type properties required additionalProperties allOf "));
    const char *type = json_string_value(json_object_get(part, "type"));
    json_t *others = json_object_get(part, "additionalProperties");
    json_t *required = json_object_get(part, "required"), *all = json_object_get(part, "allOf");
    if (json_object_get(part, "type") && (!type || strcmp(type, "object") != 0))
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "allOf of what is not an object");
    if (others && !json_is_true(others))
        return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                "additionalProperties in a part of allOf, which would forbid "
                                "what the other parts name");
    BL_TRY(merge_properties(w, json_object_get(into, "properties"),
                            json_object_get(part, "properties")));
    if (json_array_size(required) &&
        json_array_extend(json_object_get(into, "required"), required) != 0)
        return no_memory(w);
    for (size_t i = 0; i < json_array_size(all); i++)
        BL_TRY(merge_into(w, into, json_array_get(all, i)));
    return BL_OK;
}

bl_status bl_schema_merge(bl_schema_writer *w, json_t *schema, json_t **merged)
{
    *merged = json_pack("{s:s,s:{},s:[]}", "type", "object", "properties", "required");
    if (!*merged)
        return no_memory(w);
    if (!json_is_array(json_object_get(schema, "allOf")))
        return bl_schema_refuse(w, BL_EFORMAT, "allOf is a list of schemas of objects");
    return merge_into(w, *merged, schema);
}

/* ---- oneOf ---- */

static const char *const names[] = {"object", "array", "string", "number", "boolean", "null"};
enum { NAMES = sizeof names / sizeof *names };

/* The types that a schema allows, as bits: all when it does not say.  What is `written` for a schema
 * that only speaks of members is an object all the same. */
static unsigned types_of(const json_t *schema, int written)
{
    unsigned types = 0;
    const json_t *one = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    for (size_t i = 0; i < NAMES; i++) {
        for (size_t k = 0; k < (one ? 1 : json_array_size(list)); k++)
            if (bl_schema_is_type(one ? one : json_array_get(list, k), names[i]))
                types |= 1u << i;
        if (!one && !list && bl_schema_has_type(schema, names[i]))
            types |= 1u << i;
    }
    if (!one && !list && bl_schema_has_type(schema, "integer"))
        types |= 1u << 3;
    if (!types && written && json_object_get(schema, "properties"))
        types = 1;
    return types ? types : (1u << NAMES) - 1;
}

static size_t value_count(const json_t *schema)
{
    return json_object_get(schema, "const") ? 1 : json_array_size(json_object_get(schema, "enum"));
}

static json_t *value_at(const json_t *schema, size_t i)
{
    json_t *one = json_object_get(schema, "const");
    return one ? one : json_array_get(json_object_get(schema, "enum"), i);
}

/* Whether both list their values, and share none; 1 and 1.0 may be equal to who reads them. */
static int values_apart(const json_t *a, const json_t *b)
{
    size_t m = value_count(a), n = value_count(b);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n; k++) {
            const json_t *x = value_at(a, i), *y = value_at(b, k);
            int numbers = json_is_number(x) && json_is_number(y);
            double p = json_number_value(x), q = json_number_value(y);
            if (numbers ? !(p < q || p > q) : json_equal(x, y) || !json_is_string(x))
                return 0;
        }
    return m && n;
}

static int requires(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *other = json_string_value(json_array_get(required, i));
        if (other && strcmp(other, name) == 0)
            return 1;
    }
    return 0;
}

/* Whether the texts that are written for `a` lack what `b` requires. */
static int lacks(const json_t *a, const json_t *b)
{
    const json_t *required = json_object_get(b, "required");
    const json_t *others = json_object_get(a, "additionalProperties");
    const json_t *properties = json_object_get(a, "properties");
    if (!properties || (others && !json_is_false(others)))
        return 0;
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (name && !json_object_get(properties, name))
            return 1;
    }
    return 0;
}

/* Whether nothing that is written for `a` fits `b`, as far as types and lists of values tell. */
static int plainly_fails(const json_t *a, const json_t *b)
{
    return a && b && (!(types_of(a, 1) & types_of(b, 0)) || values_apart(a, b));
}

/* The same, by members too. */
static int fails(bl_schema_writer *w, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    a = bl_schema_resolve(w, a);
    b = bl_schema_resolve(w, b);
    if (plainly_fails(a, b))
        return 1;
    if (!a || !b || types_of(a, 1) != 1)
        return 0;
    if (lacks(a, b))
        return 1;
    json_object_foreach (json_object_get(a, "properties"), key, value) {
        json_t *other = json_object_get(json_object_get(b, "properties"), key);
        if (other && requires(a, key) &&
            plainly_fails(bl_schema_resolve(w, value), bl_schema_resolve(w, other)))
            return 1;
    }
    return 0;
}

bl_status bl_schema_apart(bl_schema_writer *w, json_t *branches)
{
    size_t n = json_array_size(branches);
    if (n > BRANCHES_MOST)
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "oneOf of more than %d branches",
                                BRANCHES_MOST);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (!fails(w, json_array_get(branches, i), json_array_get(branches, k)) ||
                !fails(w, json_array_get(branches, k), json_array_get(branches, i)))
                return bl_schema_refuse(
                    w, BL_EUNSUPPORTED,
                    "a text may fit both branch %zu and branch %zu of oneOf: "
                    "give each a type, and a required property of its own or one with "
                    "another const, or use anyOf",
                    k, i);
    return BL_OK;
}
