/* The Hugging Face Hub: its addresses, its environment variables, and a cache in its layout.
 *
 *   CACHE/hub/datasets--OWNER--NAME/blobs/DIGEST             content, named by its digest
 *                                  /blobs/DIGEST.incomplete  the part that has arrived
 *                                  /snapshots/COMMIT/FILE    a link to its content
 *                                  /refs/REVISION            the commit it last stood for
 *   CACHE/hub/.locks/DIGEST.lock                             held while it is downloaded */
#ifndef BL_HUB_HUB_H
#define BL_HUB_HUB_H

#include "core/buf.h"
#include "hub/http.h"

typedef struct bl_hub {
    bl_buf endpoint, cache, token, ca_file, ca_dir;
    int offline;
    bl_http http; /* texts borrowed from the above */
} bl_hub;

typedef struct bl_hub_file {
    const char *kind;     /* "models" or "datasets" */
    const char *repo;     /* OWNER/NAME or NAME */
    const char *revision; /* a branch, a tag or a commit */
    const char *file;     /* its path in the repository */
} bl_hub_file;

/* What the environment says (docs/FORMATS.md).  BL_EINVAL names the variable, BL_ENOMEM. */
bl_status bl_hub_open(bl_hub *hub, bl_progress_fn *progress, void *user,
                      bl_error *err) BL_NODISCARD;
void bl_hub_close(bl_hub *hub); /* also after a failed open */

/* The folder of the cache, appended to *cache, whether it exists or not.  BL_EINVAL (no variable
 * says where), BL_ENOMEM. */
bl_status bl_hub_cache(bl_buf *cache, bl_error *err) BL_NODISCARD;

/* The path of the file in the cache into *path, downloaded when it is not there or no longer that
 * of the revision.  Errors as bl_hub_fetch(). */
bl_status bl_hub_get(const bl_hub *hub, const bl_hub_file *file, bl_buf *path,
                     bl_error *err) BL_NODISCARD;

#endif
