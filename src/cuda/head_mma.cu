/* Logits on tensor cores: rows of bfloat16 times the float matrix of the head. */
#include "cuda/head.cuh"

enum { WARPS = 8, ROWS = 16 /* of E a warp */, STEP = 16 /* columns */, AHEAD = 4 /* steps */ };

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

/* logits[n,v] = x[n] . E[v]: E[v] in three parts is A, its rows v; x is B, its columns n.  A warp has
 * ROWS rows of E and NT times 8 rows of x; what an element is does not depend on the others. */
template <int NT>
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
#pragma unroll
    for (int t = 0; t < NT; t++)
        row[t] = x + (n0 + t * 8 + group < N ? n0 + t * 8 + group : N - 1) * D + pair;
#pragma unroll AHEAD
    for (size_t k = 0; k < D; k += STEP) {
        uint32_t part[4][3];
        split(part[0], *(const float2 *)(const void *)(low + k));
        split(part[1], *(const float2 *)(const void *)(high + k));
        split(part[2], *(const float2 *)(const void *)(low + k + 8));
        split(part[3], *(const float2 *)(const void *)(high + k + 8));
#pragma unroll
        for (int t = 0; t < NT; t++) {
            uint32_t b[2] = {*(const uint32_t *)(const void *)(row[t] + k),
                             *(const uint32_t *)(const void *)(row[t] + k + 8)};
#pragma unroll
            for (int i = 2; i >= 0; i--) {
                uint32_t a[4] = {part[0][i], part[1][i], part[2][i], part[3][i]};
                mma_bf16(c[t], a, b);
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
    auto *kernel = N <= 8 ? logits_kernel<1> : logits_kernel<MANY>;
    LAUNCH(d, kernel, dim3(across, div_up(N, N <= 8 ? 8 : 8 * MANY)), 32 * WARPS, 0, logits,
           acts<bf16>(x), E, N, D, V);
    return 1;
}
