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

/* A field that must have one value ("*": any; NULL: true or false). */
typedef struct bl_json_field {
    const char *field, *value;
    int required;
} bl_json_field;

/* Checks an object against what is wanted: no other field, none missing, no other value. */
bl_status bl_json_check(const json_t *object, const char *where, const bl_json_field *all,
                        size_t count, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_json_check_byte_level(const json_t *object, const char *where, const char *path,
                                   bl_error *err) BL_NODISCARD;

/* Is its "type" this one?  And the message when it is not a known one. */
int bl_json_has_type(const json_t *object, const char *type);
bl_status bl_json_refuse_type(const json_t *object, const char *where, const char *known,
                              const char *path, bl_error *err) BL_NODISCARD;

enum { BL_JSON_PARTS = 64 };

/* The parts that a part of the file consists of, in order: those of a Sequence, whose members are
 * in its field `list`, and of Sequences in it; null and absent give none, anything else is one. */
typedef struct bl_json_list {
    const json_t *part[BL_JSON_PARTS];
    size_t count;
} bl_json_list;

bl_status bl_json_flatten(bl_json_list *parts, const json_t *value, const char *where,
                          const char *list, const char *path, bl_error *err) BL_NODISCARD;

/* The rules of the pre-tokenizer. */
bl_status bl_json_rules(bl_tokenizer *t, const json_t *value, const char *path,
                        bl_error *err) BL_NODISCARD;

/* normalizer, pre_tokenizer, post_processor, decoder and the model's settings: checked, and kept
 * for saving. */
bl_status bl_json_parts(bl_tokenizer *t, json_t *root, const char *path,
                        bl_error *err) BL_NODISCARD;

#endif
