/* How norm.cu and norm_bwd.cu lay threads over rows: RMSNorm, gate_norm, SwiGLU.
 *
 * All three end in an RMSNorm of some y, so one kernel a direction serves them:
 *
 *     RMSNORM  y = x
 *     SWIGLU   y = silu(x) z                          x the gate, z what it opens
 *     GATED    y = gelu(z) (lw xh + lb)               xh = LN(x); y = lw xh + lb without z
 *
 * A team of W warps takes a row, TEAMS teams make a block.  A thread holds P pieces of V neighbours of
 * the row in registers (D <= 32 W V P); P = 0: it walks along the row and reads it once a pass. */
#ifndef BL_CUDA_NORM_CUH
#define BL_CUDA_NORM_CUH

#include "cuda/chain.cuh"
#include "cuda/elementwise.cuh"

enum { RMSNORM, SWIGLU, GATED };

/* y = y rms w, the float that is quantised */
template <int V>
static __device__ __forceinline__ void scale_row(float *y, const float *w, float rms)
{
    float wi[V];
    load<V>(wi, w);
#pragma unroll
    for (int j = 0; j < V; j++)
        y[j] = __fmul_rn(__fmul_rn(y[j], rms), wi[j]);
}

/* xi = rint(y s), and 0 for a NaN */
static __device__ __forceinline__ uint32_t quantise(float y, float s)
{
    float r = __fmul_rn(y, s);
    return (uint32_t)(r == r ? __float2int_rn(r) : 0) & 255u;
}

/* The statements with the V, W, TEAMS and P that suit rows of D. */
#define WITH_WIDTH_CASE(v, w, teams, p, ...)                                                       \
    {                                                                                              \
        enum { V = v, W = w, TEAMS = teams, P = p };                                               \
        __VA_ARGS__                                                                                \
    }

/* The pieces of a row that ends at `end`: piece k starts at i.  None when its team has no row
 * (end = 0).  A thread that keeps none has one at a time, k = 0. */
#define PIECES_BEGIN(i, k)                                                                         \
    _Pragma("unroll(P ? P : 1)") for (size_t k##_ = 0; P ? k##_ < P : k##_ * 32 * W * V < end;     \
                                      k##_++)                                                      \
    {                                                                                              \
        const size_t k = P ? k##_ : 0, i = (k##_ * 32 * W + thread) * V;                           \
        if (i < end) {
#define PIECES_END                                                                                 \
    }                                                                                              \
    }

#endif
