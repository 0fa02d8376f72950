/* Processor features. */
#include "core/cpu_level.h"
#include "core/arm_features.h"
#include "core/tiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bl_cpu_level_names[] = {
#define X(level, name) name,
    BL_CPU_LEVEL_LIST(X)
#undef X
};

const char *bl_cpu_level_name(bl_cpu_level level)
{
    return bl_cpu_level_names[level];
}

/* Why this machine does not have `level`; NULL: it does, if it has those below. */
static const char *missing(int level)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    switch (level) {
    case BL_CPU_AVX2:
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
            return "the processor has no AVX2 and FMA";
        return NULL;
    case BL_CPU_AVX512:
        if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
            !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
            !__builtin_cpu_supports("avx512vnni"))
            return "the processor has no AVX-512 with VNNI";
        return NULL;
    case BL_CPU_AMX:
        return __builtin_cpu_supports("gfni") ? bl_tiles_missing(BL_TILES_INT8)
                                              : "the processor has no GFNI";
    }
#elif defined(__aarch64__)
    switch (level) {
    case BL_CPU_NEON:
        return bl_arm_has(BL_ARM_NEON) ? NULL : "the system tells of no NEON";
    case BL_CPU_DOTPROD:
        return bl_arm_has(BL_ARM_DOTPROD) ? NULL : "the processor has no sdot";
    case BL_CPU_I8MM:
        return bl_arm_has(BL_ARM_I8MM) ? NULL : "the processor has no smmla";
    }
#endif
    (void)level;
    return "this compiler's programs do not ask the processor";
}

/* The highest level of this machine up to `most`; of what is above nothing is asked. */
static bl_cpu_level best_to(int most)
{
    int level = BL_CPU_C;
    while (level < most && !missing(level + 1))
        level++;
    return (bl_cpu_level)level;
}

bl_cpu_level bl_cpu_best(void)
{
    return best_to(BL_CPU_LEVELS - 1);
}

const char *bl_cpu_missing(void)
{
    int next = (int)bl_cpu_best() + 1;
    return next < BL_CPU_LEVELS ? missing(next) : NULL;
}

/* "c, avx2 and avx512" */
static void list_levels(char *text, size_t cap)
{
    size_t used = 0;
    for (int i = 0; i < BL_CPU_LEVELS && used < cap; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s%s",
                                 i == 0 ? "" : (i + 1 < BL_CPU_LEVELS ? ", " : " and "),
                                 bl_cpu_level_names[i]);
}

bl_status bl_cpu_choose(bl_cpu_level *level, bl_error *err)
{
    char all[64];
    const char *wanted = getenv("BITLLAMA_CPU");
    if (!wanted || !*wanted) {
        *level = bl_cpu_best();
        return BL_OK;
    }
    for (int i = 0; i < BL_CPU_LEVELS; i++) {
        if (strcmp(wanted, bl_cpu_level_names[i]) != 0)
            continue;
        *level = best_to(i);
        if (i > (int)*level)
            return bl_fail(err, BL_EINVAL, "BITLLAMA_CPU=%s: this machine only has level %s (%s)",
                           wanted, bl_cpu_level_name(*level), missing((int)*level + 1));
        return BL_OK;
    }
    *level = BL_CPU_C;
    list_levels(all, sizeof all);
    return bl_fail(err, BL_EINVAL, "BITLLAMA_CPU=%s: the levels are %s", wanted, all);
}

/* By vendor, as far as it was measured: products by weights outside L2 gain a third on Intel's
 * servers, where L3 is far; on AMD's Zen 4 they had lost up to a fifth. */
size_t bl_cpu_fetch_ahead(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return __builtin_cpu_is("intel") ? 4096 : 0;
#else
    return 0;
#endif
}
