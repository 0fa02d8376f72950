/* One download: resumed where it stopped, retried when cut off, verified when whole. */
#ifndef BL_HUB_FETCH_H
#define BL_HUB_FETCH_H

#include "hub/http.h"

typedef struct bl_fetch {
    const char *url;        /* of content that never changes: a commit's, not a branch's */
    const char *name;       /* stage of progress and word of messages */
    const char *incomplete; /* what has arrived so far; kept when the download ends early */
    const char *path;       /* the whole file, once it is verified */
    const char *digest;     /* its SHA-256 or the SHA-1 of its git blob (hub/digest.h) */
    int64_t size;           /* or BL_HTTP_NO_SIZE */
    int changed;            /* result: the server now has other content at this URL */
} bl_fetch;

/* BL_ENETWORK: no server, cut off too often without progress, not what was announced; BL_ENOENT
 * (404); BL_EIO: the disk is full; BL_EINTERRUPTED, BL_ENOMEM, BL_EUNSUPPORTED. */
bl_status bl_fetch_file(bl_fetch *f, const bl_http *http, bl_error *err) BL_NODISCARD;

#endif
