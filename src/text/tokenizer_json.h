/* Reading tokenizer.json: the parts that several files share. */
#ifndef BL_TEXT_TOKENIZER_JSON_H
#define BL_TEXT_TOKENIZER_JSON_H

#include "text/tokenizer.h"

#include <jansson.h>

enum { BL_JSON_QUOTE = 48 };

/* A value as a short piece of JSON for messages: printable ASCII, cut off when long. */
const char *bl_json_quote(const json_t *value, char text[BL_JSON_QUOTE]);

/* model.vocab, model.merges and added_tokens, in this order.  `path` begins the messages. */
bl_status bl_json_vocab(bl_tokenizer *t, json_t *vocab, const char *path,
                        bl_error *err) BL_NODISCARD;
bl_status bl_json_merges(bl_tokenizer *t, const json_t *merges, const char *path,
                         bl_error *err) BL_NODISCARD;
bl_status bl_json_added(bl_tokenizer *t, const json_t *added, const char *path,
                        bl_error *err) BL_NODISCARD;

/* normalizer, pre_tokenizer, post_processor, decoder and the model's settings: checked, and kept
 * for saving. */
bl_status bl_json_parts(bl_tokenizer *t, json_t *root, const char *path,
                        bl_error *err) BL_NODISCARD;

#endif
