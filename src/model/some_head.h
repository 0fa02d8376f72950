/* Heads of some tokens alone: their rows of E, gathered once and kept while they are wanted again. */
#ifndef BL_MODEL_SOME_HEAD_H
#define BL_MODEL_SOME_HEAD_H

#include "model/net.h"

enum {
    BL_SOME_HEADS = 4,        /* that are kept; the one that was not used the longest goes */
    BL_SOME_BYTES = 16 << 20, /* of one, at most */
};

typedef struct bl_some_head {
    int32_t *ids; /* host, rising */
    size_t count, cap;
    void *block; /* device: all that follows; NULL: they were wanted once */
    bl_dev_id *at;
    bl_act *rows; /* [count,D] */
    bl_coarse *coarse;
    uint64_t used;
} bl_some_head;

typedef struct bl_some_heads {
    bl_some_head head[BL_SOME_HEADS];
    uint64_t calls;
} bl_some_heads;

void bl_some_heads_release(bl_some_heads *h, const bl_net *net);

/* The head of tokens ids[n] that were asked for before, which it is worth while to gather; NULL: it
 * is the first time, or they are too many.  For a net whose E does not change. */
bl_status bl_some_head_of(bl_some_heads *h, const bl_net *net, const int32_t *ids, size_t n,
                          const bl_some_head **found, bl_error *err) BL_NODISCARD;

#endif
