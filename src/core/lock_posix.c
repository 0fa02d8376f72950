/* A lock on a file or folder, against other processes. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock */

#include "core/alloc.h"
#include "core/clock.h"
#include "core/lock.h"
#include "core/path.h"
#include "core/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct bl_lock {
    int fd;
};

bl_status bl_lock_open(bl_lock **lock, const char *path, bl_error *err)
{
    *lock = NULL;
    struct stat info;
    int is_dir = bl_path_what(path) == BL_PATH_DIR;
    int flags = O_CLOEXEC | (is_dir ? O_RDONLY | O_DIRECTORY
                                    : O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    int fd = open(path, flags, 0666);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = errno;
        if (fd >= 0)
            (void)close(fd);
        return bl_fail_errno(err, BL_EIO, error, "cannot write %s", path);
    }
    bl_status status = is_dir ? BL_OK : bl_target_check(path, info.st_mode, err);
    if (status != BL_OK) {
        (void)close(fd);
        return status;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        (void)close(fd);
        if (error == EWOULDBLOCK)
            return bl_fail(err, BL_EBUSY, "%s: held by another process", path);
        return bl_fail_errno(err, BL_EIO, error, "cannot lock %s", path);
    }
    *lock = bl_calloc(1, sizeof **lock);
    if (!*lock) {
        (void)close(fd);
        return bl_fail(err, BL_ENOMEM, "out of memory");
    }
    (*lock)->fd = fd;
    return BL_OK;
}

int bl_lock_is_of(const bl_lock *lock, const char *path)
{
    struct stat now, locked;
    if (!lock)
        return bl_path_what(path) != BL_PATH_NONE;
    return stat(path, &now) == 0 && fstat(lock->fd, &locked) == 0 && now.st_dev == locked.st_dev &&
           now.st_ino == locked.st_ino;
}

bl_status bl_lock_share(bl_lock **lock, const char *path, bl_error *err)
{
    enum { TRIES = 250 };
    *lock = bl_calloc(1, sizeof **lock);
    if (!*lock)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*lock)->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = (*lock)->fd < 0;
    for (int i = 0; !failed && flock((*lock)->fd, LOCK_SH | LOCK_NB) != 0; i++) {
        failed = i == TRIES || (errno != EWOULDBLOCK && errno != EINTR);
        if (!failed)
            bl_os_sleep(1e-3);
    }
    int there = bl_lock_is_of(failed ? NULL : *lock, path);
    if (!failed && there)
        return BL_OK;
    if ((*lock)->fd >= 0)
        (void)close((*lock)->fd);
    bl_free(*lock);
    *lock = NULL;
    return there ? BL_OK : bl_fail(err, BL_ENOENT, "%s: no such folder", path);
}

void bl_lock_close(bl_lock *lock)
{
    if (!lock)
        return;
    (void)close(lock->fd);
    bl_free(lock);
}
