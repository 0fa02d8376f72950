/* Files that appear whole or not at all, and files that grow by whole records, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/alloc.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/held.h"
#include "core/path.h"
#include "core/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_BUFFER = 1 << 16 };

struct bl_out {
    int fd;              /* -1: a file in memory, of which these are */
    unsigned char *held; /* the bytes so far */
    size_t size, room;
    int error;                       /* errno of the first failure */
    char *path, *target, *temporary; /* as given; what it leads to; beside that */
    size_t pending;
    char buffer[OUT_BUFFER];
};

int bl_fd_write(int fd, const void *bytes, size_t n)
{
    const char *from = bytes;
    while (n) {
        ssize_t done = write(fd, from, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

static void out_free(bl_out *out)
{
    if (out->fd >= 0)
        (void)close(out->fd);
    bl_free(out->held);
    bl_free(out->path);
    bl_free(out->target);
    bl_free(out->temporary);
    bl_free(out);
}

static bl_status open_on_disk(bl_out *out, const char *path, bl_error *err)
{
    unsigned mode = 0;
    BL_TRY(bl_target_resolve(&out->target, &mode, path, err));
    bl_temporary_sweep(out->target);
    /* A file that is private stays so, from its first byte on. */
    unsigned rights = mode ? mode & 0777 : 0666;
    int error = bl_temporary_file(&out->temporary, &out->fd, out->target, rights);
    if (error) {
        out->fd = -1;
        return bl_fail_errno(err, error == ENOMEM ? BL_ENOMEM : BL_EIO, error, "cannot write %s",
                             path);
    }
    if (mode)
        (void)!fchmod(out->fd, (mode_t)rights); /* what the umask took away */
    return BL_OK;
}

static bl_status open_out(bl_out **result, const char *path, bl_error *err)
{
    const unsigned char *bytes;
    size_t size;
    *result = NULL;
    bl_out *out = bl_calloc(1, sizeof *out);
    if (out) {
        out->fd = -1;
        out->path = bl_strdup(path);
    }
    bl_held_kind kind = bl_held_find(path, &bytes, &size);
    bl_status status = BL_OK;
    if (!out || !out->path)
        status = bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    else if (kind == BL_HELD_NOT)
        status = open_on_disk(out, path, err);
    else if (kind != BL_HELD_NONE)
        status = bl_fail(err, BL_EIO, "cannot write %s: it is there already", path);
    if (status != BL_OK) {
        if (out)
            out_free(out);
        return status;
    }
    *result = out;
    return BL_OK;
}

static void put_bytes(bl_out *out, const void *bytes, size_t n)
{
    if (out->error)
        return;
    if (out->fd >= 0) {
        out->error = bl_fd_write(out->fd, bytes, n);
    } else if (bl_grow(&out->held, &out->room, out->size + n, 1, NULL) != BL_OK) {
        out->error = ENOMEM;
    } else if (n) {
        memcpy(out->held + out->size, bytes, n);
        out->size += n;
    }
}

static void out_flush(bl_out *out)
{
    if (out->pending)
        put_bytes(out, out->buffer, out->pending);
    out->pending = 0;
}

bl_status bl_out_open(bl_out **out, const char *path, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, out);
    *out = NULL;
    BL_NOT_NULL(err, path);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_out(out, path, err), err);
}

void bl_out_write(bl_out *out, const void *bytes, size_t n)
{
    if (!out)
        return;
    if (n && !bytes) {
        out->error = out->error ? out->error : EINVAL;
        return;
    }
    if (n > OUT_BUFFER - out->pending)
        out_flush(out);
    if (n >= OUT_BUFFER) {
        put_bytes(out, bytes, n);
    } else if (n) {
        memcpy(out->buffer + out->pending, bytes, n);
        out->pending += n;
    }
}

static bl_status check(const bl_out *out, bl_error *err)
{
    return out->error ? bl_fail_errno(err, BL_EIO, out->error, "cannot write %s", out->path)
                      : BL_OK;
}

bl_status bl_out_check(const bl_out *out, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, out);
    bl_call_begin(&call, err);
    return bl_call_end(&call, check(out, err), err);
}

bl_status bl_out_sync(bl_out *out, bl_error *err)
{
    out_flush(out);
    if (!out->error && out->fd < 0)
        out->error = EINVAL; /* who asks wants to look at it on disk */
    if (!out->error && fsync(out->fd) != 0)
        out->error = errno;
    return bl_out_check(out, err);
}

const char *bl_out_temporary(const bl_out *out)
{
    return out->temporary;
}

/* The descriptor, and with it the lock, is given back after the rename: until then a sweeper would
 * take the file for a leftover.  Any error of close(), fsync() has reported already. */
static bl_status commit_on_disk(bl_out *out, bl_error *err)
{
    (void)!bl_out_sync(out, NULL);
    if (!out->error && rename(out->temporary, out->target) != 0)
        out->error = errno;
    bl_status status = bl_out_check(out, err);
    if (out->error)
        (void)unlink(out->temporary);
    else
        status = bl_dir_sync_parent(out->target, err);
    return status;
}

static bl_status commit_held(bl_out *out, bl_error *err)
{
    out_flush(out);
    BL_TRY(check(out, err));
    BL_TRY(bl_held_put(out->path, out->held, out->size, err));
    out->held = NULL;
    return BL_OK;
}

static bl_status commit(bl_out *out, bl_error *err)
{
    bl_status status = out->fd < 0 ? commit_held(out, err) : commit_on_disk(out, err);
    out_free(out);
    return status;
}

bl_status bl_out_commit(bl_out *out, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, out);
    bl_call_begin(&call, err);
    return bl_call_end(&call, commit(out, err), err);
}

void bl_out_abandon(bl_out *out)
{
    if (!out)
        return;
    if (out->fd >= 0)
        (void)unlink(out->temporary);
    out_free(out);
}

bl_status bl_file_replace(const char *path, const void *bytes, size_t n, bl_error *err)
{
    bl_out *out;
    BL_TRY(bl_out_open(&out, path, err));
    bl_out_write(out, bytes, n);
    return bl_out_commit(out, err);
}

bl_status bl_file_unnamed(int *fd, const char *dir, bl_error *err)
{
    char *name = NULL, *path = bl_path_join(dir, "input");
    int error = ENOMEM;
    if (path) {
        bl_temporary_sweep(path);
        error = bl_temporary_file(&name, fd, path, 0600);
    }
    if (!error)
        (void)unlink(name);
    bl_free(name);
    bl_free(path);
    return error ? bl_fail_errno(err, BL_EIO, error, "%s: cannot keep standard input there", dir)
                 : BL_OK;
}

/* ---- files that grow ---- */

/* Opens a regular file for appending, without waiting for the other end of a pipe. */
static int open_to_grow(const char *path, struct stat *info, bl_error *err, bl_status *status)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    *status = BL_OK;
    if (fd < 0 && errno == ENXIO && stat(path, info) == 0) /* a pipe that nobody reads, a socket */
        *status = bl_target_check(path, info->st_mode, err);
    else if (fd < 0 || fstat(fd, info) != 0)
        *status = bl_fail_errno(err, BL_EIO, errno, "cannot append to %s", path);
    else
        *status = bl_target_check(path, info->st_mode, err);
    if (*status != BL_OK && fd >= 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

bl_status bl_file_append(const char *path, uint64_t *size, const void *bytes, size_t n,
                         bl_error *err)
{
    struct stat info;
    bl_status status;
    int fd = open_to_grow(path, &info, err, &status);
    if (status != BL_OK)
        return status;
    uint64_t end = (uint64_t)info.st_size < *size ? (uint64_t)info.st_size : *size;
    int error = (uint64_t)info.st_size > end && ftruncate(fd, (off_t)end) != 0 ? errno : 0;
    if (!error) {
        error = bl_fd_write(fd, bytes, n);
        if (error)
            (void)!ftruncate(fd, (off_t)end);
    }
    if (close(fd) != 0 && !error)
        error = errno;
    if (error)
        return bl_fail_errno(err, BL_EIO, error, "cannot append to %s", path);
    *size = end + n;
    return BL_OK;
}

bl_status bl_file_sync(const char *path, bl_error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return error ? bl_fail_errno(err, BL_EIO, error, "cannot sync %s", path) : BL_OK;
}

bl_status bl_file_truncate(const char *path, uint64_t size, bl_error *err)
{
    if (truncate(path, (off_t)size) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot truncate %s", path);
    return BL_OK;
}

bl_status bl_file_remove(const char *path, bl_error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return bl_fail_errno(err, BL_EIO, errno, "cannot remove %s", path);
    return BL_OK;
}
