/* Loops that do nothing but keep a part of the processor busy: what kernels are measured against. */
#ifndef BL_KERN_LIMIT_H
#define BL_KERN_LIMIT_H

#include "core/cpu_level.h"

#include <stddef.h>
#include <stdint.h>

/* Loads n words, a multiple of BL_LIMIT_WORDS, each once; returns their xor, so that nothing is
 * left out. */
typedef uint64_t bl_limit_read_fn(const uint64_t *p, size_t n);
enum { BL_LIMIT_WORDS = 64 };

/* Independent multiply-adds on registers, `turns` times so many; returns how many operations that
 * was: a multiplication and an addition are two. */
typedef double bl_limit_products_fn(size_t turns);

/* X(name, unit): products of int8 that are summed, by the instructions of the level; multiply-adds
 * in float32; products of bfloat16 that are summed in float32. */
#define BL_LIMIT_PRODUCTS(X) X(int8, "GOP/s") X(f32, "GFLOP/s") X(bf16, "GFLOP/s")

typedef struct bl_limit_loops {
    bl_limit_read_fn *read;
    bl_limit_read_fn *read_ahead; /* the same, asking for memory before it is wanted */
#define X(name, unit) bl_limit_products_fn *name;
    BL_LIMIT_PRODUCTS(X) /* NULL: the level or the processor has none, or it is not known */
#undef X
} bl_limit_loops;

/* The loops of the level that kernels use. */
void bl_limit_loops_init(bl_limit_loops *l, bl_cpu_level level);

void bl_limit_loops_c(bl_limit_loops *l);
#if defined(__x86_64__)
void bl_limit_loops_avx2(bl_limit_loops *l);
void bl_limit_loops_avx512vnni(bl_limit_loops *l);
void bl_limit_loops_amx(bl_limit_loops *l);
#elif defined(__aarch64__)
void bl_limit_loops_neon(bl_limit_loops *l);
void bl_limit_loops_dotprod(bl_limit_loops *l);
void bl_limit_loops_i8mm(bl_limit_loops *l);
#endif

#endif
