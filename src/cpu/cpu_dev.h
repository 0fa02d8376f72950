/* The CPU backend: SIMD kernels (src/kern), threads (core/team.h), a float GEMM for training. */
#ifndef BL_CPU_CPU_DEV_H
#define BL_CPU_CPU_DEV_H

#include "ops/ops.h"

/* The only CPU device.  Results do not depend on the number of threads.  BL_EINVAL when
 * BITLLAMA_CPU asks for a level that this processor lacks. */
bl_status bl_cpu_open(bl_dev **d, const bl_device_request *request, bl_error *err) BL_NODISCARD;

/* Its level, threads and memory. */
bl_status bl_cpu_about(bl_device_about *about, size_t index, bl_error *err) BL_NODISCARD;

/* How many times as fast products of bfloat16 are here as those of float32, and by what they are
 * made; 0: there are no instructions for them.  Measured by the process's first call, in about a
 * millisecond. */
double bl_cpu_bf16_gain(const char **by);

/* Is it enough for `precision` auto to be bf16 in training? */
int bl_cpu_bf16_pays(double gain);

#endif
