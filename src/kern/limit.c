/* Choosing the loops that measure limits. */
#include "kern/limit.h"

void bl_limit_loops_init(bl_limit_loops *l, bl_cpu_level level)
{
    *l = (bl_limit_loops){0};
    bl_limit_loops_c(l);
#if defined(__x86_64__)
    if (level >= BL_CPU_AVX2)
        bl_limit_loops_avx2(l);
    if (level >= BL_CPU_AVX512)
        bl_limit_loops_avx512vnni(l);
#else
    if (level != BL_CPU_C) /* whose products are faster than those of plain C */
        l->int8 = l->f32 = NULL;
#endif
}
