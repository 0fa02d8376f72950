/* The bytes of a vocabulary's tokens as a tree: tokens that begin alike are looked at together. */
#ifndef BL_CONSTRAIN_TOKEN_TRIE_H
#define BL_CONSTRAIN_TOKEN_TRIE_H

#include "core/status.h"

/* Nodes level by level: those below a node lie side by side, in the order of their bytes, so that one
 * look into the memory finds many.  Number 0 is the tree, before the first byte. */
typedef struct bl_trie_node {
    uint32_t first; /* of the nodes below it, which end where those of the next node begin */
    int32_t token;  /* that ends here, or -1; the next one of the same bytes is in same[token] */
} bl_trie_node;

typedef struct bl_trie {
    bl_trie_node *nodes; /* [count + 1] */
    unsigned char *byte; /* [count] the last one of each */
    int32_t *same;       /* [ids] */
    unsigned char *text; /* of all tokens */
    size_t *start;       /* [ids + 1] places in it; tokens without text are empty */
    size_t count, ids, deepest;
} bl_trie;

/* Of all tokens that are text: special ones are not. */
bl_status bl_trie_open(bl_trie *t, const bl_tokenizer *tokenizer, bl_error *err) BL_NODISCARD;
void bl_trie_release(bl_trie *t);

#endif
