/* Which instructions make the products of bfloat16. */
#include "core/tiles.h"
#include "kern/kern.h"

const char *bl_bf16_name(bl_bf16_way way)
{
    static const char *const names[] = {"float32", "AVX-512 BF16", "AMX"};
    return names[way];
}

bl_bf16_way bl_bf16_best(bl_cpu_level level)
{
#if defined(__x86_64__)
    if (level < BL_CPU_AVX512)
        return BL_BF16_FLOATS;
    if (level >= BL_CPU_AMX && !bl_tiles_missing(BL_TILES_BF16))
        return BL_BF16_TILES;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bf16"))
        return BL_BF16_PAIRS;
#else
    (void)level;
#endif
    return BL_BF16_FLOATS;
}

void bl_kern_bf16(bl_kern *k, bl_bf16_way way)
{
#if defined(__x86_64__)
    if (way == BL_BF16_PAIRS)
        bl_kern_bf16_avx512bf16(k);
    if (way == BL_BF16_TILES)
        bl_kern_bf16_amx(k);
#else
    (void)k, (void)way;
#endif
}
