/* TTT-Linear backward on tensor cores: what its threads share, and a chunk forward once more. */
#ifndef BL_CUDA_TTT_LINEAR_BWD_MMA_CUH
#define BL_CUDA_TTT_LINEAR_BWD_MMA_CUH

#include "cuda/ttt_linear_mma.cuh"

enum {
    BWD_RAW_ROW = 80,              /* elements from row to row of q, k, v, dout as they came */
    BWD_RAW = MMA_C * BWD_RAW_ROW, /* of one of them */
    BWD_SMALL_ROW = 24,            /* elements from row to row of a matrix [16,16] */
    BWD_SMALL = MMA_C * BWD_SMALL_ROW
};

/* What the threads of a block share.  small: of each warp, -mix and then dS.  dW: dW' as bf16 in the
 * pieces of the saved W. */
typedef struct bwd_shared {
    unsigned char saved[2][MMA_SAVED];
    bf16 raw[4][BWD_RAW];
    bf16 K[MMA_TILE], Q[MMA_TILE], G[MMA_TILE], dZb[MMA_TILE], dZ[MMA_TILE];
    uint32_t dW[MMA_F * MMA_F / 2];
    bf16 small[4][BWD_SMALL];
    float4 sums_o[8 * 4], sums[MMA_SUMS];
    /* for want of registers: each thread's cosines and sines, beta, and S of two warps */
    float4 turn[2][MMA_THREADS], beta[MMA_THREADS], S[2][64];
    float4 lost[MMA_TILES][MMA_THREADS]; /* the sum of dW' and db' over full chunks */
    float rho, lost_share, slope, gamma2, drho[4];
} bwd_shared;

/* What a kernel reads and writes beside a ttt_mma_call. */
typedef struct bwd_to {
    bf16 *dq, *dk, *dv;
    float *dlambda;
    const bf16 *dout;
    float *partials; /* [B,H,places.floats] */
    ttt_grad_places places;
} bwd_to;

/* What a thread carries from chunk to chunk.  dW: fragments of dW'^T and db' of the chunk that
 * comes. */
typedef struct bwd_state {
    float dW[MMA_TILES][4];
    ttt_mma_rows dK; /* of the chunk before, but for dz W^T */
    float dgamma[4], dbeta[4], ddelta[2], drho;
    float lambda; /* of row lane % 16 of the chunk that comes */
} bwd_state;

/* A thread's rows of one chunk. */
typedef struct bwd_rows {
    ttt_mma_rows k, left, dout; /* left: beta - (v - k) */
    ttt_mma_rows xh, G, dG, dK; /* dout becomes dQ, dG dV */
    float rate[2][4];
    float rs[2];     /* 1/sigma of rows g, g + 8 */
    float db[4];     /* db' */
    uint32_t mix[4]; /* -mix^T as an A fragment */
} bwd_rows;

/* What was saved of row `row`: the first four numbers, or the others. */
static __device__ __forceinline__ float4 bwd_saved_row(const unsigned char *saved, int row,
                                                       int half)
{
    return ((const float4 *)(const void *)(saved + MMA_SAVED_W + MMA_SAVED_B))[2 * row + half];
}

/* ---- loads ---- */

/* Asks for what chunk i needs: rows of q, k, v and dout, and what was saved. */
static __device__ __forceinline__ void bwd_fetch(bwd_shared *sh, const ttt_mma_call *call,
                                                 const bf16 *dout, const unsigned char *saved,
                                                 const ttt_mma_thread *at, unsigned i)
{
    const bf16 *const from[4] = {call->q, call->k, call->v, dout};
    int row = (int)threadIdx.x / 8, part = (int)threadIdx.x % 8 * 8;
    uint32_t t = i * MMA_C + (uint32_t)row;
    int bytes = t < at->T ? 16 : 0;
    size_t offset = bytes ? (at->first_step + (size_t)t * at->H) * MMA_F + (size_t)part
                          : at->first_step * MMA_F;
#pragma unroll
    for (int x = 0; x < 4; x++)
        copy_async(sh->raw[x] + row * BWD_RAW_ROW + part, from[x] + offset, bytes);
    unsigned char *to = sh->saved[i % 2];
#pragma unroll
    for (int x = 0; x < MMA_SAVED; x += MMA_THREADS * 16) {
        int byte = x + (int)threadIdx.x * 16;
        if (byte < MMA_SAVED)
            copy_async(to + byte, saved + byte, 16);
    }
    copy_async_commit();
}

/* The thread's angles, which wait in shared memory for want of registers. */
static __device__ __forceinline__ ttt_mma_turn bwd_turn(const bwd_shared *sh)
{
    float4 cosine = sh->turn[0][threadIdx.x], sine = sh->turn[1][threadIdx.x];
    ttt_mma_turn turn = {{{cosine.x, cosine.y}, {cosine.z, cosine.w}},
                         {{sine.x, sine.y}, {sine.z, sine.w}}};
    return turn;
}

static __device__ __forceinline__ void bwd_rows_of(ttt_mma_rows *to, const bf16 *raw,
                                                   const ttt_mma_thread *at)
{
    uint2 rows[2];
#pragma unroll
    for (int r = 0; r < 2; r++)
        rows[r] = *(const uint2 *)(const void *)(raw + (at->g + 8 * r) * BWD_RAW_ROW +
                                                 16 * at->warp + 4 * at->i);
    ttt_mma_unpack(to, rows);
}

/* Puts K, Q and dW' as bf16 into shared memory. */
static __device__ __forceinline__ void bwd_prepare(bwd_rows *x, bwd_shared *sh, const bwd_state *st,
                                                   const ttt_mma_thread *at)
{
    ttt_mma_rows q;
    ttt_mma_turn turn = bwd_turn(sh);
    bwd_rows_of(&q, sh->raw[0], at);
    ttt_mma_rotate(&q, &turn, 1);
    ttt_mma_put(sh->Q, &q, at);
    bwd_rows_of(&x->k, sh->raw[1], at);
    ttt_mma_rotate(&x->k, &turn, 1);
    ttt_mma_put(sh->K, &x->k, at);
    bwd_rows_of(&x->left, sh->raw[2], at);
    bwd_rows_of(&x->dout, sh->raw[3], at);
    float4 four = sh->beta[threadIdx.x];
    float beta[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            x->left.x[j][e] = beta[2 * j + e % 2] - (x->left.x[j][e] - x->k.x[j][e]);
    uint32_t *to = sh->dW + 16 * at->warp * 32 + at->lane;
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n++) {
        to[32 * n] = pack_bf16(st->dW[n][0], st->dW[n][1]);
        to[32 * (8 + n)] = pack_bf16(st->dW[n][2], st->dW[n][3]);
    }
    ttt_mma_columns(x->db, st->dW[MMA_TILES - 1], at);
}

/* B fragments from the pieces of W^T or dW'^T: rows 16 m .. (in), the 16 columns (out) of the slice. */
static __device__ __forceinline__ void bwd_pieces(uint32_t B[4], const void *pieces, int m,
                                                  const ttt_mma_thread *at)
{
    int piece = (2 * at->warp + at->lane / 16) * 8 + 2 * m + at->lane / 8 % 2;
    ldmatrix(B, (const char *)pieces + piece * 128 + at->lane % 8 * 16);
}

/* The same of the transposed: rows 16 m .. (out), the 16 columns (in) of the slice. */
static __device__ __forceinline__ void bwd_pieces_trans(uint32_t B[4], const void *pieces, int m,
                                                        const ttt_mma_thread *at)
{
    int piece = (2 * m + at->lane / 8 % 2) * 8 + 2 * at->warp + at->lane / 16;
    ldmatrix_trans(B, (const char *)pieces + piece * 128 + at->lane % 8 * 16);
}

/* ---- the chunk forward again ---- */

/* Four sums of dW' W over the warp's part, += rows 16 m .. of W as pieces B. */
static __device__ __forceinline__ void bwd_dot(float sums[4], const float dW[MMA_TILES][4],
                                               const uint32_t B[4], int m)
{
#pragma unroll
    for (int x = 0; x < 4; x++) {
        const float *pair = dW[2 * m + x % 2] + x / 2 * 2;
        sums[x] += pair[0] * low_bf16(B[x]);
        sums[x] += pair[1] * high_bf16(B[x]);
    }
}

/* z = K W + b, zb = Q W + b, S = Q K^T + 1 and dG = K dW' */
static __device__ __forceinline__ void bwd_products(bwd_rows *x, float z[2][4], float zb[2][4],
                                                    float S[2][4], bwd_state *st,
                                                    const bwd_shared *sh,
                                                    const unsigned char *saved, int forgets,
                                                    const ttt_mma_thread *at)
{
    float4 b4 = ((const float4 *)(const void *)(saved + MMA_SAVED_W))[4 * at->warp + at->i];
    float b[4] = {b4.x, b4.y, b4.z, b4.w}, dot[4] = {};
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            z[j][e] = zb[j][e] = b[2 * j + e % 2];
            S[j][e] = 1;
            x->dG.x[j][e] = x->db[2 * j + e % 2];
        }
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t K[4], Q[4], W[4], dW[4];
        ldmatrix(K, ttt_mma_square(sh->K, 0, 16 * m, at));
        ldmatrix(Q, ttt_mma_square(sh->Q, 0, 16 * m, at));
        bwd_pieces(W, saved, m, at);
        bwd_pieces(dW, sh->dW, m, at);
        ttt_mma_pair(z, K, W[0], W[1], W[2], W[3]);
        ttt_mma_pair(zb, Q, W[0], W[1], W[2], W[3]);
        ttt_mma_pair(S, Q, K[0], K[2], K[1], K[3]);
        ttt_mma_pair(x->dG.x, K, dW[0], dW[1], dW[2], dW[3]);
        if (forgets)
            bwd_dot(dot, st->dW, W, m);
    }
    if (forgets && at->g == 0)
#pragma unroll
        for (int e = 0; e < 4; e++)
            dot[e] += x->db[e] * b[e];
    st->drho += (dot[0] + dot[1]) + (dot[2] + dot[3]);
}

/* A fragment of the transposed of a matrix [16,16] from its C fragments, through the warp's room. */
static __device__ __forceinline__ void
bwd_transposed(uint32_t to[4], bf16 *room, const uint32_t from[4], const ttt_mma_thread *at)
{
    __syncwarp();
#pragma unroll
    for (int x = 0; x < 4; x++)
        *(uint32_t *)(void *)(room + (at->g + x % 2 * 8) * BWD_SMALL_ROW + x / 2 * 8 + 2 * at->i) =
            from[x];
    __syncwarp();
    ldmatrix_trans(to, room + (at->lane % 8 + at->lane / 16 * 8) * BWD_SMALL_ROW +
                           at->lane % 16 / 8 * 8);
}

/* xh, G and zb of the chunk; the thread's part of sum gamma do and sum gamma do xo, put for all;
 * zb becomes xo. */
static __device__ __forceinline__ void bwd_forward(bwd_rows *x, bwd_shared *sh, const float z[2][4],
                                                   float zb[2][4], const float S[2][4],
                                                   float rs_o[2], const unsigned char *saved,
                                                   float lambda, const ttt_mma_head *head,
                                                   const ttt_mma_thread *at)
{
    uint32_t G[4], mix[4];
    float4 inner[2], outer[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        inner[r] = bwd_saved_row(saved, at->g + 8 * r, 0);
        outer[r] = bwd_saved_row(saved, at->g + 8 * r, 1);
        x->rs[r] = inner[r].x, rs_o[r] = outer[r].z;
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float4 s = inner[e / 2];
            float g = head->gamma[2 * j + e % 2], xh = z[j][e] * s.x - s.y;
            x->xh.x[j][e] = xh;
            x->G.x[j][e] = ((g * g - s.w) * xh + (g * x->left.x[j][e] - s.z)) * s.x;
        }
    ttt_mma_put(sh->G, &x->G, at);
    ttt_mma_rate(x->rate, lambda, head->tau, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            mix[2 * n + r] = pack_bf16(-x->rate[n][2 * r] * S[n][2 * r],
                                       -x->rate[n][2 * r + 1] * S[n][2 * r + 1]);
    if (at->warp < 2) {
        sh->S[0][threadIdx.x] = make_float4(S[0][0], S[0][1], S[0][2], S[0][3]);
        sh->S[1][threadIdx.x] = make_float4(S[1][0], S[1][1], S[1][2], S[1][3]);
    }
    bwd_transposed(x->mix, sh->small[at->warp], mix, at);
    ldmatrix_trans(G, ttt_mma_across(sh->G, 0, 16 * at->warp, at));
    ttt_mma_pair(zb, mix, G[0], G[2], G[1], G[3]);

    float sums[4] = {};
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float d = head->gamma[2 * j + e % 2] * x->dout.x[j][e];
            zb[j][e] = zb[j][e] * rs_o[e / 2] - outer[e / 2].w;
            sums[e / 2 * 2] += d;
            sums[e / 2 * 2 + 1] += d * zb[j][e];
        }
    int high = at->i & 2, odd = at->i & 1;
    float first = high ? sums[2] : sums[0], second = high ? sums[3] : sums[1];
    first += __shfl_xor_sync(0xffffffffu, high ? sums[0] : sums[2], 2);
    second += __shfl_xor_sync(0xffffffffu, high ? sums[1] : sums[3], 2);
    float mine = odd ? second : first;
    mine += __shfl_xor_sync(0xffffffffu, odd ? first : second, 1);
    ((float *)sh->sums_o)[(at->g * 4 + at->warp) * 4 + at->i] = mine;
}

#endif
