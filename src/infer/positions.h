/* Loss by position: how much better a model predicts the further it has read. */
#ifndef BL_INFER_POSITIONS_H
#define BL_INFER_POSITIONS_H

#include "core/status.h"

/* Sums of bins: one a position, or one a power of two.  Zero-initialise; release ends it. */
typedef struct bl_positions {
    size_t bins;
    int doubling;
    double *nats; /* [bins] */
    uint64_t *tokens;
} bl_positions;

/* A bin for each position below T. */
bl_status bl_positions_open(bl_positions *c, size_t T, bl_error *err) BL_NODISCARD;

/* Bins 0, 1, 2-3, 4-7, ... without end. */
bl_status bl_positions_open_doubling(bl_positions *c, bl_error *err) BL_NODISCARD;
void bl_positions_release(bl_positions *c);

/* The loss of the token that follows `position` others (a window's first input and a text's
 * end-of-text token not counted).  c may be NULL. */
void bl_positions_add(bl_positions *c, uint64_t position, double nats);

/* Calls fn for the bins that hold tokens, in order. */
void bl_positions_tell(const bl_positions *c, bl_eval_point_fn *fn, void *user);

#endif
