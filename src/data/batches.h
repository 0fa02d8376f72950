/* The batches of a run, each made on request or, by a separate thread, while the previous one is in
 * use.  Both ways give the same batches. */
#ifndef BL_DATA_BATCHES_H
#define BL_DATA_BATCHES_H

#include "data/mix.h"

typedef struct bl_batches bl_batches;

/* Batches of a mix of N = B T tokens.  The mix must outlive this and must not be used otherwise
 * meanwhile.  With `ahead` a thread makes the next batch; it takes no signals. */
bl_status bl_batches_open(bl_batches **b, bl_mix *mix, size_t N, int ahead,
                          bl_error *err) BL_NODISCARD;
void bl_batches_close(bl_batches *b); /* waits for the batch being made */

/* The next batch, x[N] and y[N].  Errors: those of bl_mix_next(). */
bl_status bl_batches_next(bl_batches *b, int32_t *x, int32_t *y, bl_error *err) BL_NODISCARD;

/* The same with rows that continue (bl_mix_continue); not with batches made ahead. */
bl_status bl_batches_continue(bl_batches *b, bl_mix_row *row, int32_t *x, int32_t *y,
                              bl_error *err) BL_NODISCARD;

/* The place after the batch handed out last: one made ahead does not count. */
void bl_batches_at(const bl_batches *b, bl_mix_cursor *cursor);

/* Errors: those of bl_mix_seek(), which leave all as it was. */
bl_status bl_batches_seek(bl_batches *b, const bl_mix_cursor *cursor, bl_error *err) BL_NODISCARD;

#endif
