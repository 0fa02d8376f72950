/* Tokenizers inside the library: saving, encoding of many texts, the streaming decoder.  (Encoding
 * and decoding are public: bitllama.h.) */
#ifndef BL_TEXT_TEXT_H
#define BL_TEXT_TEXT_H

#include "text/roles.h"
#include "core/utf8.h"

#include <jansson.h>

/* tokenizer.json as Hugging Face writes it (2 spaces, their key order, no final newline), and the
 * tokenizer_config.json beside it.  more: chat_template, bos_token and other tokens by their names,
 * as that file has them; NULL: eos begins a document too. */
bl_status bl_tokenizer_save(const bl_tokenizer *t, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_tokenizer_save_config(const bl_tokenizer *t, bl_token_roles roles, const json_t *more,
                                   const char *path, bl_error *err) BL_NODISCARD;

/* Keeps an open tokenizer until one more bl_tokenizer_close(); returns it.  Threads: any. */
bl_tokenizer *bl_tokenizer_hold(bl_tokenizer *t);

/* The token that stands for what is not in the vocabulary, or -1. */
bl_status bl_tokenizer_unknown(const bl_tokenizer *t, int32_t *id, bl_error *err) BL_NODISCARD;

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

/* The same, but special tokens that take a byte of the text whose `typed` [bytes] has one of the
 * bits `mask` are text: somebody typed them.  typed NULL: none. */
bl_status bl_tokenizer_append_typed(const bl_tokenizer *t, bl_word_cache *cache, const char *text,
                                    size_t bytes, const unsigned char *typed, unsigned mask,
                                    unsigned flags, bl_id_list *tokens, bl_error *err) BL_NODISCARD;

/* bl_encoder_run() in which of each text some bytes were typed by somebody; no other call may be at
 * work. */
bl_status bl_encoder_run_typed(bl_encoder *e, const bl_span *texts,
                               const unsigned char *const *typed, unsigned mask, size_t count,
                               unsigned flags, bl_error *err) BL_NODISCARD;

/* Whole characters out of a stream of tokens: bytes wait until their character is complete. */
typedef struct bl_decoder {
    unsigned char pending[4];
    size_t waiting;
    int special; /* spell special tokens out */
    int started; /* the prefix space of the first token was dropped or was absent */
} bl_decoder;

/* The text that token `id` completes, into out (at least 3 * (the token's bytes + 1): every byte
 * may turn into U+FFFD; NULL: nowhere); returns its length, 0 for special tokens unless they are asked for.
 * drop_prefix_space: leave out one leading space of the whole stream, if the tokenizer is one that
 * adds it. */
size_t bl_decoder_feed(bl_decoder *d, const bl_tokenizer *t, int32_t id, int drop_prefix_space,
                       char *out);
/* What is still waiting at the end, as U+FFFD (3 bytes at most). */
size_t bl_decoder_finish(bl_decoder *d, char *out);

#endif
