/* One rule of a grammar as it is read, and the nodes of the graph that it becomes. */
#include "constrain/gbnf_tree.h"
#include "core/alloc.h"

#include <stdlib.h>

void bl_gbnf_tree_release(bl_gbnf_tree *t)
{
    bl_free(t->parts);
    bl_free(t->ranges);
    *t = (bl_gbnf_tree){0};
}

void bl_gbnf_clear(bl_gbnf_tree *t)
{
    t->count = 1;
    t->range_count = 0;
}

bl_status bl_gbnf_status(const bl_gbnf_tree *t, bl_error *err)
{
    return t->failed ? bl_fail(err, BL_ENOMEM, "out of memory for a grammar") : BL_OK;
}

uint32_t bl_gbnf_part(bl_gbnf_tree *t, bl_gbnf_kind kind, uint32_t a, uint32_t b)
{
    if (t->failed || bl_grow(&t->parts, &t->cap, t->count + 1, sizeof *t->parts, NULL) != BL_OK) {
        t->failed = 1;
        return 0;
    }
    t->parts[t->count] = (bl_gbnf_node){.kind = kind, .a = a, .b = b};
    return (uint32_t)t->count++;
}

void bl_gbnf_put(bl_gbnf_tree *t, uint32_t to, uint32_t part)
{
    if (t->failed)
        return;
    t->parts[part].before = t->parts[to].last;
    t->parts[to].last = part;
}

uint32_t bl_gbnf_repeat(bl_gbnf_tree *t, uint32_t part, uint32_t low, uint32_t high)
{
    uint32_t repeat = bl_gbnf_part(t, BL_GBNF_REPEAT, low, high);
    bl_gbnf_put(t, repeat, part);
    return repeat;
}

void bl_gbnf_range(bl_gbnf_tree *t, bl_char_range range)
{
    if (t->failed ||
        bl_grow(&t->ranges, &t->range_cap, t->range_count + 1, sizeof *t->ranges, NULL) != BL_OK) {
        t->failed = 1;
        return;
    }
    t->ranges[t->range_count++] = range;
}

uint32_t bl_gbnf_char(bl_gbnf_tree *t, uint32_t low, uint32_t high)
{
    size_t first = t->range_count;
    bl_gbnf_range(t, (bl_char_range){low, high});
    return bl_gbnf_part(t, BL_GBNF_SET, (uint32_t)first, 1);
}

static int by_low(const void *a, const void *b)
{
    const bl_char_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Rising and apart; at least one. */
static size_t tidy(bl_char_range *r, size_t count)
{
    size_t kept = 0;
    qsort(r, count, sizeof *r, by_low);
    for (size_t i = 0; i < count; i++) {
        bl_char_range *last = kept ? &r[kept - 1] : NULL;
        if (!last || r[i].low > last->high + 1)
            r[kept++] = r[i];
        else if (r[i].high > last->high)
            last->high = r[i].high;
    }
    return kept;
}

uint32_t bl_gbnf_class(bl_gbnf_tree *t, size_t first, int negated)
{
    if (t->failed)
        return 0;
    size_t count = t->range_count - first;
    if (count)
        count = tidy(t->ranges + first, count);
    t->range_count = first + count;
    if (negated) { /* the gaps, in place: gap i is before range i */
        uint32_t from = 0;
        size_t gaps = 0;
        for (size_t i = 0; i < count; i++) {
            bl_char_range range = t->ranges[first + i];
            if (range.low > from)
                t->ranges[first + gaps++] = (bl_char_range){from, range.low - 1};
            from = range.high + 1;
        }
        t->range_count = first + gaps;
        if (from <= BL_GRAPH_CODE_MOST)
            bl_gbnf_range(t, (bl_char_range){from, BL_GRAPH_CODE_MOST});
    }
    return bl_gbnf_part(t, BL_GBNF_SET, (uint32_t)first, (uint32_t)(t->range_count - first));
}

/* ---- nodes, from the last to the first ---- */

static uint32_t build(const bl_gbnf_tree *t, bl_graph *g, uint32_t part, uint32_t next);

static uint32_t build_repeat(const bl_gbnf_tree *t, bl_graph *g, const bl_gbnf_node *p,
                             uint32_t next)
{
    uint32_t at = next;
    if (p->b == BL_GBNF_ENDLESS) {
        at = bl_graph_node(g, BL_GNODE_BOTH, next, next);
        uint32_t body = build(t, g, p->last, at);
        if (g->status == BL_OK)
            g->nodes[at].a = body;
    } else {
        for (uint32_t i = p->a; i < p->b && g->status == BL_OK; i++)
            at = bl_graph_node(g, BL_GNODE_BOTH, build(t, g, p->last, at), next);
    }
    for (uint32_t i = 0; i < p->a && g->status == BL_OK; i++) {
        uint32_t before = build(t, g, p->last, at);
        if (before == at) /* what is nothing is nothing however often it is repeated */
            break;
        at = before;
    }
    return at;
}

/* The node at which the part begins when `next` follows it. */
static uint32_t build(const bl_gbnf_tree *t, bl_graph *g, uint32_t part, uint32_t next)
{
    const bl_gbnf_node *p = &t->parts[part];
    uint32_t at = next;
    if (g->status != BL_OK)
        return 0;
    switch (p->kind) {
    case BL_GBNF_SEQ:
        for (uint32_t i = p->last; i; i = t->parts[i].before)
            at = build(t, g, i, at);
        return at;
    case BL_GBNF_ALT:
        at = build(t, g, p->last, next);
        for (uint32_t i = t->parts[p->last].before; i; i = t->parts[i].before)
            at = bl_graph_node(g, BL_GNODE_BOTH, build(t, g, i, next), at);
        return at;
    case BL_GBNF_SET:
        return bl_graph_set(g, p->b ? t->ranges + p->a : NULL, p->b, next);
    case BL_GBNF_CALL:
        return bl_graph_node(g, BL_GNODE_CALL, p->a, next);
    case BL_GBNF_REPEAT:
        return build_repeat(t, g, p, next);
    }
    return at;
}

uint32_t bl_gbnf_build(const bl_gbnf_tree *t, bl_graph *g, uint32_t part)
{
    uint32_t end = bl_graph_node(g, BL_GNODE_END, 0, 0);
    return build(t, g, part, end);
}
