/* Reading regular files, POSIX, or in memory: at an offset or whole, never mapped, never waiting. */
#define _POSIX_C_SOURCE 200809L

#include "core/alloc.h"
#include "core/file.h"
#include "core/held.h"
#include "core/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bl_file {
    int fd;                    /* -1 of a file in memory */
    const unsigned char *held; /* which has these bytes */
    uint64_t size;
    char *path;
};

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISFIFO(mode))
        return "a pipe";
    return S_ISSOCK(mode) ? "a socket" : "a device";
}

static bl_status not_a_file(const char *path, mode_t mode, bl_error *err)
{
    return bl_fail(err, BL_EIO, "%s: %s, not a file", path, kind_of(mode));
}

/* Looks before it opens, because opening a device may do something, and opens without waiting,
 * because by then it may be a pipe. */
static bl_status open_regular(int *fd, struct stat *info, const char *path, bl_error *err)
{
    *fd = -1;
    if (stat(path, info) == 0 && !S_ISREG(info->st_mode))
        return not_a_file(path, info->st_mode, err);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return bl_fail_errno(err, errno == ENOENT ? BL_ENOENT : BL_EIO, errno, "%s", path);
    bl_status status = BL_OK;
    if (fstat(*fd, info) != 0)
        status = bl_fail_errno(err, BL_EIO, errno, "%s", path);
    else if (!S_ISREG(info->st_mode))
        status = not_a_file(path, info->st_mode, err);
    if (status == BL_OK)
        return BL_OK;
    (void)close(*fd);
    *fd = -1;
    return status;
}

/* What a path leads to, in memory or on disk. */
static bl_status find(bl_file *f, const char *path, bl_error *err)
{
    struct stat info;
    size_t size;
    f->fd = -1;
    bl_held_kind kind = bl_held_find(path, &f->held, &size);
    if (kind == BL_HELD_FOLDER)
        return not_a_file(path, S_IFDIR, err);
    if (kind == BL_HELD_NONE)
        return bl_fail(err, BL_ENOENT, "%s: no such file in memory", path);
    if (kind == BL_HELD_NOT)
        BL_TRY(open_regular(&f->fd, &info, path, err));
    f->size = kind == BL_HELD_NOT ? (uint64_t)info.st_size : size;
    return BL_OK;
}

bl_status bl_file_open(bl_file **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_file *f = bl_calloc(1, sizeof *f);
    char *copy = bl_strdup(path);
    bl_status status = f && copy ? find(f, path, err)
                                 : bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    if (status != BL_OK) {
        bl_free(copy);
        bl_free(f);
        return status;
    }
    f->path = copy;
    *result = f;
    return BL_OK;
}

void bl_file_close(bl_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    bl_free(f->path);
    bl_free(f);
}

uint64_t bl_file_size(const bl_file *f)
{
    return f->size;
}

bl_status bl_file_bytes(const char *path, uint64_t *bytes, bl_error *err)
{
    bl_file *f;
    BL_TRY(bl_file_open(&f, path, err));
    *bytes = f->size;
    bl_file_close(f);
    return BL_OK;
}

static bl_status cut_short(const bl_file *f, uint64_t size, bl_error *err)
{
    return bl_fail(err, BL_EIO, "%s: cut short from %llu to %llu bytes while in use", f->path,
                   (unsigned long long)f->size, (unsigned long long)size);
}

bl_status bl_file_still(const bl_file *f, bl_error *err)
{
    struct stat info;
    if (f->held)
        return BL_OK;
    if (fstat(f->fd, &info) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "%s", f->path);
    return (uint64_t)info.st_size < f->size ? cut_short(f, (uint64_t)info.st_size, err) : BL_OK;
}

bl_status bl_file_read(const bl_file *f, uint64_t at, void *to, size_t n, bl_error *err)
{
    char *place = to;
    if (f->held) {
        if (n)
            memcpy(to, f->held + at, n);
        return BL_OK;
    }
    while (n) {
        ssize_t done = pread(f->fd, place, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return bl_fail_errno(err, BL_EIO, errno, "%s: cannot be read", f->path);
        if (done == 0) { /* its end now may lie before what was asked for */
            BL_TRY(bl_file_still(f, err));
            return cut_short(f, at, err);
        }
        place += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return BL_OK;
}

void bl_file_scattered(const bl_file *f)
{
#ifdef POSIX_FADV_RANDOM
    if (!f->held)
        (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_RANDOM);
#else
    (void)f;
#endif
}

void bl_file_want(const bl_file *f, uint64_t first, size_t bytes)
{
#ifdef POSIX_FADV_WILLNEED
    if (bytes && !f->held) /* 0 would be all of it */
        (void)posix_fadvise(f->fd, (off_t)first, (off_t)bytes, POSIX_FADV_WILLNEED);
#else
    (void)f, (void)first, (void)bytes;
#endif
}

bl_status bl_file_pieces(const char *path, bl_piece_fn *fn, void *user, bl_error *err)
{
    enum { PIECE = 1 << 18 };
    bl_file *f;
    BL_TRY(bl_file_open(&f, path, err));
    char *piece = bl_calloc(PIECE, 1);
    bl_status status = piece ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory: %s", path);
    for (uint64_t at = 0; status == BL_OK && at < f->size;) {
        size_t n = f->size - at < PIECE ? (size_t)(f->size - at) : PIECE;
        status = bl_file_read(f, at, piece, n, err);
        at += n;
        if (status == BL_OK)
            status = fn(user, piece, n, err);
        if (status == BL_OK)
            status = bl_watch_poll(at, f->size, err);
    }
    bl_free(piece);
    bl_file_close(f);
    return status;
}

/* ---- whole ---- */

bl_status bl_map_open(bl_map *m, const char *path, bl_error *err)
{
    *m = (bl_map){.data = (const unsigned char *)""};
    bl_file *f;
    BL_TRY(bl_file_open(&f, path, err));
    bl_status status = BL_OK;
    unsigned char *data = NULL;
    if (f->size > BL_MAP_MOST)
        status = bl_fail(err, BL_EFORMAT,
                         "%s: %llu bytes, and what is read into memory whole may have %llu", path,
                         (unsigned long long)f->size, (unsigned long long)BL_MAP_MOST);
    else if (f->held)
        *m = (bl_map){.data = f->held, .size = (size_t)f->size, .held = 1};
    else if (f->size && !(data = bl_realloc(NULL, (size_t)f->size, 1)))
        status = bl_fail(err, BL_ENOMEM, "out of memory: %s has %llu bytes", path,
                         (unsigned long long)f->size);
    else
        status = bl_file_read(f, 0, data, (size_t)f->size, err);
    if (status == BL_OK && data)
        *m = (bl_map){.data = data, .size = (size_t)f->size};
    else
        bl_free(data);
    bl_file_close(f);
    return status;
}

void bl_map_close(bl_map *m)
{
    if (m->size && !m->held)
        bl_free((void *)(uintptr_t)m->data);
    *m = (bl_map){.data = (const unsigned char *)""};
}
