/* Files sent to a repository of the Hub, in one commit, and read back. */
#ifndef BL_HUB_UPLOAD_H
#define BL_HUB_UPLOAD_H

#include "hub/hub_list.h"

/* One file: the first two are the caller's, the others what is found out about it. */
typedef struct bl_hub_outgoing {
    char *path, *file; /* its name there, and here */
    uint64_t size;
    char sha256[65], git[41];
    const char *state; /* "new", "changed", "same" */
    int large;         /* sent by itself, not inside the commit */
} bl_hub_outgoing;

typedef struct bl_hub_upload {
    const char *repo, *revision, *message;
    int hidden; /* a repository that is made is private */
    bl_hub_outgoing *file;
    size_t count;
    /* results */
    char commit[BL_HUB_COMMIT_DIGITS + 1];
    size_t changed; /* files */
    uint64_t sent;  /* bytes of large files */
    uint64_t total; /* of those that are not "same" */
} bl_hub_upload;

/* Hashes the files and compares them with what is there: states, `changed`, and `commit` ("": no
 * such repository or branch). */
bl_status bl_hub_compare(const bl_hub *hub, bl_hub_upload *u, bl_error *err) BL_NODISCARD;

/* After it: makes the repository or the branch where there is none, sends what the Hub does not
 * have, and commits.  BL_ENETWORK, BL_EIO (a file changed meanwhile), BL_EINTERRUPTED, BL_ENOMEM. */
bl_status bl_hub_send(const bl_hub *hub, bl_hub_upload *u, bl_error *err) BL_NODISCARD;

/* Is what the commit holds what was sent, by the Hub's listing and, with `contents`, byte by
 * byte?  BL_ENETWORK names the file. */
bl_status bl_hub_read_back(const bl_hub *hub, const bl_hub_upload *u, int contents,
                           bl_error *err) BL_NODISCARD;

#endif
