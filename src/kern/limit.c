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
    if (level >= BL_CPU_AMX)
        bl_limit_loops_amx(l);
#elif defined(__aarch64__)
    if (level >= BL_CPU_NEON)
        bl_limit_loops_neon(l);
    if (level >= BL_CPU_DOTPROD)
        bl_limit_loops_dotprod(l);
    if (level >= BL_CPU_I8MM)
        bl_limit_loops_i8mm(l);
#else
    (void)level;
#endif
}
