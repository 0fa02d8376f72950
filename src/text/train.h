/* What the two halves of the BPE trainer share: counted words in, merges out. */
#ifndef BL_TEXT_TRAIN_H
#define BL_TEXT_TRAIN_H

#include "text/text.h"
#include "text/tokenizer.h"

typedef struct bl_word_counts {
    bl_strtab text;  /* distinct words, raw bytes */
    uint64_t *count; /* [words] how often each was seen */
    size_t count_cap;
} bl_word_counts;

/* Fills the tokens, merges and added tokens of t from the words. */
bl_status bl_merges_learn(const bl_word_counts *words, const bl_bpe_options *options,
                          bl_tokenizer *t, bl_progress_fn *progress, void *user,
                          bl_error *err) BL_NODISCARD;

#endif
