/* Folders: made, listed, synced, removed; links. */
#define _POSIX_C_SOURCE 200809L

#include "core/alloc.h"
#include "core/dir.h"
#include "core/lock.h"
#include "core/path.h"
#include "core/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 100 };

/* One level; that it is there is synced too. */
static bl_status make_level(const char *path, const char *whole, bl_error *err)
{
    if (mkdir(path, 0777) == 0)
        return bl_dir_sync_parent(path, err);
    if (errno == EEXIST)
        return BL_OK;
    return bl_fail_errno(err, BL_EIO, errno, "cannot make folder %s", whole);
}

bl_status bl_dir_make(const char *path, bl_error *err)
{
    if (!*path)
        return bl_fail(err, BL_EINVAL, "an empty path names no folder");
    char *partial = bl_strdup(path);
    if (!partial)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = BL_OK;
    for (char *p = partial + 1; status == BL_OK; p++) {
        if (*p && *p != '/')
            continue;
        char saved = *p;
        *p = 0;
        status = make_level(partial, path, err);
        *p = saved;
        if (!saved)
            break;
    }
    bl_free(partial);
    if (status == BL_OK && bl_path_what(path) != BL_PATH_DIR)
        status = bl_fail(err, BL_EIO, "%s: not a folder", path);
    return status;
}

bl_status bl_dir_sync(const char *path, bl_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) /* one may write where one may not read */
        return BL_OK;
    if (fd < 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot sync folder %s", path);
    int error = fsync(fd) != 0 ? errno : 0;
    (void)close(fd);
    if (error && error != EINVAL && error != ENOTSUP) /* some file systems cannot sync a folder */
        return bl_fail_errno(err, BL_EIO, error, "cannot sync folder %s", path);
    return BL_OK;
}

bl_status bl_dir_sync_parent(const char *path, bl_error *err)
{
    char *dir = bl_path_parent(path);
    bl_status status = dir ? bl_dir_sync(dir, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(dir);
    return status;
}

bl_status bl_dir_remove(const char *path, bl_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return bl_fail_errno(err, errno == ENOENT ? BL_ENOENT : BL_EIO, errno, "%s", path);
    int error = bl_temporary_remove_folder(path);
    return error ? bl_fail_errno(err, BL_EIO, error, "cannot remove folder %s", path) : BL_OK;
}

bl_status bl_dir_remove_empty(const char *path, bl_error *err)
{
    if (rmdir(path) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        return bl_fail_errno(err, BL_EIO, errno, "cannot remove folder %s", path);
    return BL_OK;
}

bl_status bl_path_rename(const char *from, const char *to, bl_error *err)
{
    if (rename(from, to) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot rename %s to %s", from, to);
    return BL_OK;
}

/* Under a hidden name first; errno, or 0. */
static int link_once(const char *target, const char *path)
{
    char *temporary = bl_temporary_name(path, ".tmp");
    if (!temporary)
        return ENOMEM;
    int error = symlink(target, temporary) != 0 ? errno : 0;
    if (!error && rename(temporary, path) != 0) {
        error = errno;
        (void)unlink(temporary);
    }
    bl_free(temporary);
    return error;
}

bl_status bl_path_link(const char *target, const char *path, bl_error *err)
{
    struct stat info;
    if (lstat(path, &info) == 0 && !S_ISLNK(info.st_mode))
        BL_TRY(bl_target_check(path, info.st_mode, err));
    bl_temporary_sweep(path);
    bl_lock *lock = NULL; /* until it has its name no sweeper takes it for a leftover */
    char *parent = bl_path_parent(path);
    if (!parent)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_lock_share(&lock, parent, err);
    bl_free(parent);
    BL_TRY(status);
    int error = link_once(target, path);
    for (int i = 0; error == ENOENT && i < ATTEMPTS; i++) /* without a lock it was swept */
        error = link_once(target, path);
    bl_lock_close(lock);
    if (error)
        return bl_fail_errno(err, error == ENOMEM ? BL_ENOMEM : BL_EIO, error,
                             "cannot make the link %s", path);
    return bl_dir_sync_parent(path, err);
}

void bl_path_link_sweep(const char *path)
{
    bl_temporary_sweep(path);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bl_status bl_names_add(bl_names *names, const char *name, bl_error *err)
{
    BL_TRY(bl_grow(&names->name, &names->cap, names->count + 1, sizeof *names->name, err));
    char *copy = bl_strdup(name);
    if (!copy)
        return bl_fail(err, BL_ENOMEM, "out of memory for a list of names");
    names->name[names->count++] = copy;
    return BL_OK;
}

bl_status bl_dir_list(bl_names *names, const char *path, bl_error *err)
{
    *names = (bl_names){0};
    DIR *dir = opendir(path);
    if (!dir)
        return bl_fail_errno(err, errno == ENOENT ? BL_ENOENT : BL_EIO, errno, "%s", path);
    bl_status status = BL_OK;
    for (struct dirent *entry; status == BL_OK && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        status = bl_names_add(names, entry->d_name, err);
    }
    (void)closedir(dir);
    if (status != BL_OK) {
        bl_names_release(names);
        return status;
    }
    if (names->count)
        qsort(names->name, names->count, sizeof *names->name, by_bytes);
    return BL_OK;
}

void bl_names_release(bl_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        bl_free(names->name[i]);
    bl_free(names->name);
    *names = (bl_names){0};
}
