/* Filling the kernel table. */
#include "kern/kern.h"

void bl_kern_init(bl_kern *k, bl_cpu_level level)
{
    k->level = BL_CPU_C;
    k->tern_outs = BL_TERN_ROWS;
    k->ahead = bl_cpu_fetch_ahead();
#define X(family) bl_kern_##family##_c(k);
    BL_KERN_FAMILY_LIST(X)
#undef X
#if defined(__x86_64__)
    if (level >= BL_CPU_AVX2) {
        k->level = BL_CPU_AVX2;
#define X(family) bl_kern_##family##_avx2(k);
        BL_KERN_FAMILY_LIST(X)
#undef X
    }
    if (level >= BL_CPU_AVX512) {
        k->level = BL_CPU_AVX512;
#define X(family) bl_kern_##family##_avx512vnni(k);
        BL_KERN_AVX512_LIST(X)
#undef X
    }
    if (level >= BL_CPU_AMX) {
        k->level = BL_CPU_AMX;
#define X(family) bl_kern_##family##_amx(k);
        BL_KERN_AMX_LIST(X)
#undef X
    }
#elif defined(__aarch64__)
    if (level >= BL_CPU_NEON) {
        k->level = BL_CPU_NEON;
#define X(family) bl_kern_##family##_neon(k);
        BL_KERN_NEON_LIST(X)
#undef X
    }
    if (level >= BL_CPU_DOTPROD) {
        k->level = BL_CPU_DOTPROD;
#define X(family) bl_kern_##family##_dotprod(k);
        BL_KERN_DOTPROD_LIST(X)
#undef X
    }
    if (level >= BL_CPU_I8MM) {
        k->level = BL_CPU_I8MM;
#define X(family) bl_kern_##family##_i8mm(k);
        BL_KERN_I8MM_LIST(X)
#undef X
    }
#else
    (void)level;
#endif
}
