/* The windows of an evaluation over answers: each token that counts once, with what comes before it
 * in its conversation where that fits. */
#ifndef BL_DATA_WALK_H
#define BL_DATA_WALK_H

#include "data/loader.h"

/* A window begins where the one before it ended, or, as in training (bl_loader_place), earlier: what
 * has been counted then does not count again.  The last one ends with the file. */
typedef struct bl_walk {
    bl_loader *loader;
    const bl_token_file *tokens;
    size_t T, done; /* targets up to this one are counted */
    int begun;
} bl_walk;

/* Over a file with more than T tokens, whose documents end with `end`; it must outlive the walk. */
bl_status bl_walk_open(bl_walk *w, const bl_token_file *tokens, size_t T, int32_t end,
                       bl_error *err) BL_NODISCARD;
void bl_walk_close(bl_walk *w);

int bl_walk_over(const bl_walk *w);

/* The next window, x[T] and y[T]: -1 for what does not count. */
bl_status bl_walk_next(bl_walk *w, int32_t *x, int32_t *y, bl_error *err) BL_NODISCARD;

#endif
