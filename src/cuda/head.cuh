/* What the files of the head share. */
#ifndef BL_CUDA_HEAD_CUH
#define BL_CUDA_HEAD_CUH

#include "cuda/chain.cuh"
#include "cuda/elementwise.cuh"

/* logits[N,V] = x E^T by tensor cores (head_mma.cu); 0: not for this device or shape. */
int cuda_head_logits_mma(bl_dev *d, float *logits, const bl_act *x, const float *E, size_t N,
                         size_t D, size_t V);

#endif
