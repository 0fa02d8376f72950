/* The files of a repository, as the Hub lists them. */
#ifndef BL_HUB_HUB_LIST_H
#define BL_HUB_HUB_LIST_H

#include "hub/hub.h"

typedef struct bl_hub_entry {
    char *path; /* one that stays inside (bl_hub_is_path) */
    uint64_t size;
    char digest[65]; /* SHA-256, or the SHA-1 of its git blob; "": the Hub does not say */
} bl_hub_entry;

typedef struct bl_hub_listing {
    char commit[BL_HUB_COMMIT_DIGITS + 1];
    bl_hub_entry *entry;
    size_t count;
} bl_hub_listing;

/* BL_ENOENT: no such repository or revision, or the token gives no access to it; *unreachable says
 * whether a failure is that of the network alone.  Free with bl_hub_listing_release(), also after
 * a failure.  `file` of *where may be NULL. */
bl_status bl_hub_list(const bl_hub *hub, const bl_hub_file *where, unsigned tries,
                      bl_hub_listing *listing, int *unreachable, bl_error *err) BL_NODISCARD;
void bl_hub_listing_release(bl_hub_listing *listing);

/* The entry of that path, or NULL. */
const bl_hub_entry *bl_hub_listed(const bl_hub_listing *listing, const char *path);

#endif
