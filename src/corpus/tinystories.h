/* TinyStories, the public corpus of short stories: where its files are. */
#ifndef BL_CORPUS_TINYSTORIES_H
#define BL_CORPUS_TINYSTORIES_H

#include "core/buf.h"

/* Downloads what the cache lacks; the paths of the training and the validation text go to *train
 * and *valid, which the caller has initialised.  Errors as bl_hub_fetch(). */
bl_status bl_tinystories_files(bl_buf *train, bl_buf *valid, bl_progress_fn *progress, void *user,
                               bl_error *err) BL_NODISCARD;

#endif
