/* What is said of a grammar before it runs: shortest texts, rules that begin with themselves. */
#include "core/alloc.h"
#include "constrain/pushdown.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a >= BL_GRAPH_NEVER - b ? BL_GRAPH_NEVER : a + b;
}

static uint32_t least_of(const bl_graph *g, const bl_gnode *n)
{
    uint32_t least = BL_GRAPH_NEVER;
    switch (n->kind) {
    case BL_GNODE_END:
        return 0;
    case BL_GNODE_BOTH:
        least = g->nodes[n->a].least;
        return least < g->nodes[n->b].least ? least : g->nodes[n->b].least;
    case BL_GNODE_CALL:
        return plus(g->nodes[g->rules[n->a].start].least, g->nodes[n->b].least);
    case BL_GNODE_BYTES:
        for (uint32_t i = n->a; i < n->a + n->b; i++) {
            uint32_t rest = plus(1, g->nodes[g->edges[i].to].least);
            least = rest < least ? rest : least;
        }
    }
    return least;
}

/* Shortest ways, nearer and nearer.  What follows a node mostly stands before it, so few rounds do;
 * a grammar that is made to need many is refused. */
static bl_status find_least(bl_graph *g, bl_error *err)
{
    const uint64_t most = UINT64_C(1) << 28;
    uint64_t work = 0;
    for (int changed = 1; changed; work += g->node_count) {
        if (work > most)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "the grammar's rules are too entangled: how "
                           "short a text can be takes too long to find");
        changed = 0;
        for (size_t i = 0; i < g->node_count; i++) {
            uint32_t least = least_of(g, &g->nodes[i]);
            changed |= least < g->nodes[i].least;
            g->nodes[i].least = least;
        }
    }
    for (size_t i = 0; i < g->rule_count; i++)
        g->rules[i].empty = g->nodes[g->rules[i].start].least == 0;
    if (g->nodes[g->rules[g->root].start].least == BL_GRAPH_NEVER)
        return bl_fail(err, BL_EFORMAT,
                       "the grammar fits no text: every way through rule %s goes on for ever, or "
                       "needs a character out of none",
                       g->rules[g->root].name);
    return BL_OK;
}

/* ---- rules that begin with themselves ---- */

typedef struct left_edge {
    uint32_t from, to; /* rules: `from` may begin with `to` */
} left_edge;

typedef struct left_search {
    const bl_graph *g;
    uint32_t *seen; /* [nodes] the rule from whose start it was reached, plus 1 */
    uint32_t *todo;
    left_edge *edges;
    size_t todo_count, todo_cap, count, cap;
} left_search;

static bl_status visit(left_search *s, uint32_t rule, uint32_t node, bl_error *err)
{
    if (s->seen[node] == rule + 1 || s->g->nodes[node].least == BL_GRAPH_NEVER)
        return BL_OK;
    s->seen[node] = rule + 1;
    BL_TRY(bl_grow(&s->todo, &s->todo_cap, s->todo_count + 1, sizeof *s->todo, err));
    s->todo[s->todo_count++] = node;
    return BL_OK;
}

/* The rules that a rule may begin with. */
static bl_status find_left(left_search *s, uint32_t rule, bl_error *err)
{
    const bl_graph *g = s->g;
    BL_TRY(visit(s, rule, g->rules[rule].start, err));
    while (s->todo_count) {
        const bl_gnode *n = &g->nodes[s->todo[--s->todo_count]];
        if (n->kind == BL_GNODE_BOTH) {
            BL_TRY(visit(s, rule, n->a, err));
            BL_TRY(visit(s, rule, n->b, err));
        } else if (n->kind == BL_GNODE_CALL) {
            BL_TRY(bl_grow(&s->edges, &s->cap, s->count + 1, sizeof *s->edges, err));
            s->edges[s->count++] = (left_edge){rule, n->a};
            if (g->rules[n->a].empty)
                BL_TRY(visit(s, rule, n->b, err));
        }
    }
    return BL_OK;
}

static int by_to(const void *a, const void *b)
{
    const left_edge *x = a, *y = b;
    return (x->to > y->to) - (x->to < y->to);
}

/* The first edge to a rule or one after it, of edges in that order. */
static size_t first_to(const left_search *s, uint32_t rule)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->edges[middle].to < rule)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Takes away rules that begin with no other, and then those that began only with them; what is left
 * is in circles or leads to one.  `begins` [rules] counts what each begins with. */
static size_t take_away(left_search *s, bl_graph_rule *rules, uint32_t *begins, uint32_t *todo)
{
    size_t n = 0, left = s->g->rule_count;
    if (s->count)
        qsort(s->edges, s->count, sizeof *s->edges, by_to);
    for (size_t i = 0; i < s->count; i++)
        begins[s->edges[i].from]++;
    for (uint32_t i = 0; i < s->g->rule_count; i++)
        if (!begins[i])
            todo[n++] = i;
    for (; n; left--) {
        uint32_t rule = todo[--n];
        rules[rule].order = (uint32_t)(s->g->rule_count - left);
        for (size_t i = first_to(s, rule); i < s->count && s->edges[i].to == rule; i++)
            if (!--begins[s->edges[i].from])
                todo[n++] = s->edges[i].from;
    }
    return left;
}

/* A rule in a circle: where one arrives that goes on and on, among rules that begin with some. */
static uint32_t in_circle(const left_search *s, const uint32_t *begins)
{
    uint32_t rule = 0;
    while (!begins[rule])
        rule++;
    for (size_t steps = 0; steps <= s->g->rule_count; steps++)
        for (size_t i = 0; i < s->count; i++)
            if (s->edges[i].from == rule && begins[s->edges[i].to]) {
                rule = s->edges[i].to;
                break;
            }
    return rule;
}

static bl_status refuse_left(left_search *s, bl_graph_rule *rules, bl_error *err)
{
    const bl_graph *g = s->g;
    for (uint32_t i = 0; i < g->rule_count; i++)
        BL_TRY(find_left(s, i, err));
    uint32_t *begins = bl_calloc(2 * g->rule_count, sizeof *begins);
    if (!begins)
        return bl_fail(err, BL_ENOMEM, "out of memory for a grammar");
    bl_status status = BL_OK;
    if (take_away(s, rules, begins, begins + g->rule_count))
        status = bl_fail(err, BL_EUNSUPPORTED,
                         "rule %s may begin with itself (left recursion): put what stands first "
                         "in front, as in list ::= item (\",\" item)*",
                         g->rules[in_circle(s, begins)].name);
    bl_free(begins);
    return status;
}

/* ---- classes of bytes ---- */

static void find_classes(bl_graph *g)
{
    unsigned char border[257] = {0};
    for (size_t i = 0; i < g->edge_count; i++)
        border[g->edges[i].low] = border[g->edges[i].high + 1] = 1;
    size_t class = 0;
    for (size_t byte = 0; byte < 256; byte++) {
        class += byte && border[byte];
        g->class_of[byte] = (unsigned char)class;
        g->byte_of[class] = (unsigned char)byte;
    }
    g->classes = class + 1;
}

bl_status bl_graph_check(bl_graph *g, bl_error *err)
{
    assert(g->rule_count);
    BL_TRY(bl_graph_status(g, err));
    BL_TRY(find_least(g, err));
    left_search s = {.g = g, .seen = bl_calloc(g->node_count, sizeof *s.seen)};
    bl_status status = s.seen ? refuse_left(&s, g->rules, err)
                              : bl_fail(err, BL_ENOMEM, "out of memory for a grammar");
    bl_free(s.seen);
    bl_free(s.todo);
    bl_free(s.edges);
    if (status == BL_OK)
        find_classes(g);
    return status;
}
