/* What this processor can do, and the level the user forces with BITLLAMA_CPU. */
#ifndef BL_CORE_CPU_LEVEL_H
#define BL_CORE_CPU_LEVEL_H

#include "core/status.h"

/* Rising levels; each has all that the ones before it have. */
typedef enum bl_cpu_level {
    BL_CPU_C,      /* plain C, any processor */
    BL_CPU_AVX2,   /* x86-64: AVX2 and FMA */
    BL_CPU_AVX512, /* x86-64: AVX-512 F, BW, VL, DQ and VNNI */
    BL_CPU_LEVELS
} bl_cpu_level;

const char *bl_cpu_level_name(bl_cpu_level level);

/* The highest level of this machine. */
bl_cpu_level bl_cpu_best(void);

/* The level to use: bl_cpu_best(), or what BITLLAMA_CPU (c, avx2, avx512) asks for.  BL_EINVAL when
 * the variable names no level or one that this machine lacks. */
bl_status bl_cpu_choose(bl_cpu_level *level, bl_error *err) BL_NODISCARD;

/* How many bytes in advance this processor wants to be asked for what a loop reads in order, in
 * addition to what it fetches by itself; 0: it does not (docs/SPEED.md has the measurements). */
size_t bl_cpu_fetch_ahead(void);

#endif
