/* How many threads a computation uses when nobody says. */
#define _GNU_SOURCE /* sched_getaffinity */

#include "core/machine.h"
#include "core/team.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

static atomic_size_t chosen; /* 0: the system's answer */

size_t bl_os_processors_all(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

/* The mask grows until the system's fits. */
size_t bl_os_processors_allowed(void)
{
#if defined(__linux__)
    for (int most = 1024; most <= 1 << 20; most *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        size_t bytes = CPU_ALLOC_SIZE((size_t)most);
        int known = set && sched_getaffinity(0, bytes, set) == 0;
        size_t count = known ? (size_t)CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count)
            return count;
    }
#endif
    return bl_os_processors_all();
}

size_t bl_os_processors(void)
{
    uint64_t mask = bl_os_processors_allowed(),
             quota = bl_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    return (size_t)(quota < mask ? quota : mask);
}

void bl_threads_choose(size_t count)
{
    atomic_store(&chosen, count);
}

size_t bl_threads(size_t wanted)
{
    if (!wanted)
        wanted = atomic_load(&chosen);
    if (!wanted)
        wanted = bl_os_processors();
    return wanted < BL_TEAM_MOST ? wanted : BL_TEAM_MOST;
}
