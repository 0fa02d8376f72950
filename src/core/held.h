/* Folders in memory (bl_files_open), whose files are read by paths like those on disk. */
#ifndef BL_CORE_HELD_H
#define BL_CORE_HELD_H

#include "core/status.h"

typedef enum bl_held_kind {
    BL_HELD_NOT,  /* no path into a folder in memory that is open: the disk is asked */
    BL_HELD_NONE, /* into one, where there is nothing of the name */
    BL_HELD_FOLDER,
    BL_HELD_FILE
} bl_held_kind;

/* What a path stands for; of a file its bytes, which are the caller's and stay.  Needs no heap.
 * Threads: any. */
bl_held_kind bl_held_find(const char *path, const unsigned char **bytes, size_t *size);

/* Puts a file where BL_HELD_NONE is; its bytes (of core/alloc.h) belong to the folder now, but not
 * after a failure: BL_ENOENT, BL_ENOMEM. */
bl_status bl_held_put(const char *path, unsigned char *bytes, size_t size,
                      bl_error *err) BL_NODISCARD;

#endif
