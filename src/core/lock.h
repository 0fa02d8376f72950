/* Locks on files and folders, against other processes. */
#ifndef BL_CORE_LOCK_H
#define BL_CORE_LOCK_H

#include "core/status.h"

/* An exclusive lock on a folder, or on a file that is made when absent; held until closed or the
 * process ends.
 * BL_EBUSY when another process holds it. */
typedef struct bl_lock bl_lock;
bl_status bl_lock_open(bl_lock **lock, const char *path, bl_error *err) BL_NODISCARD;

/* A shared lock on a folder, so that nobody who takes an exclusive one removes it meanwhile.  Waits
 * for a quarter of a second; *lock is NULL, with BL_OK, when it still could not be had, or on a
 * file system without locks.  BL_ENOENT: the folder does not exist (any more). */
bl_status bl_lock_share(bl_lock **lock, const char *path, bl_error *err) BL_NODISCARD;

/* Is the folder of this name the locked one?  With a lock of NULL: is there such a folder? */
int bl_lock_is_of(const bl_lock *lock, const char *path);
void bl_lock_close(bl_lock *lock);

#endif
