/* Instructions of Hopper (sm_90a): the copy engine by boxes, products of a warpgroup. */
#ifndef BL_CUDA_WGMMA_CUH
#define BL_CUDA_WGMMA_CUH

#include "cuda/barrier.cuh"

#include <cuda.h>

/* A row-major [rows, bytes] of int8 as the copy engine sees it, in boxes of box_rows x 128 bytes that
 * lie turned (128-byte swizzle) in shared memory; what is outside comes as 0.  0 on failure. */
int cuda_tensor_map(CUtensorMap *map, const void *base, size_t rows, size_t stride, int box_rows);

#if ON_HOPPER

/* The box at (x bytes, row) of a map. */
static __device__ __forceinline__ void copy_box(void *to, const CUtensorMap *map, int x, int row,
                                                uint64_t *bar)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4}], [%2];" ::"r"(shared_address(to)),
                 "l"(map), "r"(shared_address(bar)), "r"(x), "r"(row)
                 : "memory");
}

/* A barrier of some of the block's warps. */
static __device__ __forceinline__ void named_barrier(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* A matrix of 128-byte rows in shared memory, turned as the copy engine does it. */
static __device__ __forceinline__ uint64_t matrix_descriptor(const void *p)
{
    return (uint64_t)((shared_address(p) & 0x3FFFF) >> 4) | (uint64_t)1 << 16 |
           (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

static __device__ __forceinline__ void wgmma_begin(void)
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

static __device__ __forceinline__ void wgmma_commit(void)
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int N> static __device__ __forceinline__ void wgmma_wait(void)
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* c[64,128] += a[64,32] b[128,32]^T of int8.  Warp w of the group has rows 16 w to 16 w + 15, in them
 * lane l what mma.cuh's C has, for 16 groups of 8 columns. */
static __device__ __forceinline__ void wgmma_s8(int32_t c[64], uint64_t a, uint64_t b)
{
#define R4(i)  "+r"(c[i]), "+r"(c[i + 1]), "+r"(c[i + 2]), "+r"(c[i + 3])
#define R16(i) R4(i), R4(i + 4), R4(i + 8), R4(i + 12)
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8 "
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
                 "%64, %65, 1;"
                 : R16(0), R16(16), R16(32), R16(48)
                 : "l"(a), "l"(b));
#undef R16
#undef R4
}

#endif
#endif
