/* What the control groups of this process allow it: memory and processors, versions 1 and 2. */
#define _POSIX_C_SOURCE 200809L

#include "core/machine.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 4096 };

/* Reads a limit from the folder of one group; UINT64_MAX when it sets none. */
typedef uint64_t limit_fn(const char *folder);

/* Up to two numbers from a file of a folder; how many were there. */
static int numbers_in(const char *folder, const char *name, long long number[2])
{
    char path[3 * LINE], text[64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    int count =
        fgets(text, sizeof text, file) ? sscanf(text, "%lld %lld", &number[0], &number[1]) : 0;
    (void)fclose(file);
    return count > 0 ? count : 0;
}

static uint64_t one_number(const char *folder, const char *name)
{
    long long number[2];
    return numbers_in(folder, name, number) >= 1 && number[0] >= 0 ? (uint64_t)number[0]
                                                                   : UINT64_MAX; /* "max" */
}

static uint64_t memory_1(const char *folder)
{
    return one_number(folder, "memory.limit_in_bytes");
}

static uint64_t memory_2(const char *folder)
{
    return one_number(folder, "memory.max");
}

/* Processor time a period, as processors rounded up: half of one more is one more thread. */
static uint64_t share(long long quota, long long period)
{
    return quota > 0 && period > 0 ? (uint64_t)((quota - 1) / period + 1) : UINT64_MAX;
}

static uint64_t cpus_1(const char *folder)
{
    long long quota[2], period[2];
    if (numbers_in(folder, "cpu.cfs_quota_us", quota) < 1 ||
        numbers_in(folder, "cpu.cfs_period_us", period) < 1)
        return UINT64_MAX;
    return share(quota[0], period[0]); /* -1: no limit */
}

static uint64_t cpus_2(const char *folder)
{
    long long number[2];
    return numbers_in(folder, "cpu.max", number) == 2 ? share(number[0], number[1]) : UINT64_MAX;
}

/* The least limit of a group and of those above it. */
static uint64_t least_limit(const char *root, char *group, limit_fn *limit_of)
{
    char folder[2 * LINE];
    uint64_t least = UINT64_MAX;
    for (;;) {
        (void)snprintf(folder, sizeof folder, "%s%s", root, group);
        uint64_t limit = limit_of(folder);
        least = limit < least ? limit : least;
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

/* Is `name` one of the controllers "a,b,c"? */
static int is_named(const char *controllers, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = controllers; (at = strstr(at, name)) != NULL; at += n)
        if ((at == controllers || at[-1] == ',') && (at[n] == 0 || at[n] == ','))
            return 1;
    return 0;
}

/* Lines are hierarchy:controllers:group; version 2 has one without controllers. */
static uint64_t limit_in(const char *groups, const char *root, const char *controller,
                         limit_fn *version_1, limit_fn *version_2)
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
            limit = least_limit(root, group, version_2);
        } else if (is_named(controllers, controller)) {
            (void)snprintf(folder, sizeof folder, "%s/%s", root, controller);
            limit = least_limit(folder, group, version_1);
        }
        least = limit < least ? limit : least;
    }
    if (file)
        (void)fclose(file);
    return least;
}

uint64_t bl_cgroup_memory(const char *groups, const char *root)
{
    return limit_in(groups, root, "memory", memory_1, memory_2);
}

uint64_t bl_cgroup_cpus(const char *groups, const char *root)
{
    return limit_in(groups, root, "cpu", cpus_1, cpus_2);
}
