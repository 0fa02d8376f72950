/* Checksums by which the Hub names contents. */
#ifndef BL_HUB_DIGEST_H
#define BL_HUB_DIGEST_H

#include "core/status.h"

/* Is it a name of contents: 64 lower-case hexadecimal digits (SHA-256) or 40 (SHA-1 of a git
 * blob)? */
int bl_digest_is_name(const char *hex);

/* Hashes a file the way that `want` was made and compares; *equal says whether they match.
 * progress is called with `stage`.  BL_ENOENT, BL_EIO, BL_ENOMEM, BL_EINTERRUPTED,
 * BL_EUNSUPPORTED. */
bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal,
                          bl_error *err) BL_NODISCARD;

#endif
