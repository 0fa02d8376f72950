/* Room on the disk, and random bits. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* getentropy */

#include "core/clock.h"
#include "core/machine.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

uint64_t bl_os_disk_free(const char *path)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0 || info.f_blocks == 0) /* some network file systems say 0 */
        return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}

uint64_t bl_os_entropy(void)
{
    uint64_t bits = 0;
    if (getentropy(&bits, sizeof bits) == 0)
        return bits;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC); /* a kernel from before getrandom() */
    if (fd >= 0) {
        if (read(fd, &bits, sizeof bits) != (ssize_t)sizeof bits)
            bits = 0;
        (void)close(fd);
    }
    return bits ? bits : (uint64_t)(bl_clock_wall() * 1e9);
}
