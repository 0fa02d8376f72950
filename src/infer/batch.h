/* A batch: many sequences read at once, each with the bits that it has alone. */
#ifndef BL_INFER_BATCH_H
#define BL_INFER_BATCH_H

#include "infer/told.h"

/* What a sequence reads: its pending token, if there is one, and then ids; and whether it draws. */
typedef struct bl_turn {
    bl_sequence *s;
    const int32_t *ids;
    size_t count;
    float *logits; /* [V] host, for those after the last token, of this call or an earlier one; or
                      NULL */
    const bl_generate_options *options; /* not NULL: one token is drawn after those, as
                                           bl_sequence_generate() would that reads them */
    bl_told *told; /* with options: receives what is told of that token, before the next call of it
                      begins */
    int32_t drawn; /* it, which is pending then; BL_NO_TOKEN: none yet, as at first */
    /* of the call; 0 at first */
    size_t done;       /* of ids: how many were read */
    size_t enough;     /* bl_sampling_enough() */
    int32_t only;      /* what alone a grammar lets it draw, without logits; or BL_NO_TOKEN */
    int wants_all;     /* drawing from the best failed: it is drawn from all logits */
    int wants_allowed; /* a grammar allows none of the best: it is drawn from those that it allows */
    int failed;        /* its logits are not numbers: nothing is drawn */
    int begins;        /* by the end-of-text token before ids */
    int ends;          /* what was drawn ends the text */
    int at_row;        /* the pass left logits of this turn, ... */
    size_t row;        /* ... which are this row */
} bl_turn;

/* What a batch reads with.  Polls the watch and `stop` (not NULL) between passes. */
typedef int bl_stop_fn(void *user);
typedef struct bl_batch_room {
    bl_reader *r;
    bl_piece *pieces;      /* room for r->sequences */
    const bl_tokenizer *t; /* or NULL: the sequences have no text */
    size_t threads;        /* to draw with */
    bl_stop_fn *stop;
    void *user;
} bl_batch_room;

/* Reads all of it in as few passes of the reader as its rows allow, which the turns share evenly.
 * What fails before anything is read: BL_EFORMAT for an id past the vocabulary, BL_EINVAL for
 * logits of a sequence without a last token, both naming the turn; BL_ENOMEM.  Logits that are not
 * numbers (BL_EFORMAT) keep no other sequence from reading and drawing. */
bl_status bl_batch_read(const bl_batch_room *room, bl_turn *turns, size_t count,
                        bl_error *err) BL_NODISCARD;

#endif
