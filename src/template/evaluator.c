/* Expressions of a template at work, and the variables that they see. */
#include "template/evaluator.h"
#include "template/checks.h"
#include "template/filters.h"
#include "template/functions.h"
#include "template/lookup.h"
#include "template/methods.h"
#include "template/builtins.h"
#include "template/numbers.h"
#include "template/spelled.h"

#include <string.h>

/* ---- variables ---- */

bl_scope *bl_scope_new(bl_run *r, bl_scope *outer)
{
    bl_scope *s = bl_run_take(r, 1, sizeof *s);
    if (s)
        s->outer = outer;
    return s;
}

void bl_scope_set(bl_run *r, bl_scope *s, const char *name, bl_value value)
{
    if (!s || !bl_run_step(r, 0))
        return;
    for (size_t i = 0; i < s->count; i++) {
        if (s->name[i] == name) {
            s->value[i] = value;
            return;
        }
    }
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        const char **names = bl_run_take(r, cap, sizeof *names);
        bl_value *values = bl_run_take(r, cap, sizeof *values);
        if (!names || !values)
            return;
        if (s->count) {
            memcpy(names, s->name, s->count * sizeof *names);
            memcpy(values, s->value, s->count * sizeof *values);
        }
        s->name = names;
        s->value = values;
        s->cap = cap;
    }
    s->name[s->count] = name;
    s->value[s->count++] = value;
}

static bl_value variable(bl_run *r, const bl_scope *s, const char *name)
{
    for (; s && bl_run_step(r, s->count / 8); s = s->outer)
        for (size_t i = 0; i < s->count; i++)
            if (s->name[i] == name)
                return s->value[i];
    int number = bl_function_number(name);
    return number >= 0 ? (bl_value){.kind = BL_VALUE_FUNCTION, .number = (unsigned char)number}
                       : bl_undefined(name);
}

/* ---- operators ---- */

int bl_run_descend(bl_run *r, const bl_node *n)
{
    r->depth++;
    if (r->status == BL_OK)
        r->line = n->line;
    if (r->depth > BL_RUN_DEPTH)
        bl_run_fail(r, BL_EFORMAT,
                    "calls, blocks or expressions inside each other more than %d deep",
                    BL_RUN_DEPTH);
    return bl_run_step(r, 0);
}

void bl_run_rise(bl_run *r)
{
    r->depth--;
}

static int holds(bl_run *r, unsigned char op, bl_value a, bl_value b)
{
    switch (op) {
    case '=':
        return bl_equal(r, a, b);
    case BL_COMPARE_NE:
        return !bl_equal(r, a, b);
    case BL_COMPARE_IN:
        return bl_contains(r, b, a);
    case BL_COMPARE_NOT_IN:
        return !bl_contains(r, b, a);
    default:
        break;
    }
    int order = bl_compare(r, a, b);
    return op == '<'             ? order < 0
           : op == '>'           ? order > 0
           : op == BL_COMPARE_LE ? order <= 0
                                 : order >= 0;
}

static bl_value compare(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value left = bl_evaluate(r, s, n->a);
    for (size_t i = 0; i < n->count; i++) {
        bl_value right = bl_evaluate(r, s, n->item[i]);
        if (r->status != BL_OK || !holds(r, n->ops[i], left, right))
            return bl_bool(0);
        left = right;
    }
    return bl_bool(1);
}

static bl_value concat(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_writer w = {.most = r->most};
    for (size_t i = 0; i < n->count && r->status == BL_OK; i++)
        bl_spell(r, &w, bl_evaluate(r, s, n->item[i]));
    return bl_written(r, &w);
}

static bl_value list(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value l = bl_list_new(r, n->op ? BL_LIST_TUPLE : BL_LIST_PLAIN);
    for (size_t i = 0; i < n->count && r->status == BL_OK; i++)
        bl_list_add(r, l, bl_evaluate(r, s, n->item[i]));
    return l;
}

static bl_value dict(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value d = bl_dict_new(r);
    for (size_t i = 0; i + 1 < n->count && r->status == BL_OK; i += 2) {
        bl_value key = bl_evaluate(r, s, n->item[i]);
        bl_dict_set(r, d, key, bl_evaluate(r, s, n->item[i + 1]));
    }
    return d;
}

static bl_value slice(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value of = bl_evaluate(r, s, n->a), part[3];
    for (size_t i = 0; i < 3; i++)
        part[i] = n->item[i] ? bl_evaluate(r, s, n->item[i]) : bl_none();
    return r->status == BL_OK ? bl_slice(r, of, part[0], part[1], part[2]) : bl_none();
}

/* ---- calls ---- */

static bl_call_list arguments(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_call_list l = {.name = n->named, .named = n->named_count};
    bl_value *v = bl_run_take(r, n->count + 1, sizeof *v);
    for (size_t i = 0; v && i < n->count; i++)
        v[i] = bl_evaluate(r, s, n->item[i]);
    l.item = v;
    l.count = n->count - n->named_count;
    return l;
}

static bl_value loop_method(bl_run *r, bl_value method, const bl_call_list *l)
{
    bl_loop *loop = (bl_loop *)(uintptr_t)method.u.owner; /* `now` is its first member */
    if (method.number == BL_METHOD_cycle) {
        if (!l->count || l->named)
            bl_run_fail(r, BL_EFORMAT, "loop.cycle() needs values");
        return r->status == BL_OK ? l->item[loop->index % l->count] : bl_none();
    }
    bl_value given = bl_list_new(r, BL_LIST_TUPLE);
    for (size_t i = 0; i < l->count; i++)
        bl_list_add(r, given, l->item[i]);
    int same = loop->changed.kind == BL_VALUE_LIST && bl_equal(r, loop->changed, given);
    loop->changed = given;
    return bl_bool(!same);
}

static bl_value call(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value f = bl_evaluate(r, s, n->a);
    bl_call_list l = arguments(r, s, n);
    if (r->status == BL_OK)
        r->line = n->line;
    if (r->status != BL_OK)
        return bl_none();
    switch ((bl_value_kind)f.kind) {
    case BL_VALUE_MACRO:
        return r->call_macro(r, f.u.macro, &l);
    case BL_VALUE_FUNCTION:
        return bl_function_call(r, f.number, &l);
    case BL_VALUE_METHOD:
        return f.number == BL_METHOD_cycle || f.number == BL_METHOD_changed
                   ? loop_method(r, f, &l)
                   : bl_method_call(r, f, &l);
    case BL_VALUE_UNDEFINED:
        bl_run_fail(r, BL_EFORMAT, "'%.100s' is undefined, or not to be called",
                    f.u.name ? f.u.name : "?");
        break;
    default:
        bl_run_fail(r, BL_EFORMAT, "a %s cannot be called", bl_kind_name(f));
    }
    return bl_none();
}

bl_value bl_evaluate_filters(bl_run *r, bl_scope *s, const bl_node *n, bl_value first)
{
    if (!n)
        return first;
    bl_value v = first;
    if (!bl_run_descend(r, n)) {
        bl_run_rise(r);
        return bl_none();
    }
    if (n->a && n->a->kind == BL_NODE_FILTER)
        v = bl_evaluate_filters(r, s, n->a, first);
    else if (n->a)
        v = bl_evaluate(r, s, n->a);
    bl_call_list l = arguments(r, s, n);
    if (r->status == BL_OK) {
        r->line = n->line;
        v = bl_filter(r, n->op, v, &l);
    }
    bl_run_rise(r);
    return v;
}

static bl_value test(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value v = bl_evaluate(r, s, n->a);
    bl_call_list l = arguments(r, s, n);
    return bl_bool(r->status == BL_OK && bl_check(r, n->op, v, &l));
}

static bl_value if_else(bl_run *r, bl_scope *s, const bl_node *n)
{
    if (bl_truth(bl_evaluate(r, s, n->b)))
        return bl_evaluate(r, s, n->a);
    return n->c ? bl_evaluate(r, s, n->c) : bl_undefined("a value without else");
}

static bl_value evaluate(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value v;
    switch (n->kind) {
    case BL_NODE_CONST:
        return n->value;
    case BL_NODE_NAME:
        return variable(r, s, n->name);
    case BL_NODE_LIST:
        return list(r, s, n);
    case BL_NODE_DICT:
        return dict(r, s, n);
    case BL_NODE_IF_ELSE:
        return if_else(r, s, n);
    case BL_NODE_OR:
    case BL_NODE_AND:
        v = bl_evaluate(r, s, n->a);
        return bl_truth(v) == (n->kind == BL_NODE_OR) ? v : bl_evaluate(r, s, n->b);
    case BL_NODE_NOT:
        return bl_bool(!bl_truth(bl_evaluate(r, s, n->a)));
    case BL_NODE_COMPARE:
        return compare(r, s, n);
    case BL_NODE_BINARY:
        v = bl_evaluate(r, s, n->a);
        return bl_binary(r, n->op, v, bl_evaluate(r, s, n->b));
    case BL_NODE_CONCAT:
        return concat(r, s, n);
    case BL_NODE_SIGN:
        return bl_signed(r, n->op == '-', bl_evaluate(r, s, n->a));
    case BL_NODE_ATTRIBUTE:
        return bl_attribute(r, bl_evaluate(r, s, n->a), n->name);
    case BL_NODE_ITEM:
        v = bl_evaluate(r, s, n->a);
        return bl_item(r, v, bl_evaluate(r, s, n->b));
    case BL_NODE_SLICE:
        return slice(r, s, n);
    case BL_NODE_CALL:
        return call(r, s, n);
    case BL_NODE_FILTER:
        return bl_evaluate_filters(r, s, n, bl_none());
    case BL_NODE_TEST:
        return test(r, s, n);
    default:
        return bl_none();
    }
}

bl_value bl_evaluate(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value v = bl_none();
    if (bl_run_descend(r, n))
        v = evaluate(r, s, n);
    bl_run_rise(r);
    return r->status == BL_OK ? v : bl_none();
}

/* ---- assignment ---- */

static void unpack(bl_run *r, bl_scope *s, const bl_node *target, bl_value value)
{
    if (value.kind == BL_VALUE_NONE || !bl_is_iterable(value)) {
        bl_run_fail(r, BL_EFORMAT, "a %s is not %zu values", bl_kind_name(value), target->count);
        return;
    }
    const bl_list *l = bl_items(r, value);
    if (r->status == BL_OK && l->count != target->count)
        bl_run_fail(r, BL_EFORMAT, "%zu values where there are names for %zu", l->count,
                    target->count);
    for (size_t i = 0; i < target->count && r->status == BL_OK; i++)
        bl_assign(r, s, target->item[i], l->item[i]);
}

void bl_assign(bl_run *r, bl_scope *s, const bl_node *target, bl_value value)
{
    if (target->kind == BL_NODE_LIST) {
        unpack(r, s, target, value);
    } else if (target->kind == BL_NODE_SET_ATTRIBUTE) {
        bl_value space = variable(r, s, target->name);
        if (space.kind != BL_VALUE_NAMESPACE)
            bl_run_fail(r, BL_EFORMAT, "an attribute is assigned to, of what is no namespace: %s",
                        target->name);
        else
            bl_dict_set(r, space, bl_text(r, target->a->name), value);
    } else {
        bl_scope_set(r, s, target->name, value);
    }
}
