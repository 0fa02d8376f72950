/* Logits on tensor cores: rows of bfloat16 times the float matrix of the head. */
#include "cuda/head.cuh"

enum { WARPS = 8, ROWS = 16 /* of E a warp */, STEP = 16 /* columns */ };

/* e = high + middle + low, each a bf16, to all its 24 bits; of two neighbours. */
static __device__ __forceinline__ void split(uint32_t (&part)[3], float2 e)
{
#pragma unroll
    for (int i = 0; i < 3; i++) {
        float x[2];
        part[i] = pack_bf16(e.x, e.y);
        unpack_bf16(x, part[i]);
        e.x -= x[0], e.y -= x[1];
    }
}

/* Step `k` of two rows of E, low and high, as A has them. */
static __device__ __forceinline__ void step_in(float2 (&e)[4], const float *low, const float *high,
                                               size_t k)
{
    e[0] = *(const float2 *)(const void *)(low + k);
    e[1] = *(const float2 *)(const void *)(high + k);
    e[2] = *(const float2 *)(const void *)(low + k + 8);
    e[3] = *(const float2 *)(const void *)(high + k + 8);
}

/* logits[n,v] = x[n] . E[v]: E[v] in three parts is A, its rows v; x is B, its columns n.  A warp has
 * ROWS rows of E and NT times 8 rows of x; what an element is does not depend on the others.  AHEAD steps of E
 * are read ahead of their use, the first before x is there. */
template <int NT, int AHEAD>
static __global__ void __launch_bounds__(32 * WARPS)
    logits_kernel(float *__restrict__ logits, const bf16 *__restrict__ x,
                  const float *__restrict__ E, size_t N, size_t D, size_t V)
{
    int lane = (int)threadIdx.x % 32, group = lane / 4, pair = lane % 4 * 2;
    size_t v = ((size_t)blockIdx.x * WARPS + threadIdx.x / 32) * ROWS + group;
    size_t n0 = (size_t)blockIdx.y * NT * 8;
    const float *low = E + (v < V ? v : V - 1) * D + pair;
    const float *high = E + (v + 8 < V ? v + 8 : V - 1) * D + pair;
    const bf16 *row[NT];
    float c[NT][4] = {};
    float2 e[AHEAD][4];
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
        if (i * STEP < D)
            step_in(e[i], low, high, i * STEP);
    chain_next();
    chain_wait();
#pragma unroll
    for (int t = 0; t < NT; t++)
        row[t] = x + (n0 + t * 8 + group < N ? n0 + t * 8 + group : N - 1) * D + pair;
    for (size_t from = 0; from < D; from += AHEAD * STEP) {
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            size_t k = from + i * STEP, next = k + AHEAD * STEP;
            uint32_t part[4][3];
            if (k >= D)
                break;
#pragma unroll
            for (int r = 0; r < 4; r++)
                split(part[r], e[i][r]);
            if (next < D)
                step_in(e[i], low, high, next);
#pragma unroll
            for (int t = 0; t < NT; t++) {
                uint32_t b[2] = {*(const uint32_t *)(const void *)(row[t] + k),
                                 *(const uint32_t *)(const void *)(row[t] + k + 8)};
#pragma unroll
                for (int p = 2; p >= 0; p--) {
                    uint32_t a[4] = {part[0][p], part[1][p], part[2][p], part[3][p]};
                    mma_bf16(c[t], a, b);
                }
            }
        }
    }
#pragma unroll
    for (int t = 0; t < NT; t++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            size_t n = n0 + t * 8 + pair + i % 2, at = v + i / 2 * 8;
            if (n < N && at < V)
                logits[n * V + at] = c[t][i];
        }
}

int cuda_head_logits_mma(bl_dev *d, float *logits, const bl_act *x, const float *E, size_t N,
                         size_t D, size_t V)
{
    enum { MANY = 8 };
    if (act_kind(d) != CUDA_BF16 || D % STEP || !aligned(x) || !aligned(E))
        return 0;
    unsigned across = div_up(V, WARPS * ROWS);
    auto *kernel = N <= 8 ? logits_kernel<1, 16> : logits_kernel<MANY, 4>;
    LAUNCH_CHAINED(d, kernel, dim3(across, div_up(N, N <= 8 ? 8 : 8 * MANY)), 32 * WARPS, 0, logits,
                   acts<bf16>(x), E, N, D, V);
    return 1;
}
