/* Chains of kernels, each of which may begin while the one before it is at work (Hopper's programmatic
 * dependent launch): its blocks are in place and have read the parameters when what they wait for is there. */
#ifndef BL_CUDA_CHAIN_CUH
#define BL_CUDA_CHAIN_CUH

#include "cuda/cuda.h"

/* The next kernel of the chain may begin when every block has called this. */
static __device__ __forceinline__ void chain_next(void)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* Until all kernels before this one have ended and what they wrote is seen. */
static __device__ __forceinline__ void chain_wait(void)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

#ifdef BL_CUDA_EMULATED
#define LAUNCH_CHAINED LAUNCH
#else
/* LAUNCH of a kernel that calls chain_wait before it touches anything but parameters of the model.  It begins
 * early only behind a kernel that says so with cuda_device.chain, which any other launch ends. */
#define LAUNCH_CHAINED(d, kernel, blocks, threads, shared, ...)                                    \
    do {                                                                                           \
        cudaLaunchAttribute early_ = {};                                                           \
        cuda_settle(d);                                                                            \
        early_.id = cudaLaunchAttributeProgrammaticStreamSerialization;                            \
        early_.val.programmaticStreamSerializationAllowed = 1;                                     \
        cudaLaunchConfig_t config_ =                                                               \
            cuda_launch_with(d, dim3(blocks), dim3(threads), shared, &early_, cuda_of(d)->chain);  \
        if (config_.gridDim.x && config_.gridDim.y && config_.gridDim.z)                           \
            cuda_note(d, cudaLaunchKernelEx(&config_, kernel, __VA_ARGS__), #kernel);              \
    } while (0)
#endif

#endif
