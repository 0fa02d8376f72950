/* Barriers in shared memory that count arrivals and bytes, and the copies and stores that tell them:
 * on Hopper the copy engine and other blocks of a cluster; before it cp.async of each thread. */
#ifndef BL_CUDA_BARRIER_CUH
#define BL_CUDA_BARRIER_CUH

#include "cuda/mma.cuh"

/* Whether this pass of the compiler makes code for Hopper. */
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define ON_HOPPER 1
#else
#define ON_HOPPER 0
#endif

#ifndef BL_CUDA_EMULATED

static __device__ __forceinline__ void barrier_init(uint64_t *bar, int arrivals)
{
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(bar)), "r"(arrivals)
                 : "memory");
}

/* Until `try` says that the phase of this parity has ended. */
#define BARRIER_UNTIL(try, bar, parity)                                                            \
    asm volatile("{\n"                                                                             \
                 ".reg .pred done;\n"                                                              \
                 "again:\n" try " done, [%0], %1;\n"                                               \
                 "@done bra over;\n"                                                               \
                 "bra again;\n"                                                                    \
                 "over:\n"                                                                         \
                 "}" ::"r"(shared_address(bar)),                                                   \
                 "r"(parity)                                                                       \
                 : "memory")

static __device__ __forceinline__ void barrier_wait(uint64_t *bar, int parity)
{
#if ON_HOPPER
    BARRIER_UNTIL("mbarrier.try_wait.parity.shared.b64", bar, parity);
#else
    BARRIER_UNTIL("mbarrier.test_wait.parity.shared.b64", bar, parity);
#endif
}

/* An arrival when all that this thread has begun to copy is there; one of those that were counted at
 * init. */
static __device__ __forceinline__ void copy_async_arrive(uint64_t *bar)
{
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_address(bar))
                 : "memory");
}

#endif

#if ON_HOPPER

/* After the barriers are made, before others and the copy engine see them. */
static __device__ __forceinline__ void barrier_init_fence(void)
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

static __device__ __forceinline__ void barrier_arrive(uint64_t *bar)
{
    asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(shared_address(bar)) : "memory");
}

/* One arrival, and so many bytes to come. */
static __device__ __forceinline__ void barrier_expect(uint64_t *bar, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(shared_address(bar)),
                 "r"(bytes)
                 : "memory");
}

/* `bytes`, a multiple of 16, come by the copy engine; both addresses are multiples of 16. */
static __device__ __forceinline__ void copy_bulk(void *to, const void *from, int bytes,
                                                 uint64_t *bar)
{
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes), "r"(shared_address(bar))
                 : "memory");
}

/* What this thread has written to shared memory comes before what the copy engine will. */
static __device__ __forceinline__ void copy_bulk_after_stores(void)
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#endif
#endif
