/* A model's chat template: where it stands, the texts it sees, and messages rendered by it. */
#ifndef BL_TEMPLATE_CHAT_TEMPLATE_H
#define BL_TEMPLATE_CHAT_TEMPLATE_H

#include "template/jinja.h"
#include "text/text.h"

/* ChatML, the template of conversations where nothing names another. */
extern const char bl_chatml[];

/* A template that is a text instead of a file; `what` begins messages. */
bl_status bl_template_of_text(bl_template **t, const char *what, const char *text,
                              bl_error *err) BL_NODISCARD;

/* Does it say by generation blocks what the model writes, where it is given this? */
int bl_template_generates(const bl_template *t, const json_t *input);

/* Does its text hold the word between quotes, as a role that it knows? */
int bl_template_quotes(const bl_template *t, const char *word);

/* Renders variables of a template as JSON holds them: `input` an object with "messages", of `bytes`
 * bytes.  `what` begins messages about it.  now -1: the present. */
bl_status bl_template_run(const bl_template *t, const json_t *input, size_t bytes, int64_t now,
                          bl_rendering *made, bl_error *err) BL_NODISCARD;

/* The ids of a rendering from byte `from` on, with BL_ENCODE_OFFSETS: special tokens that the
 * template wrote are those, what comes from the messages is text.  flags: BL_ENCODE_SPECIAL, that
 * is special too. */
bl_status bl_template_ids(const bl_tokenizer *tokenizer, bl_word_cache *cache,
                          const bl_rendering *made, size_t from, unsigned flags, bl_id_list *ids,
                          bl_error *err) BL_NODISCARD;

/* 1 when a token with this offset in the bytes from `from` on belongs to what a generation block
 * wrote. */
int bl_template_is_answer(const bl_rendering *made, size_t from, bl_offset offset);

#endif
