/* A file that is completed over several attempts: it grows under a name of its own, stays there
 * when an attempt ends early, and gets its final name when it is whole. */
#ifndef BL_CORE_PARTIAL_H
#define BL_CORE_PARTIAL_H

#include "core/status.h"

typedef struct bl_partial bl_partial;

/* Opens or makes the file; writing continues at its end.  BL_EIO. */
bl_status bl_partial_open(bl_partial **p, const char *path, bl_error *err) BL_NODISCARD;
void bl_partial_close(bl_partial *p); /* the file stays; NULL is fine */

uint64_t bl_partial_size(const bl_partial *p);
bl_status bl_partial_write(bl_partial *p, const void *bytes, size_t n, bl_error *err) BL_NODISCARD;
bl_status bl_partial_clear(bl_partial *p, bl_error *err) BL_NODISCARD; /* to size 0 */

/* Syncs the file and gives it its name; the folder is synced too.  The partial stays open. */
bl_status bl_partial_publish(bl_partial *p, const char *name, bl_error *err) BL_NODISCARD;

#endif
