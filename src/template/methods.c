/* Methods of strings, dicts and lists. */
#include "template/methods.h"
#include "template/arguments.h"
#include "template/cases.h"
#include "template/builtins.h"
#include "template/strings.h"
#include "core/utf8.h"

#include <string.h>

/* All that Python's types have: an attribute of that name is not undefined, and in attribute
 * position it goes before a key of a dict. */
static const char of_str[] =
    " capitalize casefold center count encode endswith expandtabs find format format_map index "
    "isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace "
    "istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace "
    "rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title "
    "translate upper zfill ";
static const char of_dict[] = " copy fromkeys get items keys values ";
static const char of_list[] = " copy count index ";
static const char of_tuple[] = " count index ";
static const char of_range[] = " count index start step stop ";
static const char of_int[] = " as_integer_ratio bit_count bit_length conjugate denominator "
                             "from_bytes imag numerator real to_bytes ";
static const char of_float[] = " as_integer_ratio conjugate fromhex hex imag is_integer real ";

static const char *methods_of(bl_value v)
{
    static const char *const lists[] = {of_list, of_tuple, of_range, "", ""};
    switch ((bl_value_kind)v.kind) {
    case BL_VALUE_STRING:
        return of_str;
    case BL_VALUE_DICT:
        return of_dict;
    case BL_VALUE_LIST:
        return lists[v.u.list->kind];
    case BL_VALUE_INT:
    case BL_VALUE_BOOL:
        return of_int;
    case BL_VALUE_FLOAT:
        return of_float;
    default:
        return "";
    }
}

static int is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(list, name); at && n; at = strstr(at + 1, name))
        if (at[-1] == ' ' && at[n] == ' ')
            return 1;
    return 0;
}

bl_value bl_method_of(bl_run *r, bl_value v, const char *name)
{
    if (!is_listed(methods_of(v), name))
        return bl_undefined(name);
    int number = bl_method_number(name);
    bl_value *owner = bl_run_take(r, 1, sizeof *owner);
    if (!owner)
        return bl_undefined(name);
    *owner = v;
    return (bl_value){.kind = BL_VALUE_METHOD,
                      .number = (unsigned char)(number < 0 ? BL_METHODS : number),
                      .u.owner = owner};
}

/* ---- strings ---- */

/* "start" and "end" of find() and its kin are not supported; texts or a tuple of them are. */
static bl_value affix(bl_run *r, const bl_chars *c, const bl_call_list *l, int ends)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, ends ? "endswith()" : "startswith()", "prefix", 1))
        return bl_none();
    bl_list one = {.item = &a.v[0], .count = 1}, *any = &one;
    if (a.v[0].kind == BL_VALUE_LIST && a.v[0].u.list->kind == BL_LIST_TUPLE)
        any = a.v[0].u.list;
    int found = 0;
    for (size_t i = 0; i < any->count && !found; i++) {
        const bl_chars *p = bl_want_chars(r, any->item[i], "what a text begins or ends with");
        found = p->bytes <= c->bytes &&
                (!p->bytes ||
                 memcmp(c->text + (ends ? c->bytes - p->bytes : 0), p->text, p->bytes) == 0);
    }
    return bl_bool(found);
}

static bl_value strip(bl_run *r, const bl_chars *c, const bl_call_list *l, unsigned sides)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "strip()", "chars", 0))
        return bl_none();
    int has = bl_given(&a, 0) && a.v[0].kind != BL_VALUE_NONE;
    return bl_strip(r, c, has ? bl_want_chars(r, a.v[0], "what is stripped") : NULL, sides);
}

static bl_value split(bl_run *r, const bl_chars *c, const bl_call_list *l, int from_right)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "split()", "sep maxsplit", 0))
        return bl_none();
    int has = bl_given(&a, 0) && a.v[0].kind != BL_VALUE_NONE;
    const bl_chars *sep = has ? bl_want_chars(r, a.v[0], "where a text is split") : NULL;
    return bl_split(r, c, sep, bl_given(&a, 1) ? bl_want_whole(r, a.v[1], "maxsplit") : -1,
                    from_right);
}

static bl_value replace(bl_run *r, const bl_chars *c, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "replace()", "old new count", 2))
        return bl_none();
    return bl_replace(r, c, bl_want_chars(r, a.v[0], "what is replaced"),
                      bl_want_chars(r, a.v[1], "what replaces it"),
                      bl_given(&a, 2) ? bl_want_whole(r, a.v[2], "count") : -1);
}

static bl_value partition(bl_run *r, const bl_chars *c, const bl_call_list *l, int last)
{
    bl_arguments a;
    bl_value t = bl_list_new(r, BL_LIST_TUPLE);
    if (!bl_bind(r, &a, l, "partition()", "sep", 1))
        return t;
    const bl_chars *sep = bl_want_chars(r, a.v[0], "where a text is parted");
    if (!sep->bytes)
        bl_run_fail(r, BL_EFORMAT, "a text cannot be parted at an empty one");
    size_t at = last ? bl_chars_find_last(r, c, sep) : bl_chars_find(r, c, sep, 0);
    int found = at != SIZE_MAX;
    bl_value none = bl_part(r, c, 0, 0);
    bl_list_add(r, t, found ? bl_part(r, c, 0, at) : last ? none : bl_part(r, c, 0, c->bytes));
    bl_list_add(r, t, found ? bl_part(r, c, at, at + sep->bytes) : none);
    bl_list_add(r, t,
                found  ? bl_part(r, c, at + sep->bytes, c->bytes)
                : last ? bl_part(r, c, 0, c->bytes)
                       : none);
    return t;
}

static bl_value without(bl_run *r, const bl_chars *c, const bl_call_list *l, int suffix)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "removeprefix()", "affix", 1))
        return bl_none();
    const bl_chars *p = bl_want_chars(r, a.v[0], "what is removed");
    int has =
        p->bytes <= c->bytes &&
        (!p->bytes || memcmp(c->text + (suffix ? c->bytes - p->bytes : 0), p->text, p->bytes) == 0);
    size_t n = has ? p->bytes : 0;
    return bl_part(r, c, suffix ? 0 : n, suffix ? c->bytes - n : c->bytes);
}

/* In code points, as Python counts. */
static int64_t place_of(const bl_chars *c, size_t at)
{
    bl_chars before = {.text = c->text, .bytes = at, .count = SIZE_MAX};
    return at == SIZE_MAX ? -1 : (int64_t)bl_chars_count(&before);
}

static bl_value find(bl_run *r, const bl_chars *c, const bl_call_list *l, unsigned number)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, bl_method_name(number), "sub", 1))
        return bl_none();
    const bl_chars *sub = bl_want_chars(r, a.v[0], "what is looked for");
    if (number == BL_METHOD_count) {
        int64_t n = 0;
        if (!sub->bytes)
            return bl_whole((int64_t)bl_chars_count((bl_chars *)(uintptr_t)c) + 1);
        for (size_t at = 0; (at = bl_chars_find(r, c, sub, at)) != SIZE_MAX; at += sub->bytes)
            n++;
        return bl_whole(n);
    }
    size_t at =
        number == BL_METHOD_rfind ? bl_chars_find_last(r, c, sub) : bl_chars_find(r, c, sub, 0);
    if (at == SIZE_MAX && number == BL_METHOD_index)
        bl_run_fail(r, BL_EFORMAT, "index() finds no such text");
    return bl_whole(place_of(c, at));
}

static bl_value zfill(bl_run *r, bl_chars *c, const bl_call_list *l)
{
    bl_arguments a;
    bl_writer w = {.most = r->most};
    if (!bl_bind(r, &a, l, "zfill()", "width", 1))
        return bl_none();
    int64_t width = bl_want_whole(r, a.v[0], "a width"), has = (int64_t)bl_chars_count(c);
    size_t sign = c->bytes && (*c->text == '-' || *c->text == '+');
    bl_write(r, &w, c->text, c->marks, sign);
    for (int64_t i = has; i < width && bl_run_step(r, 0); i++)
        bl_write_text(r, &w, "0");
    bl_write(r, &w, c->text + sign, c->marks ? c->marks + sign : NULL, c->bytes - sign);
    return bl_written(r, &w);
}

static bl_value split_lines(bl_run *r, const bl_chars *c, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "splitlines()", "keepends", 0))
        return bl_none();
    return bl_split_lines(r, c, bl_given(&a, 0) && bl_truth(a.v[0]));
}

static bl_value join(bl_run *r, const bl_chars *c, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "join()", "iterable", 1))
        return bl_none();
    return bl_join(r, c, bl_items(r, a.v[0]), 0);
}

static bl_value of_no_arguments(bl_run *r, const bl_chars *c, const bl_call_list *l,
                                unsigned number)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, bl_method_name(number), "", 0))
        return bl_none();
    switch (number) {
    case BL_METHOD_upper:
        return bl_cased(r, c, BL_CASE_UPPER);
    case BL_METHOD_lower:
        return bl_cased(r, c, BL_CASE_LOWER);
    case BL_METHOD_title:
        return bl_cased(r, c, BL_CASE_TITLE);
    case BL_METHOD_capitalize:
        return bl_cased(r, c, BL_CASE_CAPITALIZE);
    case BL_METHOD_isalnum:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_ALNUM));
    case BL_METHOD_isalpha:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_ALPHA));
    case BL_METHOD_isdigit:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_DIGIT));
    case BL_METHOD_isspace:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_SPACE));
    case BL_METHOD_isupper:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_UPPER));
    default:
        return bl_bool(bl_chars_class(r, c, BL_CLASS_LOWER));
    }
}

static bl_value of_string(bl_run *r, bl_chars *c, unsigned number, const bl_call_list *l)
{
    switch (number) {
    case BL_METHOD_startswith:
    case BL_METHOD_endswith:
        return affix(r, c, l, number == BL_METHOD_endswith);
    case BL_METHOD_strip:
        return strip(r, c, l, BL_STRIP_LEFT | BL_STRIP_RIGHT);
    case BL_METHOD_lstrip:
        return strip(r, c, l, BL_STRIP_LEFT);
    case BL_METHOD_rstrip:
        return strip(r, c, l, BL_STRIP_RIGHT);
    case BL_METHOD_split:
    case BL_METHOD_rsplit:
        return split(r, c, l, number == BL_METHOD_rsplit);
    case BL_METHOD_splitlines:
        return split_lines(r, c, l);
    case BL_METHOD_replace:
        return replace(r, c, l);
    case BL_METHOD_partition:
    case BL_METHOD_rpartition:
        return partition(r, c, l, number == BL_METHOD_rpartition);
    case BL_METHOD_removeprefix:
    case BL_METHOD_removesuffix:
        return without(r, c, l, number == BL_METHOD_removesuffix);
    case BL_METHOD_find:
    case BL_METHOD_rfind:
    case BL_METHOD_index:
    case BL_METHOD_count:
        return find(r, c, l, number);
    case BL_METHOD_zfill:
        return zfill(r, c, l);
    case BL_METHOD_join:
        return join(r, c, l);
    default:
        return of_no_arguments(r, c, l, number);
    }
}

/* ---- dicts and lists ---- */

static bl_value get(bl_run *r, const bl_dict *d, const bl_call_list *l)
{
    bl_arguments a;
    if (l->named)
        bl_run_fail(r, BL_EFORMAT, "get() takes no arguments by name");
    if (!bl_bind(r, &a, l, "get()", "key default", 1))
        return bl_none();
    const bl_value *v = bl_dict_find(r, d, a.v[0]);
    return v ? *v : bl_given(&a, 1) ? a.v[1] : bl_none();
}

static bl_value copy_dict(bl_run *r, const bl_dict *d)
{
    bl_value copy = bl_dict_new(r);
    for (size_t i = 0; i < d->count; i++)
        bl_dict_set(r, copy, d->key[i], d->value[i]);
    return copy;
}

static bl_value of_mapping(bl_run *r, const bl_dict *d, unsigned number, const bl_call_list *l)
{
    bl_arguments a;
    if (number == BL_METHOD_get)
        return get(r, d, l);
    if (!bl_bind(r, &a, l, bl_method_name(number), "", 0))
        return bl_none();
    if (number == BL_METHOD_copy)
        return copy_dict(r, d);
    bl_value v = bl_list_new(r, BL_LIST_VIEW);
    for (size_t i = 0; i < d->count && r->status == BL_OK; i++)
        bl_list_add(r, v,
                    number == BL_METHOD_keys     ? d->key[i]
                    : number == BL_METHOD_values ? d->value[i]
                                                 : bl_pair(r, d->key[i], d->value[i]));
    return v;
}

static bl_value of_sequence(bl_run *r, bl_list *list, unsigned number, const bl_call_list *l)
{
    bl_arguments a;
    int64_t n = 0;
    if (number == BL_METHOD_copy) {
        bl_value copy = bl_list_new(r, BL_LIST_PLAIN);
        for (size_t i = 0; bl_bind(r, &a, l, "copy()", "", 0) && i < list->count; i++)
            bl_list_add(r, copy, list->item[i]);
        return copy;
    }
    if (!bl_bind(r, &a, l, bl_method_name(number), "value", 1))
        return bl_none();
    for (size_t i = 0; i < list->count && bl_run_step(r, 0); i++) {
        int same = bl_equal(r, list->item[i], a.v[0]);
        if (same && number == BL_METHOD_index)
            return bl_whole((int64_t)i);
        n += same;
    }
    if (number == BL_METHOD_index)
        bl_run_fail(r, BL_EFORMAT, "index() finds no such item");
    return bl_whole(n);
}

bl_value bl_method_call(bl_run *r, bl_value method, const bl_call_list *l)
{
    bl_value owner = *method.u.owner;
    int of_text = method.number <= BL_METHOD_zfill;
    if (owner.kind == BL_VALUE_STRING && of_text)
        return of_string(r, owner.u.chars, method.number, l);
    if (owner.kind == BL_VALUE_DICT && !of_text && method.number < BL_METHODS)
        return of_mapping(r, owner.u.dict, method.number, l);
    if (owner.kind == BL_VALUE_LIST && method.number < BL_METHODS)
        return of_sequence(r, owner.u.list, method.number, l);
    bl_run_fail(r, BL_EUNSUPPORTED, "this method of a %s is not supported", bl_kind_name(owner));
    return bl_none();
}
