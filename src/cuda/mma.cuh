/* Instructions of a warp, as functions: products of small matrices on tensor cores, and the loads
 * that feed them.  The only inline assembly for sm_80 and later.
 *
 * Fragments of a warp, lane l, g = l / 4, c = 2 (l % 4), as PTX lays them out:
 *     A [16,16] bf16, row-major: a[0] (g, c..c+1), a[1] (g+8, c..), a[2] (g, c+8..), a[3] (g+8, c+8..)
 *     B [16,8]  bf16: b[0] (k = c..c+1, n = g), b[1] (k = c+8.., n = g)
 *     C [16,8]  float: c[0..1] (g, c..c+1), c[2..3] (g+8, c..c+1)
 *     A [16,32] int8: a[0] (g, 2c..2c+3), a[1] (g+8, same), a[2] (g, 2c+16..), a[3] (g+8, 2c+16..)
 *     B [32,8]  int8: b[0] (k = 2c..2c+3, n = g), b[1] (k = 2c+16.., n = g) */
#ifndef BL_CUDA_MMA_CUH
#define BL_CUDA_MMA_CUH

#include "cuda/cuda.h"

#ifndef BL_CUDA_EMULATED

static __device__ __forceinline__ uint32_t shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

/* c += a b */
static __device__ __forceinline__ void mma_bf16(float c[4], const uint32_t a[4],
                                                const uint32_t b[2])
{
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

static __device__ __forceinline__ void mma_s8(int32_t c[4], const uint32_t a[4],
                                              const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
                 "{%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8x8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8
 * (16 bytes, aligned); r[i] becomes elements (g, c..c+1) of matrix i. */
static __device__ __forceinline__ void ldmatrix(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* The same, each matrix transposed: r[i] becomes elements (c, g) and (c+1, g) of matrix i. */
static __device__ __forceinline__ void ldmatrix_trans(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* 16 bytes to shared memory, of which the first `bytes` are read and the others 0. */
static __device__ __forceinline__ void copy_async(void *shared, const void *global, int bytes)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(global), "r"(bytes)
                 : "memory");
}

static __device__ __forceinline__ void copy_async_commit(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most N groups of this thread are under way. */
template <int N> static __device__ __forceinline__ void copy_async_wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* An 8x8 matrix of 16-bit elements, a pair in each lane as ldmatrix leaves it, transposed. */
static __device__ __forceinline__ uint32_t transposed_8x8(uint32_t pair)
{
    uint32_t to;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(to) : "r"(pair));
    return to;
}

#else

static __device__ __forceinline__ uint32_t transposed_8x8(uint32_t pair)
{
    int lane = (int)threadIdx.x % 32, from = lane % 4 * 8 + lane / 8, half = lane / 4 % 2 * 16;
    uint32_t first = __shfl_sync(0xffffffffu, pair, from) >> half;
    uint32_t second = __shfl_sync(0xffffffffu, pair, from + 4) >> half;
    return (first & 0xffffu) | second << 16;
}

#endif

/* Two floats as bf16 in one register, x in the lower half. */
static __device__ __forceinline__ uint32_t pack_bf16(float x, float y)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(x, y);
    uint32_t bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

#endif
