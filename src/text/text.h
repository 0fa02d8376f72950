/* Byte-level BPE inside the library: the trainer, and the streaming decoder.  (Encoding and
 * decoding are public: bitllama.h.) */
#ifndef BL_TEXT_TEXT_H
#define BL_TEXT_TEXT_H

#include "core/status.h"

/* Learns a vocabulary as Hugging Face's tokenizers.trainers.BpeTrainer does with
 * ByteLevel(add_prefix_space=true), specials <|endoftext|> 0 and <|padding|> 1, the 256 byte
 * characters as initial alphabet: the same merges in the same order. */
typedef struct bl_bpe_trainer bl_bpe_trainer;

typedef struct bl_bpe_options {
    size_t vocab_size, min_frequency;
} bl_bpe_options;

bl_status bl_bpe_trainer_open(bl_bpe_trainer **t, const bl_bpe_options *options,
                              bl_error *err) BL_NODISCARD;
/* Counts the words of some documents (valid UTF-8).  Memory grows with the distinct words only. */
bl_status bl_bpe_trainer_feed(bl_bpe_trainer *t, const bl_span *documents, size_t count,
                              bl_error *err) BL_NODISCARD;
/* Learns the merges and hands out the tokenizer.  A corpus that runs out of pairs gives fewer ids.
 */
bl_status bl_bpe_trainer_finish(bl_bpe_trainer *t, bl_progress_fn *progress, void *user,
                                bl_tokenizer **result, bl_error *err) BL_NODISCARD;
void bl_bpe_trainer_close(bl_bpe_trainer *t);

/* tokenizer.json as Hugging Face writes it (2 spaces, their key order, no final newline), and the
 * tokenizer_config.json beside it. */
bl_status bl_tokenizer_save(const bl_tokenizer *t, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_tokenizer_save_config(const bl_tokenizer *t, const char *path,
                                   bl_error *err) BL_NODISCARD;

/* Encodes one document onto a growing array (ids, count, cap: bl_grow's), for bulk work.  `cache`
 * keeps whole words already encoded; one a thread. */
typedef struct bl_word_cache bl_word_cache;
bl_status bl_word_cache_open(bl_word_cache **c, bl_error *err) BL_NODISCARD;
void bl_word_cache_close(bl_word_cache *c);
bl_status bl_tokenizer_append(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                              size_t bytes, unsigned flags, int32_t **ids, size_t *count,
                              size_t *cap, bl_error *err) BL_NODISCARD;

/* Offset of the first byte that is not valid UTF-8, or `bytes` when all is. */
size_t bl_utf8_invalid(const char *text, size_t bytes);

/* Whole characters out of a stream of tokens: bytes wait until their character is complete. */
typedef struct bl_decoder {
    unsigned char pending[4];
    size_t waiting;
    int started; /* the prefix space of the first token was dropped or was not there */
} bl_decoder;

/* The text that token `id` completes, into out (at least 3 * (the token's bytes + 1): every byte
 * may turn into U+FFFD); returns its length, 0 for special tokens.  drop_prefix_space: leave out
 * one leading space of the whole stream, if the tokenizer is one that puts it there. */
size_t bl_decoder_feed(bl_decoder *d, const bl_tokenizer *t, int32_t id, int drop_prefix_space,
                       char *out);
/* What waits at the end, as U+FFFD (3 bytes at most). */
size_t bl_decoder_finish(bl_decoder *d, char *out);

#endif
