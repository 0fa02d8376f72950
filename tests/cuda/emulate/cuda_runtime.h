/* Stands in for the toolkit's cuda_runtime.h when g++ compiles src/cuda (emulate.h says how). */
#ifndef BL_EMULATE_CUDA_RUNTIME_H
#define BL_EMULATE_CUDA_RUNTIME_H

#include "emulate.h"
#include "emulate_runtime.h"
#include "emulate_math.h"
#include "emulate_warp.h"

#endif
