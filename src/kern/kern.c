/* Filling the kernel table. */
#include "kern/kern.h"

void bl_kern_init(bl_kern *k, bl_cpu_level level)
{
    k->level = BL_CPU_C;
    bl_kern_quant_c(k);
    bl_kern_tern_c(k);
    bl_kern_matmul_c(k);
    bl_kern_norm_c(k);
    bl_kern_ttt_c(k);
    bl_kern_misc_c(k);
#if defined(__x86_64__)
    if (level >= BL_CPU_AVX2) {
        k->level = BL_CPU_AVX2;
        bl_kern_quant_avx2(k);
        bl_kern_tern_avx2(k);
        bl_kern_matmul_avx2(k);
        bl_kern_norm_avx2(k);
        bl_kern_ttt_avx2(k);
        bl_kern_misc_avx2(k);
    }
    if (level >= BL_CPU_AVX512) {
        k->level = BL_CPU_AVX512;
        bl_kern_quant_avx512vnni(k);
        bl_kern_tern_avx512vnni(k);
        bl_kern_matmul_avx512vnni(k);
    }
#else
    (void)level;
#endif
}
