/* How much memory this process may use: that of the machine, or the limit of a container. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* _SC_PHYS_PAGES */
#define _DARWIN_C_SOURCE

#include "core/os.h"

#include <unistd.h>

uint64_t bl_os_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    uint64_t group = bl_cgroup_memory("/proc/self/cgroup", "/sys/fs/cgroup");
    return group < machine ? group : machine;
}
