/* Hidden names beside a target: nobody can guess them, a live writer holds a lock on what has one,
 * and the next writer to the same target sweeps up what a killed one left. */
#ifndef BL_CORE_TEMPORARY_H
#define BL_CORE_TEMPORARY_H

#include "core/status.h"

/* "DIR/.NAME.0123456789abcdef" + ending beside `path`, the digits random; free with bl_free(), NULL
 * when memory is short.  A NAME that begins with a dot gets no second one, and a long one is
 * cut. */
char *bl_temporary_name(const char *path, const char *ending);

/* Makes and locks a file, or a folder, of such a name ending in .tmp.  errno, or 0; the caller
 * closes *fd (of a file, for reading too) and frees *name. */
int bl_temporary_file(char **name, int *fd, const char *path, unsigned mode);
int bl_temporary_folder(char **name, int *fd, const char *path);

/* Removes what others left for this target unless somebody holds it; an old folder (.old) only
 * while another has its name.  What cannot be removed is left. */
void bl_temporary_sweep(const char *path);

/* The old folder that a switch by two renames left under a name ending in .old; NULL: none. */
char *bl_temporary_find_old(const char *path);

/* errno, or 0.  Follows no links, and does not fail when another process removes the same files. */
int bl_temporary_remove_folder(const char *path);

/* What a path to be written leads to: the last part of *target (free with bl_free()) is not a link,
 * and it is a regular file of this mode, or absent (mode 0).  BL_EIO for anything else, in
 * words. */
bl_status bl_target_resolve(char **target, unsigned *mode, const char *path,
                            bl_error *err) BL_NODISCARD;

/* BL_EIO for what is not a regular file: "cannot write PATH: it is a device, not a file". */
bl_status bl_target_check(const char *path, unsigned mode, bl_error *err) BL_NODISCARD;

#endif
