/* The functions that a template finds without being given them. */
#include "template/functions.h"
#include "template/arguments.h"
#include "template/builtins.h"
#include "template/spelled.h"
#include "core/clock.h"

#include <string.h>
#include <time.h>

static bl_value range(bl_run *r, const bl_call_list *l)
{
    bl_arguments a;
    bl_value out = bl_list_new(r, BL_LIST_RANGE);
    if (l->named)
        bl_run_fail(r, BL_EFORMAT, "range() takes no arguments by name");
    if (!bl_bind(r, &a, l, "range()", "start stop step", 1))
        return out;
    int64_t v[3] = {0, 0, 1};
    for (size_t i = 0; i < 3; i++)
        if (bl_given(&a, i))
            v[i] = bl_want_whole(r, a.v[i], "a border of range()");
    if (!bl_given(&a, 1)) {
        v[1] = v[0];
        v[0] = 0;
    }
    if (!v[2])
        bl_run_fail(r, BL_EFORMAT, "the step of range() is 0");
    for (int64_t n = v[0]; r->status == BL_OK && (v[2] > 0 ? n < v[1] : n > v[1]); n += v[2]) {
        if (out.u.list->count == BL_RUN_RANGE)
            bl_run_fail(r, BL_EFORMAT, "a range of more than %d numbers", BL_RUN_RANGE);
        bl_list_add(r, out, bl_whole(n));
        if (v[2] > 0 ? n > INT64_MAX - v[2] : n < -INT64_MAX - v[2])
            break;
    }
    return out;
}

/* dict() and namespace(): a dict, or pairs, and then names. */
static bl_value dict(bl_run *r, const bl_call_list *l)
{
    bl_value d = bl_dict_new(r);
    if (l->count > 1)
        bl_run_fail(r, BL_EFORMAT, "dict() and namespace() take at most one value without a name");
    if (l->count && l->item[0].kind == BL_VALUE_DICT) {
        const bl_dict *from = l->item[0].u.dict;
        for (size_t i = 0; i < from->count && r->status == BL_OK; i++)
            bl_dict_set(r, d, from->key[i], from->value[i]);
    } else if (l->count) {
        const bl_list *pairs = bl_items(r, l->item[0]);
        for (size_t i = 0; i < pairs->count && r->status == BL_OK; i++) {
            const bl_list *pair = bl_items(r, pairs->item[i]);
            if (pair->count != 2)
                bl_run_fail(r, BL_EFORMAT, "a dict is made of pairs");
            else
                bl_dict_set(r, d, pair->item[0], pair->item[1]);
        }
    }
    for (size_t i = 0; i < l->named && r->status == BL_OK; i++)
        bl_dict_set(r, d, bl_text(r, l->name[i]), l->item[l->count + i]);
    return d;
}

static bl_value raise(bl_run *r, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "raise_exception()", "message", 1))
        return bl_none();
    const bl_chars *words = bl_spelled(r, a.v[0]).u.chars;
    bl_run_fail(r, BL_EFORMAT, "the template refuses these messages: %.*s",
                (int)(words->bytes < 300 ? words->bytes : 300), words->text);
    return bl_none();
}

/* strftime() of the C library, as Python calls it, for a date without a time zone. */
static bl_value format_now(bl_run *r, const bl_call_list *l)
{
    bl_arguments a;
    struct tm date;
    if (!bl_bind(r, &a, l, "strftime_now()", "format", 1))
        return bl_none();
    const bl_chars *format = bl_want_chars(r, a.v[0], "a format");
    if (!bl_clock_date(r->now, &date)) {
        bl_run_fail(r, BL_EINVAL, "no date has this number of seconds");
        return bl_none();
    }
    bl_writer w = {.most = r->most};
    for (size_t at = 0; at < format->bytes && bl_run_step(r, 0); at++) {
        char one[8] = "%", made[128];
        size_t n = 1;
        if (format->text[at] != '%' || at + 1 == format->bytes) {
            bl_write(r, &w, format->text + at, format->marks ? format->marks + at : NULL, 1);
            continue;
        }
        while (n < 5 && at + n + 1 < format->bytes && strchr("-_0^#EO", format->text[at + n]))
            n++;
        memcpy(one + 1, format->text + at + 1, n);
        at += n;
        if (!one[n] || !strchr("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%f", one[n]))
            bl_run_fail(r, BL_EUNSUPPORTED, "a format of dates that is not supported");
        else if (one[n] == 'f')
            bl_write_text(r, &w, "000000");
        else if (one[n] != 'z' && one[n] != 'Z')
            bl_write(r, &w, made, NULL, strftime(made, sizeof made, one, &date));
    }
    return bl_written(r, &w);
}

bl_value bl_function_call(bl_run *r, unsigned number, const bl_call_list *l)
{
    bl_value v;
    switch (number) {
    case BL_FUNCTION_range:
        return range(r, l);
    case BL_FUNCTION_raise_exception:
        return raise(r, l);
    case BL_FUNCTION_strftime_now:
        return format_now(r, l);
    default:
        v = dict(r, l);
        v.kind = number == BL_FUNCTION_namespace ? BL_VALUE_NAMESPACE : BL_VALUE_DICT;
        return v;
    }
}
