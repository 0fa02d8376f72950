/* Names that the Hub knows: repositories, revisions, files, and how URLs spell them. */
#ifndef BL_HUB_HUB_NAMES_H
#define BL_HUB_HUB_NAMES_H

#include "core/buf.h"

enum { BL_HUB_COMMIT_DIGITS = 40 };

/* Is it a path that stays where it is put: a/b, no part of it empty, "." or ".."?  A repository,
 * OWNER/NAME or NAME?  A commit's 40 hexadecimal digits? */
int bl_hub_is_path(const char *path);
int bl_hub_is_repo(const char *repo);
int bl_hub_is_commit(const char *text);

/* Percent-encoded; slashes stay when they are `kept`. */
void bl_hub_put_encoded(bl_buf *url, const char *text, int kept);

#endif
