/* Generation: a prompt read, tokens drawn, text handed out as whole characters. */
#ifndef BL_INFER_GENERATE_H
#define BL_INFER_GENERATE_H

#include "format/options.h"
#include "model/net.h"

/* Reads any number of tokens into a sequence.  logits: NULL, or host floats for the last token or
 * (every) for each.  Refuses ids past the vocabulary before reading any. */
bl_status bl_infer_feed(bl_decode *s, const bl_net *net, const int32_t *ids, size_t count,
                        float *logits, int every, bl_error *err) BL_NODISCARD;

/* bl_generate() on its parts. */
bl_status bl_infer_generate(bl_decode *s, const bl_net *net, const bl_tokenizer *t,
                            const char *prompt, size_t bytes, const bl_generate_options *options,
                            bl_text_fn *fn, void *user, bl_generate_result *result,
                            bl_error *err) BL_NODISCARD;

#endif
