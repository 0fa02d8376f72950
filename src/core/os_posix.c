/* Signals, clocks, room on the disk, random bits. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* getentropy */

#include "core/os.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

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
