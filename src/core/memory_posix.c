/* How much memory this process may use: that of the machine, or the limit of a container. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* _SC_PHYS_PAGES */
#define _DARWIN_C_SOURCE

#include "core/os.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 4096 };

/* The number in a file, UINT64_MAX when there is none ("max", or no such file). */
static uint64_t number_in(const char *path)
{
    char text[64];
    unsigned long long number = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return UINT64_MAX;
    int found = fgets(text, sizeof text, file) && sscanf(text, "%llu", &number) == 1;
    (void)fclose(file);
    return found ? number : UINT64_MAX;
}

/* The least limit of a group and of those above it. */
static uint64_t least_limit(const char *root, char *group, const char *name)
{
    char path[2 * LINE];
    uint64_t least = UINT64_MAX;
    for (;;) {
        (void)snprintf(path, sizeof path, "%s%s/%s", root, group, name);
        uint64_t limit = number_in(path);
        least = limit < least ? limit : least;
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

static int names_memory(const char *controllers)
{
    const char *at = strstr(controllers, "memory");
    return at && (at == controllers || at[-1] == ',') && (at[6] == 0 || at[6] == ',');
}

/* Lines are hierarchy:controllers:group; version 2 has one without controllers. */
uint64_t bl_cgroup_memory(const char *groups, const char *root)
{
    char line[LINE], folder[LINE];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen(groups, "r");
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        controllers++;
        uint64_t limit = UINT64_MAX;
        if (!*controllers) {
            limit = least_limit(root, group, "memory.max");
        } else if (names_memory(controllers)) {
            (void)snprintf(folder, sizeof folder, "%s/memory", root);
            limit = least_limit(folder, group, "memory.limit_in_bytes");
        }
        least = limit < least ? limit : least;
    }
    if (file)
        (void)fclose(file);
    return least;
}

uint64_t bl_os_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    uint64_t group = bl_cgroup_memory("/proc/self/cgroup", "/sys/fs/cgroup");
    return group < machine ? group : machine;
}
