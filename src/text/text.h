/* Byte-level BPE inside the library: the trainer, and the streaming decoder.  (Encoding and
 * decoding are public: bitllama.h.) */
#ifndef BL_TEXT_TEXT_H
#define BL_TEXT_TEXT_H

#include "text/roles.h"
#include "core/utf8.h"

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

/* tokenizer.json as Hugging Face writes it (2 spaces, their key order, no final newline), and the
 * tokenizer_config.json beside it. */
bl_status bl_tokenizer_save(const bl_tokenizer *t, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_tokenizer_save_config(const bl_tokenizer *t, bl_token_roles roles, const char *path,
                                   bl_error *err) BL_NODISCARD;

/* A growing list of ids, and where they come from. */
typedef struct bl_id_list {
    int32_t *ids;
    bl_offset *offsets; /* of those encoded with BL_ENCODE_OFFSETS */
    size_t count, ids_cap, offsets_cap;
} bl_id_list;

void bl_id_list_release(bl_id_list *tokens);

/* Encodes one document and appends its ids, for bulk work.  `cache` keeps whole words already
 * encoded; one per thread. */
typedef struct bl_word_cache bl_word_cache;
bl_status bl_word_cache_open(bl_word_cache **c, bl_error *err) BL_NODISCARD;
void bl_word_cache_close(bl_word_cache *c);
bl_status bl_tokenizer_append(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                              size_t bytes, unsigned flags, bl_id_list *tokens,
                              bl_error *err) BL_NODISCARD;

/* Whole characters out of a stream of tokens: bytes wait until their character is complete. */
typedef struct bl_decoder {
    unsigned char pending[4];
    size_t waiting;
    int special; /* spell special tokens out */
    int started; /* the prefix space of the first token was dropped or was absent */
} bl_decoder;

/* The text that token `id` completes, into out (at least 3 * (the token's bytes + 1): every byte
 * may turn into U+FFFD); returns its length, 0 for special tokens unless they are asked for.
 * drop_prefix_space: leave out one leading space of the whole stream, if the tokenizer is one that
 * adds it. */
size_t bl_decoder_feed(bl_decoder *d, const bl_tokenizer *t, int32_t id, int drop_prefix_space,
                       char *out);
/* What is still waiting at the end, as U+FFFD (3 bytes at most). */
size_t bl_decoder_finish(bl_decoder *d, char *out);

#endif
