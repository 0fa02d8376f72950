/* Products of ternary matrices and int8 rows, by the shape they are made for. */
#ifndef BL_CUDA_BITLINEAR_CUH
#define BL_CUDA_BITLINEAR_CUH

#include "cuda/cuda.h"

/* y[N,out] = (residual ? residual : 0) + (xi . Wt^T) (g / s), the product rounded to A first. */
typedef struct tern_product {
    void *y; /* A */
    q8_rows x;
    tern_place w;
    size_t N, out, in;
    const void *residual; /* A, y itself or not; NULL: none */
} tern_product;

/* Many rows, on tensor cores (bitlinear_mma.cu). */
void cuda_tern_rows(bl_dev *d, const tern_product *p);

/* The same on Hopper (bitlinear_wgmma.cu); 0: not for this device or shape. */
int cuda_tern_wgmma(bl_dev *d, const tern_product *p);

/* y of an exact integer, to the bit as src/ops/ref/ref.h writes it. */
static __device__ __forceinline__ float scaled(int32_t dot, float g, float s)
{
    return __fmul_rn((float)dot, __fdiv_rn(g, s));
}

#endif
