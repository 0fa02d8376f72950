/* One download: resumed where it was left, tried again when cut, verified when it is whole. */
#ifndef BL_HUB_FETCH_H
#define BL_HUB_FETCH_H

#include "hub/http.h"

typedef struct bl_fetch {
    const char *url;        /* of one content for ever: of a commit, not of a branch */
    const char *name;       /* stage of progress and word of messages */
    const char *incomplete; /* what has come so far; stays when the download ends early */
    const char *path;       /* the whole file, once it is verified */
    const char *digest;     /* its SHA-256 or the SHA-1 of its git blob (net/digest.h) */
    int64_t size;           /* or BL_HTTP_NO_SIZE */
    int changed;            /* result: the server now has another content at this URL */
} bl_fetch;

/* BL_ENETWORK: no server, cut too often without progress, not what was announced; BL_ENOENT (404);
 * BL_EIO: the disk is full; BL_EINTERRUPTED, BL_ENOMEM, BL_EUNSUPPORTED. */
bl_status bl_fetch_file(bl_fetch *f, const bl_http *http, bl_error *err) BL_NODISCARD;

#endif
