/* What the CUDA device needs of its parts, beside its ops. */
#ifndef BL_CUDA_DEV_H
#define BL_CUDA_DEV_H

#include "cuda/cuda.h"

/* Products on one device; `matmul` is the device's, NULL is fine to close. */
bl_status cuda_matmul_open(cuda_matmul **matmul, bl_dev *d, bl_error *err) BL_NODISCARD;
void cuda_matmul_close(cuda_matmul *matmul);

#endif
