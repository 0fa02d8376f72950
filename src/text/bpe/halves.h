/* What the halves of the BPE trainer share: counted words in, merges out. */
#ifndef BL_TEXT_BPE_HALVES_H
#define BL_TEXT_BPE_HALVES_H

#include "text/bpe/bpe.h"
#include "text/bpe/wordcount.h"
#include "text/tokenizer.h"

enum { BL_WORD_SHARDS = 16 };

/* The specials and the characters that the options keep, as tokens; seen: how often each byte
 * occurs.  byte_id: BL_NO_BYTE_ID for the bytes to drop from words. */
bl_status bl_alphabet_add(const uint64_t seen[256], const bl_bpe_options *options, bl_tokenizer *t,
                          uint32_t byte_id[256], bl_error *err) BL_NODISCARD;

/* Fills the tokens, merges and added tokens of t from the words, which are released in the
 * process. */
bl_status bl_merges_learn(bl_wordcount words[BL_WORD_SHARDS], const bl_bpe_options *options,
                          bl_tokenizer *t, bl_progress_fn *progress, void *user,
                          bl_error *err) BL_NODISCARD;

#endif
