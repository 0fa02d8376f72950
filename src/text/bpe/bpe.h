/* The trainer of byte-level BPE: documents in, a tokenizer out. */
#ifndef BL_TEXT_BPE_BPE_H
#define BL_TEXT_BPE_BPE_H

#include "core/status.h"

/* Learns a vocabulary as Hugging Face's tokenizers.trainers.BpeTrainer does after a ByteLevel
 * pre-tokenizer: the same merges in the same order.  The result depends neither on the number of
 * threads nor on how the documents are divided among calls.  A trainer is used by one thread. */
typedef struct bl_bpe_trainer bl_bpe_trainer;

/* All zero but vocab_size: the usual training. */
typedef struct bl_bpe_options {
    size_t vocab_size;
    size_t min_frequency;    /* of a pair, to be merged; 0 and 1 are the same */
    size_t max_token_length; /* tokens of 3 or more byte characters are shorter than this; 0: any */
    size_t limit_alphabet;   /* keep this many characters, the most frequent; 0: all */
    int no_initial_alphabet; /* only the bytes that occur, instead of all 256 */
    int no_prefix_space;     /* no space before a document */
    const char *const *specials; /* the first ids, valid until finish; NULL: BL_TOKEN_END_OF_TEXT
                                    and BL_TOKEN_PADDING */
    size_t specials_count;
    size_t threads; /* 0: those of bl_set_threads() */
} bl_bpe_options;

/* Errors: BL_EINVAL (a vocabulary past 2^31 - 1, more than 1024 threads, a special token that is
 * empty or not UTF-8), BL_ENOMEM. */
bl_status bl_bpe_trainer_open(bl_bpe_trainer **t, const bl_bpe_options *options,
                              bl_error *err) BL_NODISCARD;
/* Counts the words of some documents, even a single long one on all threads.  Memory grows with the
 * distinct words only.  progress (may be NULL) counts units of work of this call and is called in
 * the caller's thread.
 * Errors: BL_EFORMAT (a document is not UTF-8; nothing of the call is counted); BL_EINTERRUPTED,
 * BL_ENOMEM, BL_EUNSUPPORTED (64 GiB of distinct words), after which the trainer can only be
 * closed. */
bl_status bl_bpe_trainer_feed(bl_bpe_trainer *t, const bl_span *documents, size_t count,
                              bl_progress_fn *progress, void *user, bl_error *err) BL_NODISCARD;
/* Learns the merges and hands out the tokenizer.  A corpus that runs out of pairs gives fewer ids.
 * The words are used up: whatever the result, the trainer can then only be closed.  Where the
 * options keep some bytes out of the alphabet, encoding leaves them out, and only Hugging Face's
 * library can open the saved file.
 * Errors: BL_EINTERRUPTED, BL_ENOMEM, BL_EUNSUPPORTED. */
bl_status bl_bpe_trainer_finish(bl_bpe_trainer *t, bl_progress_fn *progress, void *user,
                                bl_tokenizer **result, bl_error *err) BL_NODISCARD;
void bl_bpe_trainer_close(bl_bpe_trainer *t);

#endif
