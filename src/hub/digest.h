/* Checksums by which the Hub names contents. */
#ifndef BL_HUB_DIGEST_H
#define BL_HUB_DIGEST_H

#include "core/status.h"

/* Is it a name of contents: 64 lower-case hexadecimal digits (SHA-256) or 40 (SHA-1 of a git
 * blob)? */
int bl_digest_is_name(const char *hex);

/* Bytes that come one after the other: SHA-256, or with `git` the SHA-1 of a git blob of `size`
 * bytes.  BL_ENOMEM, BL_EUNSUPPORTED. */
enum { BL_DIGEST_TEXT = 65 };
typedef struct bl_digest bl_digest;
bl_status bl_digest_open(bl_digest **d, int git, uint64_t size, bl_error *err) BL_NODISCARD;
bl_status bl_digest_add(bl_digest *d, const void *bytes, size_t n, bl_error *err) BL_NODISCARD;
bl_status bl_digest_end(bl_digest *d, char hex[BL_DIGEST_TEXT], bl_error *err) BL_NODISCARD;
void bl_digest_close(bl_digest *d); /* NULL is fine */

/* The same of a file; errors as below. */
bl_status bl_digest_file(const char *path, int git, const char *stage, bl_progress_fn *progress,
                         void *user, char hex[BL_DIGEST_TEXT], bl_error *err) BL_NODISCARD;

/* Hashes a file the way that `want` was made and compares; *equal says whether they match.
 * progress is called with `stage`.  BL_ENOENT, BL_EIO, BL_ENOMEM, BL_EINTERRUPTED,
 * BL_EUNSUPPORTED. */
bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal,
                          bl_error *err) BL_NODISCARD;

#endif
