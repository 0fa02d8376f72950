/* Folders: made, listed, synced, removed, and put in place whole or not at all; links. */
#ifndef BL_CORE_DIR_H
#define BL_CORE_DIR_H

#include "core/status.h"

/* With its parents; each level made is synced to disk. */
bl_status bl_dir_make(const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_dir_sync(const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_dir_sync_parent(const char *path,
                             bl_error *err) BL_NODISCARD;              /* of a file or folder */
bl_status bl_dir_remove(const char *path, bl_error *err) BL_NODISCARD; /* with all below it */
bl_status bl_dir_remove_empty(const char *path, bl_error *err) BL_NODISCARD; /* or not at all */
bl_status bl_path_rename(const char *from, const char *to, bl_error *err) BL_NODISCARD;

/* A symbolic link at `path` to `target`, replacing a file or link of that name.  BL_ENOENT: there is
 * no such folder; BL_EIO, BL_ENOMEM. */
bl_status bl_path_link(const char *target, const char *path, bl_error *err) BL_NODISCARD;

/* Removes what processes that were killed in bl_path_link() left for this path; the next call of
 * that does the same. */
void bl_path_link_sweep(const char *path);

/* A folder that appears whole or not at all: filled under a hidden name beside `path` (with synced
 * files, like bl_out's), put in place by commit, removed by abandon.  A folder that has the name is
 * exchanged with the new one in one step, where the file system can do that (renameat2), and is
 * then removed; elsewhere, if the process is killed between two renames, it is left hidden, for
 * bl_dir_recover().
 *
 * `check` (or NULL) looks at the old folder once it is out of the way; one that it refuses goes
 * back to its place.  After a failure the old folder has its name, or the message says which name
 * it has. */
typedef struct bl_outdir bl_outdir;
typedef bl_status bl_outdir_check(void *user, const char *old, bl_error *err);

bl_status bl_outdir_open(bl_outdir **d, const char *path, bl_error *err) BL_NODISCARD;
const char *bl_outdir_temporary(const bl_outdir *d); /* its name until commit */
bl_status bl_outdir_commit(bl_outdir *d, bl_outdir_check *check, void *user,
                           bl_error *err) BL_NODISCARD; /* frees in any case */
void bl_outdir_abandon(bl_outdir *d);                   /* frees; NULL is fine */

/* Gives an old folder its name back when nothing has it; readers and writers call this first. */
void bl_dir_recover(const char *path);

/* Removes what killed processes left half-written in a folder under hidden names, but nothing that
 * a live process is writing; every writer does the same for its own target. */
void bl_dir_sweep(const char *path);

/* Names in a folder, sorted bytewise, without "." and "..". */
typedef struct bl_names {
    char **name;
    size_t count, cap;
} bl_names;
bl_status bl_dir_list(bl_names *names, const char *path, bl_error *err) BL_NODISCARD;

/* A copy of the name after the others, whatever their order.  BL_ENOMEM. */
bl_status bl_names_add(bl_names *names, const char *name, bl_error *err) BL_NODISCARD;
void bl_names_release(bl_names *names);

#endif
