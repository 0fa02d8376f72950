/* Statements of a template at work: output, blocks, loops, macros. */
#include "template/statements.h"
#include "template/lookup.h"
#include "template/spelled.h"

#include <string.h>

/* How a statement ends: what follows is done, or the loop around it ends or goes on. */
typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

static flow block(bl_run *r, bl_scope *s, bl_node *const *item, size_t count);

/* What statements write, as a text of its own. */
static bl_value captured(bl_run *r, bl_scope *s, const bl_node *n, flow *how)
{
    bl_writer w = {.most = r->most, .mark = r->marks}, *outer = r->out;
    r->out = &w;
    *how = block(r, s, n->item, n->count);
    r->out = outer;
    return bl_written(r, &w);
}

static flow set(bl_run *r, bl_scope *s, const bl_node *n)
{
    flow how = FLOW_ON;
    bl_value v;
    if (n->op) {
        bl_scope *inner = bl_scope_new(r, s);
        v = captured(r, inner, n, &how);
        v = bl_evaluate_filters(r, inner, n->b, v);
    } else {
        v = bl_evaluate(r, s, n->b);
    }
    if (r->status == BL_OK)
        bl_assign(r, s, n->a, v);
    return how;
}

/* ---- loops ---- */

typedef struct loop_source {
    const bl_node *node;
    bl_scope *scope; /* around the loop */
    const bl_list *items;
    size_t at;
} loop_source;

/* One more item that passes the loop's filter, if it has one. */
static int fetch(bl_run *r, bl_loop *loop)
{
    loop_source *from = loop->source;
    while (from->at < from->items->count && bl_run_step(r, 0)) {
        bl_value v = from->items->item[from->at++];
        if (from->node->c) {
            bl_scope *s = bl_scope_new(r, from->scope);
            bl_assign(r, s, from->node->a, v);
            if (!bl_truth(bl_evaluate(r, s, from->node->c)))
                continue;
        }
        bl_list_add(r, loop->ahead, v);
        return r->status == BL_OK;
    }
    return 0;
}

static flow for_loop(bl_run *r, bl_scope *s, const bl_node *n)
{
    loop_source from = {.node = n, .scope = s};
    bl_loop *loop = bl_run_take(r, 1, sizeof *loop);
    bl_value items = bl_evaluate(r, s, n->b);
    if (!loop || r->status != BL_OK)
        return FLOW_ON;
    r->line = n->line;
    from.items = bl_items(r, items);
    *loop = (bl_loop){.fetch = fetch, .source = &from, .changed = bl_none()};
    loop->ahead = bl_list_new(r, BL_LIST_PLAIN);
    size_t turns = 0;
    for (flow how = FLOW_ON; how != FLOW_BREAK && r->status == BL_OK && bl_loop_has_next(r, loop);
         turns++) {
        loop->before = loop->now;
        loop->has_before = turns > 0;
        loop->now = loop->ahead.u.list->item[loop->ahead_at++];
        if (loop->ahead_at == loop->ahead.u.list->count)
            loop->ahead_at = loop->ahead.u.list->count = 0;
        loop->index = turns;
        bl_scope *inner = bl_scope_new(r, s);
        bl_scope_set(r, inner, n->name, (bl_value){.kind = BL_VALUE_LOOP, .u.loop = loop});
        bl_assign(r, inner, n->a, loop->now);
        how = block(r, inner, n->item, n->count);
    }
    loop->fetch = NULL;
    return !turns && n->d && r->status == BL_OK
               ? block(r, bl_scope_new(r, s), n->d->item, n->d->count)
               : FLOW_ON;
}

/* ---- macros ---- */

static void define(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_macro *m = bl_run_take(r, 1, sizeof *m);
    if (!m)
        return;
    *m = *n->value.u.macro;
    m->scope = s;
    bl_scope_set(r, s, n->name, (bl_value){.kind = BL_VALUE_MACRO, .u.macro = m});
}

/* The place of an argument that is given by name; l->named: there is none. */
static size_t by_name(const bl_call_list *l, const char *name)
{
    size_t i = 0;
    while (i < l->named && strcmp(l->name[i], name) != 0)
        i++;
    return i;
}

static void bind_parameters(bl_run *r, bl_scope *s, const bl_node *d, const bl_call_list *l)
{
    for (size_t i = 0; i < d->count && r->status == BL_OK; i++) {
        size_t at = i < l->count ? l->named : by_name(l, d->named[i]);
        bl_value v;
        if (i < l->count)
            v = l->item[i];
        else if (at < l->named)
            v = l->item[l->count + at];
        else
            v = d->item[i] ? bl_evaluate(r, s, d->item[i]) : bl_undefined(d->named[i]);
        bl_scope_set(r, s, d->named[i], v);
    }
}

/* Arguments that are no parameters: what the macro names as kwargs and varargs, or a failure. */
static void bind_others(bl_run *r, bl_scope *s, const bl_macro *m, const bl_call_list *l)
{
    const bl_node *d = m->node->d;
    bl_value names = bl_dict_new(r), places = bl_list_new(r, BL_LIST_TUPLE);
    for (size_t i = 0; i < l->named && r->status == BL_OK; i++) {
        size_t k = l->count;
        while (k < d->count && strcmp(d->named[k], l->name[i]) != 0)
            k++;
        if (k >= d->count && !m->kwargs)
            bl_run_fail(r, BL_EFORMAT, "the macro %.60s takes no argument %.60s", m->name,
                        l->name[i]);
        else if (k >= d->count)
            bl_dict_set(r, names, bl_text(r, l->name[i]), l->item[l->count + i]);
    }
    for (size_t i = d->count; i < l->count && r->status == BL_OK; i++)
        bl_list_add(r, places, l->item[i]);
    if (l->count > d->count && !m->varargs)
        bl_run_fail(r, BL_EFORMAT, "the macro %.60s takes at most %zu arguments", m->name,
                    d->count);
    if (m->kwargs)
        bl_scope_set(r, s, m->kwargs_name, names);
    if (m->varargs)
        bl_scope_set(r, s, m->varargs_name, places);
}

bl_value bl_macro_call(bl_run *r, const bl_macro *m, const bl_call_list *l)
{
    flow how;
    bl_value v = bl_none();
    bl_scope *s = bl_scope_new(r, m->scope);
    if (bl_run_descend(r, m->node)) {
        bind_parameters(r, s, m->node->d, l);
        bind_others(r, s, m, l);
        v = captured(r, s, m->node, &how);
    }
    bl_run_rise(r);
    return v;
}

/* ---- all statements ---- */

static flow if_block(bl_run *r, bl_scope *s, const bl_node *n)
{
    while (n && n->kind == BL_NODE_IF) {
        if (bl_truth(bl_evaluate(r, s, n->a)))
            return r->status == BL_OK ? block(r, s, n->item, n->count) : FLOW_ON;
        if (r->status != BL_OK)
            return FLOW_ON;
        n = n->b;
    }
    return n ? block(r, s, n->item, n->count) : FLOW_ON;
}

static flow generation(bl_run *r, bl_scope *s, const bl_node *n)
{
    unsigned marks = r->marks, mark = r->out->mark;
    r->marks |= BL_MARK_ANSWER;
    r->out->mark |= BL_MARK_ANSWER;
    flow how = block(r, bl_scope_new(r, s), n->item, n->count);
    r->marks = marks;
    r->out->mark = mark;
    return how;
}

static flow filter_block(bl_run *r, bl_scope *s, const bl_node *n)
{
    flow how;
    bl_scope *inner = bl_scope_new(r, s);
    bl_value v = captured(r, inner, n, &how);
    v = bl_evaluate_filters(r, inner, n->b, v);
    if (r->status == BL_OK)
        bl_spell(r, r->out, v);
    return how;
}

static flow with_block(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_scope *inner = bl_scope_new(r, s);
    for (size_t i = 0; i + 1 < n->d->count && r->status == BL_OK; i += 2)
        bl_assign(r, inner, n->d->item[i], bl_evaluate(r, s, n->d->item[i + 1]));
    return r->status == BL_OK ? block(r, inner, n->item, n->count) : FLOW_ON;
}

static flow statement(bl_run *r, bl_scope *s, const bl_node *n)
{
    bl_value v;
    switch (n->kind) {
    case BL_NODE_TEXT:
        bl_write(r, r->out, n->value.u.chars->text, NULL, n->value.u.chars->bytes);
        return FLOW_ON;
    case BL_NODE_OUTPUT:
        v = bl_evaluate(r, s, n->a);
        if (r->status == BL_OK)
            bl_spell(r, r->out, v);
        return FLOW_ON;
    case BL_NODE_SET:
        return set(r, s, n);
    case BL_NODE_IF:
        return if_block(r, s, n);
    case BL_NODE_FOR:
        return for_loop(r, s, n);
    case BL_NODE_MACRO:
        define(r, s, n);
        return FLOW_ON;
    case BL_NODE_GENERATION:
        return generation(r, s, n);
    case BL_NODE_FILTER_BLOCK:
        return filter_block(r, s, n);
    case BL_NODE_WITH:
        return with_block(r, s, n);
    default:
        return n->kind == BL_NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    }
}

static flow block(bl_run *r, bl_scope *s, bl_node *const *item, size_t count)
{
    flow how = FLOW_ON;
    for (size_t i = 0; i < count && how == FLOW_ON && s; i++) {
        if (bl_run_descend(r, item[i]))
            how = statement(r, s, item[i]);
        bl_run_rise(r);
        if (r->status != BL_OK)
            return FLOW_BREAK;
    }
    return how;
}

void bl_execute(bl_run *r, bl_scope *s, const bl_node *n)
{
    (void)block(r, s, n->item, n->count);
}
