/* Environment variables. */
#define _GNU_SOURCE /* secure_getenv */

#include "core/env.h"

#include <stddef.h>
#include <stdlib.h>

const char *bl_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *bl_env_trusted(const char *name)
{
#if defined(__GLIBC__)
    const char *value = secure_getenv(name);
#else
    const char *value = getenv(name);
#endif
    return value && *value ? value : NULL;
}

static int equal_in_any_case(const char *a, const char *lower)
{
    for (; *a && *lower; a++, lower++)
        if ((*a >= 'A' && *a <= 'Z' ? *a + 32 : *a) != *lower)
            return 0;
    return *a == *lower;
}

int bl_env_is_on(const char *name)
{
    static const char *const words[] = {"1", "true", "yes", "on"};
    const char *value = bl_env(name);
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (equal_in_any_case(value, words[i]))
            return 1;
    return 0;
}

double bl_env_seconds(const char *name, double fallback)
{
    const char *value = bl_env(name);
    char *end;
    double seconds = value ? strtod(value, &end) : fallback;
    return value && (*end || !(seconds > 0) || seconds > 86400) ? fallback : seconds;
}
