/* The operating system, POSIX. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock */

#include "core/os.h"
#include "core/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* ---- reading ---- */

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

bl_path_kind bl_path_what(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return BL_PATH_NONE;
    if (S_ISREG(info.st_mode))
        return BL_PATH_FILE;
    return S_ISDIR(info.st_mode) ? BL_PATH_DIR : BL_PATH_OTHER;
}

int bl_path_is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

int bl_path_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* ---- writing ---- */

enum { OUT_BUFFER = 1 << 16 };

struct bl_out {
    int fd;
    int error; /* errno of the first failure */
    char *path, *temporary;
    size_t pending;
    char buffer[OUT_BUFFER];
};

/* Writes all of it, through short writes and signals; errno on failure, else 0. */
static int write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

static void out_free(bl_out *out)
{
    bl_free(out->path);
    bl_free(out->temporary);
    bl_free(out);
}

bl_status bl_out_open(bl_out **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_out *out = bl_calloc(1, sizeof *out);
    size_t room = strlen(path) + 32;
    if (out) {
        out->path = bl_strdup(path);
        out->temporary = bl_calloc(room, 1);
    }
    if (!out || !out->path || !out->temporary) {
        if (out)
            out_free(out);
        return bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    }
    (void)snprintf(out->temporary, room, "%s.%ld.tmp", path, (long)getpid());
    out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        int error = errno;
        out_free(out);
        return bl_fail_errno(err, BL_EIO, error, "cannot write %s", path);
    }
    *result = out;
    return BL_OK;
}

static void out_flush(bl_out *out)
{
    if (!out->error && out->pending)
        out->error = write_all(out->fd, out->buffer, out->pending);
    out->pending = 0;
}

void bl_out_write(bl_out *out, const void *bytes, size_t n)
{
    if (n > OUT_BUFFER - out->pending)
        out_flush(out);
    if (n >= OUT_BUFFER) {
        if (!out->error)
            out->error = write_all(out->fd, bytes, n);
    } else if (n) {
        memcpy(out->buffer + out->pending, bytes, n);
        out->pending += n;
    }
}

bl_status bl_out_check(const bl_out *out, bl_error *err)
{
    return out->error ? bl_fail_errno(err, BL_EIO, out->error, "cannot write %s", out->path)
                      : BL_OK;
}

bl_status bl_out_sync(bl_out *out, bl_error *err)
{
    out_flush(out);
    if (!out->error && fsync(out->fd) != 0)
        out->error = errno;
    return bl_out_check(out, err);
}

const char *bl_out_temporary(const bl_out *out)
{
    return out->temporary;
}

bl_status bl_out_commit(bl_out *out, bl_error *err)
{
    (void)!bl_out_sync(out, NULL);
    if (close(out->fd) != 0 && !out->error)
        out->error = errno;
    if (!out->error && rename(out->temporary, out->path) != 0)
        out->error = errno;
    bl_status status = bl_out_check(out, err);
    if (out->error) {
        (void)unlink(out->temporary);
    } else {
        status = bl_dir_sync_parent(out->path, err);
    }
    out_free(out);
    return status;
}

void bl_out_abandon(bl_out *out)
{
    if (!out)
        return;
    (void)close(out->fd);
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

bl_status bl_file_append(const char *path, const void *bytes, size_t n, bl_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    int error = size < 0 ? errno : write_all(fd, bytes, n);
    if (size >= 0 && error)
        (void)!ftruncate(fd, size);
    if (fd >= 0 && close(fd) != 0 && !error)
        error = errno;
    return error ? bl_fail_errno(err, BL_EIO, error, "cannot append to %s", path) : BL_OK;
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

/* ---- folders ---- */

bl_status bl_dir_make(const char *path, bl_error *err)
{
    if (!*path)
        return bl_fail(err, BL_EINVAL, "an empty path names no folder");
    char *partial = bl_strdup(path);
    if (!partial)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = BL_OK;
    for (char *p = partial + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char saved = *p;
        *p = 0;
        if (mkdir(partial, 0777) != 0 && errno != EEXIST) {
            status = bl_fail_errno(err, BL_EIO, errno, "cannot make folder %s", path);
            break;
        }
        if (!saved)
            break;
        *p = saved;
    }
    bl_free(partial);
    if (status == BL_OK && bl_path_what(path) != BL_PATH_DIR)
        status = bl_fail(err, BL_EIO, "%s: not a folder", path);
    return status;
}

bl_status bl_dir_sync(const char *path, bl_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return bl_fail_errno(err, BL_EIO, errno, "%s", path);
    int error = fsync(fd) != 0 ? errno : 0;
    (void)close(fd);
    if (error && error != EINVAL && error != ENOTSUP) /* some file systems cannot sync a folder */
        return bl_fail_errno(err, BL_EIO, error, "cannot sync folder %s", path);
    return BL_OK;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return bl_strdup(".");
    char *dir = bl_strdup(path);
    if (dir)
        dir[slash == path ? 1 : slash - path] = 0;
    return dir;
}

bl_status bl_dir_sync_parent(const char *path, bl_error *err)
{
    char *dir = directory_of(path);
    bl_status status = dir ? bl_dir_sync(dir, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(dir);
    return status;
}

bl_status bl_dir_remove(const char *path, bl_error *err)
{
    bl_names names;
    BL_TRY(bl_dir_list(&names, path, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++) {
        char *inner = bl_path_join(path, names.name[i]);
        struct stat info;
        if (!inner)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
        else if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
            status = bl_dir_remove(inner, err);
        else
            status = bl_file_remove(inner, err);
        bl_free(inner);
    }
    bl_names_release(&names);
    if (status == BL_OK && rmdir(path) != 0)
        status = bl_fail_errno(err, BL_EIO, errno, "cannot remove folder %s", path);
    return status;
}

bl_status bl_path_rename(const char *from, const char *to, bl_error *err)
{
    if (rename(from, to) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot rename %s to %s", from, to);
    return BL_OK;
}

bl_status bl_path_link(const char *target, const char *path, bl_error *err)
{
    size_t room = strlen(path) + 32;
    char *temporary = bl_calloc(room, 1);
    if (!temporary)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (void)snprintf(temporary, room, "%s.%ld.tmp", path, (long)getpid());
    (void)unlink(temporary);
    bl_status status = BL_OK;
    if (symlink(target, temporary) != 0)
        status = bl_fail_errno(err, BL_EIO, errno, "cannot make the link %s", path);
    else if (rename(temporary, path) != 0) {
        status = bl_fail_errno(err, BL_EIO, errno, "cannot make the link %s", path);
        (void)unlink(temporary);
    }
    bl_free(temporary);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
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
        status = bl_grow(&names->name, &names->cap, names->count + 1, sizeof *names->name, err);
        char *copy = status == BL_OK ? bl_strdup(entry->d_name) : NULL;
        if (copy)
            names->name[names->count++] = copy;
        else if (status == BL_OK)
            status = bl_fail(err, BL_ENOMEM, "out of memory while listing %s", path);
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

/* ---- the rest ---- */

struct bl_lock {
    int fd;
};

bl_status bl_lock_open(bl_lock **lock, const char *path, bl_error *err)
{
    *lock = NULL;
    int is_dir = bl_path_what(path) == BL_PATH_DIR;
    int fd = open(path, is_dir ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot write %s", path);
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

void bl_lock_close(bl_lock *lock)
{
    if (!lock)
        return;
    (void)close(lock->fd);
    bl_free(lock);
}

void bl_signals_hold(bl_signal_mask *before)
{
    sigset_t all, old;
    _Static_assert(sizeof old <= sizeof before->bits, "a signal mask has room for a sigset");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    memcpy(before->bits, &old, sizeof old);
}

void bl_signals_release(const bl_signal_mask *before)
{
    sigset_t old;
    memcpy(&old, before->bits, sizeof old);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

uint64_t bl_os_disk_free(const char *path)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0 || info.f_blocks == 0) /* some network file systems say 0 */
        return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}

void bl_os_sleep(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    (void)nanosleep(&t, NULL);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bl_clock_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bl_clock_wall(void)
{
    return seconds_of(CLOCK_REALTIME);
}

uint64_t bl_os_entropy(void)
{
    uint64_t bits = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &bits, sizeof bits) != (ssize_t)sizeof bits)
            bits = 0;
        (void)close(fd);
    }
    return bits ? bits : (uint64_t)(bl_clock_wall() * 1e9);
}
