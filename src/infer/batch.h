/* A batch: many sequences read at once, each with the bits that it has alone. */
#ifndef BL_INFER_BATCH_H
#define BL_INFER_BATCH_H

#include "infer/sequence.h"

/* What a sequence reads: its pending token, if there is one, and then ids. */
typedef struct bl_turn {
    bl_sequence *s;
    const int32_t *ids;
    size_t count;
    float *logits; /* [V] host, for those after the last token, of this call or an earlier one; or
                      NULL */
    size_t done;   /* of ids: how many were read; 0 at first */
} bl_turn;

/* Reads all of it in as few passes of the reader as its rows allow, which the turns share evenly;
 * `pieces`: room for r->sequences.  What fails before anything is read: BL_EFORMAT for an id past
 * the vocabulary, BL_EINVAL for logits of a sequence without a last token, both naming the turn.
 * Logits that are not numbers (BL_EFORMAT) keep no other sequence from reading.  Polls the watch
 * and `stop` (not NULL) between passes. */
typedef int bl_stop_fn(void *user);
bl_status bl_batch_read(bl_reader *r, bl_turn *turns, size_t count, bl_piece *pieces,
                        bl_stop_fn *stop, void *user, bl_error *err) BL_NODISCARD;

#endif
