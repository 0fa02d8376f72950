/* The sizes of the processor's caches, as Linux and Darwin tell them. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE

#include "core/machine.h"

#include <stdio.h>
#include <string.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* The first line of a file of the folder, without its end; "" when there is none. */
static void read_line(const char *folder, int index, const char *name, char *line, size_t cap)
{
    char path[512];
    *line = 0;
    (void)snprintf(path, sizeof path, "%s/index%d/%s", folder, index, name);
    FILE *file = fopen(path, "r");
    if (file && fgets(line, (int)cap, file))
        line[strcspn(line, "\n")] = 0;
    if (file)
        (void)fclose(file);
}

/* How many numbers a list like "0-3,8-11" holds. */
static size_t count_list(const char *list)
{
    size_t count = 0;
    unsigned first, last;
    int used;
    while (sscanf(list, "%u%n", &first, &used) == 1) {
        list += used;
        last = first;
        if (sscanf(list, "-%u%n", &last, &used) == 1)
            list += used;
        count += last >= first ? last - first + 1 : 0;
        list += *list == ',';
    }
    return count;
}

uint64_t bl_cache_bytes(const char *folder, int level, size_t *processors)
{
    enum { CACHES = 16 };
    for (int i = 0; i < CACHES; i++) {
        char text[256], unit = 0;
        unsigned long long size;
        int found;
        read_line(folder, i, "level", text, sizeof text);
        if (sscanf(text, "%d", &found) != 1 || found != level)
            continue;
        read_line(folder, i, "type", text, sizeof text);
        if (strcmp(text, "Instruction") == 0)
            continue;
        read_line(folder, i, "size", text, sizeof text);
        if (sscanf(text, "%llu%c", &size, &unit) < 1 || size > UINT32_MAX)
            continue;
        read_line(folder, i, "shared_cpu_list", text, sizeof text);
        *processors = count_list(text);
        *processors += !*processors;
        return size << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0);
    }
    *processors = 1;
    return 0;
}

uint64_t bl_os_cache_bytes(int level, size_t *processors)
{
#if defined(__APPLE__)
    int64_t size = 0;
    size_t bytes = sizeof size;
    *processors = 1;
    if (level == 2 && sysctlbyname("hw.l2cachesize", &size, &bytes, NULL, 0) == 0 && size > 0)
        return (uint64_t)size;
    return 0;
#else
    return bl_cache_bytes("/sys/devices/system/cpu/cpu0/cache", level, processors);
#endif
}
