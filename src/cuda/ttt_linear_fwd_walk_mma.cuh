/* TTT-Linear forward where blocks are few: before the walk over the chunks, and the walk. */
#ifndef BL_CUDA_TTT_LINEAR_FWD_WALK_MMA_CUH
#define BL_CUDA_TTT_LINEAR_FWD_WALK_MMA_CUH

#include "cuda/ttt_linear_walk_mma.cuh"

/* What the walk reads of a chunk.  u = gamma (beta - (v - k)); steps = -(r K); of a token: sum u, and -r
 * as bf16. */
typedef struct fwd_record {
    walk_fragments u, K, steps;
    uint4 near[32], far[32];
    float sum_u[MMA_C];
    bf16 rate[MMA_C];
} fwd_record;
static_assert(sizeof(fwd_record) % 16 == 0, "a record");

/* ---- before: records of chunks ---- */

typedef struct fwd_before_shared {
    bf16 K[3][MMA_TILE], steps[MMA_TILE];
    float4 sums[MMA_C]; /* of u, of a warp each */
} fwd_before_shared;

/* u and -(r K) of a chunk: the first into the record, the other and K as matrices. */
static __device__ __forceinline__ void
fwd_before_rows(fwd_record *to, fwd_before_shared *sh, bf16 *K, const uint2 raw_k[2],
                const uint2 raw_v[2], float rate, const ttt_mma_turn *turn,
                const ttt_mma_head *head, const ttt_mma_thread *at)
{
    ttt_mma_rows key, u;
    float sums[2] = {};
    ttt_mma_unpack(&key, raw_k);
    ttt_mma_rotate(&key, turn, 1);
    ttt_mma_put(K, &key, at);
    ttt_mma_unpack(&u, raw_v);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float step = __shfl_sync(0xffffffffu, rate, at->g + 8 * r);
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
            for (int e = 2 * r; e < 2 * r + 2; e++) {
                float target = u.x[j][e] - key.x[j][e];
                u.x[j][e] = head->gamma[2 * j + e % 2] * (head->beta[2 * j + e % 2] - target);
                sums[r] += u.x[j][e];
                key.x[j][e] *= step;
            }
        sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], 2);
        sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], 1);
        if (at->i == 0)
            ((float *)&sh->sums[at->g + 8 * r])[at->warp] = sums[r];
    }
    ttt_mma_put(sh->steps, &key, at);
    walk_put_rows(&to->u, &u, at);
}

/* blockIdx.x = b H + h, blockIdx.y a part of its chunks. */
static __global__ void __launch_bounds__(MMA_THREADS, 6)
    ttt_linear_fwd_before_kernel(const ttt_mma_call call, fwd_record *records)
{
    __shared__ __align__(16) fwd_before_shared shared;
    fwd_before_shared *sh = &shared;
    ttt_mma_thread at = ttt_mma_here(&call);
    ttt_mma_turn turn;
    ttt_mma_head head;
    walk_range range = walk_range_of(call.T);
    uint2 k[2], v[2];
    float rho = 1;
    uint32_t t0 = range.begin * MMA_C;
    ttt_mma_fetch(k, call.k, &at, t0);
    ttt_mma_fetch(v, call.v, &at, t0);
    ttt_mma_turn_begin(&turn, call.rope_theta, &at);
    ttt_mma_head_begin(&head, &call, &at);
    if (call.half_life)
        rho = (float)ttt_forget_of(call.half_life[blockIdx.x % call.H]).rho;
    walk_put_key(sh->K[(range.begin + 2) % 3], &call, &turn, &at, t0 - MMA_C);
    walk_put_key(sh->K[(range.begin + 1) % 3], &call, &turn, &at, t0 - 2 * MMA_C);

    for (unsigned i = range.begin; i < range.end; i++) {
        fwd_record *to = walk_record(records, call.T, i);
        t0 = i * MMA_C;
        /* W changes by full chunks only */
        float lambda = ttt_mma_lambda(call.lambda, &at, t0), tau = -head.tau_last;
        float rate = t0 + MMA_C <= at.T ? tau * lambda : 0;
        fwd_before_rows(to, sh, sh->K[i % 3], k, v, rate, &turn, &head, &at);
        ttt_mma_fetch(k, call.k, &at, t0 + MMA_C);
        ttt_mma_fetch(v, call.v, &at, t0 + MMA_C);
        __syncthreads();
        walk_put_left(&to->K, sh->K[i % 3], &at);
        walk_put_right(&to->steps, sh->steps, &at);
        if (at.warp == 0)
            walk_put_near(to->near, sh->K[i % 3], sh->K[(i + 2) % 3],
                          tau * ttt_mma_lambda(call.lambda, &at, t0 - MMA_C), &at);
        if (at.warp == 1)
            walk_put_near(to->far, sh->K[i % 3], sh->K[(i + 1) % 3],
                          rho * tau * ttt_mma_lambda(call.lambda, &at, t0 - 2 * MMA_C), &at);
        if (at.warp == 2 && at.lane < MMA_C) {
            to->sum_u[at.lane] = walk_sum(sh->sums[at.lane]);
            to->rate[at.lane] = __float2bfloat16_rn(rate);
        }
        __syncthreads();
    }
}

/* ---- the walk ---- */

typedef struct fwd_walk_shared {
    union {
        fwd_record ring[WALK_STAGES];
        float stage[MMA_STAGE];
    };
    walk_shared both;
    float rho, lost_share;
} fwd_walk_shared;

/* Of a step: z, whose mean is nearly 0, and u. */
typedef struct fwd_walk_rows {
    float z[2][4], sum_u[2];
    ttt_mma_rows u;
    uint4 near;
} fwd_walk_rows;

/* What step s has of its own: all of z but for the step before, less the mean of pre. */
static __device__ __forceinline__ void fwd_walk_take(fwd_walk_rows *x, fwd_walk_shared *sh,
                                                     uint4 before, const ttt_mma_thread *at,
                                                     unsigned s)
{
    const fwd_record *from = &sh->ring[s % WALK_STAGES];
    walk_take(x->z, sh->both.pre[s % 2]);
    uint4 far = from->far[at->lane];
    x->near = from->near[at->lane];
    walk_unpack(&x->u, from->u.at[at->warp][at->lane]);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float mean = walk_sum(sh->both.means[s % 2][at->g + 8 * r]) * (1.0f / MMA_F);
        x->sum_u[r] = from->sum_u[at->g + 8 * r] * (1.0f / MMA_F);
#pragma unroll
        for (int j = 0; j < 2; j++)
            x->z[j][2 * r] -= mean, x->z[j][2 * r + 1] -= mean;
    }
    walk_times(x->z, far, before);
}

/* The sums of step s over features: z^2, z gamma^2, z^2 gamma^2, z u, z. */
static __device__ __forceinline__ void fwd_walk_sums(const fwd_walk_rows *x, fwd_walk_shared *sh,
                                                     const float gamma2[4],
                                                     const ttt_mma_thread *at, unsigned s)
{
    float sums[2][4], half[4], mine[2], both[2];
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int c = 0; c < 4; c++) {
            int j = c / 2, e = 2 * r + c % 2;
            float z = x->z[j][e], g = gamma2[c] * z;
            both[r] = c ? z + both[r] : z;
            sums[r][0] = z * z + (c ? sums[r][0] : 0);
            sums[r][1] = c ? g + sums[r][1] : g;
            sums[r][2] = g * z + (c ? sums[r][2] : 0);
            sums[r][3] = x->u.x[j][e] * z + (c ? sums[r][3] : 0);
        }
    int high = at->i & 2, odd = at->i & 1, row = at->g + (high ? 8 : 0), which = high + odd;
#pragma unroll
    for (int n = 0; n < 4; n++) {
        half[n] = high ? sums[1][n] : sums[0][n];
        half[n] += __shfl_xor_sync(0xffffffffu, high ? sums[0][n] : sums[1][n], 2);
    }
#pragma unroll
    for (int n = 0; n < 2; n++) {
        mine[n] = odd ? half[2 + n] : half[n];
        mine[n] += __shfl_xor_sync(0xffffffffu, odd ? half[n] : half[2 + n], 1);
    }
    float sum = high ? both[1] : both[0];
    sum += __shfl_xor_sync(0xffffffffu, high ? both[0] : both[1], 2);
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    *walk_sum_at(&sh->both.sums[s % 2][2 * odd][row], at->warp, which) = mine[0];
    *walk_sum_at(&sh->both.sums[s % 2][2 * odd + 1][row], at->warp, which) = mine[1];
    if (!odd)
        *walk_sum_at(&sh->both.sums[s % 2][4][row], at->warp, which) = sum;
}

/* G of step s, left for the state group, and z of the next, which is of nothing after the last.  z may
 * have a mean, m: G is bf16, so its sum over features is not quite 0, and what the two steps before
 * bring of that would grow from step to step if it were taken for 0. */
static __device__ __forceinline__ void fwd_walk_rows_step(fwd_walk_rows *x, uint4 *before,
                                                          fwd_walk_shared *sh,
                                                          const float gamma2[4], float mean_gamma2,
                                                          const ttt_mma_thread *at, unsigned s)
{
    float G[2][4], sums[2][5];
    fwd_walk_rows next;
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int n = 0; n < 5; n++)
            sums[r][n] = walk_sum(sh->both.sums[s % 2][n][at->g + 8 * r]) * (1.0f / MMA_F);
    fwd_walk_take(&next, sh, *before, at, s + 1);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float m = sums[r][4], mg = m * mean_gamma2;
        float rs = rsqrtf(sums[r][0] - m * m + 1e-6f), square = rs * rs;
        float mean = ((sums[r][1] - mg) * rs + x->sum_u[r]) * rs;
        float slope = (sums[r][2] - m * (2 * sums[r][1] - mg)) * rs;
        slope = (slope + (sums[r][3] - m * x->sum_u[r])) * rs;
#pragma unroll
        for (int c = 0; c < 4; c++) {
            int j = c / 2, e = 2 * r + c % 2;
            G[j][e] =
                (gamma2[c] - slope) * (square * (x->z[j][e] - m)) + (x->u.x[j][e] * rs - mean);
        }
    }
    uint4 g = walk_turned(G);
    walk_times(next.z, next.near, g);
    sh->both.g[s % 2][threadIdx.x] = g;
    fwd_walk_sums(&next, sh, gamma2, at, s + 1);
    *before = g;
    *x = next;
}

/* The mean of gamma^2 over the features of the head. */
static __device__ __forceinline__ float walk_mean_gamma2(const ttt_mma_call *call,
                                                         const ttt_mma_thread *at)
{
    const float *gamma = call->gamma + (size_t)(blockIdx.x % call->H * MMA_F);
    float first = gamma[at->lane], second = gamma[32 + at->lane];
    return warp_sum(first * first + second * second) * (1.0f / MMA_F);
}

/* What the state group carries: W and b, as they are or after forgetting; (1 - rho) W0 and b0. */
typedef struct fwd_walk_state {
    float W[MMA_TILES][4], lost[MMA_TILES][4];
    float b[2][4], lost_b[2][4];
    float rho;
} fwd_walk_state;

/* y of step s but for the steps before it, and its part of the sums over features. */
static __device__ __forceinline__ void fwd_walk_pre(fwd_walk_shared *sh, float y[2][4],
                                                    const float V[MMA_TILES][4],
                                                    const ttt_mma_thread *at, unsigned s)
{
    walk_product(y, V, &sh->ring[s % WALK_STAGES].K, at);
    walk_leave(sh->both.pre[s % 2], y, at);
    float first = (y[0][0] + y[0][1]) + (y[1][0] + y[1][1]);
    float second = (y[0][2] + y[0][3]) + (y[1][2] + y[1][3]);
    int high = at->i & 2;
    float sum = high ? second : first;
    sum += __shfl_xor_sync(0xffffffffu, high ? first : second, 2);
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    if (at->i % 2 == 0)
        ((float *)&sh->both.means[s % 2][at->g + (high ? 8 : 0)])[at->warp] = sum;
}

/* V = the state after the forgetting of a chunk, from it as it is. */
static __device__ __forceinline__ void fwd_walk_forget(float V[MMA_TILES][4], float y[2][4],
                                                       const fwd_walk_state *st,
                                                       const float W[MMA_TILES][4],
                                                       const float b[2][4])
{
    walk_forget_W(V, W, st->rho, st->lost);
    walk_forget(y, b, st->rho, st->lost_b);
}

/* pre of the first two steps. */
static __device__ __forceinline__ void fwd_walk_state_begin(fwd_walk_state *st, fwd_walk_shared *sh,
                                                            const ttt_mma_thread *at,
                                                            unsigned steps)
{
    float V[MMA_TILES][4], y[2][4];
    memcpy(y, st->b, sizeof y);
    fwd_walk_pre(sh, y, st->W, at, 0);
    if (steps < 2)
        return;
    fwd_walk_forget(V, y, st, st->W, st->b);
    fwd_walk_pre(sh, y, V, at, 1);
}

static __device__ __forceinline__ void fwd_walk_state_step(fwd_walk_state *st, fwd_walk_shared *sh,
                                                           unsigned char *saved,
                                                           const ttt_mma_thread *at, unsigned s,
                                                           unsigned steps)
{
    if (s > 0) {
        const fwd_record *before = &sh->ring[(s - 1) % WALK_STAGES];
        const uint32_t *rate = (const uint32_t *)(const void *)before->rate;
        uint4 g = sh->both.g[(s - 1) % 2][32 * at->warp + at->lane];
        uint32_t first = rate[at->i], second = rate[4 + at->i];
        walk_add(st->W, g, &before->steps, at);
        walk_times(st->b, make_uint4(first, first, second, second), g);
    }
    if (s == steps)
        return;
    walk_store(saved, st->W, st->b, at);
    if ((s + 1) * MMA_C <= at->T)
        fwd_walk_forget(st->W, st->b, st, st->W, st->b);
    if (s + 2 < steps) {
        float V[MMA_TILES][4], y[2][4];
        fwd_walk_forget(V, y, st, st->W, st->b);
        fwd_walk_pre(sh, y, V, at, s + 2);
    }
}

/* W and b where the row begins, and (1 - rho) W0 and b0, by all threads. */
static __device__ __forceinline__ void fwd_walk_begin(fwd_walk_state *st, fwd_walk_shared *sh,
                                                      const ttt_mma_call *call,
                                                      const ttt_mma_thread *at)
{
    size_t head = blockIdx.x % at->H, row = blockIdx.x;
    float *stage = sh->stage;
    if (threadIdx.x == 0) {
        bl_forget f = {1, 0, 0};
        if (call->half_life)
            f = ttt_forget_of(call->half_life[head]);
        sh->rho = (float)f.rho, sh->lost_share = (float)f.lost;
    }
    ttt_mma_stage(stage, call->W0 + head * MMA_F * MMA_F, call->b0 + head * MMA_F);
    __syncthreads();
    st->rho = sh->rho;
    ttt_mma_add_staged(st->W, stage, at);
#pragma unroll
    for (int n = 0; n < WALK_TILES; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            st->lost[n][e] = sh->lost_share * st->W[n][e];
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            st->b[j][e] = stage[MMA_F * MMA_STAGE_ROW + walk_feature(at, j, e % 2)];
            st->lost_b[j][e] = sh->lost_share * st->b[j][e];
        }
    __syncthreads();
    if (ttt_mma_continues(call)) {
        ttt_mma_stage(stage, call->from_W + row * MMA_F * MMA_F, call->from_b + row * MMA_F);
        __syncthreads();
        ttt_mma_add_staged(st->W, stage, at);
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                st->b[j][e] += stage[MMA_F * MMA_STAGE_ROW + walk_feature(at, j, e % 2)];
        __syncthreads();
    }
}

/* to = W - W0, b - b0 */
static __device__ __forceinline__ void fwd_walk_end(float *to_W, float *to_b, fwd_walk_state *st,
                                                    fwd_walk_shared *sh, const ttt_mma_call *call,
                                                    const ttt_mma_thread *at)
{
    size_t head = blockIdx.x % at->H, row = blockIdx.x;
    __syncthreads();
    if (threadIdx.x >= MMA_THREADS) {
        st->W[MMA_TILES - 1][0] = st->W[MMA_TILES - 1][2] = 0;
        ttt_mma_to_stage(sh->stage, st->W, at);
        __syncwarp();
#pragma unroll
        for (int x = 0; x < 4; x++)
            if (at->g == 0)
                sh->stage[MMA_F * MMA_STAGE_ROW + walk_feature(at, x / 2, x % 2)] =
                    st->b[x / 2][x % 2];
    }
    __syncthreads();
    ttt_mma_unstage(to_W + row * MMA_F * MMA_F, to_b + row * MMA_F, sh->stage,
                    call->W0 + head * MMA_F * MMA_F, call->b0 + head * MMA_F);
}

static __device__ __forceinline__ void fwd_walk_fetch(fwd_walk_shared *sh, const fwd_record *record,
                                                      int step, int steps)
{
    if (step < steps)
        walk_fetch<sizeof(fwd_record)>(&sh->ring[step % WALK_STAGES], record);
    copy_async_commit();
}

/* W and b of every chunk, in order: a block per (b, h), the first four warps the rows and the others
 * the state of ttt_linear_walk_mma.cuh. */
static __global__ void __launch_bounds__(WALK_THREADS, 1)
    ttt_linear_fwd_walk_kernel(const ttt_mma_call call, const fwd_record *records, float *to_W,
                               float *to_b)
{
    DYNAMIC_SHARED(fwd_walk_shared, sh);
    ttt_mma_thread at = walk_here(&call);
    int rows = threadIdx.x < MMA_THREADS, steps = (int)((call.T + MMA_C - 1) / MMA_C);
    unsigned char *saved = call.saved + (size_t)blockIdx.x * (size_t)steps * MMA_SAVED;
    const fwd_record *record = walk_record(records, at.T, 0);
    fwd_walk_rows x = {};
    fwd_walk_state st = {};
    float gamma2[4], mean_gamma2;
    uint4 before = make_uint4(0, 0, 0, 0);

    fwd_walk_begin(&st, sh, &call, &at);
    if (!rows)
        for (int s = 0; s < WALK_AHEAD; s++)
            fwd_walk_fetch(sh, record++, s, steps);
#pragma unroll
    for (int c = 0; c < 4; c++) {
        float gamma =
            call.gamma[blockIdx.x % call.H * MMA_F + (unsigned)walk_feature(&at, c / 2, c % 2)];
        gamma2[c] = gamma * gamma;
    }
    mean_gamma2 = walk_mean_gamma2(&call, &at);
    copy_async_wait<WALK_UNDER_WAY>();
    __syncthreads();
    if (!rows)
        fwd_walk_state_begin(&st, sh, &at, (unsigned)steps);
    __syncthreads();
    if (rows) {
        fwd_walk_take(&x, sh, before, &at, 0);
        fwd_walk_sums(&x, sh, gamma2, &at, 0);
    }
    for (int s = 0; s < steps; s++) {
        __syncthreads();
        if (rows) {
            fwd_walk_rows_step(&x, &before, sh, gamma2, mean_gamma2, &at, (unsigned)s);
        } else {
            fwd_walk_fetch(sh, record++, s + WALK_AHEAD, steps);
            fwd_walk_state_step(&st, sh, saved, &at, (unsigned)s, (unsigned)steps);
            saved += MMA_SAVED;
            copy_async_wait<WALK_UNDER_WAY>();
        }
    }
    __syncthreads();
    if (!rows)
        fwd_walk_state_step(&st, sh, saved, &at, (unsigned)steps, (unsigned)steps);
    copy_async_wait<0>();
    if (to_W)
        fwd_walk_end(to_W, to_b, &st, sh, &call, &at);
}

#endif
