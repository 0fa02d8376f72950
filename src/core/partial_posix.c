/* A file that is completed over several attempts, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/partial.h"
#include "core/alloc.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bl_partial {
    int fd;
    char *path;
    uint64_t size;
};

bl_status bl_partial_open(bl_partial **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_partial *p = bl_calloc(1, sizeof *p);
    char *copy = bl_strdup(path);
    if (!p || !copy) {
        bl_free(p);
        bl_free(copy);
        return bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    }
    struct stat info = {0};
    p->path = copy;
    p->fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
    bl_status status = BL_OK;
    if (p->fd < 0 || fstat(p->fd, &info) != 0)
        status = bl_fail_errno(err, BL_EIO, errno, "cannot write %s", path);
    else if (!S_ISREG(info.st_mode))
        status = bl_target_check(path, info.st_mode, err);
    else if (info.st_nlink > 1) /* the name is known to all: it may be planted */
        status = bl_fail(err, BL_EIO, "cannot write %s: the file has another name too", path);
    if (status != BL_OK) {
        bl_partial_close(p);
        return status;
    }
    p->size = (uint64_t)info.st_size;
    *result = p;
    return BL_OK;
}

void bl_partial_close(bl_partial *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        (void)close(p->fd);
    bl_free(p->path);
    bl_free(p);
}

uint64_t bl_partial_size(const bl_partial *p)
{
    return p->size;
}

bl_status bl_partial_write(bl_partial *p, const void *bytes, size_t n, bl_error *err)
{
    int error = bl_fd_write(p->fd, bytes, n);
    off_t end = error ? lseek(p->fd, 0, SEEK_CUR) : 0; /* some of it may be there */
    p->size = !error ? p->size + n : end >= 0 ? (uint64_t)end : p->size;
    return error ? bl_fail_errno(err, BL_EIO, error, "cannot write %s", p->path) : BL_OK;
}

bl_status bl_partial_clear(bl_partial *p, bl_error *err)
{
    if (ftruncate(p->fd, 0) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot truncate %s", p->path);
    p->size = 0;
    return BL_OK;
}

bl_status bl_partial_publish(bl_partial *p, const char *name, bl_error *err)
{
    if (fsync(p->fd) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot write %s", p->path);
    BL_TRY(bl_path_rename(p->path, name, err));
    return bl_dir_sync_parent(name, err);
}
