/* Work on many texts divided among threads: what the encoder and the trainer share. */
#ifndef BL_TEXT_UNITS_H
#define BL_TEXT_UNITS_H

#include "core/status.h"

/* One past the last of the texts to take together from `first` on: one of any size, then small ones
 * until there are unit_bytes.  *bytes: of all of them. */
size_t bl_unit_end(const bl_span *texts, size_t count, size_t first, size_t unit_bytes,
                   size_t *bytes);

/* bl_threads(), and BL_EINVAL for more than there can be. */
bl_status bl_unit_threads(size_t wanted, size_t *threads, bl_error *err) BL_NODISCARD;

#endif
