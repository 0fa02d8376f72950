/* What this processor can do, and the level the user forces with BITLLAMA_CPU. */
#ifndef BL_CORE_CPU_LEVEL_H
#define BL_CORE_CPU_LEVEL_H

#include "core/status.h"

/* X(level, name): the rising levels of the kind of processor that this is compiled for; each has all
 * that the ones before it have. */
#define BL_CPU_ANY_LEVEL(X) X(BL_CPU_C, "c") /* plain C, any processor */
#if defined(__x86_64__)
#define BL_CPU_LEVEL_LIST(X)                                                                       \
    BL_CPU_ANY_LEVEL(X)                                                                            \
    X(BL_CPU_AVX2, "avx2")     /* AVX2 and FMA */                                                  \
    X(BL_CPU_AVX512, "avx512") /* AVX-512 F, BW, VL, DQ and VNNI */                                \
    X(BL_CPU_AMX, "amx")       /* GFNI and AMX-INT8, permitted by the system */
#elif defined(__aarch64__)
#define BL_CPU_LEVEL_LIST(X)                                                                       \
    BL_CPU_ANY_LEVEL(X)                                                                            \
    X(BL_CPU_NEON, "neon")       /* every 64-bit ARM */                                            \
    X(BL_CPU_DOTPROD, "dotprod") /* sdot */                                                        \
    X(BL_CPU_I8MM, "i8mm")       /* and smmla */
#else
#define BL_CPU_LEVEL_LIST(X) BL_CPU_ANY_LEVEL(X)
#endif

typedef enum bl_cpu_level {
#define X(level, name) level,
    BL_CPU_LEVEL_LIST(X)
#undef X
        BL_CPU_LEVELS
} bl_cpu_level;

/* [BL_CPU_LEVELS] */
extern const char *const bl_cpu_level_names[];

const char *bl_cpu_level_name(bl_cpu_level level);

/* The highest level of this machine, and why it does not have the next one; NULL: there is none. */
bl_cpu_level bl_cpu_best(void);
const char *bl_cpu_missing(void);

/* The level to use: bl_cpu_best(), or what BITLLAMA_CPU asks for.  BL_EINVAL when the variable names
 * no level or one that this machine lacks. */
bl_status bl_cpu_choose(bl_cpu_level *level, bl_error *err) BL_NODISCARD;

/* How many bytes in advance this processor wants to be asked for what a loop reads in order, in
 * addition to what it fetches by itself; 0: it does not (docs/SPEED.md has the measurements). */
size_t bl_cpu_fetch_ahead(void);

#endif
