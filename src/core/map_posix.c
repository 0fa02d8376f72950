/* Files mapped to be read. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* madvise */

#include "core/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bl_status map_file(bl_map *m, const char *path, int watched, bl_error *err)
{
    *m = (bl_map){.data = (const unsigned char *)""};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return bl_fail_errno(err, errno == ENOENT ? BL_ENOENT : BL_EIO, errno, "%s", path);
    bl_status status = BL_OK;
    struct stat info;
    if (fstat(fd, &info) != 0)
        status = bl_fail_errno(err, BL_EIO, errno, "%s", path);
    else if (!S_ISREG(info.st_mode))
        status = bl_fail(err, BL_EIO, "%s: not a regular file", path);
    else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = bl_fail_errno(err, BL_EIO, errno, "%s", path);
        else
            *m = (bl_map){.data = data, .size = (size_t)info.st_size};
    }
    if (status == BL_OK && watched)
        m->watch = fd + 1;
    else
        (void)close(fd);
    return status;
}

bl_status bl_map_open(bl_map *m, const char *path, bl_error *err)
{
    return map_file(m, path, 0, err);
}

bl_status bl_map_open_watched(bl_map *m, const char *path, bl_error *err)
{
    return map_file(m, path, 1, err);
}

bl_status bl_map_check(const bl_map *m, const char *path, bl_error *err)
{
    struct stat info;
    if (!m->watch)
        return BL_OK;
    if (fstat(m->watch - 1, &info) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "%s", path);
    if ((uint64_t)info.st_size < m->size)
        return bl_fail(err, BL_EIO, "%s: cut short from %zu to %lld bytes while in use", path,
                       m->size, (long long)info.st_size);
    return BL_OK;
}

void bl_map_scattered(const bl_map *m)
{
    if (m->size)
        (void)madvise((void *)(uintptr_t)m->data, m->size, MADV_RANDOM);
}

void bl_map_want(const bl_map *m, size_t first, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)m->data + first) & ~(page - 1);
    if (bytes)
        (void)madvise((void *)from, (uintptr_t)m->data + first + bytes - from, MADV_WILLNEED);
}

void bl_map_close(bl_map *m)
{
    if (m->watch)
        (void)close(m->watch - 1);
    if (m->size)
        (void)munmap((void *)(uintptr_t)m->data, m->size);
    *m = (bl_map){.data = (const unsigned char *)""};
}
