/* Reading tokens into a sequence, in pieces that a decoding pass can take. */
#ifndef BL_INFER_FEED_H
#define BL_INFER_FEED_H

#include "model/reader.h"

/* BL_EFORMAT for an id past the vocabulary. */
bl_status bl_infer_check_ids(const bl_net *net, const int32_t *ids, size_t count,
                             bl_error *err) BL_NODISCARD;

/* Reads any number of tokens into a sequence.  logits: NULL, or host floats for the last token or
 * (every) for each.  Refuses ids past the vocabulary before reading any. */
bl_status bl_infer_feed(bl_reader *r, bl_state *s, const int32_t *ids, size_t count, float *logits,
                        int every, bl_error *err) BL_NODISCARD;

/* BL_EFORMAT when one of `rows` rows of logits, which end with the token read last, is not a
 * number. */
bl_status bl_infer_check_logits(const bl_state *s, const float *logits, size_t rows, size_t V,
                                bl_error *err) BL_NODISCARD;

#endif
