/* The batches of a run, each made on request or, by a separate thread, while the previous one is in
 * use.  Both ways give the same batches. */
#ifndef BL_DATA_BATCHES_H
#define BL_DATA_BATCHES_H

#include "data/mix.h"

typedef struct bl_batches bl_batches;

/* Which batches are made, when others make the rest: of every `round` those numbered first, first +
 * stride, and so on.  The others are passed over.  {0, 1, 1}: every one. */
typedef struct bl_turns {
    size_t first, stride, round;
} bl_turns;

/* Batches of a mix of N = B T tokens; the mix stands at the beginning of a round.  It must outlive
 * this and must not be used otherwise meanwhile.  With `ahead` a thread makes the next batch; it
 * takes no signals. */
bl_status bl_batches_open(bl_batches **b, bl_mix *mix, size_t N, bl_turns turns, int ahead,
                          bl_error *err) BL_NODISCARD;
void bl_batches_close(bl_batches *b); /* waits for the batch being made */

/* The next batch of ours, x[N] and y[N].  Errors: those of bl_mix_next(). */
bl_status bl_batches_next(bl_batches *b, int32_t *x, int32_t *y, bl_error *err) BL_NODISCARD;

/* The next batch of anybody, with rows that continue (bl_mix_continue, where x and y may be NULL);
 * not with batches made ahead. */
bl_status bl_batches_continue(bl_batches *b, bl_mix_row *row, int32_t *x, int32_t *y,
                              bl_error *err) BL_NODISCARD;

/* The place after the batch handed out last, and after those of others up to the end of the round
 * when it was our last: one made ahead does not count. */
void bl_batches_at(const bl_batches *b, bl_mix_cursor *cursor);

/* To the beginning of a round.  Errors: those of bl_mix_seek(), which leave all as it was. */
bl_status bl_batches_seek(bl_batches *b, const bl_mix_cursor *cursor, bl_error *err) BL_NODISCARD;

#endif
