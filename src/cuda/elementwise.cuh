/* Functions of one number, Philox, rows as vectors, and sums over warps, blocks and partials. */
#ifndef BL_CUDA_ELEMENTWISE_CUH
#define BL_CUDA_ELEMENTWISE_CUH

#include "cuda/cuda.h"
#include "cuda/mma.cuh"

/* ---- functions of one number ---- */

/* a / b within 2 units in the last place; 0 for b beyond 2^126 */
static __device__ __forceinline__ float divide(float a, float b)
{
#ifdef BL_CUDA_EMULATED
    return a / b;
#else
    return __fdividef(a, b);
#endif
}

static __device__ __forceinline__ float sigmoid(float x)
{
    return divide(1.0f, 1.0f + __expf(-x));
}

/* gelu(x) = x (1 + tanh u) / 2 = x sigmoid(2u),  u = sqrt(2 / pi) (x + 0.044715 x^3) */
#define GELU_SCALE 0.79788456080286536f
#define GELU_CUBE  0.044715f

/* (1 + tanh u) / 2 */
static __device__ __forceinline__ float gelu_gate(float x)
{
    return sigmoid(2.0f * GELU_SCALE * fmaf(GELU_CUBE * x * x, x, x));
}

static __device__ __forceinline__ float gelu(float x)
{
    return x * gelu_gate(x);
}

/* gelu'(x) from s = gelu_gate(x).  Beyond 16 the second term is 0, and x^2 might overflow. */
static __device__ __forceinline__ float gelu_slope_at(float x, float s)
{
    float near = fminf(fmaxf(x, -16.0f), 16.0f);
    float du = GELU_SCALE * (1.0f + 3.0f * GELU_CUBE * near * near);
    return s + 2.0f * near * s * (1.0f - s) * du;
}

static __device__ __forceinline__ float gelu_slope(float x)
{
    return gelu_slope_at(x, gelu_gate(x));
}

/* gelu''(x) = (1 - t^2) (u' + x (u'' / 2 - t u'^2)),  t = tanh u = 2s - 1,
 * u'' = 6 sqrt(2 / pi) 0.044715 x */
static __device__ __forceinline__ float gelu_curve_at(float x, float s)
{
    float near = fminf(fmaxf(x, -16.0f), 16.0f);
    float du = GELU_SCALE * (1.0f + 3.0f * GELU_CUBE * near * near);
    float half_ddu = 3.0f * GELU_SCALE * GELU_CUBE * near;
    return 4.0f * s * (1.0f - s) * (du + near * (half_ddu - (2.0f * s - 1.0f) * du * du));
}

static __device__ __forceinline__ float gelu_curve(float x)
{
    return gelu_curve_at(x, gelu_gate(x));
}

/* bl_philox of core/rng.c */
static __device__ __forceinline__ void philox(uint64_t seed, uint64_t stream, uint64_t index,
                                              uint32_t out[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    out[0] = (uint32_t)index;
    out[1] = (uint32_t)(index >> 32);
    out[2] = (uint32_t)stream;
    out[3] = (uint32_t)(stream >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53u * out[0], q = (uint64_t)0xCD9E8D57u * out[2];
        out[0] = (uint32_t)(q >> 32) ^ out[1] ^ k0;
        out[1] = (uint32_t)q;
        out[2] = (uint32_t)(p >> 32) ^ out[3] ^ k1;
        out[3] = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* ---- V neighbours of a row, in floats; V > 1 needs an address at a multiple of their size ---- */

static inline int aligned(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

template <int V> static __device__ __forceinline__ void load(float *x, const float *at)
{
    if (V % 4 == 0) {
#pragma unroll
        for (int i = 0; i < V; i += 4) {
            float4 four = *(const float4 *)(const void *)(at + i);
            x[i] = four.x, x[i + 1] = four.y, x[i + 2] = four.z, x[i + 3] = four.w;
        }
    } else if (V == 2) {
        float2 two = *(const float2 *)(const void *)at;
        x[0] = two.x, x[1] = two.y;
    } else {
        x[0] = *at;
    }
}

/* Two bf16 in one word. */
static __device__ __forceinline__ void unpack_bf16(float *x, uint32_t bits)
{
    uint32_t low = bits << 16, high = bits & 0xffff0000u;
    memcpy(x, &low, sizeof low);
    memcpy(x + 1, &high, sizeof high);
}

template <int V> static __device__ __forceinline__ void load(float *x, const bf16 *at)
{
    if (V == 8) {
        uint4 eight = *(const uint4 *)(const void *)at;
        unpack_bf16(x, eight.x), unpack_bf16(x + 2, eight.y);
        unpack_bf16(x + 4, eight.z), unpack_bf16(x + 6, eight.w);
    } else if (V == 4) {
        uint2 four = *(const uint2 *)(const void *)at;
        unpack_bf16(x, four.x), unpack_bf16(x + 2, four.y);
    } else if (V == 2) {
        unpack_bf16(x, *(const uint32_t *)(const void *)at);
    } else {
        x[0] = to_float(*at);
    }
}

template <int V> static __device__ __forceinline__ void store(float *at, const float *x)
{
    if (V % 4 == 0) {
#pragma unroll
        for (int i = 0; i < V; i += 4)
            *(float4 *)(void *)(at + i) = make_float4(x[i], x[i + 1], x[i + 2], x[i + 3]);
    } else if (V == 2) {
        *(float2 *)(void *)at = make_float2(x[0], x[1]);
    } else {
        *at = x[0];
    }
}

template <int V> static __device__ __forceinline__ void store(bf16 *at, const float *x)
{
    if (V == 8) {
        *(uint4 *)(void *)at = make_uint4(pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]),
                                          pack_bf16(x[4], x[5]), pack_bf16(x[6], x[7]));
    } else if (V == 4) {
        *(uint2 *)(void *)at = make_uint2(pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]));
    } else if (V == 2) {
        *(uint32_t *)(void *)at = pack_bf16(x[0], x[1]);
    } else {
        *at = from_float<bf16>(x[0]);
    }
}

/* ---- sums ---- */

/* The sums over a warp of M values a lane, M a power of 2 up to 32: lane l gets that of value
 * l / (32 / M).  Each is added as warp_sum would, whatever M is. */
template <int M> static __device__ __forceinline__ float warp_fold(float (&v)[M])
{
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int bit = 16, half = M / 2; bit; bit /= 2, half /= 2) {
        bool upper = (lane & bit) != 0;
#pragma unroll
        for (int i = 0; i < half; i++) {
            float sent = upper ? v[i] : v[i + half], kept = upper ? v[i + half] : v[i];
            v[i] = kept + __shfl_xor_sync(0xffffffffu, sent, bit);
        }
        if (half == 0)
            v[0] += __shfl_xor_sync(0xffffffffu, v[0], bit);
    }
    return v[0];
}

/* What WARPS warps next to each other make of one value a thread.  `room` [2 * warps of the block]
 * is shared memory; `turn` flips between two halves of it, so that one barrier is enough.  With
 * WARPS > 1 every thread of the block must come. */
template <int WARPS>
static __device__ __forceinline__ float team_sum(float x, float *room, int &turn)
{
    x = warp_sum(x);
    if (WARPS == 1)
        return x;
    int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    float *at = room + turn * warps;
    turn ^= 1;
    if (threadIdx.x % 32 == 0)
        at[warp] = x;
    __syncthreads();
    at += warp / WARPS * WARPS;
    x = at[0];
#pragma unroll
    for (int i = 1; i < WARPS; i++)
        x += at[i];
    return x;
}

template <int WARPS>
static __device__ __forceinline__ float team_max(float x, float *room, int &turn)
{
    x = warp_max(x);
    if (WARPS == 1)
        return x;
    int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    float *at = room + turn * warps;
    turn ^= 1;
    if (threadIdx.x % 32 == 0)
        at[warp] = x;
    __syncthreads();
    at += warp / WARPS * WARPS;
    x = at[0];
#pragma unroll
    for (int i = 1; i < WARPS; i++)
        x = fmaxf(x, at[i]);
    return x;
}

/* ---- partial sums: one array a block, added up in a second launch ---- */

enum { PARTIALS_MOST = 3, PARTIALS_ROWS = 32 };

/* to[i][0..n[i]) += the sum of `from[i]` [count, n[i]] over its rows. */
typedef struct cuda_partials {
    float *to[PARTIALS_MOST];
    const float *from[PARTIALS_MOST];
    size_t n[PARTIALS_MOST];
    size_t count;
} cuda_partials;

/* A block sums 32 columns; warp r of ROWS takes rows r, r + ROWS, ... and the first adds the rest. */
template <int ROWS> static __global__ void add_partials_kernel(cuda_partials p)
{
    __shared__ float sums[ROWS][32];
    int lane = threadIdx.x % 32, row = threadIdx.x / 32, which = blockIdx.y;
    size_t n = p.n[which], i = (size_t)blockIdx.x * 32 + lane;
    float even = 0, odd = 0;
    if (i < n) {
        const float *from = p.from[which] + i;
        size_t r = row;
#pragma unroll 8
        for (; r + ROWS < p.count; r += 2 * ROWS) {
            even += from[r * n];
            odd += from[(r + ROWS) * n];
        }
        if (r < p.count)
            even += from[r * n];
    }
    sums[row][lane] = even + odd;
    __syncthreads();
    if (row == 0 && i < n) {
        float sum = sums[0][lane];
        for (int r = 1; r < ROWS; r++)
            sum += sums[r][lane];
        p.to[which][i] += sum;
    }
}

static inline void add_partials(bl_dev *d, const cuda_partials *p)
{
    size_t most = 0;
    unsigned arrays = 0;
    for (; arrays < PARTIALS_MOST && p->to[arrays]; arrays++)
        most = p->n[arrays] > most ? p->n[arrays] : most;
    auto *kernel = add_partials_kernel<PARTIALS_ROWS>;
    LAUNCH(d, kernel, dim3(div_up(most, 32), arrays), PARTIALS_ROWS * 32, 0, *p);
}

#endif
