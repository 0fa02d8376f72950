/* TTT-Linear forward on tensor cores: heads of 64, chunks of 16, bf16 activations (MODEL 3.2). */
#include "cuda/ttt_linear_fwd_walk_mma.cuh"

/* Matrices of chunk k: K and Q are read until the barrier of chunk k, steps = -(r K) behind it; its
 * column 64 is -r, the others from there on 0. */
typedef struct fwd_shared {
    float4 lost[MMA_TILES][MMA_THREADS]; /* (1 - rho) W0^T, b0 as fragments */
    float4 sums[2][MMA_SUMS];
    float4 q[3][2][MMA_THREADS], u[2][MMA_THREADS]; /* each thread's own rows, as floats */
    bf16 K[2][MMA_TILE], Q[2][MMA_TILE], steps[3][MMA_TILE], G[MMA_TILE];
    float rho, lost_share;
} fwd_shared;
static_assert((7 + 1) * MMA_TILE * sizeof(bf16) >= MMA_STAGE * sizeof(float), "a staged W");

/* What comes from memory, one chunk before it is wanted. */
typedef struct fwd_raw {
    uint2 q[2], k[2], v[2];
    float lambda;
} fwd_raw;

/* Of rows g and g + 8: 1/sigma and mean/sigma of z, mean(a), mean(a xh). */
typedef struct fwd_stats {
    float rs[2], shift[2], mean_a[2], slope[2];
} fwd_stats;

static __device__ __forceinline__ void fwd_fetch(fwd_raw *raw, const ttt_mma_call *call,
                                                 const ttt_mma_thread *at, uint32_t t0)
{
    ttt_mma_fetch(raw->q, call->q, at, t0);
    ttt_mma_fetch(raw->k, call->k, at, t0);
    ttt_mma_fetch(raw->v, call->v, at, t0);
    raw->lambda = ttt_mma_lambda(call->lambda, at, t0);
}

/* Rotates the rows of chunk k and puts its matrices into shared memory, and its q and
 * u = gamma (beta - (v - k)). */
static __device__ __forceinline__ void fwd_prepare(fwd_shared *sh, const fwd_raw *raw,
                                                   const ttt_mma_turn *turn,
                                                   const ttt_mma_head *head,
                                                   const ttt_mma_thread *at, unsigned k)
{
    ttt_mma_rows q, key, u;
    bf16 *steps = sh->steps[k % 3];
    float tau = (k + 1) * MMA_C <= at->T ? -head->tau_last : 0; /* W changes by full chunks only */
    ttt_mma_unpack(&q, raw->q);
    ttt_mma_rotate(&q, turn, 1);
    ttt_mma_put(sh->Q[k % 2], &q, at);
    ttt_mma_keep(sh->q[k % 3], &q);
    ttt_mma_unpack(&key, raw->k);
    ttt_mma_rotate(&key, turn, 1);
    ttt_mma_put(sh->K[k % 2], &key, at);
    ttt_mma_unpack(&u, raw->v);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float rate = tau * __shfl_sync(0xffffffffu, raw->lambda, at->g + 8 * r);
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
            for (int x = 2 * r; x < 2 * r + 2; x++) {
                float target = u.x[j][x] - key.x[j][x];
                u.x[j][x] = head->gamma[2 * j + x % 2] * (head->beta[2 * j + x % 2] - target);
                key.x[j][x] *= rate;
            }
        if (at->warp == 0 && at->i == 0)
            steps[(at->g + 8 * r) * MMA_ROW + MMA_F] = __float2bfloat16_rn(rate);
    }
    ttt_mma_put(steps, &key, at);
    ttt_mma_keep(sh->u, &u);
}

/* A pass over all, which saves W of every chunk or not; or, for few blocks, what reads W after the walk,
 * of every chunk by itself. */
typedef enum fwd_pass { FWD_WHOLE, FWD_SAVING, FWD_AFTER } fwd_pass;

/* W of a chunk as fragments of products, and b, from what was saved. */
typedef struct fwd_walked {
    uint4 W[4];
    float4 b;
} fwd_walked;

static __device__ __forceinline__ void fwd_fetch_walked(fwd_walked *to, const unsigned char *saved,
                                                        const ttt_mma_thread *at)
{
    const uint32_t *pieces = (const uint32_t *)(const void *)saved + 16 * at->warp * 32 + at->lane;
#pragma unroll
    for (int m = 0; m < 4; m++)
        to->W[m] = make_uint4(pieces[64 * m], pieces[64 * m + 32], pieces[64 * m + 256],
                              pieces[64 * m + 288]);
    to->b = ((const float4 *)(const void *)(saved + MMA_SAVED_W))[4 * at->warp + at->i];
}

/* z = K W + b, zq = Q W + b, S = Q K^T of chunk k; saves W and b as the products read them. */
template <fwd_pass PASS>
static __device__ __forceinline__ void
fwd_products(float z[2][4], float zq[2][4], float S[2][4], const float W[MMA_TILES][4],
             const fwd_walked *walked, const fwd_shared *sh, unsigned char *saved,
             const ttt_mma_thread *at, unsigned k)
{
    float b[4] = {walked->b.x, walked->b.y, walked->b.z, walked->b.w};
    if (PASS != FWD_AFTER)
        ttt_mma_columns(b, W[MMA_TILES - 1], at);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int x = 0; x < 4; x++)
            z[j][x] = zq[j][x] = b[2 * j + x % 2], S[j][x] = 0;
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t K[4], Q[4];
        uint4 B = PASS == FWD_AFTER ? walked->W[m] : ttt_mma_pack(W, m);
        ldmatrix(K, ttt_mma_square(sh->K[k % 2], 0, 16 * m, at));
        ldmatrix(Q, ttt_mma_square(sh->Q[k % 2], 0, 16 * m, at));
        ttt_mma_pair(z, K, B.x, B.y, B.z, B.w);
        ttt_mma_pair(zq, Q, B.x, B.y, B.z, B.w);
        ttt_mma_pair(S, Q, K[0], K[2], K[1], K[3]);
        if (PASS == FWD_SAVING) {
            uint32_t *to = (uint32_t *)(void *)saved + (16 * at->warp + 2 * m) * 32 + at->lane;
            to[0] = B.x, to[32] = B.y;
            to[8 * 32] = B.z, to[9 * 32] = B.w;
        }
    }
    if (PASS == FWD_SAVING && at->g == 0)
        ((float4 *)(void *)(saved + MMA_SAVED_W))[4 * at->warp + at->i] =
            make_float4(b[0], b[1], b[2], b[3]);
}

/* The thread's part of the sums over the features, in the places that fwd_stats_of reads:
 * z, z^2, g z, g z^2 of row g, of row g + 8; u z, u, zb, zb^2 of row g, of row g + 8, where
 * g = gamma^2 and u = gamma (beta - target).  zb is of the chunk before. */
static __device__ __forceinline__ void fwd_partial(float sums[16], const float z[2][4],
                                                   const ttt_mma_rows *u, const float zb[2][4],
                                                   const ttt_mma_head *head)
{
#pragma unroll
    for (int i = 0; i < 16; i++)
        sums[i] = 0;
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int x = 0; x < 4; x++) {
            float *first = sums + 4 * (x / 2), *second = first + 8;
            float g = head->gamma[2 * j + x % 2], gz = g * g * z[j][x];
            first[0] += z[j][x];
            first[1] += z[j][x] * z[j][x];
            first[2] += gz;
            first[3] += gz * z[j][x];
            second[0] += u->x[j][x] * z[j][x];
            second[1] += u->x[j][x];
            second[2] += zb[j][x];
            second[3] += zb[j][x] * zb[j][x];
        }
}

/* The statistics of the rows of chunk k and, rs and shift, of zb of the chunk before; saves them. */
static __device__ __forceinline__ void
fwd_stats_of(fwd_stats *to, float rs_o[2], float shift_o[2], const float4 *sums, float gamma2,
             unsigned char *saved, unsigned char *saved_before, const ttt_mma_thread *at)
{
    const float F = MMA_F;
    float4 s = ttt_mma_sums_of(sums, at->i % 2, at), u = ttt_mma_sums_of(sums, at->i % 2 + 2, at);
    float mean = s.x / F, rs = rsqrtf(fmaxf(s.y / F - mean * mean, 0) + 1e-6f);
    float first = (s.z - mean * gamma2) * rs; /* sum gamma^2 xh, sum gamma^2 xh^2 */
    float second = (s.w - mean * (2 * s.z - mean * gamma2)) * rs * rs;
    float mean_a = (first + u.y) / F, slope = (second + (u.x - mean * u.y) * rs) / F;
    float mean_o = u.z / F, rso = rsqrtf(fmaxf(u.w / F - mean_o * mean_o, 0) + 1e-6f);
    size_t row = (size_t)(at->g + 8 * (at->i % 2)) * MMA_SAVED_ROW;
    if (saved && at->i < 2 && at->warp == 0) {
        float *to_row = (float *)(void *)(saved + MMA_SAVED_W + MMA_SAVED_B) + row;
        *(float4 *)(void *)to_row = make_float4(rs, mean * rs, mean_a, slope);
        *(float2 *)(void *)(to_row + 4) = make_float2(first, second);
    }
    if (saved_before && at->i < 2 && at->warp == 1) {
        float *to_row = (float *)(void *)(saved_before + MMA_SAVED_W + MMA_SAVED_B) + row;
        *(float2 *)(void *)(to_row + 6) = make_float2(rso, mean_o * rso);
    }
    ttt_mma_spread(to->rs, rs, at);
    ttt_mma_spread(to->shift, mean * rs, at);
    ttt_mma_spread(to->mean_a, mean_a, at);
    ttt_mma_spread(to->slope, slope, at);
    ttt_mma_spread(rs_o, rso, at);
    ttt_mma_spread(shift_o, mean_o * rso, at);
}

/* o = q + gamma LNhat(zb) + beta of the chunk at t0 */
static __device__ __forceinline__ void fwd_output(bf16 *o, const float4 kept[2][MMA_THREADS],
                                                  const float zb[2][4], const float rs[2],
                                                  const float shift[2], const ttt_mma_head *head,
                                                  const ttt_mma_thread *at, uint32_t t0)
{
    ttt_mma_rows q, y;
    ttt_mma_kept(&q, kept);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int x = 0; x < 4; x++) {
            float xo = zb[j][x] * rs[x / 2] - shift[x / 2];
            y.x[j][x] = q.x[j][x] + (head->gamma[2 * j + x % 2] * xo + head->beta[2 * j + x % 2]);
        }
    ttt_mma_store(o, &y, at, t0);
}

/* G = ((gamma^2 - mean(a xh)) xh + u - mean(a)) / sigma as bf16, and its fragments: G^T as A, or
 * its first and second 8 columns as B (0, 2 and 1, 3). */
static __device__ __forceinline__ void fwd_gradient(uint32_t fragment[4], bf16 *tile,
                                                    const float z[2][4], const ttt_mma_rows *u,
                                                    const fwd_stats *s, const ttt_mma_head *head,
                                                    const ttt_mma_thread *at)
{
    ttt_mma_rows G;
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int x = 0; x < 4; x++) {
            int r = x / 2;
            float g = head->gamma[2 * j + x % 2], xh = z[j][x] * s->rs[r] - s->shift[r];
            G.x[j][x] = ((g * g - s->slope[r]) * xh + (u->x[j][x] - s->mean_a[r])) * s->rs[r];
        }
    ttt_mma_put(tile, &G, at);
    __syncwarp();
    ldmatrix_trans(fragment, ttt_mma_across(tile, 0, 16 * at->warp, at));
}

/* W^T = rho W^T + (1 - rho) W0^T, b likewise */
static __device__ __forceinline__ void fwd_forget(float W[MMA_TILES][4], const fwd_shared *sh,
                                                  float rho)
{
#pragma unroll
    for (int n = 0; n < MMA_TILES; n++) {
        float4 lost = sh->lost[n][threadIdx.x];
        W[n][0] = rho * W[n][0] + lost.x;
        W[n][1] = rho * W[n][1] + lost.y;
        W[n][2] = rho * W[n][2] + lost.z;
        W[n][3] = rho * W[n][3] + lost.w;
    }
}

/* W^T += G^T steps, b likewise */
static __device__ __forceinline__ void fwd_update(float W[MMA_TILES][4], const uint32_t G[4],
                                                  const fwd_shared *sh, const ttt_mma_thread *at,
                                                  unsigned k)
{
    const bf16 *steps = sh->steps[k % 3];
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n += 2) {
        uint32_t B[4];
        ldmatrix_trans(B, ttt_mma_square(steps, 0, 8 * n, at));
        mma_bf16(W[n], G, B);
        mma_bf16(W[n + 1], G, B + 2);
    }
    uint32_t B[4];
    ldmatrix_trans(B, steps + at->lane % 16 * MMA_ROW + MMA_F);
    mma_bf16(W[MMA_TILES - 1], G, B);
}

/* W and b where the row begins; (1 - rho) W0 and b0 into shared memory; rho. */
static __device__ __forceinline__ float
fwd_begin(float W[MMA_TILES][4], fwd_shared *sh, const ttt_mma_call *call, const ttt_mma_thread *at)
{
    size_t head = blockIdx.x % at->H, row = blockIdx.x;
    float *stage = (float *)(void *)sh->K, rho = 1;
    if (call->half_life && threadIdx.x == 0) {
        bl_forget f = ttt_forget_of(call->half_life[head]);
        sh->rho = (float)f.rho, sh->lost_share = (float)f.lost;
    }
    ttt_mma_stage(stage, call->W0 + head * MMA_F * MMA_F, call->b0 + head * MMA_F);
    __syncthreads();
    ttt_mma_add_staged(W, stage, at);
    if (call->half_life) {
        float lost = sh->lost_share;
        rho = sh->rho;
#pragma unroll
        for (int n = 0; n < MMA_TILES; n++)
            sh->lost[n][threadIdx.x] =
                make_float4(lost * W[n][0], lost * W[n][1], lost * W[n][2], lost * W[n][3]);
    }
    __syncthreads();
    if (ttt_mma_continues(call)) {
        ttt_mma_stage(stage, call->from_W + row * MMA_F * MMA_F, call->from_b + row * MMA_F);
        __syncthreads();
        ttt_mma_add_staged(W, stage, at);
        __syncthreads();
    }
    for (int i = (int)threadIdx.x; i < 3 * MMA_C; i += MMA_THREADS)
        *(uint4 *)(void *)(sh->steps[i / MMA_C] + i % MMA_C * MMA_ROW + MMA_F) =
            make_uint4(0, 0, 0, 0);
    __syncthreads();
    return rho;
}

/* to = W - W0, b - b0 */
static __device__ __forceinline__ void fwd_end(float *to_W, float *to_b, fwd_shared *sh,
                                               const float W[MMA_TILES][4],
                                               const ttt_mma_call *call, const ttt_mma_thread *at)
{
    size_t head = blockIdx.x % at->H, row = blockIdx.x;
    const float *W0 = call->W0 + head * MMA_F * MMA_F, *b0 = call->b0 + head * MMA_F;
    float *stage = (float *)(void *)sh->K;
    /* a lane that the compiler cannot guess, so that no address waits in a register until here */
    ttt_mma_thread again = *at;
    again.lane = __shfl_sync(0xffffffffu, at->lane, at->lane);
    again.g = again.lane / 4, again.i = again.lane % 4;
    ttt_mma_to_stage(stage, W, &again);
    __syncthreads();
    ttt_mma_unstage(to_W + row * MMA_F * MMA_F, to_b + row * MMA_F, stage, W0, b0);
}

/* -mix = -tril(tau lambda^T) (S + 1) as an A fragment */
static __device__ __forceinline__ void fwd_mix(uint32_t mix[4], const float S[2][4], float lambda,
                                               const ttt_mma_head *head, const ttt_mma_thread *at)
{
    float rate[2][4];
    ttt_mma_rate(rate, lambda, head->tau, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            mix[2 * n + r] = pack_bf16(-rate[n][2 * r] * (S[n][2 * r] + 1),
                                       -rate[n][2 * r + 1] * (S[n][2 * r + 1] + 1));
}

/* What a thread carries from chunk to chunk; lambda is of the chunk that comes. */
typedef struct fwd_state {
    float W[MMA_TILES][4], zb[2][4];
    fwd_raw raw;
    fwd_walked walked;
    float lambda, rho, gamma2; /* gamma2: sum gamma^2 */
} fwd_state;

/* Chunk k.  There is one barrier: at it the warps exchange the sums over features of z of this chunk
 * and of zb of the one before, and it ends the writing of the matrices of the next. */
template <fwd_pass PASS>
static __device__ __forceinline__ void
fwd_chunk(fwd_state *st, fwd_shared *sh, bf16 *o, const ttt_mma_call *call, unsigned char *saved,
          const ttt_mma_turn *turn, const ttt_mma_head *head, const ttt_mma_thread *at, unsigned k,
          walk_range range)
{
    const int saves = PASS != FWD_WHOLE;
    uint32_t t0 = k * MMA_C, mix[4], G[4];
    float z[2][4], zq[2][4], sums[16], rs_o[2], shift_o[2];
    ttt_mma_rows u;
    fwd_stats stats;
    {
        float S[2][4];
        fwd_products<PASS>(z, zq, S, st->W, &st->walked, sh, saved, at, k);
        if (PASS == FWD_AFTER && k + 1 < range.end)
            fwd_fetch_walked(&st->walked, saved + MMA_SAVED, at);
        fwd_mix(mix, S, st->lambda, head, at);
    }
    ttt_mma_kept(&u, sh->u);
    fwd_partial(sums, z, &u, st->zb, head);
    ttt_mma_sums_put(sh->sums[k % 2], ttt_mma_gather(sums, at), at);
    st->lambda = st->raw.lambda;
    fwd_prepare(sh, &st->raw, turn, head, at, k + 1);
    fwd_fetch(&st->raw, call, at, t0 + 2 * MMA_C);
    if (PASS != FWD_AFTER && call->half_life && t0 + MMA_C <= at->T)
        fwd_forget(st->W, sh, st->rho);
    __syncthreads();
    fwd_stats_of(&stats, rs_o, shift_o, sh->sums[k % 2], st->gamma2, saves ? saved : NULL,
                 saves && k > range.begin ? saved - MMA_SAVED : NULL, at);
    fwd_gradient(G, sh->G, z, &u, &stats, head, at);
    if (PASS != FWD_AFTER)
        fwd_update(st->W, G, sh, at, k);
    /* of the first: nothing, as no row before it is below T */
    if (PASS != FWD_AFTER || k > range.begin)
        fwd_output(o, sh->q[(k - 1) % 3], st->zb, rs_o, shift_o, head, at, t0 - MMA_C);
    ttt_mma_pair(zq, mix, G[0], G[2], G[1], G[3]);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int x = 0; x < 4; x++)
            st->zb[j][x] = zq[j][x];
}

/* o of the last chunk of a range. */
template <fwd_pass PASS>
static __device__ __forceinline__ void fwd_last(fwd_state *st, fwd_shared *sh, bf16 *o,
                                                unsigned char *saved, const ttt_mma_head *head,
                                                const ttt_mma_thread *at, walk_range range)
{
    float sums[16], rs_o[2], shift_o[2];
    fwd_stats stats;
    ttt_mma_rows none = {};
    fwd_partial(sums, st->zb, &none, st->zb, head);
    ttt_mma_sums_put(sh->sums[range.end % 2], ttt_mma_gather(sums, at), at);
    __syncthreads();
    fwd_stats_of(&stats, rs_o, shift_o, sh->sums[range.end % 2], st->gamma2, NULL,
                 PASS != FWD_WHOLE ? saved - MMA_SAVED : NULL, at);
    fwd_output(o, sh->q[(range.end - 1) % 3], st->zb, rs_o, shift_o, head, at,
               (range.end - 1) * MMA_C);
}

/* MODEL 3.2: a block per (b, h), blockIdx.x = b H + h, walks its chunks, or reads W of the part blockIdx.y of
 * them; o [B,T,H,64]. */
template <fwd_pass PASS>
static __global__ void __launch_bounds__(MMA_THREADS, 3)
    ttt_linear_fwd_mma_kernel(const ttt_mma_call call, bf16 *o, float *to_W, float *to_b)
{
    DYNAMIC_SHARED(fwd_shared, sh);
    ttt_mma_thread at = ttt_mma_here(&call);
    ttt_mma_turn turn;
    ttt_mma_head head;
    fwd_state st = {};
    unsigned chunks = (call.T + MMA_C - 1) / MMA_C;
    walk_range range = {0, chunks};
    unsigned char *saved = call.saved;
    if (PASS == FWD_AFTER)
        range = walk_range_of(call.T);
    if (PASS != FWD_WHOLE)
        saved += ((size_t)blockIdx.x * chunks + range.begin) * MMA_SAVED;

    fwd_fetch(&st.raw, &call, &at, range.begin * MMA_C);
    if (PASS == FWD_AFTER)
        fwd_fetch_walked(&st.walked, saved, &at);
    ttt_mma_turn_begin(&turn, call.rope_theta, &at);
    ttt_mma_head_begin(&head, &call, &at);
    st.gamma2 = ttt_mma_gamma2(&call, &at);
    if (PASS != FWD_AFTER)
        st.rho = fwd_begin(st.W, sh, &call, &at);
    st.lambda = st.raw.lambda;
    fwd_prepare(sh, &st.raw, &turn, &head, &at, range.begin);
    fwd_fetch(&st.raw, &call, &at, (range.begin + 1) * MMA_C);
    __syncthreads();
    for (unsigned k = range.begin; k < range.end; k++) {
        fwd_chunk<PASS>(&st, sh, o, &call, saved, &turn, &head, &at, k, range);
        if (PASS != FWD_WHOLE)
            saved += MMA_SAVED;
    }
    fwd_last<PASS>(&st, sh, o, saved, &head, &at, range);
    if (PASS != FWD_AFTER && to_W)
        fwd_end(to_W, to_b, sh, st.W, &call, &at);
}

void ttt_linear_mma_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    if (most->F >= MMA_F && most->C >= MMA_C)
        take<fwd_record>(a, ttt_mma_walks_most(d, most, WALK_FWD));
}

void ttt_linear_mma_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,
                        const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,
                        const bl_ttt_shape *s)
{
    ttt_mma_call call = ttt_mma_call_of(q, k, v, lambda, saved, p, s);
    float *to_W = p->carry ? floats(p->carry->to.W) : NULL;
    float *to_b = p->carry ? floats(p->carry->to.b) : NULL;
    unsigned rows = (unsigned)(s->B * s->H), parts = 1;
    if (!s->T)
        return;
    auto *kernel =
        saved ? ttt_linear_fwd_mma_kernel<FWD_SAVING> : ttt_linear_fwd_mma_kernel<FWD_WHOLE>;
    if (saved && ttt_mma_walks(d, s, WALK_FWD)) {
        size_t chunks = (s->T + MMA_C - 1) / MMA_C;
        fwd_record *records = take<fwd_record>(cuda_scratch(d), rows * chunks);
        kernel = ttt_linear_fwd_mma_kernel<FWD_AFTER>;
        parts = div_up(chunks, WALK_PART);
        cuda_allow_shared(d, (const void *)ttt_linear_fwd_walk_kernel, sizeof(fwd_walk_shared));
        LAUNCH(d, ttt_linear_fwd_before_kernel, dim3(rows, parts), MMA_THREADS, 0, call, records);
        LAUNCH(d, ttt_linear_fwd_walk_kernel, rows, WALK_THREADS, sizeof(fwd_walk_shared), call,
               records, to_W, to_b);
    }
    cuda_allow_shared(d, (const void *)kernel, sizeof(fwd_shared));
    LAUNCH(d, kernel, dim3(rows, parts), MMA_THREADS, sizeof(fwd_shared), call, acts<bf16>(o), to_W,
           to_b);
}
