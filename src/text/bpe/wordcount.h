/* Distinct words and how often each was seen. */
#ifndef BL_TEXT_BPE_WORDCOUNT_H
#define BL_TEXT_BPE_WORDCOUNT_H

#include "core/buf.h"

typedef struct bl_word_entry {
    uint64_t count;
    uint32_t start, bytes; /* in the text of the table */
} bl_word_entry;

typedef struct bl_word_slot {
    uint32_t hash, number; /* number + 1; 0: an empty slot */
} bl_word_slot;

/* All zero: empty. */
typedef struct bl_wordcount {
    bl_buf text; /* all words, one after the other */
    bl_word_entry *word;
    bl_word_slot *slot;
    size_t count, cap, slots;
} bl_wordcount;

void bl_wordcount_release(bl_wordcount *w);
/* Forgets the words and keeps the memory. */
void bl_wordcount_clear(bl_wordcount *w);

uint64_t bl_word_hash(const char *word, size_t bytes);

/* Adds to the count of a word; hash: bl_word_hash() of it.  Errors: BL_ENOMEM, BL_EUNSUPPORTED (4
 * GiB of words, or 2^32 - 2 of them). */
bl_status bl_wordcount_add(bl_wordcount *w, const char *word, size_t bytes, uint64_t hash,
                           uint64_t count, bl_error *err) BL_NODISCARD;

#endif
