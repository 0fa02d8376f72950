/* Batches for training from one corpus or several with weights.
 *
 * The corpus that window w of a run comes from is a function of w alone: u(w) = (w + 1) phi mod 1,
 * phi the golden ratio, falls into the corpus's piece of [0, 1).  Such a sequence keeps every share
 * within a few windows of its weight over any stretch, where random draws would stray by the root
 * of its length.  Within a corpus its loader gives the next window, so each has its own epochs. */
#ifndef BL_DATA_MIX_H
#define BL_DATA_MIX_H

#include "data/loader.h"

enum { BL_MIX_MOST = 32 }; /* corpora */

typedef struct bl_mix bl_mix;

/* The place of a mix: windows drawn, and of each corpus the place and the windows taken, which
 * exceed those drawn when rows continue. */
typedef struct bl_mix_cursor {
    uint64_t windows;
    bl_loader_cursor at[BL_MIX_MOST];
    uint64_t taken[BL_MIX_MOST];
} bl_mix_cursor;

/* Batches of B windows of T tokens.  `tokens` must outlive the mix; `weight` are positive and sum
 * to 1.  Errors: those of bl_loader_open(). */
bl_status bl_mix_open(bl_mix **m, bl_token_file *const *tokens, const double *weight, size_t count,
                      size_t B, size_t T, uint64_t seed, bl_error *err) BL_NODISCARD;
void bl_mix_close(bl_mix *m);

/* Windows of corpus i that are drawn keep documents whole where they fit (bl_loader_documents). */
void bl_mix_documents(bl_mix *m, size_t i, int32_t end);

/* The next batch, x[B,T] and y[B,T].  BL_EIO when a file was cut short: the place stays. */
bl_status bl_mix_next(bl_mix *m, int32_t *x, int32_t *y, bl_error *err) BL_NODISCARD;

/* Passes over the next n batches. */
void bl_mix_skip(bl_mix *m, size_t n);

/* A row of a batch that continues from window to window. */
typedef struct bl_mix_row {
    uint64_t next;   /* token that its next window begins with */
    uint32_t corpus; /* of this corpus */
    int32_t fresh;   /* not 0: it begins with a newly drawn window */
} bl_mix_row;

/* The next batch, in which each of the B rows continues where it ended; those that are fresh, or
 * whose corpus ends, begin with a window drawn as by bl_mix_next() and are fresh after the call,
 * the others not.  With all rows fresh this is bl_mix_next().  With NULL for x and y no window is
 * read, but the rows move all the same.  After a failure the place stays; the rows are undefined. */
bl_status bl_mix_continue(bl_mix *m, bl_mix_row *row, int32_t *x, int32_t *y,
                          bl_error *err) BL_NODISCARD;

void bl_mix_at(const bl_mix *m, bl_mix_cursor *cursor);

/* BL_EFORMAT when the cursor is not one of these files and T: the place stays. */
bl_status bl_mix_seek(bl_mix *m, const bl_mix_cursor *cursor, bl_error *err) BL_NODISCARD;

/* The corpus of window w; windows an epoch of corpus i. */
size_t bl_mix_corpus(const bl_mix *m, uint64_t w);
size_t bl_mix_windows(const bl_mix *m, size_t i);

#endif
