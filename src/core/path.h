/* Paths: what is there, and names put together and taken apart. */
#ifndef BL_CORE_PATH_H
#define BL_CORE_PATH_H

#include "core/status.h"

typedef enum bl_path_kind { BL_PATH_NONE, BL_PATH_FILE, BL_PATH_DIR, BL_PATH_OTHER } bl_path_kind;
bl_path_kind bl_path_what(const char *path);            /* of what a link points to */
int bl_path_has(const char *dir, const char *name);     /* anything of that name */
int bl_path_has_own(const char *dir, const char *name); /* a regular file, not a link to one */
int bl_path_is_link(const char *path);
char *bl_path_absolute(const char *path); /* from the root, in a fresh string; NULL: not known */

/* Does what `path` leads to lie below the folder, with all links followed?  0 when either does not
 * exist. */
int bl_path_is_inside(const char *path, const char *dir);
double bl_path_age(const char *path); /* seconds since it was last written; 0 when not known */
int bl_path_same(const char *a, const char *b); /* one file or folder, however it is spelt */

int bl_path_ends_with(const char *path, const char *ending);

/* "a/b", and the folder that a path is in ("." when it names none), in a fresh string; NULL when
 * memory is short. */
char *bl_path_join(const char *a, const char *b);
char *bl_path_parent(const char *path);

/* Does a shell pattern (star, question mark, brackets) match the whole path?  No star matches a
 * slash. */
int bl_glob_match(const char *pattern, const char *path);

#endif
