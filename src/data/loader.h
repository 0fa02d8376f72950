/* Batches for training: every window of a token file once an epoch, in a new order each time.
 *
 * A window is T + 1 tokens: inputs x[T] and, one place later, targets y[T].  Windows lie side by
 * side from an offset in [0, T) that is drawn afresh each epoch, so that the cuts fall elsewhere.
 * Offset and order are pure functions of (seed, epoch): the cursor is the loader's whole state.
 *
 * With bl_loader_documents() a window that would begin inside a document which fits into it moves
 * back, and begins with the token before that document: the one that ends the previous document
 * (for the first in the file: its own first token).  All of the document is then among the targets,
 * read as generate and eval read a text.  In a file with a mask a window inside an answer of a longer
 * document moves back as well, to the start of the question before it, when both fit.  The place
 * follows from the tokens around it: no state. */
#ifndef BL_DATA_LOADER_H
#define BL_DATA_LOADER_H

#include "data/tokens.h"

typedef struct bl_loader bl_loader;

/* The place of a loader: windows taken from this epoch.  Save it and seek to it: the batches that
 * follow are the same. */
typedef struct bl_loader_cursor {
    uint64_t epoch, position;
} bl_loader_cursor;

/* Batches of B windows of T tokens.  `tokens` must outlive the loader.
 * BL_EFORMAT when the file has no window: fewer than T + 1 tokens. */
bl_status bl_loader_open(bl_loader **l, const bl_token_file *tokens, size_t B, size_t T,
                         uint64_t seed, bl_error *err) BL_NODISCARD;
void bl_loader_close(bl_loader *l);

/* The next batch, x[B,T] and y[B,T].  Continues into the next epoch in the middle of a batch when
 * an epoch ends.  BL_EIO, BL_EFORMAT as bl_token_file_get(), which leave the place somewhere in the
 * batch. */
bl_status bl_loader_next(bl_loader *l, int32_t *x, int32_t *y, bl_error *err) BL_NODISCARD;

/* From now on windows keep documents whole where they fit; each ends with the token `end`. */
void bl_loader_documents(bl_loader *l, int32_t end);
int bl_loader_keeps_documents(const bl_loader *l);

/* Takes the next window: where it would begin.  Where it does begin: with bl_loader_documents() up
 * to T tokens earlier.  Errors as of bl_token_file_get(). */
size_t bl_loader_take(bl_loader *l);
bl_status bl_loader_place(const bl_loader *l, size_t *start, bl_error *err) BL_NODISCARD;

bl_loader_cursor bl_loader_at(const bl_loader *l);

/* BL_EFORMAT when the cursor is not one of this file and T. */
bl_status bl_loader_seek(bl_loader *l, bl_loader_cursor cursor, bl_error *err) BL_NODISCARD;

/* Windows an epoch; where in the file window `position` of `epoch` would begin. */
size_t bl_loader_windows(const bl_loader *l);
size_t bl_loader_start(const bl_loader *l, uint64_t epoch, uint64_t position);

/* A window from token `start` on, x[T] and y[T]; y is -1 where a mask says that it does not count. */
bl_status bl_window_get(const bl_token_file *tokens, size_t start, size_t T, int32_t *x, int32_t *y,
                        bl_error *err) BL_NODISCARD;

/* For evaluation: windows in file order, the tail dropped.  How many there are, and the i-th. */
size_t bl_windows_count(const bl_token_file *tokens, size_t T);
bl_status bl_windows_get(const bl_token_file *tokens, size_t T, size_t i, int32_t *x, int32_t *y,
                         bl_error *err) BL_NODISCARD;

#endif
