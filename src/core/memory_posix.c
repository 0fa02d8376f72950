/* How much memory this process may use: that of the machine, or what a container or its own limits
 * leave. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* _SC_PHYS_PAGES */
#define _DARWIN_C_SOURCE

#include "core/machine.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Pages that the process has of its address space, and of its data (Linux). */
static void used_pages(unsigned long long *all, unsigned long long *data)
{
    FILE *file = fopen("/proc/self/statm", "r");
    *all = *data = 0;
    if (file && fscanf(file, "%llu %*u %*u %*u %*u %llu", all, data) != 2)
        *all = *data = 0;
    if (file)
        (void)fclose(file);
}

/* What a limit of the process leaves beside what is used already. */
static uint64_t left_of(int resource, uint64_t used)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return (uint64_t)limit.rlim_cur > used ? (uint64_t)limit.rlim_cur - used : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bl_os_memory(void)
{
    unsigned long long all, data;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    uint64_t group = bl_cgroup_memory("/proc/self/cgroup", "/sys/fs/cgroup");
    used_pages(&all, &data);
    uint64_t limits = least(left_of(RLIMIT_AS, all * (uint64_t)page),
                            left_of(RLIMIT_DATA, data * (uint64_t)page));
    return least(least(machine, group), limits);
}

void bl_os_large_pages(void *block, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    size_t page = (size_t)2 << 20, first = (page - (uintptr_t)block % page) % page;
    if (bytes > first && bytes - first >= page)
        (void)madvise((char *)block + first, (bytes - first) / page * page, MADV_HUGEPAGE);
#else
    (void)block, (void)bytes;
#endif
}
