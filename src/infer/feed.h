/* Reading tokens into a sequence, in pieces that a decoding pass can take. */
#ifndef BL_INFER_FEED_H
#define BL_INFER_FEED_H

#include "model/reader.h"

/* BL_EFORMAT for an id past the vocabulary. */
bl_status bl_infer_check_ids(const bl_net *net, const int32_t *ids, size_t count,
                             bl_error *err) BL_NODISCARD;

/* Which logits of a piece are wanted. */
typedef struct bl_wanted {
    float *logits; /* host: those after the last token, or, with `every`, after each; NULL: none */
    int every;
    size_t top; /* without logits: of those after the last token the best so many, in the reader's
                   `best`; 0: none */
} bl_wanted;

/* Reads any number of tokens into a sequence.  Refuses ids past the vocabulary before reading any;
 * BL_EFORMAT also when a logit that is wanted is not finite. */
bl_status bl_infer_read(bl_reader *r, bl_state *s, const int32_t *ids, size_t count,
                        const bl_wanted *wanted, bl_error *err) BL_NODISCARD;

/* Those after the token read last, which may be any time ago, when s->has_last; not `every`. */
bl_status bl_infer_last(bl_reader *r, const bl_state *s, const bl_wanted *wanted,
                        bl_error *err) BL_NODISCARD;

/* Reads any number of tokens into a sequence.  logits: NULL, or host floats for the last token or
 * (every) for each.  Refuses ids past the vocabulary before reading any. */
bl_status bl_infer_feed(bl_reader *r, bl_state *s, const int32_t *ids, size_t count, float *logits,
                        int every, bl_error *err) BL_NODISCARD;

/* BL_EFORMAT when one of `rows` rows of logits, which end with the token read last, is not a
 * number. */
bl_status bl_infer_check_logits(const bl_state *s, const float *logits, size_t rows, size_t V,
                                bl_error *err) BL_NODISCARD;

/* The same, from what head_top found of the row, `top` candidates. */
bl_status bl_infer_check_best(const bl_state *s, const bl_candidate *best, size_t top, size_t V,
                              bl_error *err) BL_NODISCARD;

#endif
