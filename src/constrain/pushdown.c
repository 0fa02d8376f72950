/* Building the graph of a grammar: nodes, texts, and characters as bytes of UTF-8. */
#include "constrain/pushdown.h"
#include "core/alloc.h"

#include <string.h>

void bl_graph_release(bl_graph *g)
{
    bl_free(g->nodes);
    bl_free(g->edges);
    bl_free(g->rules);
    *g = (bl_graph){0};
}

/* Room for one more; 0 after a failure. */
static int more(bl_graph *g, void *block, size_t *cap, size_t count, size_t size)
{
    if (g->status != BL_OK)
        return 0;
    if (count >= BL_GRAPH_NODES)
        g->status = BL_EUNSUPPORTED;
    else if (bl_grow(block, cap, count + 1, size, NULL) != BL_OK)
        g->status = BL_ENOMEM;
    return g->status == BL_OK;
}

bl_status bl_graph_status(const bl_graph *g, bl_error *err)
{
    if (g->status == BL_ENOMEM)
        return bl_fail(err, g->status, "out of memory for a grammar");
    if (g->status == BL_EUNSUPPORTED)
        return bl_fail(err, g->status,
                       "the grammar is too large: with all repetitions written out it has more "
                       "than %d parts",
                       BL_GRAPH_NODES);
    return BL_OK;
}

uint32_t bl_graph_rule_add(bl_graph *g, const char *name, size_t bytes)
{
    if (!more(g, &g->rules, &g->rule_cap, g->rule_count, sizeof *g->rules))
        return 0;
    bl_graph_rule *r = &g->rules[g->rule_count];
    *r = (bl_graph_rule){.defined = 0};
    memcpy(r->name, name, bytes < sizeof r->name - 1 ? bytes : sizeof r->name - 1);
    return (uint32_t)g->rule_count++;
}

uint32_t bl_graph_node(bl_graph *g, bl_gnode_kind kind, uint32_t a, uint32_t b)
{
    if (!more(g, &g->nodes, &g->node_cap, g->node_count, sizeof *g->nodes))
        return 0;
    g->nodes[g->node_count] = (bl_gnode){kind, a, b, BL_GRAPH_NEVER};
    return (uint32_t)g->node_count++;
}

static void add_edge(bl_graph *g, unsigned low, unsigned high, uint32_t to)
{
    if (!more(g, &g->edges, &g->edge_cap, g->edge_count, sizeof *g->edges))
        return;
    g->edges[g->edge_count++] = (bl_edge){(unsigned char)low, (unsigned char)high, to};
}

uint32_t bl_graph_text(bl_graph *g, const char *text, size_t bytes, uint32_t next)
{
    for (size_t i = bytes; i-- > 0;) {
        unsigned byte = (unsigned char)text[i];
        add_edge(g, byte, byte, next);
        next = bl_graph_node(g, BL_GNODE_BYTES, (uint32_t)(g->edge_count - 1), 1);
    }
    return next;
}

/* ---- characters as bytes ---- */

/* Bytes of one length, each between two bounds: all characters between two of them. */
typedef struct byte_run {
    unsigned char low[4], high[4];
    size_t length;
} byte_run;

typedef struct runs {
    byte_run *run;
    size_t count, cap;
    int failed;
} runs;

static size_t put(uint32_t code, unsigned char out[4])
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        out[i] = (unsigned char)(0x80 | (code & 0x3F));
    out[0] = (unsigned char)(0xF00u >> length | code);
    return length;
}

/* Characters of one length, cut until only the last bytes differ in more than their first value. */
static void cut_range(runs *list, uint32_t low, uint32_t high)
{
    while (low <= high) {
        uint32_t end = high;
        for (unsigned bits = high < 0x80 ? 0 : 18; bits; bits -= 6) { /* wide blocks first */
            uint32_t mask = (1u << bits) - 1;
            if ((low & ~mask) == (end & ~mask))
                continue;
            if (low & mask)
                end = low | mask;
            else if ((end & mask) != mask)
                end = (end & ~mask) - 1;
        }
        if (bl_grow(&list->run, &list->cap, list->count + 1, sizeof *list->run, NULL) != BL_OK) {
            list->failed = 1;
            return;
        }
        byte_run *r = &list->run[list->count++];
        r->length = put(low, r->low);
        (void)put(end, r->high);
        low = end + 1;
    }
}

static void cut_ranges(runs *list, const bl_char_range *ranges, size_t count)
{
    static const bl_char_range lengths[] = {
        {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, BL_GRAPH_CODE_MOST}};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            uint32_t low = ranges[i].low > lengths[k].low ? ranges[i].low : lengths[k].low;
            uint32_t high = ranges[i].high < lengths[k].high ? ranges[i].high : lengths[k].high;
            if (low <= high)
                cut_range(list, low, high);
        }
}

/* A node for byte `at` and those after it of rising runs that agree before; those that begin with
 * the same bytes stand together, and others have no byte in common. */
static uint32_t node_of(bl_graph *g, const byte_run *run, size_t count, size_t at, uint32_t next)
{
    uint32_t to[256];
    size_t n = 0, first[256];
    for (size_t i = 0; i < count && n < 256; n++) {
        size_t same = i + 1;
        while (same < count && run[same].low[at] == run[i].low[at])
            same++;
        to[n] =
            at == 3 || run[i].length == at + 1 ? next : node_of(g, run + i, same - i, at + 1, next);
        first[n] = i;
        i = same;
    }
    size_t edge = g->edge_count;
    for (size_t k = 0; k < n; k++)
        add_edge(g, run[first[k]].low[at], run[first[k]].high[at], to[k]);
    return bl_graph_node(g, BL_GNODE_BYTES, (uint32_t)edge, (uint32_t)n);
}

uint32_t bl_graph_set(bl_graph *g, const bl_char_range *ranges, size_t count, uint32_t next)
{
    runs list = {0};
    cut_ranges(&list, ranges, count);
    if (list.failed && g->status == BL_OK)
        g->status = BL_ENOMEM;
    uint32_t node = node_of(g, list.run, list.count, 0, next);
    bl_free(list.run);
    return node;
}
