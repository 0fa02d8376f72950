/* A grammar as a graph: a pushdown automaton over bytes, and what can be said of it before it runs. */
#ifndef BL_CONSTRAIN_PUSHDOWN_H
#define BL_CONSTRAIN_PUSHDOWN_H

#include "core/status.h"

enum {
    BL_GRAPH_NODES = 1 << 20,    /* the most of a grammar */
    BL_GRAPH_NAME = 64,          /* bytes of a rule's name in messages */
    BL_GRAPH_NEVER = 0x7FFFFFFF, /* more bytes than any text has */
    BL_GRAPH_CODE_MOST = 0x10FFFF
};

typedef enum bl_gnode_kind {
    BL_GNODE_BYTES, /* takes a byte: edges [a, a + b) */
    BL_GNODE_BOTH,  /* goes on at a and at b */
    BL_GNODE_CALL,  /* rule a, and then node b */
    BL_GNODE_END    /* of its rule */
} bl_gnode_kind;

typedef struct bl_gnode {
    bl_gnode_kind kind;
    uint32_t a, b;
    uint32_t least; /* the fewest bytes to the end of its rule; BL_GRAPH_NEVER: there is no way */
} bl_gnode;

typedef struct bl_edge {
    unsigned char low, high;
    uint32_t to;
} bl_edge;

/* Characters from low to high. */
typedef struct bl_char_range {
    uint32_t low, high;
} bl_char_range;

typedef struct bl_graph_rule {
    char name[BL_GRAPH_NAME];
    uint32_t start;
    int defined;
    int empty;      /* may be no text at all */
    uint32_t order; /* less than that of all rules that may begin with it */
} bl_graph_rule;

typedef struct bl_graph {
    bl_gnode *nodes;
    bl_edge *edges;
    bl_graph_rule *rules;
    size_t node_count, node_cap, edge_count, edge_cap, rule_count, rule_cap;
    uint32_t root;    /* a rule */
    bl_status status; /* of the first addition that failed: the graph can only be released then */
    unsigned char class_of[256]; /* bytes that no edge tells apart are of one class */
    unsigned char byte_of[256];  /* one byte of each */
    size_t classes;
} bl_graph;

void bl_graph_release(bl_graph *g);

/* Additions: they return the number of what they add, or 0 after a failure, which is kept. */
uint32_t bl_graph_rule_add(bl_graph *g, const char *name, size_t bytes);
uint32_t bl_graph_node(bl_graph *g, bl_gnode_kind kind, uint32_t a, uint32_t b);
uint32_t bl_graph_text(bl_graph *g, const char *text, size_t bytes, uint32_t next);
/* One character out of rising ranges that do not touch, in UTF-8; none of a surrogate. */
uint32_t bl_graph_set(bl_graph *g, const bl_char_range *ranges, size_t count, uint32_t next);

/* What the first failed addition was. */
bl_status bl_graph_status(const bl_graph *g, bl_error *err) BL_NODISCARD;

/* Once all rules are defined: finds what is empty and the shortest ways, and refuses a rule that
 * begins with itself and a root that no text fits.  BL_EFORMAT, BL_EUNSUPPORTED, BL_ENOMEM. */
bl_status bl_graph_check(bl_graph *g, bl_error *err) BL_NODISCARD;

#endif
