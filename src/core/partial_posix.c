/* A file that comes into being over several attempts, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/partial.h"
#include "core/alloc.h"
#include "core/os.h"

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
    p->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    int error = p->fd < 0 || fstat(p->fd, &info) != 0 ? errno : 0;
    if (!error && !S_ISREG(info.st_mode))
        error = EINVAL;
    if (error) {
        bl_partial_close(p);
        return bl_fail_errno(err, BL_EIO, error, "cannot write %s", path);
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
    const char *from = bytes;
    while (n) {
        ssize_t done = write(p->fd, from, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return bl_fail_errno(err, BL_EIO, errno, "cannot write %s", p->path);
        from += done;
        n -= (size_t)done;
        p->size += (uint64_t)done;
    }
    return BL_OK;
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
