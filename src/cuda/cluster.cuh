/* Blocks that work together: a cluster of Hopper's, whose blocks reach each other's shared memory.
 * On older cards, and in the emulation, a cluster is one block. */
#ifndef BL_CUDA_CLUSTER_CUH
#define BL_CUDA_CLUSTER_CUH

#include "cuda/mma.cuh"

enum { CLUSTER_MOST = 8 }; /* blocks of one that every Hopper can run */

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

/* The number of this block in its cluster. */
static __device__ __forceinline__ int cluster_rank(void)
{
    int rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/* A barrier of all threads of a cluster, after which each sees what the others have stored. */
static __device__ __forceinline__ void cluster_sync(void)
{
    asm volatile("barrier.cluster.arrive.release.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}

/* *at = x in the shared memory of another block, or of this one. */
static __device__ __forceinline__ void cluster_store(float *at, float x, int rank)
{
    uint32_t there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
                 : "=r"(there)
                 : "r"(shared_address(at)), "r"(rank));
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(there), "f"(x) : "memory");
}

#else

static __device__ __forceinline__ int cluster_rank(void)
{
    return 0;
}
static __device__ __forceinline__ void cluster_sync(void)
{
    __syncthreads();
}
static __device__ __forceinline__ void cluster_store(float *at, float x, int rank)
{
    (void)rank;
    *at = x;
}

#endif

/* LAUNCH in clusters of `size` blocks; blocks is a multiple of it. */
#ifdef BL_CUDA_EMULATED
#define LAUNCH_CLUSTERS(d, kernel, blocks, size, threads, shared, ...)                             \
    do {                                                                                           \
        (void)(size);                                                                              \
        LAUNCH(d, kernel, blocks, threads, shared, __VA_ARGS__);                                   \
    } while (0)
#else
#define LAUNCH_CLUSTERS(d, kernel, blocks, size, threads, shared, ...)                             \
    do {                                                                                           \
        cudaLaunchAttribute cluster_ = {};                                                         \
        cudaLaunchConfig_t config_ = {};                                                           \
        cluster_.id = cudaLaunchAttributeClusterDimension;                                         \
        cluster_.val.clusterDim.x = (unsigned)(size);                                              \
        cluster_.val.clusterDim.y = cluster_.val.clusterDim.z = 1;                                 \
        config_.gridDim = dim3(blocks);                                                            \
        config_.blockDim = dim3(threads);                                                          \
        config_.dynamicSmemBytes = shared;                                                         \
        config_.stream = cuda_of(d)->stream;                                                       \
        config_.attrs = &cluster_;                                                                 \
        config_.numAttrs = (size) > 1;                                                             \
        cuda_settle(d);                                                                            \
        cuda_note(d, cudaLaunchKernelEx(&config_, kernel, __VA_ARGS__), #kernel);                  \
    } while (0)
#endif

#endif
