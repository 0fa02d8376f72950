/* Filters of lists. */
#include "template/sequences.h"
#include "template/arguments.h"
#include "template/cases.h"
#include "template/checks.h"
#include "template/lookup.h"
#include "template/builtins.h"
#include "template/numbers.h"
#include "template/spelled.h"
#include "template/strings.h"

#include <string.h>

static bl_value lowered(bl_run *r, bl_value v)
{
    return v.kind == BL_VALUE_STRING ? bl_cased(r, v.u.chars, BL_CASE_LOWER) : v;
}

/* Where Python raises for what is not a list, as for the items of a dict. */
static const bl_list *whole_list(bl_run *r, bl_value v)
{
    return bl_items(r, v);
}

/* A number by the text of a filter's or test's name. */
static int named(bl_run *r, bl_value v, const char *what, int (*number)(const char *))
{
    char name[64] = "";
    const bl_chars *c = bl_want_chars(r, v, what);
    if (c->bytes < sizeof name && c->bytes)
        memcpy(name, c->text, c->bytes);
    int found = number(name);
    if (found < 0)
        bl_run_fail(r, BL_EUNSUPPORTED, "no %s is called %.40s", what, name);
    return found;
}

/* ---- one of a list ---- */

static bl_value first_of(bl_run *r, bl_value v)
{
    if (v.kind == BL_VALUE_LIST && v.u.list->kind == BL_LIST_GENERATOR) {
        bl_list *l = v.u.list;
        return l->at < l->count ? l->item[l->at++]
                                : bl_undefined("the first item of an empty list");
    }
    const bl_list *l = whole_list(r, v);
    return l->count ? l->item[0] : bl_undefined("the first item of an empty list");
}

static bl_value last_of(bl_run *r, bl_value v)
{
    if (v.kind == BL_VALUE_LIST && v.u.list->kind == BL_LIST_GENERATOR)
        bl_run_fail(r, BL_EFORMAT, "a generator has no last item");
    const bl_list *l = whole_list(r, v);
    return l->count ? l->item[l->count - 1] : bl_undefined("the last item of an empty list");
}

static bl_value reversed(bl_run *r, bl_value v)
{
    bl_list *l = bl_items(r, v);
    if (v.kind == BL_VALUE_STRING) {
        bl_writer w = {.most = r->most};
        for (size_t i = l->count; i > 0; i--)
            bl_write_chars(r, &w, l->item[i - 1].u.chars);
        return bl_written(r, &w);
    }
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR);
    for (size_t i = l->count; i > 0; i--)
        bl_list_add(r, out, l->item[i - 1]);
    return out;
}

/* ---- order ---- */

/* Sorts items by keys, stable, in the order of Python's sorted(). */
static void merge_sort(bl_run *r, bl_value *key, bl_value *item, size_t count, int down)
{
    bl_value *k = bl_run_take(r, count + 1, sizeof *k), *t = bl_run_take(r, count + 1, sizeof *t);
    for (size_t width = 1; k && t && width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t mid = from + width < count ? from + width : count;
            size_t to = mid + width < count ? mid + width : count, a = from, b = mid;
            for (size_t i = from; i < to && bl_run_step(r, 0); i++) {
                int order = a < mid && b < to ? bl_compare(r, key[b], key[a]) : a < mid ? 1 : -1;
                if (a < mid && b < to && down)
                    order = -order;
                size_t take = order < 0 ? b++ : a++;
                k[i] = key[take];
                t[i] = item[take];
            }
        }
        if (r->status != BL_OK)
            return;
        memcpy(key, k, count * sizeof *k);
        memcpy(item, t, count * sizeof *t);
    }
}

/* The items of a list in order of keys that are made of them. */
static bl_value sorted(bl_run *r, const bl_list *l, bl_value path, int cased, int down)
{
    bl_value out = bl_list_new(r, BL_LIST_PLAIN);
    bl_value *key = bl_run_take(r, l->count + 1, sizeof *key);
    for (size_t i = 0; key && i < l->count; i++) {
        key[i] = path.kind == BL_VALUE_NONE ? l->item[i] : bl_path(r, l->item[i], path);
        key[i] = cased ? key[i] : lowered(r, key[i]);
        bl_list_add(r, out, l->item[i]);
    }
    if (r->status == BL_OK)
        merge_sort(r, key, out.u.list->item, l->count, down);
    return out;
}

static bl_value sort(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "sort", "reverse case_sensitive attribute", 0))
        return bl_none();
    bl_value path = bl_given(&a, 2) ? a.v[2] : bl_none();
    if (path.kind == BL_VALUE_STRING && memchr(path.u.chars->text, ',', path.u.chars->bytes))
        bl_run_fail(r, BL_EUNSUPPORTED, "sorting by several attributes is not supported");
    return sorted(r, whole_list(r, v), path, bl_truth(a.v[1]), bl_truth(a.v[0]));
}

static bl_value dictsort(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "dictsort", "case_sensitive by reverse", 0))
        return bl_none();
    int by_value = bl_given(&a, 1) && bl_chars_are(bl_want_chars(r, a.v[1], "by"), "value");
    if (bl_given(&a, 1) && !by_value && !bl_chars_are(bl_want_chars(r, a.v[1], "by"), "key"))
        bl_run_fail(r, BL_EFORMAT, "dictsort sorts by 'key' or 'value'");
    if (v.kind != BL_VALUE_DICT) {
        bl_run_fail(r, BL_EFORMAT, "dictsort takes a dict, not a %s", bl_kind_name(v));
        return bl_none();
    }
    bl_value pairs = bl_list_new(r, BL_LIST_PLAIN);
    for (size_t i = 0; i < v.u.dict->count && r->status == BL_OK; i++)
        bl_list_add(r, pairs, bl_pair(r, v.u.dict->key[i], v.u.dict->value[i]));
    return sorted(r, pairs.u.list, bl_whole(by_value), bl_truth(a.v[0]), bl_truth(a.v[2]));
}

static bl_value least_or_most(bl_run *r, bl_value v, const bl_call_list *l, int most)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, most ? "max" : "min", "case_sensitive attribute", 0))
        return bl_none();
    const bl_list *list = whole_list(r, v);
    bl_value best = bl_undefined("the best of an empty list"), best_key = bl_none();
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        bl_value key = bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE
                           ? bl_path(r, list->item[i], a.v[1])
                           : list->item[i];
        key = bl_truth(a.v[0]) ? key : lowered(r, key);
        int order = i ? bl_compare(r, key, best_key) : 0;
        if (!i || (most ? order > 0 : order < 0)) {
            best = list->item[i];
            best_key = key;
        }
    }
    return best;
}

static bl_value unique(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR), seen = bl_dict_new(r);
    if (!bl_bind(r, &a, l, "unique", "case_sensitive attribute", 0))
        return out;
    const bl_list *list = whole_list(r, v);
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        bl_value key = bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE
                           ? bl_path(r, list->item[i], a.v[1])
                           : list->item[i];
        key = bl_truth(a.v[0]) ? key : lowered(r, key);
        if (!bl_dict_find(r, seen.u.dict, key)) {
            bl_dict_set(r, seen, key, key);
            bl_list_add(r, out, list->item[i]);
        }
    }
    return out;
}

/* ---- all of a list ---- */

/* The arguments behind the first `skip`. */
static bl_call_list behind(const bl_call_list *l, size_t skip)
{
    bl_call_list rest = *l;
    rest.item += skip;
    rest.count -= skip;
    return rest;
}

static bl_value map(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a = {.given = 0};
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR);
    if (!l->count && !bl_bind(r, &a, l, "map", "attribute default", 0))
        return out;
    if (!l->count && !bl_given(&a, 0))
        bl_run_fail(r, BL_EFORMAT, "map needs a filter or an attribute");
    const bl_list *list = whole_list(r, v);
    int filter = l->count ? named(r, l->item[0], "filter", bl_filter_number) : -1;
    bl_call_list rest = behind(l, l->count ? 1 : 0);
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        bl_value made = filter >= 0 ? r->filter(r, (unsigned)filter, list->item[i], &rest)
                                    : bl_path(r, list->item[i], a.v[0]);
        if (made.kind == BL_VALUE_UNDEFINED && bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE)
            made = a.v[1];
        bl_list_add(r, out, made);
    }
    return out;
}

static bl_value select_items(bl_run *r, bl_value v, const bl_call_list *l, int attribute,
                             int reject)
{
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR);
    size_t skip = attribute ? 1 : 0;
    if (!bl_truth(v))
        return out;
    const bl_list *list = whole_list(r, v);
    if (l->count < skip)
        bl_run_fail(r, BL_EFORMAT, "selecting by an attribute needs its name");
    if (r->status != BL_OK || l->count < skip)
        return out;
    int test = l->count > skip ? named(r, l->item[skip], "test", bl_test_number) : -1;
    bl_call_list rest = behind(l, l->count > skip ? skip + 1 : skip);
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        bl_value of = attribute ? bl_path(r, list->item[i], l->item[0]) : list->item[i];
        int is = test >= 0 ? bl_check(r, (unsigned)test, of, &rest) : bl_truth(of);
        if (is != reject)
            bl_list_add(r, out, list->item[i]);
    }
    return out;
}

static bl_value join(bl_run *r, bl_value v, const bl_call_list *l)
{
    static const bl_chars nothing = {.text = ""};
    bl_arguments a;
    if (!bl_bind(r, &a, l, "join", "d attribute", 0))
        return bl_none();
    const bl_list *list = whole_list(r, v);
    bl_value between = bl_given(&a, 0) ? bl_spelled(r, a.v[0]) : bl_none();
    if (bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE) {
        bl_value mapped = bl_list_new(r, BL_LIST_PLAIN);
        for (size_t i = 0; i < list->count && r->status == BL_OK; i++)
            bl_list_add(r, mapped, bl_path(r, list->item[i], a.v[1]));
        list = mapped.u.list;
    }
    return bl_join(r, between.kind == BL_VALUE_STRING ? between.u.chars : &nothing, list, 1);
}

static bl_value batch(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR), part = bl_none();
    if (!bl_bind(r, &a, l, "batch", "linecount fill_with", 1))
        return out;
    int64_t size = bl_want_whole(r, a.v[0], "the size of a batch");
    const bl_list *list = whole_list(r, v);
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        if (part.kind == BL_VALUE_NONE || (int64_t)part.u.list->count == size) {
            part = bl_list_new(r, BL_LIST_PLAIN);
            bl_list_add(r, out, part);
        }
        bl_list_add(r, part, list->item[i]);
    }
    while (part.kind == BL_VALUE_LIST && bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE &&
           (int64_t)part.u.list->count < size && r->status == BL_OK)
        bl_list_add(r, part, a.v[1]);
    return out;
}

static bl_value items(bl_run *r, bl_value v)
{
    bl_value out = bl_list_new(r, BL_LIST_GENERATOR);
    if (v.kind != BL_VALUE_DICT && v.kind != BL_VALUE_UNDEFINED)
        bl_run_fail(r, BL_EFORMAT, "items takes a dict, not a %s", bl_kind_name(v));
    for (size_t i = 0; v.kind == BL_VALUE_DICT && i < v.u.dict->count && r->status == BL_OK; i++)
        bl_list_add(r, out, bl_pair(r, v.u.dict->key[i], v.u.dict->value[i]));
    return out;
}

static bl_value list_of(bl_run *r, bl_value v)
{
    bl_value out = bl_list_new(r, BL_LIST_PLAIN);
    const bl_list *l = whole_list(r, v);
    for (size_t i = 0; i < l->count && r->status == BL_OK; i++)
        bl_list_add(r, out, l->item[i]);
    return out;
}

static bl_value sum(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "sum", "attribute start", 0))
        return bl_none();
    bl_value total = bl_given(&a, 1) ? a.v[1] : bl_whole(0);
    const bl_list *list = whole_list(r, v);
    for (size_t i = 0; i < list->count && r->status == BL_OK; i++) {
        bl_value one = bl_given(&a, 0) && a.v[0].kind != BL_VALUE_NONE
                           ? bl_path(r, list->item[i], a.v[0])
                           : list->item[i];
        if (!bl_is_number(one) || !bl_is_number(total))
            bl_run_fail(r, BL_EFORMAT, "sum adds numbers, and found a %s", bl_kind_name(one));
        else
            total = bl_binary(r, '+', total, one);
    }
    return total;
}

/* Filters without arguments. */
static bl_value plain(bl_run *r, unsigned number, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, bl_filter_name(number), "", 0))
        return bl_none();
    switch (number) {
    case BL_FILTER_first:
        return first_of(r, v);
    case BL_FILTER_last:
        return last_of(r, v);
    case BL_FILTER_items:
        return items(r, v);
    case BL_FILTER_list:
        return list_of(r, v);
    default:
        return reversed(r, v);
    }
}

bl_value bl_sequence_filter(bl_run *r, unsigned number, bl_value v, const bl_call_list *l)
{
    switch (number) {
    case BL_FILTER_batch:
        return batch(r, v, l);
    case BL_FILTER_dictsort:
        return dictsort(r, v, l);
    case BL_FILTER_join:
        return join(r, v, l);
    case BL_FILTER_map:
        return map(r, v, l);
    case BL_FILTER_max:
    case BL_FILTER_min:
        return least_or_most(r, v, l, number == BL_FILTER_max);
    case BL_FILTER_reject:
    case BL_FILTER_select:
        return select_items(r, v, l, 0, number == BL_FILTER_reject);
    case BL_FILTER_rejectattr:
    case BL_FILTER_selectattr:
        return select_items(r, v, l, 1, number == BL_FILTER_rejectattr);
    case BL_FILTER_sort:
        return sort(r, v, l);
    case BL_FILTER_sum:
        return sum(r, v, l);
    case BL_FILTER_unique:
        return unique(r, v, l);
    default:
        return plain(r, number, v, l);
    }
}
