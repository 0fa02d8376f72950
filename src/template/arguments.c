/* The arguments of filters, tests, methods and functions, by place or by name. */
#include "template/arguments.h"

#include <string.h>

/* The place of a name among names with spaces between; -1: none. */
static int place(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; *names; i++) {
        size_t length = strcspn(names, " ");
        if (length == n && memcmp(names, name, n) == 0)
            return i;
        names += length + (names[length] == ' ');
    }
    return -1;
}

static size_t count_of(const char *names)
{
    size_t n = *names != 0;
    for (; *names; names++)
        n += *names == ' ';
    return n;
}

int bl_bind(bl_run *r, bl_arguments *a, const bl_call_list *l, const char *what, const char *names,
            size_t least)
{
    size_t most = count_of(names);
    memset(a, 0, sizeof *a);
    if (l->count > most) {
        bl_run_fail(r, BL_EFORMAT, "%s takes at most %zu arguments, and got %zu", what, most,
                    l->count);
        return 0;
    }
    for (size_t i = 0; i < l->count; i++) {
        a->v[i] = l->item[i];
        a->given |= 1U << i;
    }
    for (size_t i = 0; i < l->named; i++) {
        int at = place(names, l->name[i]);
        if (at < 0 || bl_given(a, (size_t)at)) {
            bl_run_fail(r, BL_EFORMAT,
                        at < 0 ? "%s takes no argument %.60s" : "%s got the argument %.60s twice",
                        what, l->name[i]);
            return 0;
        }
        a->v[at] = l->item[l->count + i];
        a->given |= 1U << at;
    }
    for (size_t i = 0; i < least; i++) {
        if (!bl_given(a, i)) {
            bl_run_fail(r, BL_EFORMAT, "%s needs more arguments", what);
            return 0;
        }
    }
    return r->status == BL_OK;
}

int64_t bl_want_whole(bl_run *r, bl_value v, const char *what)
{
    if (bl_is_whole(v))
        return bl_whole_of(v);
    bl_run_fail(r, BL_EFORMAT, "%s is a whole number, not a %s", what, bl_kind_name(v));
    return 0;
}

bl_chars *bl_want_chars(bl_run *r, bl_value v, const char *what)
{
    static const bl_chars none = {.text = ""};
    if (v.kind == BL_VALUE_STRING)
        return v.u.chars;
    bl_run_fail(r, BL_EFORMAT, "%s is a text, not a %s", what, bl_kind_name(v));
    return (bl_chars *)(uintptr_t)&none;
}
