/* The TTT layer whose inner model is an MLP (MODEL 3.6), on the device: pieces of a chunk. */
#ifndef BL_CUDA_TTT_MLP_CUH
#define BL_CUDA_TTT_MLP_CUH

#include "cuda/elementwise.cuh"
#include "cuda/ttt_chunk.cuh"

enum { MLP_THREADS = 512, MLP_PARTS = 4 };

/* y = f(x) over n rows of M; y may be x. */
enum { MLP_GELU, MLP_SLOPE };

template <int F> static __device__ void mlp_each(float *y, const float *x, const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps())
        for (int i = ttt_lane(); i < s.M; i += 32) {
            float z = x[j * s.wM + i];
            y[j * s.wM + i] = F == MLP_GELU ? gelu(z) : gelu_slope(z);
        }
}

/* y = x gelu'(z); y may be x. */
static __device__ void mlp_times_slope(float *y, const float *x, const float *z, const ttt_dims &s,
                                       int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps())
        for (int i = ttt_lane(); i < s.M; i += 32)
            y[j * s.wM + i] = x[j * s.wM + i] * gelu_slope(z[j * s.wM + i]);
}

static inline void mlp_room_heads(ttt_room *r, const ttt_dims *s)
{
    ttt_room_add(r, TTT_b, (size_t)s->wM);
    ttt_room_add(r, TTT_b2, (size_t)s->wF);
    ttt_room_add(r, TTT_sigma, (size_t)s->C);
}

#endif
