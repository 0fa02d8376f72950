/* TTT-Linear backward on tensor cores: what its threads share, and a chunk forward once more. */
#ifndef BL_CUDA_TTT_LINEAR_BWD_MMA_CUH
#define BL_CUDA_TTT_LINEAR_BWD_MMA_CUH

#include "cuda/ttt_linear_walk_mma.cuh"

enum {
    BWD_RAW = MMA_C * MMA_F,  /* of q, k, v or dout as they came */
    BWD_SMALL = MMA_C * MMA_C /* of a matrix [16,16] */
};

/* What the threads of a block share.  dW: dW' as bf16 in the pieces of the saved W.  The warps
 * transpose -mix in the room of sums and dS in that of dW. */
typedef struct bwd_shared {
    unsigned char saved[2][MMA_SAVED];
    bf16 raw[4][BWD_RAW];
    bf16 K[MMA_TILE], Q[MMA_TILE], G[MMA_TILE], dZb[MMA_TILE], dZ[MMA_TILE];
    uint32_t dW[MMA_F * MMA_F / 2];
    float4 sums_o[8 * 5], sums[MMA_SUMS];
    /* for want of registers: each thread's cosines and sines, gamma, beta; S and the rates of mix as
     * fragments of a warp */
    float4 turn[2][MMA_THREADS], gamma[16], beta[16], S[2][32], rate[2][32];
    float4 dgamma[MMA_THREADS], dbeta[MMA_THREADS]; /* sums over chunks */
    float lambda[MMA_C], tau[MMA_C], ddelta[MMA_C];
    float4 lost[MMA_TILES - 1][MMA_THREADS]; /* the sum of dW' over full chunks */
    float2 lost_b[32];                       /* of db', of the threads of i = 0 */
    float rho, lost_share, slope, gamma2, drho[4];
} bwd_shared;

/* A pass over all that walks dW' from chunk to chunk; or, for few blocks, what is before the walk
 * and what is after it, of every chunk by itself (ttt_linear_bwd_serial_mma.cuh). */
typedef enum bwd_pass { BWD_WHOLE, BWD_BEFORE, BWD_AFTER } bwd_pass;

/* dW' in the pieces of the saved W, then db'. */
enum { BWD_WALKED = MMA_SAVED_W + MMA_SAVED_B };

/* What the walk reads of a chunk; dW' and db' take the place of its beginning.
 * R = -mix^T dzb / sigma; h = gamma^2 xh + a, as of 3.5.  A token: -r / sigma, 1/sigma, mean(a xh),
 * sum gamma^2 xh / F + mean(a); sum gamma^2 xh^2 / F + 3 mean(a xh). */
typedef struct bwd_record {
    walk_fragments R, xh, h, K, K_right, Q_right, dZb;
    uint4 near[32], far[32];
    float4 token[MMA_C][2];
} bwd_record;
static_assert(sizeof(bwd_record) >= BWD_WALKED && sizeof(bwd_record) % 16 == 0, "a record");

/* BWD_AFTER: dW' and db' of two chunks. */
typedef struct bwd_walked {
    unsigned char dW[2][BWD_WALKED];
} bwd_walked;

/* What a kernel reads and writes beside a ttt_mma_call. */
typedef struct bwd_to {
    bf16 *dq, *dk, *dv;
    float *dlambda;
    const bf16 *dout;
    float *partials; /* [B,H,places.floats] */
    ttt_grad_places places;
    bwd_record *records; /* [B,H,chunks] or NULL */
} bwd_to;

static __device__ __forceinline__ bwd_record *bwd_record_of(const bwd_to *to, uint32_t T,
                                                            unsigned i)
{
    return walk_record(to->records, T, i);
}

/* What a thread carries from chunk to chunk.  dW: fragments of dW'^T and db' of the chunk that
 * comes. */
typedef struct bwd_state {
    float dW[MMA_TILES][4];
    ttt_mma_rows dK;    /* of the chunk before, but for dz W^T */
    float drho, lambda; /* lambda: of row lane % 16 of the chunk that comes; of one warp */
} bwd_state;

/* A thread's rows of one chunk. */
typedef struct bwd_rows {
    ttt_mma_rows left;       /* beta - (v - k) */
    ttt_mma_rows xh, dG, dK; /* dG becomes dV */
    uint2 dout[2];           /* as it came */
    uint32_t error[4];       /* gamma xh + left as bf16 */
    float rs[2];             /* 1/sigma of rows g, g + 8 */
    float db[4];             /* db' */
    uint32_t mix[4];         /* -mix^T as an A fragment */
} bwd_rows;

/* What was saved of row `row`: the first four numbers, or the others. */
static __device__ __forceinline__ float4 bwd_saved_row(const unsigned char *saved, int row,
                                                       int half)
{
    return ((const float4 *)(const void *)(saved + MMA_SAVED_W + MMA_SAVED_B))[2 * row + half];
}

/* ---- loads ---- */

/* Where 8 elements stand, part number `part` of a row: in another order from row to row, against bank
 * conflicts. */
static __device__ __forceinline__ int bwd_raw_at(int row, int part)
{
    return row * MMA_F + (part ^ 2 * row % 8) * 8;
}

/* Element (b, t = 16 i, h, 0) of q, the same for all threads. */
static __device__ __forceinline__ size_t bwd_origin(const ttt_mma_call *call, unsigned i)
{
    size_t b = blockIdx.x / call->H, h = blockIdx.x % call->H;
    return ((b * call->T + (size_t)i * MMA_C) * call->H + h) * MMA_F;
}

/* Asks for what chunk i needs: rows of q, k, v and dout, of which there are `rows`, and what was
 * saved. */
static __device__ __forceinline__ void bwd_fetch(bwd_shared *sh, const ttt_mma_call *call,
                                                 const bf16 *dout, unsigned i, unsigned rows)
{
    const bf16 *const from[4] = {call->q, call->k, call->v, dout};
    unsigned row = threadIdx.x / 8;
    int to = bwd_raw_at((int)row, (int)threadIdx.x % 8), bytes = row < rows ? 16 : 0;
    uint32_t element = row < rows ? row * call->H * MMA_F + threadIdx.x % 8 * 8 : 0;
    size_t origin = bwd_origin(call, i);
    const unsigned char *source =
        call->saved + ((size_t)blockIdx.x * ((call->T + MMA_C - 1) / MMA_C) + i) * MMA_SAVED;
#pragma unroll
    for (int x = 0; x < 4; x++)
        copy_async(sh->raw[x] + to, from[x] + origin + element, bytes);
    unsigned char *saved = sh->saved[i % 2] + threadIdx.x * 16;
    static_assert(MMA_SAVED > 4 * 16 * MMA_THREADS && MMA_SAVED < 5 * 16 * MMA_THREADS, "parts");
#pragma unroll
    for (int x = 0; x < 4; x++)
        copy_async(saved + x * 16 * MMA_THREADS, source + threadIdx.x * 16 + x * 16 * MMA_THREADS,
                   16);
    if (threadIdx.x < (MMA_SAVED - 4 * 16 * MMA_THREADS) / 16)
        copy_async(saved + 4 * 16 * MMA_THREADS, source + threadIdx.x * 16 + 4 * 16 * MMA_THREADS,
                   16);
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

static __device__ __forceinline__ void bwd_rows_of(uint2 rows[2], const bf16 *raw,
                                                   const ttt_mma_thread *at)
{
#pragma unroll
    for (int r = 0; r < 2; r++)
        rows[r] = *(const uint2 *)(const void *)(raw + 8 * MMA_F * r +
                                                 bwd_raw_at(at->g, 2 * at->warp + at->i / 2) +
                                                 at->i % 2 * 4);
}

/* What ttt_mma_put left at the thread's places. */
static __device__ __forceinline__ void bwd_take(ttt_mma_rows *x, const bf16 *tile,
                                                const ttt_mma_thread *at)
{
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            uint32_t pair = *(const uint32_t *)(const void *)(tile + (at->g + 8 * r) * MMA_ROW +
                                                              at->column + 8 * j);
            x->x[j][2 * r] = low_bf16(pair), x->x[j][2 * r + 1] = high_bf16(pair);
        }
}

/* The thread's four of gamma or beta. */
static __device__ __forceinline__ void bwd_four(float to[4], const float4 *from,
                                                const ttt_mma_thread *at)
{
    float4 x = from[4 * at->warp + at->i];
    to[0] = x.x, to[1] = x.y, to[2] = x.z, to[3] = x.w;
}

/* The step sizes of a chunk and the rates of mix, put for all by one warp. */
static __device__ __forceinline__ void bwd_rate(bwd_shared *sh, float lambda,
                                                const ttt_mma_thread *at)
{
    float rate[2][4], tau[2] = {sh->tau[at->g], sh->tau[at->g + 8]};
    ttt_mma_rate(rate, lambda, tau, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
        sh->rate[n][at->lane] = make_float4(rate[n][0], rate[n][1], rate[n][2], rate[n][3]);
    if (at->lane < MMA_C)
        sh->lambda[at->lane] = lambda;
}

/* a b, one by one */
static __device__ __forceinline__ void bwd_times(float to[2][4], const float a[2][4],
                                                 const float4 b[2][32], const ttt_mma_thread *at)
{
#pragma unroll
    for (int n = 0; n < 2; n++) {
        float4 x = b[n][at->lane];
        to[n][0] = a[n][0] * x.x, to[n][1] = a[n][1] * x.y;
        to[n][2] = a[n][2] * x.z, to[n][3] = a[n][3] * x.w;
    }
}

/* Asks for dW' and db' of a chunk. */
static __device__ __forceinline__ void bwd_fetch_walked(unsigned char *to, const bwd_record *record)
{
    for (int x = (int)threadIdx.x * 16; x < BWD_WALKED; x += 16 * MMA_THREADS)
        copy_async(to + x, (const char *)record + x, 16);
    copy_async_commit();
}

/* Puts dW' as bf16 into shared memory; db' of the thread's four. */
static __device__ __forceinline__ void bwd_put_dW(bwd_rows *x, bwd_shared *sh, const bwd_state *st,
                                                  const ttt_mma_thread *at)
{
    uint32_t *to = sh->dW + 16 * at->warp * 32 + at->lane;
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n++) {
        to[32 * n] = pack_bf16(st->dW[n][0], st->dW[n][1]);
        to[32 * (8 + n)] = pack_bf16(st->dW[n][2], st->dW[n][3]);
    }
    ttt_mma_columns(x->db, st->dW[MMA_TILES - 1], at);
}

/* Puts K and Q as bf16 into shared memory. */
static __device__ __forceinline__ void
bwd_prepare(bwd_rows *x, bwd_shared *sh, const ttt_mma_turn *turn, const ttt_mma_thread *at)
{
    ttt_mma_rows q, k;
    uint2 raw[2];
    bwd_rows_of(raw, sh->raw[0], at);
    ttt_mma_unpack(&q, raw);
    ttt_mma_rotate(&q, turn, 1);
    ttt_mma_put(sh->Q, &q, at);
    bwd_rows_of(raw, sh->raw[1], at);
    ttt_mma_unpack(&k, raw);
    ttt_mma_rotate(&k, turn, 1);
    ttt_mma_put(sh->K, &k, at);
    bwd_rows_of(raw, sh->raw[2], at);
    ttt_mma_unpack(&x->left, raw);
    bwd_rows_of(x->dout, sh->raw[3], at);
    float beta[4];
    bwd_four(beta, sh->beta, at);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            x->left.x[j][e] = beta[2 * j + e % 2] - (x->left.x[j][e] - k.x[j][e]);
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

/* What is the same in all chunks, and the loads of the last; ends with a barrier. */
static __device__ __forceinline__ void bwd_begin(bwd_state *st, bwd_shared *sh,
                                                 const ttt_mma_call *call, const bf16 *dout,
                                                 const ttt_mma_thread *at, walk_range range)
{
    ttt_mma_turn turn;
    ttt_mma_head head;
    uint32_t t0 = (range.end - 1) * MMA_C;
    bwd_fetch(sh, call, dout, range.end - 1, at->T - t0);
    if (call->half_life && threadIdx.x == 0) {
        bl_forget f = ttt_forget_of(call->half_life[blockIdx.x % call->H]);
        sh->rho = (float)f.rho, sh->lost_share = (float)f.lost, sh->slope = (float)f.slope;
    }
    ttt_mma_turn_begin(&turn, call->rope_theta, at);
    sh->turn[0][threadIdx.x] =
        make_float4(turn.cosine[0][0], turn.cosine[0][1], turn.cosine[1][0], turn.cosine[1][1]);
    sh->turn[1][threadIdx.x] =
        make_float4(turn.sine[0][0], turn.sine[0][1], turn.sine[1][0], turn.sine[1][1]);
    ttt_mma_head_begin(&head, call, at);
    if (at->g == 0)
        sh->gamma[4 * at->warp + at->i] =
            make_float4(head.gamma[0], head.gamma[1], head.gamma[2], head.gamma[3]);
    if (at->g == 0)
        sh->beta[4 * at->warp + at->i] =
            make_float4(head.beta[0], head.beta[1], head.beta[2], head.beta[3]);
    float gamma2 = ttt_mma_gamma2(call, at);
    if (threadIdx.x == 0)
        sh->gamma2 = gamma2;
    if (threadIdx.x < MMA_C)
        sh->tau[threadIdx.x] = ttt_mma_tau(call->delta, (int)threadIdx.x),
        sh->ddelta[threadIdx.x] = 0;
    sh->dgamma[threadIdx.x] = sh->dbeta[threadIdx.x] = make_float4(0, 0, 0, 0);
    if (at->warp == 2)
        st->lambda = ttt_mma_lambda(call->lambda, at, t0);
    copy_async_wait<0>();
    __syncthreads();
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

/* z = K W + b, zb = Q W + b, S = Q K^T + 1 and dG = K dW' + db';  the sum of dW' W */
template <bwd_pass PASS>
static __device__ __forceinline__ void
bwd_products(bwd_rows *x, float z[2][4], float zb[2][4], float S[2][4], bwd_state *st,
             const bwd_shared *sh, const unsigned char *saved, const unsigned char *walked,
             int forgets, const ttt_mma_thread *at)
{
    float4 b4 = ((const float4 *)(const void *)(saved + MMA_SAVED_W))[4 * at->warp + at->i];
    float b[4] = {b4.x, b4.y, b4.z, b4.w}, dot[4] = {};
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            z[j][e] = zb[j][e] = b[2 * j + e % 2];
            S[j][e] = 1;
            x->dG.x[j][e] = PASS == BWD_BEFORE ? 0 : x->db[2 * j + e % 2];
        }
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t K[4], Q[4], W[4];
        ldmatrix(K, ttt_mma_square(sh->K, 0, 16 * m, at));
        ldmatrix(Q, ttt_mma_square(sh->Q, 0, 16 * m, at));
        bwd_pieces(W, saved, m, at);
        ttt_mma_pair(z, K, W[0], W[1], W[2], W[3]);
        ttt_mma_pair(zb, Q, W[0], W[1], W[2], W[3]);
        ttt_mma_pair(S, Q, K[0], K[2], K[1], K[3]);
        if (PASS == BWD_WHOLE) {
            uint4 dW = ttt_mma_pack(st->dW, m);
            ttt_mma_pair(x->dG.x, K, dW.x, dW.y, dW.z, dW.w);
            bwd_dot(dot, st->dW, W, m);
        } else if (PASS == BWD_AFTER) {
            uint32_t dW[4];
            bwd_pieces(dW, walked, m, at);
            ttt_mma_pair(x->dG.x, K, dW[0], dW[1], dW[2], dW[3]);
        }
    }
    if (PASS != BWD_WHOLE)
        return;
    float last = (x->db[0] * b[0] + x->db[1] * b[1]) + (x->db[2] * b[2] + x->db[3] * b[3]);
    st->drho += forgets ? (dot[0] + dot[1]) + (dot[2] + dot[3]) + (at->g ? 0 : last) : 0;
}

/* Where 8 elements of a matrix [16,16] stand; odd fours of rows have their halves exchanged, against
 * bank conflicts. */
static __device__ __forceinline__ int bwd_small_at(int row, int half)
{
    return row * MMA_C + (half ^ row / 4 % 2) * 8;
}

/* A fragment of the transposed of a matrix [16,16] from its C fragments, through room of the warp's own. */
static __device__ __forceinline__ void
bwd_transposed(uint32_t to[4], bf16 *room, const uint32_t from[4], const ttt_mma_thread *at)
{
    room += BWD_SMALL * at->warp;
    __syncwarp();
#pragma unroll
    for (int x = 0; x < 4; x++)
        *(uint32_t *)(void *)(room + bwd_small_at(at->g + x % 2 * 8, x / 2) + 2 * at->i) = from[x];
    __syncwarp();
    ldmatrix_trans(to, room + bwd_small_at(at->lane % 8 + at->lane / 16 * 8, at->lane % 16 / 8));
}

/* xh, G and zb of the chunk; the thread's part of sum gamma do and sum gamma do xo, put for all;
 * zb becomes xo. */
static __device__ __forceinline__ void bwd_forward(bwd_rows *x, bwd_shared *sh, const float z[2][4],
                                                   float zb[2][4], const float S[2][4],
                                                   float rs_o[2], const unsigned char *saved,
                                                   const ttt_mma_thread *at)
{
    uint32_t fragment[4], mix[4];
    float step[2][4], gamma[4];
    ttt_mma_rows G, dout;
    bwd_four(gamma, sh->gamma, at);
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
            float g = gamma[2 * j + e % 2], xh = z[j][e] * s.x - s.y;
            x->xh.x[j][e] = xh;
            G.x[j][e] = ((g * g - s.w) * xh + (g * x->left.x[j][e] - s.z)) * s.x;
            x->left.x[j][e] += g * xh;
        }
    ttt_mma_put(sh->G, &G, at);
#pragma unroll
    for (int y = 0; y < 4; y++)
        x->error[y] = pack_bf16(x->left.x[y / 2][y % 2 * 2], x->left.x[y / 2][y % 2 * 2 + 1]);
    bwd_times(step, S, sh->rate, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            mix[2 * n + r] = pack_bf16(-step[n][2 * r], -step[n][2 * r + 1]);
    if (at->warp == 3) {
        sh->S[0][at->lane] = make_float4(S[0][0], S[0][1], S[0][2], S[0][3]);
        sh->S[1][at->lane] = make_float4(S[1][0], S[1][1], S[1][2], S[1][3]);
    }
    bwd_transposed(x->mix, (bf16 *)(void *)sh->sums, mix, at);
    ldmatrix_trans(fragment, ttt_mma_across(sh->G, 0, 16 * at->warp, at));
    ttt_mma_pair(zb, mix, fragment[0], fragment[2], fragment[1], fragment[3]);

    float sums[4] = {};
    ttt_mma_unpack(&dout, x->dout);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float d = gamma[2 * j + e % 2] * dout.x[j][e];
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
    ((float *)sh->sums_o)[(at->g * 5 + at->warp) * 4 + at->i] = mine;
}

/* The thread anew, by a lane that the compiler cannot guess: so that it computes addresses where they
 * are wanted, as there are no registers for them to wait in. */
static __device__ __forceinline__ void bwd_anew(ttt_mma_thread *at)
{
    at->lane = __shfl_sync(0xffffffffu, at->lane, at->lane);
    at->g = at->lane / 4, at->i = at->lane % 4;
    at->column = 16 * at->warp + 2 * at->i;
}

#endif
