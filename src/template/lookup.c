/* Items and attributes of values, by the rules of Jinja's sandbox. */
#include "template/lookup.h"
#include "template/methods.h"
#include "template/builtins.h"
#include "core/utf8.h"

#include <string.h>

int bl_loop_has_next(bl_run *r, bl_loop *loop)
{
    return loop->ahead_at < loop->ahead.u.list->count || (loop->fetch && loop->fetch(r, loop));
}

static bl_value loop_attribute(bl_run *r, bl_value v, const char *name)
{
    bl_loop *loop = v.u.loop;
    int64_t index = (int64_t)loop->index, left = 1;
    if (strcmp(name, "index0") == 0 || strcmp(name, "index") == 0)
        return bl_whole(index + (name[5] == 0));
    if (strcmp(name, "first") == 0)
        return bl_bool(index == 0);
    if (strcmp(name, "last") == 0)
        return bl_bool(!bl_loop_has_next(r, loop));
    if (strcmp(name, "previtem") == 0)
        return loop->has_before ? loop->before : bl_undefined(name);
    if (strcmp(name, "nextitem") == 0)
        return bl_loop_has_next(r, loop) ? loop->ahead.u.list->item[loop->ahead_at]
                                         : bl_undefined(name);
    if (strcmp(name, "depth") == 0 || strcmp(name, "depth0") == 0)
        return bl_whole((int64_t)loop->depth + (name[5] == 0));
    if (strcmp(name, "cycle") == 0 || strcmp(name, "changed") == 0)
        return (bl_value){.kind = BL_VALUE_METHOD,
                          .number = (unsigned char)bl_method_number(name),
                          .u.owner = &loop->now};
    int length = strcmp(name, "length") == 0, from_end = strcmp(name, "revindex") == 0;
    if (!length && !from_end && strcmp(name, "revindex0") != 0)
        return bl_undefined(name);
    while (bl_run_step(r, 0) && loop->fetch && loop->fetch(r, loop))
        ;
    left += (int64_t)(loop->ahead.u.list->count - loop->ahead_at);
    return bl_whole(length ? index + left : from_end ? left : left - 1);
}

/* The place of an index, negative ones from the end; SIZE_MAX: outside. */
static size_t at_index(int64_t index, size_t count)
{
    if (index < 0)
        index += (int64_t)count;
    return index < 0 || (uint64_t)index >= count ? SIZE_MAX : (size_t)index;
}

static bl_value character(bl_run *r, bl_chars *c, int64_t index)
{
    size_t at = at_index(index, bl_chars_count(c));
    if (at == SIZE_MAX || !bl_run_step(r, c->bytes / 64))
        return bl_undefined("an item past the end");
    size_t from = bl_chars_offset(c, at);
    return bl_part(r, c, from, from + bl_utf8_length((unsigned char)c->text[from]));
}

static int is_undefined(bl_run *r, bl_value v, const char *what)
{
    if (v.kind == BL_VALUE_UNDEFINED)
        bl_run_fail(r, BL_EFORMAT, "'%.100s' is undefined, so it has no %.100s",
                    v.u.name ? v.u.name : "?", what);
    return v.kind == BL_VALUE_UNDEFINED;
}

/* What Python calls getattr(): an attribute that is not an item. */
static bl_value own_attribute(bl_run *r, bl_value v, const char *name)
{
    if (v.kind == BL_VALUE_LOOP)
        return loop_attribute(r, v, name);
    if (v.kind == BL_VALUE_NAMESPACE) {
        const bl_value *found = bl_dict_named(r, v.u.dict, name);
        return found ? *found : bl_undefined(name);
    }
    return bl_method_of(r, v, name);
}

/* A text with a 0 at its end, as names are; NULL when it holds a 0 or is long. */
static const char *name_of(bl_run *r, const bl_chars *c)
{
    if (c->bytes > 200 || memchr(c->text, 0, c->bytes))
        return NULL;
    char *name = bl_run_take(r, c->bytes + 1, 1);
    if (name && c->bytes)
        memcpy(name, c->text, c->bytes);
    return name;
}

bl_value bl_item(bl_run *r, bl_value v, bl_value key)
{
    if (is_undefined(r, v, "items"))
        return bl_none();
    if (v.kind == BL_VALUE_DICT &&
        (key.kind < BL_VALUE_LIST ||
         (key.kind == BL_VALUE_LIST && key.u.list->kind == BL_LIST_TUPLE))) {
        const bl_value *found = bl_dict_find(r, v.u.dict, key);
        if (found)
            return *found;
    }
    if (bl_is_whole(key) && v.kind == BL_VALUE_STRING)
        return character(r, v.u.chars, bl_whole_of(key));
    if (bl_is_whole(key) && v.kind == BL_VALUE_LIST && v.u.list->kind <= BL_LIST_RANGE) {
        size_t at = at_index(bl_whole_of(key), v.u.list->count);
        return at == SIZE_MAX ? bl_undefined("an item past the end") : v.u.list->item[at];
    }
    const char *name = key.kind == BL_VALUE_STRING ? name_of(r, key.u.chars) : NULL;
    return name ? own_attribute(r, v, name) : bl_undefined("an item");
}

bl_value bl_attribute(bl_run *r, bl_value v, const char *name)
{
    if (is_undefined(r, v, name))
        return bl_none();
    bl_value own = own_attribute(r, v, name);
    if (own.kind != BL_VALUE_UNDEFINED || v.kind != BL_VALUE_DICT)
        return own;
    const bl_value *found = bl_dict_named(r, v.u.dict, name);
    return found ? *found : bl_undefined(name);
}

bl_value bl_path(bl_run *r, bl_value v, bl_value path)
{
    if (path.kind != BL_VALUE_STRING)
        return bl_item(r, v, path);
    const bl_chars *c = path.u.chars;
    for (size_t from = 0, to; from <= c->bytes && r->status == BL_OK; from = to + 1) {
        int64_t number = 0;
        for (to = from; to < c->bytes && c->text[to] != '.'; to++)
            if (number >= 0 && number < 1000000 && c->text[to] >= '0' && c->text[to] <= '9')
                number = 10 * number + (c->text[to] - '0');
            else
                number = -1;
        v = bl_item(r, v, number >= 0 && to > from ? bl_whole(number) : bl_part(r, c, from, to));
    }
    return v;
}

/* ---- slices ---- */

/* A border of a slice as Python clamps it. */
static int64_t border(bl_run *r, bl_value v, int64_t count, int64_t step, int64_t otherwise)
{
    if (v.kind == BL_VALUE_NONE)
        return otherwise;
    if (!bl_is_whole(v)) {
        bl_run_fail(r, BL_EFORMAT, "the borders of a slice are whole numbers, not a %s",
                    bl_kind_name(v));
        return 0;
    }
    int64_t at = bl_whole_of(v), least = step < 0 ? -1 : 0, most = step < 0 ? count - 1 : count;
    if (at < 0)
        at += count;
    return at < least ? least : at > most ? most : at;
}

/* A part of a text that takes every step-th character. */
static bl_value slice_text(bl_run *r, bl_chars *c, int64_t from, int64_t to, int64_t step)
{
    if (step == 1) {
        size_t first = bl_chars_offset(c, (size_t)from);
        return to > from ? bl_part(r, c, first, bl_chars_offset(c, (size_t)to))
                         : bl_part(r, c, first, first);
    }
    bl_writer w = {.most = r->most};
    const bl_list *l = bl_items(r, (bl_value){.kind = BL_VALUE_STRING, .u.chars = c});
    for (int64_t i = from; (step > 0 ? i < to : i > to) && (size_t)i < l->count; i += step)
        bl_write_chars(r, &w, l->item[i].u.chars);
    return bl_written(r, &w);
}

bl_value bl_slice(bl_run *r, bl_value v, bl_value from, bl_value to, bl_value step)
{
    if (is_undefined(r, v, "items"))
        return bl_none();
    int text = v.kind == BL_VALUE_STRING,
        list = v.kind == BL_VALUE_LIST && v.u.list->kind <= BL_LIST_RANGE;
    if (!text && !list)
        return bl_undefined("a slice of what has none");
    int64_t count = (int64_t)(text ? bl_chars_count(v.u.chars) : v.u.list->count);
    int64_t by = step.kind == BL_VALUE_NONE ? 1 : bl_is_whole(step) ? bl_whole_of(step) : 0;
    if (!by)
        bl_run_fail(r, BL_EFORMAT, "the step of a slice is a whole number, and not 0");
    if (by > count + 1 || by < -count - 1)
        by = by > 0 ? count + 1 : -count - 1;
    int64_t first = border(r, from, count, by, by < 0 ? count - 1 : 0);
    int64_t last = border(r, to, count, by, by < 0 ? -1 : count);
    if (!bl_run_step(r, text ? v.u.chars->bytes / 64 : 0))
        return bl_none();
    if (text)
        return slice_text(r, v.u.chars, first, last, by);
    bl_value out = bl_list_new(r, v.u.list->kind);
    for (int64_t i = first; (by > 0 ? i < last : i > last) && r->status == BL_OK; i += by)
        bl_list_add(r, out, v.u.list->item[i]);
    return out;
}
