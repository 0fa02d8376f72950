/* Drawing without the head where a grammar allows only what the model would hardly write.
 *
 * Of the logits the likeliest top_k are looked at first, and where the grammar allows none of these,
 * those that it allows.  That none is allowed needs not all logits to be seen: it is enough that as
 * many tokens are better than the best that is allowed.  They are looked for among those that were
 * the likeliest when this happened last. */
#ifndef BL_INFER_BEYOND_H
#define BL_INFER_BEYOND_H

#include "infer/sequence.h"

typedef struct bl_beyond {
    int32_t likely[BL_READER_ROWS];
    size_t count;        /* of these; 0: the last token was one of the likeliest */
    size_t wait, waited; /* tokens until it is tried again, and after the last failure */
} bl_beyond;

/* What became of a token that was drawn from logits: the grammar allowed one of the `count` best, or
 * allows others alone, of which one is still to be drawn. */
void bl_beyond_hit(bl_beyond *b);
void bl_beyond_missed(bl_beyond *b, const bl_reader *r, const bl_candidate *best, size_t count);

/* Whether it is worth while to try, once for a token. */
int bl_beyond_tries(bl_beyond *b, const bl_sequence *s);

/* After the token read last: draws what bl_sequence_draw() would from all logits; BL_NO_TOKEN: it
 * cannot be told without them, and nothing was drawn.  d->count: as many of the best would be
 * wanted; it is changed. */
bl_status bl_beyond_draw(bl_beyond *b, bl_sequence *s, bl_reader *r, bl_drawing *d, int32_t *id,
                         bl_error *err) BL_NODISCARD;

#endif
