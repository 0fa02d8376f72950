/* Where a prompt's end cut a token: what is taken back of it, and what may be written in its place. */
#ifndef BL_INFER_HEAL_H
#define BL_INFER_HEAL_H

#include "core/buf.h"
#include "text/text.h"

enum { BL_HEAL_MOST = 8 };

/* How many of a prompt's last ids, at most `most` and BL_HEAL_MOST, are taken back: the tokens of its last
 * word with the space before it, or of the spaces and line ends at its end, beginning with a whole character; a special token
 * never.  Their bytes are appended to `rest`.  BL_ENOMEM. */
bl_status bl_heal_take_back(const bl_tokenizer *t, const int32_t *ids, size_t count, size_t most,
                            bl_buf *rest, size_t *taken, bl_error *err) BL_NODISCARD;

/* Sets bit i of mask[(V + 63) / 64], and clears the others, where token i begins with what is left to be
 * written, or that with it. */
void bl_heal_mask(const bl_tokenizer *t, bl_span left, uint64_t *mask, size_t V);

#endif
