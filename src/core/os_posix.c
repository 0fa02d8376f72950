/* Locks, signals, clocks, room on the disk, random bits. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock, getentropy */

#include "core/alloc.h"
#include "core/os.h"
#include "core/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
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
    return stat(path, &now) == 0 &&
           (!lock || (fstat(lock->fd, &locked) == 0 && now.st_dev == locked.st_dev &&
                      now.st_ino == locked.st_ino));
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
    if (getentropy(&bits, sizeof bits) == 0)
        return bits;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC); /* a kernel of before getrandom() */
    if (fd >= 0) {
        if (read(fd, &bits, sizeof bits) != (ssize_t)sizeof bits)
            bits = 0;
        (void)close(fd);
    }
    return bits ? bits : (uint64_t)(bl_clock_wall() * 1e9);
}
