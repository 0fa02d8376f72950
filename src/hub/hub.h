/* The Hugging Face Hub: its addresses, its environment variables, and a cache in its layout.
 *
 *   CACHE/datasets--OWNER--NAME/blobs/DIGEST                 content, named by its digest
 *                              /blobs/DIGEST.incomplete      the part that has arrived
 *                              /snapshots/COMMIT/FILE        a link to its content
 *                              /refs/REVISION                the commit it last stood for
 *   CACHE/.locks/datasets--OWNER--NAME/DIGEST.lock           held while it is downloaded */
#ifndef BL_HUB_HUB_H
#define BL_HUB_HUB_H

#include "core/buf.h"
#include "hub/http.h"
#include "hub/hub_names.h"

typedef struct bl_hub {
    bl_buf endpoint, cache, token, ca_file, ca_dir;
    bl_buf older; /* where earlier versions had the cache, or empty */
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

/* Instead of it: a folder in the cache's layout, a token; each counts when it is not empty. */
bl_status bl_hub_use(bl_hub *hub, const char *cache, const char *token, bl_error *err) BL_NODISCARD;
void bl_hub_close(bl_hub *hub); /* also after a failed open */

/* The folder of the cache, appended to *cache, whether it exists or not.  BL_EINVAL (no variable
 * says where), BL_ENOMEM. */
bl_status bl_hub_cache(bl_buf *cache, bl_error *err) BL_NODISCARD;

/* The path of the file in the cache into *path, downloaded when it is not there or no longer that
 * of the revision.  Errors as bl_hub_fetch(). */
bl_status bl_hub_get(const bl_hub *hub, const bl_hub_file *file, bl_buf *path,
                     bl_error *err) BL_NODISCARD;

/* The same of what is in the cache, without a request: *there says whether it is. */
bl_status bl_hub_cached(const bl_hub *hub, const bl_hub_file *file, bl_buf *path, int *there,
                        bl_error *err) BL_NODISCARD;

/* The commit that the revision was when it was last asked for; "" when it never was.  And says so
 * of one (nothing of a revision that is a commit itself). */
bl_status bl_hub_ref(const bl_hub *hub, const bl_hub_file *file,
                     char commit[BL_HUB_COMMIT_DIGITS + 1], bl_error *err) BL_NODISCARD;
bl_status bl_hub_set_ref(const bl_hub *hub, const bl_hub_file *file, const char *commit,
                         bl_error *err) BL_NODISCARD;

#endif
