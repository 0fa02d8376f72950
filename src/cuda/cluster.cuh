/* Blocks that work together: a cluster of Hopper's, whose blocks reach each other's shared memory.
 * On older cards, and in the emulation, a cluster is one block. */
#ifndef BL_CUDA_CLUSTER_CUH
#define BL_CUDA_CLUSTER_CUH

#include "cuda/barrier.cuh"

enum { CLUSTER_MOST = 8 }; /* blocks of one that every Hopper can run */

#if ON_HOPPER

/* The number of this block in its cluster. */
static __device__ __forceinline__ int cluster_rank(void)
{
    int rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/* A barrier of all threads of a cluster: those that wait see what all have stored before they arrived. */
static __device__ __forceinline__ void cluster_arrive(void)
{
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
static __device__ __forceinline__ void cluster_wait(void)
{
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/* Four neighbours at `at` in the shared memory of a block of a cluster of several become x, and its barrier
 * counts their bytes. */
static __device__ __forceinline__ void cluster_send(float *at, const float (&x)[4], uint64_t *bar,
                                                    int rank)
{
    uint32_t there, told;
    asm volatile("mapa.shared::cluster.u32 %0, %2, %4;\n"
                 "mapa.shared::cluster.u32 %1, %3, %4;"
                 : "=r"(there), "=r"(told)
                 : "r"(shared_address(at)), "r"(shared_address(bar)), "r"(rank));
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
                 "[%0], {%2, %3, %4, %5}, [%1];" ::"r"(there),
                 "r"(told), "f"(x[0]), "f"(x[1]), "f"(x[2]), "f"(x[3])
                 : "memory");
}

/* Until the phase of this parity has ended, and what blocks have sent is seen. */
static __device__ __forceinline__ void cluster_await(uint64_t *bar, int parity)
{
    BARRIER_UNTIL("mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64", bar, parity);
}

#else

static __device__ __forceinline__ int cluster_rank(void)
{
    return 0;
}
static __device__ __forceinline__ void cluster_arrive(void) {}
static __device__ __forceinline__ void cluster_wait(void) {}

#endif

/* LAUNCH in clusters of `size` blocks; blocks is a multiple of it. */
#ifdef BL_CUDA_EMULATED
#define LAUNCH_CLUSTERS(d, kernel, blocks, size, threads, shared, ...)                             \
    do {                                                                                           \
        (void)(size);                                                                              \
        LAUNCH(d, kernel, blocks, threads, shared, __VA_ARGS__);                                   \
    } while (0)
#else
static inline cudaLaunchAttribute cluster_of(int size)
{
    cudaLaunchAttribute cluster = {};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = (unsigned)size;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    return cluster;
}

#define LAUNCH_CLUSTERS(d, kernel, blocks, size, threads, shared, ...)                             \
    do {                                                                                           \
        cudaLaunchAttribute cluster_ = cluster_of(size);                                           \
        cudaLaunchConfig_t config_ =                                                               \
            cuda_launch_with(d, dim3(blocks), dim3(threads), shared, &cluster_, (size) > 1);       \
        cuda_settle(d);                                                                            \
        cuda_note(d, cudaLaunchKernelEx(&config_, kernel, __VA_ARGS__), #kernel);                  \
    } while (0)
#endif

#endif
