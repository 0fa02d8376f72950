/* The CPU backend: SIMD kernels (src/kern), threads (core/team.h), and a float GEMM for training.
 */
#ifndef BL_CPU_CPU_DEV_H
#define BL_CPU_CPU_DEV_H

#include "ops/ops.h"

/* A device of `threads` threads (0: bl_threads()).  Results do not depend on their
 * number.  BL_EINVAL when BITLLAMA_CPU asks for a level this processor lacks. */
bl_status bl_cpu_open(bl_dev **d, int ternary, size_t threads, bl_error *err) BL_NODISCARD;

#endif
