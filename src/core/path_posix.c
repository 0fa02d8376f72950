/* Paths: what is there, and names put together and taken apart. */
#define _XOPEN_SOURCE 700 /* realpath */

#include "core/alloc.h"
#include "core/clock.h"
#include "core/held.h"
#include "core/path.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a path into a folder in memory, what it is; 0: it is none. */
static int ask_held(const char *path, bl_path_kind *what)
{
    static const bl_path_kind kinds[] = {[BL_HELD_NONE] = BL_PATH_NONE,
                                         [BL_HELD_FOLDER] = BL_PATH_DIR,
                                         [BL_HELD_FILE] = BL_PATH_FILE};
    const unsigned char *bytes;
    size_t size;
    bl_held_kind kind = bl_held_find(path, &bytes, &size);
    *what = kinds[kind];
    return kind != BL_HELD_NOT;
}

bl_path_kind bl_path_what(const char *path)
{
    struct stat info;
    bl_path_kind what;
    if (ask_held(path, &what))
        return what;
    if (stat(path, &info) != 0)
        return BL_PATH_NONE;
    if (S_ISREG(info.st_mode))
        return BL_PATH_FILE;
    return S_ISDIR(info.st_mode) ? BL_PATH_DIR : BL_PATH_OTHER;
}

/* Both without the heap, so that "no" never means "no memory". */
static int ask(const char *dir, const char *name, int (*how)(const char *, struct stat *),
               struct stat *info)
{
    char path[2 * PATH_MAX];
    bl_path_kind what;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n <= 0 || (size_t)n >= sizeof path)
        return 0;
    if (!ask_held(path, &what))
        return how(path, info) == 0;
    info->st_mode = what == BL_PATH_FILE ? S_IFREG : S_IFDIR;
    return what != BL_PATH_NONE;
}

int bl_path_has(const char *dir, const char *name)
{
    struct stat info;
    return ask(dir, name, stat, &info);
}

int bl_path_has_own(const char *dir, const char *name)
{
    struct stat info;
    return ask(dir, name, lstat, &info) && S_ISREG(info.st_mode);
}

int bl_path_is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

char *bl_path_absolute(const char *path)
{
    char here[4096];
    if (*path == '/')
        return bl_strdup(path);
    return getcwd(here, sizeof here) ? bl_path_join(here, path) : NULL;
}

int bl_path_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

char *bl_path_parent(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n && path[n - 1] != '/')
        n--;
    if (!n)
        return bl_strdup(".");
    while (n > 1 && path[n - 1] == '/')
        n--;
    char *parent = bl_strdup(path);
    if (parent)
        parent[n] = 0;
    return parent;
}

int bl_path_ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), e = strlen(ending);
    return n >= e && strcmp(path + n - e, ending) == 0;
}

char *bl_path_join(const char *a, const char *b)
{
    size_t room = strlen(a) + strlen(b) + 2;
    char *path = bl_calloc(room, 1);
    if (path)
        (void)snprintf(path, room, "%s%s%s", a, *a && a[strlen(a) - 1] == '/' ? "" : "/", b);
    return path;
}

int bl_glob_match(const char *pattern, const char *path)
{
    return fnmatch(pattern, path, FNM_PATHNAME) == 0;
}

int bl_path_is_inside(const char *path, const char *dir)
{
    char *a = realpath(path, NULL), *b = realpath(dir, NULL);
    size_t n = b ? strlen(b) : 0;
    int inside = a && b && strncmp(a, b, n) == 0 && (a[n] == '/' || (n && b[n - 1] == '/'));
    free(a); /* the system's own malloc, both */
    free(b);
    return inside;
}

double bl_path_age(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 ? bl_clock_wall() - (double)info.st_mtim.tv_sec : 0;
}
