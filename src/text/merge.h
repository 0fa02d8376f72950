/* Byte pair encoding of one word: its bytes joined by the merges of a tokenizer. */
#ifndef BL_TEXT_MERGE_H
#define BL_TEXT_MERGE_H

#include "text/tokenizer.h"

/* One symbol of a word: a link in the chain of those that remain. */
typedef struct bl_symbol {
    uint32_t id;
    uint32_t rank;       /* of the pair with the next symbol, or BL_PAIRMAP_NONE */
    uint32_t prev, next; /* BL_PAIRMAP_NONE at the ends */
} bl_symbol;

/* The neighbours of a symbol in its queue. */
typedef struct bl_merge_link {
    uint32_t prev, next;
} bl_merge_link;

/* The symbols whose pairs have the same rank. */
typedef struct bl_merge_queue {
    uint32_t first, last; /* BL_PAIRMAP_NONE when it is empty */
} bl_merge_queue;

enum { BL_MERGE_LEVELS = 6 }; /* 64^6 ranks and more */

/* Room for one word; grows with the longest. */
typedef struct bl_merge_work {
    bl_symbol *symbol;
    size_t cap;
    bl_merge_link *link; /* for long words, like those below */
    size_t link_cap;
    bl_merge_queue *queue; /* [ranks], empty between words */
    size_t ranks;
    uint64_t *level[BL_MERGE_LEVELS]; /* a bit for each queue, for each word of those bits, and so
                                         on */
} bl_merge_work;

void bl_merge_work_init(bl_merge_work *w);
void bl_merge_work_release(bl_merge_work *w);

/* Joins the pair of lowest rank, the leftmost first, until none is left.  The *count ids are in
 * w->symbol[0..]. */
bl_status bl_merge_word(const bl_tokenizer *t, bl_merge_work *w, const char *word, size_t bytes,
                        size_t *count, bl_error *err) BL_NODISCARD;

/* A word that is one token: *count is 1. */
bl_status bl_merge_set(bl_merge_work *w, uint32_t id, size_t *count, bl_error *err) BL_NODISCARD;

#endif
