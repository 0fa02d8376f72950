/* W and b of the tensor-core path of TTT-Linear between global memory and fragments. */
#ifndef BL_CUDA_TTT_LINEAR_STATE_MMA_CUH
#define BL_CUDA_TTT_LINEAR_STATE_MMA_CUH

#include "cuda/ttt_linear_mma.cuh"

/* W [64,64] and b [64] stand in shared memory between global memory and fragments. */
enum { MMA_STAGE_ROW = MMA_F + 1, MMA_STAGE = (MMA_F + 1) * MMA_STAGE_ROW };

static __device__ __forceinline__ void ttt_mma_stage(float *stage, const float *W, const float *b)
{
#pragma unroll 8
    for (int i = (int)threadIdx.x; i < MMA_F * MMA_F; i += MMA_THREADS)
        stage[i / MMA_F * MMA_STAGE_ROW + i % MMA_F] = W[i];
    if (threadIdx.x < MMA_F)
        stage[MMA_F * MMA_STAGE_ROW + threadIdx.x] = b[threadIdx.x];
}

/* The fragments of W^T and b of a warp += what is staged. */
static __device__ __forceinline__ void ttt_mma_add_staged(float W[MMA_TILES][4], const float *stage,
                                                          const ttt_mma_thread *at)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int out = ttt_mma_feature(16 * at->warp + at->g + 8 * r);
#pragma unroll
        for (int n = 0; n < MMA_TILES - 1; n++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                W[n][2 * r + e] +=
                    stage[ttt_mma_feature(8 * n + 2 * at->i + e) * MMA_STAGE_ROW + out];
        W[MMA_TILES - 1][2 * r] += at->i ? 0 : stage[MMA_F * MMA_STAGE_ROW + out];
    }
}

static __device__ __forceinline__ void ttt_mma_to_stage(float *stage, const float W[MMA_TILES][4],
                                                        const ttt_mma_thread *at)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int out = ttt_mma_feature(16 * at->warp + at->g + 8 * r);
#pragma unroll
        for (int n = 0; n < MMA_TILES - 1; n++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                stage[ttt_mma_feature(8 * n + 2 * at->i + e) * MMA_STAGE_ROW + out] =
                    W[n][2 * r + e];
        if (!at->i)
            stage[MMA_F * MMA_STAGE_ROW + out] = W[MMA_TILES - 1][2 * r];
    }
}

/* to = what is staged - from; from NULL: 0 */
static __device__ __forceinline__ void ttt_mma_unstage(float *to, float *to_b, const float *stage,
                                                       const float *from, const float *from_b)
{
#pragma unroll 8
    for (int i = (int)threadIdx.x; i < MMA_F * MMA_F; i += MMA_THREADS) {
        float W = stage[i / MMA_F * MMA_STAGE_ROW + i % MMA_F];
        to[i] = from ? W - from[i] : W;
    }
    if (threadIdx.x < MMA_F) {
        float b = stage[MMA_F * MMA_STAGE_ROW + threadIdx.x];
        to_b[threadIdx.x] = from_b ? b - from_b[threadIdx.x] : b;
    }
}

/* Whether the block's row continues: its gradient ends where it begins. */
static __device__ __forceinline__ int ttt_mma_continues(const ttt_mma_call *call)
{
    return call->from_W && !call->fresh[blockIdx.x / call->H];
}

#endif
