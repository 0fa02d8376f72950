/* Room on the disk, the names of processor and system, and random bits. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* getentropy */
#define _DARWIN_C_SOURCE

#include "core/clock.h"
#include "core/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

uint64_t bl_os_disk_free(const char *path)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0 || info.f_blocks == 0) /* some network file systems say 0 */
        return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}

/* The value of the first line "model name : value". */
void bl_cpuinfo_name(const char *path, char *name, size_t cap)
{
    static const char key[] = "model name";
    char line[512];
    FILE *file = fopen(path, "r");
    *name = 0;
    while (file && !*name && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, key, sizeof key - 1) != 0)
            continue;
        value += 1 + strspn(value + 1, " \t");
        (void)snprintf(name, cap, "%.*s", (int)strcspn(value, "\n"), value);
    }
    if (file)
        (void)fclose(file);
}

void bl_os_processor_name(char *name, size_t cap)
{
#if defined(__APPLE__)
    size_t bytes = cap;
    if (sysctlbyname("machdep.cpu.brand_string", name, &bytes, NULL, 0) != 0)
        *name = 0;
#else
    bl_cpuinfo_name("/proc/cpuinfo", name, cap);
#endif
}

void bl_os_system(char *text, size_t cap)
{
    struct utsname s;
    if (uname(&s) < 0)
        *text = 0;
    else
        (void)snprintf(text, cap, "%.64s %.128s %.64s", s.sysname, s.release, s.machine);
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
