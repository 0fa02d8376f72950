/* A template rendered: the caller's values in, text out. */
#include "template/filters.h"
#include "template/jinja.h"
#include "template/parser.h"
#include "template/statements.h"

#include <string.h>

enum { MEMORY = 64 << 20, MEMORY_A_BYTE = 24, OUTPUT = 8 << 20, OUTPUT_A_BYTE = 2 };

static bl_value convert(bl_run *r, const json_t *json, int input);

static bl_value convert_text(bl_run *r, const char *text, size_t bytes, int input)
{
    bl_value v = bl_string(r, text, bytes);
    unsigned char *marks = input && bytes ? bl_run_take(r, bytes, 1) : NULL;
    if (marks) {
        memset(marks, BL_MARK_INPUT, bytes);
        v.u.chars->marks = marks;
    }
    return v;
}

/* One of the usual roles is no text that somebody typed: templates make tokens of it, as in
 * '<|' + message.role + '|>'. */
static int is_usual_role(const char *key, const json_t *value)
{
    static const char *const roles[] = {"system", "user",     "assistant", "tool",
                                        "model",  "function", "developer", "ipython"};
    const char *role = strcmp(key, "role") == 0 ? json_string_value(value) : NULL;
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i]) == 0)
            return strlen(role) == json_string_length(value);
    return 0;
}

static bl_value convert_members(bl_run *r, const json_t *json, int input)
{
    bl_value v = json_is_array(json) ? bl_list_new(r, BL_LIST_PLAIN) : bl_dict_new(r);
    const char *name;
    json_t *value;
    size_t i;
    if (!bl_run_enter(r))
        return v;
    if (json_is_array(json)) {
        json_array_foreach (json, i, value)
            bl_list_add(r, v, convert(r, value, input));
    } else {
        json_object_foreach ((json_t *)(uintptr_t)json, name, value) {
            int given = input && !is_usual_role(name, value);
            bl_value key = convert_text(r, name, strlen(name), input);
            bl_dict_set(r, v, key, convert(r, value, given));
        }
    }
    bl_run_leave(r);
    return v;
}

/* Texts of the caller are marked as such. */
static bl_value convert(bl_run *r, const json_t *json, int input)
{
    if (r->status != BL_OK)
        return bl_none();
    switch (json_typeof(json)) {
    case JSON_STRING:
        return convert_text(r, json_string_value(json), json_string_length(json), input);
    case JSON_INTEGER:
        if (json_integer_value(json) == INT64_MIN)
            bl_run_fail(r, BL_EUNSUPPORTED, "a whole number beyond 63 bits");
        return bl_whole(json_integer_value(json));
    case JSON_REAL:
        return bl_fraction(json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return bl_bool(json_is_true(json));
    case JSON_NULL:
        return bl_none();
    default:
        return convert_members(r, json, input);
    }
}

static void define(bl_run *r, bl_scope *s, const json_t *members, int input)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)members, name, value) {
        const char *known = bl_program_name(r->program, name);
        if (known && r->status == BL_OK)
            bl_scope_set(r, s, known, convert(r, value, input));
    }
}

bl_status bl_program_render(const bl_program *p, const json_t *own, const json_t *input,
                            size_t bytes, int64_t now, bl_rendering *made, bl_error *err)
{
    *made = (bl_rendering){.text = NULL};
    bl_writer out = {.most = OUTPUT + OUTPUT_A_BYTE * bytes};
    bl_run r = {.what = p->what,
                .err = err,
                .line = 1,
                .now = now,
                .program = p,
                .out = &out,
                .most = out.most,
                .call_macro = bl_macro_call,
                .filter = bl_filter};
    r.pool.limit = MEMORY + MEMORY_A_BYTE * bytes;
    bl_scope *global = bl_scope_new(&r, NULL);
    define(&r, global, own, 0);
    define(&r, global, input, 1);
    /* Blocks of the template see its own variables; macros are called with these around. */
    bl_execute(&r, global, p->body);
    if (r.status != BL_OK) {
        bl_pool_release(&r.pool);
        return r.status;
    }
    made->text = out.text;
    made->marks = out.marks;
    made->bytes = out.bytes;
    made->pool = r.pool;
    return BL_OK;
}

void bl_rendering_release(bl_rendering *r)
{
    bl_pool_release(&r->pool);
    *r = (bl_rendering){.text = NULL};
}
