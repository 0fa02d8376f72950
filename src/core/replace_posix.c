/* Folders that appear whole or not at all, replacing an old one or not, POSIX and Linux. */
#define _GNU_SOURCE /* renameat2, where there is one; flock */

#include "core/alloc.h"
#include "core/dir.h"
#include "core/log.h"
#include "core/path.h"
#include "core/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct bl_outdir {
    int fd; /* holds the lock that keeps sweepers away */
    char *path, *temporary;
};

bl_status bl_outdir_open(bl_outdir **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_outdir *d = bl_calloc(1, sizeof *d);
    if (d)
        d->path = bl_strdup(path);
    if (!d || !d->path) {
        bl_free(d);
        return bl_fail(err, BL_ENOMEM, "out of memory");
    }
    bl_dir_recover(path);
    bl_temporary_sweep(path);
    int error = bl_temporary_folder(&d->temporary, &d->fd, path);
    if (error) {
        bl_free(d->path);
        bl_free(d);
        return bl_fail_errno(err, error == ENOMEM ? BL_ENOMEM : BL_EIO, error,
                             "cannot make folder %s", path);
    }
    *result = d;
    return BL_OK;
}

const char *bl_outdir_temporary(const bl_outdir *d)
{
    return d->temporary;
}

static void outdir_free(bl_outdir *d)
{
    (void)close(d->fd);
    bl_free(d->path);
    bl_free(d->temporary);
    bl_free(d);
}

void bl_outdir_abandon(bl_outdir *d)
{
    if (!d)
        return;
    if (bl_temporary_remove_folder(d->temporary) != 0)
        bl_log(BL_LOG_WARNING, "could not remove %s", d->temporary);
    outdir_free(d);
}

/* The two swap names in one step.  errno, 0, or ENOSYS where the system or the file system has no
 * such step. */
static int exchange(const char *a, const char *b)
{
#if defined(__linux__)
    if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0)
        return 0;
    return errno == EINVAL || errno == ENOTSUP ? ENOSYS : errno;
#else
    (void)a, (void)b;
    return ENOSYS;
#endif
}

/* Two renames, for file systems that cannot exchange.  A process killed between them leaves the old
 * folder under the name *aside, where bl_dir_recover() finds it. */
static int exchange_by_two(const bl_outdir *d, char **aside)
{
    *aside = bl_temporary_name(d->path, ".old");
    if (!*aside)
        return ENOMEM;
    if (rename(d->path, *aside) != 0)
        return errno;
    if (rename(d->temporary, d->path) == 0)
        return 0;
    int error = errno;
    if (rename(*aside, d->path) != 0)
        bl_log(BL_LOG_WARNING, "%s is now called %s", d->path, *aside);
    return error;
}

/* The old folder, now called `old`, goes back to its name. */
static void take_back(const bl_outdir *d, const char *old)
{
    int swapped = strcmp(old, d->temporary) == 0;
    int error = swapped ? exchange(d->temporary, d->path) : 0;
    if (!swapped && (rename(d->path, d->temporary) != 0 || rename(old, d->path) != 0))
        error = errno;
    if (error)
        bl_log(BL_LOG_WARNING, "the old %s is now called %s", d->path, old);
}

/* Puts the folder into its place; *old is what the former one is called now, or NULL. */
static bl_status switch_over(const bl_outdir *d, char **old, bl_outdir_check *check, void *user,
                             bl_error *err)
{
    *old = NULL;
    int error;
    if (bl_path_what(d->path) == BL_PATH_NONE && !bl_path_is_link(d->path)) {
        error = rename(d->temporary, d->path) != 0 ? errno : 0;
    } else {
        error = exchange(d->temporary, d->path);
        if (error == ENOSYS) {
            error = exchange_by_two(d, old);
        } else if (!error) {
            *old = bl_strdup(d->temporary);
            if (!*old) {
                take_back(d, d->temporary);
                error = ENOMEM;
            }
        }
    }
    if (error)
        return bl_fail_errno(err, error == ENOMEM ? BL_ENOMEM : BL_EIO, error,
                             "cannot put %s there", d->path);
    bl_status status = *old && check ? check(user, *old, err) : BL_OK;
    if (status != BL_OK)
        take_back(d, *old);
    return status;
}

bl_status bl_outdir_commit(bl_outdir *d, bl_outdir_check *check, void *user, bl_error *err)
{
    char *old = NULL;
    /* Held until it is gone, because a sweeper must not take the old one while it may have to come
     * back. */
    int held = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (held >= 0)
        (void)flock(held, LOCK_EX | LOCK_NB);
    bl_status status = bl_dir_sync(d->temporary, err);
    if (status == BL_OK)
        status = switch_over(d, &old, check, user, err);
    if (status != BL_OK) {
        if (held >= 0)
            (void)close(held);
        bl_free(old);
        bl_outdir_abandon(d);
        return status;
    }
    bl_error why;
    status = bl_dir_sync_parent(d->path, &why);
    if (status != BL_OK) { /* the old one may be what a crash leaves */
        status = bl_fail(err, status, "%s is in place, but it may not last: %.300s", d->path,
                         why.message);
    } else if (old && bl_temporary_remove_folder(old) != 0) {
        bl_log(BL_LOG_WARNING, "%s is in place; what is left of the old one is %s", d->path, old);
    }
    if (held >= 0)
        (void)close(held);
    bl_free(old);
    outdir_free(d);
    return status;
}

void bl_dir_recover(const char *path)
{
    if (bl_path_what(path) != BL_PATH_NONE || bl_path_is_link(path))
        return;
    char *found = bl_temporary_find_old(path);
    if (found && rename(found, path) == 0) {
        (void)!bl_dir_sync_parent(path, NULL);
        bl_log(BL_LOG_WARNING, "%s was not yet replaced when a process was killed: it is back",
               path);
    }
    bl_free(found);
}
