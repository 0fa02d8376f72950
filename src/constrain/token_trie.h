/* The bytes of a vocabulary's tokens as a tree: tokens that begin alike are looked at together. */
#ifndef BL_CONSTRAIN_TOKEN_TRIE_H
#define BL_CONSTRAIN_TOKEN_TRIE_H

#include "core/status.h"

/* Nodes in the order of a walk: a node, what is below it, and then what is beside it. */
typedef struct bl_trie_node {
    uint32_t depth; /* 0: the first byte of tokens */
    uint32_t after; /* the node behind all that is below this one */
    int32_t token;  /* that ends here, or -1; the next one of the same bytes is in same[token] */
    unsigned char byte;
} bl_trie_node;

typedef struct bl_trie {
    bl_trie_node *nodes;
    int32_t *same;       /* [ids] */
    unsigned char *text; /* of all tokens */
    size_t *start;       /* [ids + 1] places in it; tokens without text are empty */
    size_t count, cap, ids, deepest;
} bl_trie;

/* Of all tokens that are text: special ones are not. */
bl_status bl_trie_open(bl_trie *t, const bl_tokenizer *tokenizer, bl_error *err) BL_NODISCARD;
void bl_trie_release(bl_trie *t);

#endif
