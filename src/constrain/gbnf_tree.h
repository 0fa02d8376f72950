/* One rule of a grammar as it is read, and the nodes of the graph that it becomes. */
#ifndef BL_CONSTRAIN_GBNF_TREE_H
#define BL_CONSTRAIN_GBNF_TREE_H

#include "constrain/pushdown.h"

#define BL_GBNF_ENDLESS UINT32_MAX

typedef enum bl_gbnf_kind {
    BL_GBNF_SEQ,    /* its parts in turn */
    BL_GBNF_ALT,    /* one of them */
    BL_GBNF_SET,    /* a character: ranges [a, a + b) */
    BL_GBNF_CALL,   /* rule a */
    BL_GBNF_REPEAT, /* its part a to b times */
} bl_gbnf_kind;

typedef struct bl_gbnf_node {
    bl_gbnf_kind kind;
    uint32_t a, b;
    uint32_t last, before; /* the last of its parts; the part before this one; 0: none */
} bl_gbnf_node;

typedef struct bl_gbnf_tree {
    bl_gbnf_node *parts; /* number 0 is none */
    bl_char_range *ranges;
    size_t count, cap, range_count, range_cap;
    int failed; /* for want of memory */
} bl_gbnf_tree;

void bl_gbnf_tree_release(bl_gbnf_tree *t);
void bl_gbnf_clear(bl_gbnf_tree *t);
bl_status bl_gbnf_status(const bl_gbnf_tree *t, bl_error *err) BL_NODISCARD;

/* New parts; after a failure, 0. */
uint32_t bl_gbnf_part(bl_gbnf_tree *t, bl_gbnf_kind kind, uint32_t a, uint32_t b);
uint32_t bl_gbnf_char(bl_gbnf_tree *t, uint32_t low, uint32_t high);
uint32_t bl_gbnf_repeat(bl_gbnf_tree *t, uint32_t part, uint32_t low, uint32_t high);

/* Adds a part to a sequence or to alternatives. */
void bl_gbnf_put(bl_gbnf_tree *t, uint32_t to, uint32_t part);

/* Adds a range; the class of all ranges since number `first`, or of all other characters. */
void bl_gbnf_range(bl_gbnf_tree *t, bl_char_range range);
uint32_t bl_gbnf_class(bl_gbnf_tree *t, size_t first, int negated);

/* The node at which the part begins, as a rule of its own. */
uint32_t bl_gbnf_build(const bl_gbnf_tree *t, bl_graph *g, uint32_t part);

#endif
