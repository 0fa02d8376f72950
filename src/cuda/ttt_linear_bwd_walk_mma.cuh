/* TTT-Linear backward where blocks are few: before the walk over the chunks, and the walk. */
#ifndef BL_CUDA_TTT_LINEAR_BWD_WALK_MMA_CUH
#define BL_CUDA_TTT_LINEAR_BWD_WALK_MMA_CUH

#include "cuda/ttt_linear_grads_mma.cuh"

/* ---- before: records of chunks ---- */

/* K of three chunks, of which one is this. */
typedef struct bwd_before_keys {
    bf16 K[3][MMA_TILE];
} bwd_before_keys;

/* K also where it stays for the two chunks before. */
static __device__ __forceinline__ void bwd_keep_key(bf16 *to, const bf16 *K,
                                                    const ttt_mma_thread *at)
{
    int place = at->g * MMA_ROW + at->column;
#pragma unroll
    for (int x = 0; x < 4; x++) {
        int there = place + x % 2 * 8 * MMA_ROW + x / 2 * 8;
        *(uint32_t *)(void *)(to + there) = *(const uint32_t *)(const void *)(K + there);
    }
}

/* The record of chunk i: K, Q and dzb in shared memory, -mix^T and xh in x. */
static __device__ __forceinline__ void
bwd_record_put(bwd_record *to, bwd_rows *x, const bwd_shared *sh, const bwd_before_keys *keys,
               const unsigned char *saved, int forgets, const ttt_mma_thread *at, unsigned i)
{
    uint32_t D[4];
    float gamma[4];
    ttt_mma_rows R = {}, h;
    __syncwarp();
    ldmatrix_trans(D, ttt_mma_across(sh->dZb, 0, 16 * at->warp, at));
    to->dZb.at[at->warp][at->lane] = walk_four(D);
    ttt_mma_pair(R.x, x->mix, D[0], D[2], D[1], D[3]);
    bwd_four(gamma, sh->gamma, at);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float g = gamma[2 * j + e % 2], xh = x->xh.x[j][e];
            R.x[j][e] *= x->rs[e / 2];
            h.x[j][e] = g * (g * xh + x->left.x[j][e]);
        }
    walk_put_rows(&to->R, &R, at);
    walk_put_rows(&to->xh, &x->xh, at);
    walk_put_rows(&to->h, &h, at);
    walk_put_left(&to->K, sh->K, at);
    walk_put_right(&to->K_right, sh->K, at);
    walk_put_right(&to->Q_right, sh->Q, at);
    if (at->warp == 2)
        walk_put_near(to->near, sh->K, keys->K[(i + 1) % 3], 1, at);
    if (at->warp == 3)
        walk_put_near(to->far, sh->K, keys->K[(i + 2) % 3], forgets ? sh->rho : 1, at);
    if (at->warp == 0 && at->lane < MMA_C) {
        float4 inner = bwd_saved_row(saved, at->lane, 0), outer = bwd_saved_row(saved, at->lane, 1);
        float r = sh->tau[MMA_C - 1] * sh->lambda[at->lane];
        to->token[at->lane][0] =
            make_float4(-r * inner.x, inner.x, inner.w, outer.x * (1.0f / MMA_F) + inner.z);
        to->token[at->lane][1] = make_float4(outer.y * (1.0f / MMA_F) + 3 * inner.w, 0, 0, 0);
    }
}

/* MODEL 3.5 as far as it goes without dW': blockIdx.x = b H + h, blockIdx.y a part of its chunks. */
static __global__ void __launch_bounds__(MMA_THREADS, 3)
    ttt_linear_bwd_before_kernel(const ttt_mma_call call, const bwd_to to)
{
    DYNAMIC_SHARED(bwd_shared, sh);
    bwd_before_keys *keys = (bwd_before_keys *)(void *)(sh + 1);
    ttt_mma_thread at = ttt_mma_here(&call);
    bwd_state st = {};
    walk_range range = walk_range_of(call.T);
    bwd_begin(&st, sh, &call, to.dout, &at, range);
    ttt_mma_turn turn = bwd_turn(sh);
    for (unsigned i = range.end; i < range.end + 2; i++)
        walk_put_key(keys->K[i % 3], &call, &turn, &at, i * MMA_C);

    for (unsigned i = range.end; i-- > range.begin;) {
        const unsigned char *saved = sh->saved[i % 2];
        float z[2][4], zb[2][4], S[2][4], rs_o[2], gamma[4];
        bwd_rows x;
        bwd_prepare(&x, sh, &turn, &at);
        if (at.warp == 2)
            bwd_rate(sh, st.lambda, &at);
        __syncthreads();
        if (i > range.begin) {
            bwd_fetch(sh, &call, to.dout, i - 1, MMA_C);
            if (at.warp == 2)
                st.lambda = ttt_mma_lambda(call.lambda, &at, (i - 1) * MMA_C);
        }
        bwd_products<BWD_BEFORE>(&x, z, zb, S, &st, sh, saved, NULL, 0, &at);
        bwd_forward(&x, sh, z, zb, S, rs_o, saved, &at);
        bwd_keep_key(keys->K[i % 3], sh->K, &at);
        __syncthreads();
        bwd_four(gamma, sh->gamma, &at);
        bwd_output(&x, sh, zb, rs_o, gamma, &at);
        bwd_record_put(bwd_record_of(&to, call.T, i), &x, sh, keys, saved, call.half_life != NULL,
                       &at, i);
        copy_async_wait<0>();
        __syncthreads();
    }
}

/* ---- the walk ---- */

typedef struct bwd_walk_stage {
    bwd_record record;
    unsigned char W[BWD_WALKED]; /* as it was saved */
} bwd_walk_stage;

typedef struct bwd_walk_shared {
    union {
        bwd_walk_stage ring[WALK_STAGES];
        float stage[MMA_STAGE];
    };
    walk_shared both;
    float rho, lost_share, slope, drho[4];
} bwd_walk_shared;
static_assert(sizeof(bwd_walk_shared) <= WALK_SHARED, "shared memory of a block");

/* Of a step: u = dG / sigma and what dz is made of. */
typedef struct bwd_walk_rows {
    float u[2][4]; /* before y is known, R */
    ttt_mma_rows xh, h;
    float4 token[2]; /* of rows g, g + 8 */
    float turn[2];   /* the last number of a token */
    uint4 near;
} bwd_walk_rows;

/* What step s has of its own: all of y and u but for the step before. */
static __device__ __forceinline__ void bwd_walk_take(bwd_walk_rows *x, float y[2][4],
                                                     bwd_walk_shared *sh, uint4 before,
                                                     const ttt_mma_thread *at, unsigned s)
{
    const bwd_record *from = &sh->ring[s % WALK_STAGES].record;
    ttt_mma_rows R;
    walk_take(y, sh->both.pre[s % 2]);
    uint4 far = from->far[at->lane];
    x->near = from->near[at->lane];
    walk_unpack(&R, from->R.at[at->warp][at->lane]);
    walk_unpack(&x->xh, from->xh.at[at->warp][at->lane]);
    walk_unpack(&x->h, from->h.at[at->warp][at->lane]);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        x->token[r] = from->token[at->g + 8 * r][0];
        x->turn[r] = from->token[at->g + 8 * r][1].x;
    }
    memcpy(x->u, R.x, sizeof x->u);
    walk_times(y, far, before);
}

/* u of step s and its sums over features: u xh, u h, u (gamma^2 - token.z). */
static __device__ __forceinline__ void bwd_walk_sums(bwd_walk_rows *x, bwd_walk_shared *sh,
                                                     const float y[2][4], const float gamma2[4],
                                                     const ttt_mma_thread *at, unsigned s)
{
    float sums[2][3], mine[3];
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int c = 0; c < 4; c++) {
            int j = c / 2, e = 2 * r + c % 2;
            float u = x->u[j][e] + x->token[r].x * y[j][e];
            x->u[j][e] = u;
            sums[r][0] = u * x->xh.x[j][e] + (c ? sums[r][0] : 0);
            sums[r][1] = u * x->h.x[j][e] + (c ? sums[r][1] : 0);
            sums[r][2] = u * (gamma2[c] - x->token[r].z) + (c ? sums[r][2] : 0);
        }
    int high = at->i & 2, odd = at->i & 1, row = at->g + (high ? 8 : 0), which = high + odd;
#pragma unroll
    for (int n = 0; n < 3; n++) {
        mine[n] = high ? sums[1][n] : sums[0][n];
        mine[n] += __shfl_xor_sync(0xffffffffu, high ? sums[0][n] : sums[1][n], 2);
    }
#pragma unroll
    for (int n = 0; n < 3; n++)
        mine[n] += __shfl_xor_sync(0xffffffffu, mine[n], 1);
    *walk_sum_at(&sh->both.sums[s % 2][odd][row], at->warp, which) = odd ? mine[1] : mine[0];
    if (!odd)
        *walk_sum_at(&sh->both.sums[s % 2][2][row], at->warp, which) = mine[2];
}

/* dz of step s, left for the state group, and u of the next, which is of nothing after the last. */
static __device__ __forceinline__ void bwd_walk_rows_step(bwd_walk_rows *x, uint4 *before,
                                                          bwd_walk_shared *sh,
                                                          const float gamma2[4],
                                                          const ttt_mma_thread *at, unsigned s)
{
    float dz[2][4], y[2][4], sums[2][3];
    bwd_walk_rows next;
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int n = 0; n < 3; n++)
            sums[r][n] = walk_sum(sh->both.sums[s % 2][n][at->g + 8 * r]) * (1.0f / MMA_F);
    bwd_walk_take(&next, y, sh, *before, at, s + 1);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float rs = x->token[r].y, su = sums[r][0];
        float mean = (sums[r][2] - su * x->token[r].w) * rs;
        float slope = (sums[r][1] - su * x->turn[r]) * rs;
        su *= rs;
#pragma unroll
        for (int c = 0; c < 4; c++) {
            int j = c / 2, e = 2 * r + c % 2;
            float scale = (gamma2[c] - x->token[r].z) * rs;
            dz[j][e] = scale * x->u[j][e] - mean - su * x->h.x[j][e] - slope * x->xh.x[j][e];
        }
    }
    uint4 g = walk_turned(dz);
    walk_times(y, next.near, g);
    sh->both.g[s % 2][threadIdx.x] = g;
    bwd_walk_sums(&next, sh, y, gamma2, at, s + 1);
    *before = g;
    *x = next;
}

/* What the state group carries: dW' and db', then both times rho + Q^T dzb; Q^T dzb of the step that
 * comes; the sums over steps of what is forgotten. */
typedef struct bwd_walk_state {
    float dW[MMA_TILES][4], read[MMA_TILES][4], lost[MMA_TILES][4];
    float db[2][4], read_b[2][4], lost_b[2][4];
    float drho; /* the thread's part of the sum of dW' W and db' b */
} bwd_walk_state;

/* What is forgotten of dW' and db': its sums, and with W and b of the chunk, as they were saved. */
static __device__ __forceinline__ void bwd_walk_lose(bwd_walk_state *st, const unsigned char *saved,
                                                     const ttt_mma_thread *at)
{
    const uint32_t *W = (const uint32_t *)(const void *)saved + 16 * at->warp * 32 + at->lane;
    float4 b = ((const float4 *)(const void *)(saved + MMA_SAVED_W))[4 * at->warp + at->i];
    float dots[4] = {};
#pragma unroll
    for (int n = 0; n < WALK_TILES; n++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            uint32_t pair = W[32 * (8 * r + n)];
            const float *dW = st->dW[n] + 2 * r;
            dots[2 * r] += dW[0] * low_bf16(pair);
            dots[2 * r + 1] += dW[1] * high_bf16(pair);
            st->lost[n][2 * r] += dW[0];
            st->lost[n][2 * r + 1] += dW[1];
        }
    float last =
        (st->db[0][0] * b.x + st->db[0][1] * b.y) + (st->db[1][0] * b.z + st->db[1][1] * b.w);
    st->drho += (dots[0] + dots[1]) + (dots[2] + dots[3]) + (at->g ? 0 : last);
    walk_forget(st->lost_b, st->lost_b, 1, st->db);
}

/* Before step 0, that is s = -1, nothing but the beginning; last: what is carried is dW at the start. */
static __device__ __forceinline__ void
bwd_walk_state_step(bwd_walk_state *st, bwd_walk_shared *sh, const ttt_mma_call *call,
                    bwd_record *record, const ttt_mma_thread *at, int s, int steps, float rho)
{
    const uint4 ones = make_uint4(0x3f803f80u, 0x3f803f80u, 0x3f803f80u, 0x3f803f80u);
    int last = s == steps - 1, forgets = call->half_life && (!last || ttt_mma_continues(call));
    if (s > 0) {
        uint4 g = sh->both.g[(s - 1) % 2][32 * at->warp + at->lane];
        walk_add(st->dW, g, &sh->ring[(s - 1) % WALK_STAGES].record.K_right, at);
        walk_times(st->db, ones, g);
    }
    if (s == steps)
        return;
    if (s >= 0) {
        walk_store((unsigned char *)(void *)record, st->dW, st->db, at);
        if (forgets)
            bwd_walk_lose(st, sh->ring[s % WALK_STAGES].W, at);
    }
    if (!forgets)
        rho = 1;
    walk_forget_W(st->dW, st->dW, rho, st->read);
    walk_forget(st->db, st->db, rho, st->read_b);
    memset(st->read, 0, sizeof st->read);
    memset(st->read_b, 0, sizeof st->read_b);
    if (s + 1 < steps) {
        const bwd_record *next = &sh->ring[(s + 1) % WALK_STAGES].record;
        uint4 D = next->dZb.at[at->warp][at->lane];
        walk_add(st->read, D, &next->Q_right, at);
        walk_times(st->read_b, ones, D);
    }
    if (s + 2 < steps) {
        float V[MMA_TILES][4], y[2][4];
        walk_forget_W(V, st->dW, rho, st->read);
        walk_forget(y, st->db, rho, st->read_b);
        walk_product(y, V, &sh->ring[(s + 2) % WALK_STAGES].record.K, at);
        walk_leave(sh->both.pre[s & 1], y, at);
    }
}

/* drho -= sum dW' W0 + sum db' b0;  the half-life's gradient, whose slope is 0 without forgetting. */
static __device__ __forceinline__ void bwd_walk_end_rho(bwd_walk_state *st, bwd_walk_shared *sh,
                                                        const ttt_mma_call *call,
                                                        const ttt_mma_thread *at)
{
    size_t h = blockIdx.x % at->H;
    float W0[MMA_TILES][4] = {};
    ttt_mma_stage(sh->stage, call->W0 + h * MMA_F * MMA_F, call->b0 + h * MMA_F);
    __syncthreads();
    ttt_mma_add_staged(W0, sh->stage, at);
#pragma unroll
    for (int n = 0; n < WALK_TILES; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            st->drho -= st->lost[n][e] * W0[n][e];
#pragma unroll
    for (int x = 0; x < 4; x++)
        if (at->g == 0)
            st->drho -= st->lost_b[x / 2][x % 2] *
                        sh->stage[MMA_F * MMA_STAGE_ROW + walk_feature(at, x / 2, x % 2)];
    float drho = warp_sum(st->drho);
    if (threadIdx.x >= MMA_THREADS && at->lane == 0)
        sh->drho[at->warp] = drho;
    __syncthreads();
}

/* Of a row's walk: dW0 = (1 - rho) sum dW' + dW at the start of a row that began at W0; db0 likewise. */
static __device__ __forceinline__ void bwd_walk_end(bwd_walk_state *st, bwd_walk_shared *sh,
                                                    const ttt_mma_call *call, const bwd_to *bwd,
                                                    const ttt_mma_thread *at)
{
    float *stage = sh->stage;
    float *to = bwd->partials + (size_t)blockIdx.x * bwd->places.floats;
    float keeps = ttt_mma_continues(call) ? 0 : 1, lost = call->half_life ? sh->lost_share : 0;
    __syncthreads();
    if (call->half_life)
        bwd_walk_end_rho(st, sh, call, at);
    if (threadIdx.x == 0)
        to[bwd->places.half_life] =
            call->half_life
                ? ((sh->drho[0] + sh->drho[1]) + (sh->drho[2] + sh->drho[3])) * sh->slope
                : 0;
    if (threadIdx.x >= MMA_THREADS) {
#pragma unroll
        for (int n = 0; n < WALK_TILES; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                st->dW[n][e] = keeps * st->dW[n][e] + lost * st->lost[n][e];
        st->dW[MMA_TILES - 1][0] = st->dW[MMA_TILES - 1][2] = 0;
        ttt_mma_to_stage(stage, st->dW, at);
        __syncwarp();
#pragma unroll
        for (int x = 0; x < 4; x++)
            if (at->g == 0)
                stage[MMA_F * MMA_STAGE_ROW + walk_feature(at, x / 2, x % 2)] =
                    keeps * st->db[x / 2][x % 2] + lost * st->lost_b[x / 2][x % 2];
    }
    __syncthreads();
    ttt_mma_unstage(to + bwd->places.W, to + bwd->places.b, stage, NULL, NULL);
}

static __device__ __forceinline__ void bwd_walk_fetch(bwd_walk_shared *sh, const bwd_record *record,
                                                      const unsigned char *saved, int step,
                                                      int steps)
{
    bwd_walk_stage *to = &sh->ring[step % WALK_STAGES];
    if (step < steps) {
        walk_fetch<sizeof(bwd_record)>(&to->record, record);
        walk_fetch<BWD_WALKED>(to->W, saved);
    }
    copy_async_commit();
}

/* dW' and db' of every chunk, from the last to the first: a block per (b, h), the first four warps
 * the rows and the others the state of ttt_linear_walk_mma.cuh. */
static __global__ void __launch_bounds__(WALK_THREADS, 1)
    ttt_linear_bwd_walk_kernel(const ttt_mma_call call, const bwd_to to)
{
    DYNAMIC_SHARED(bwd_walk_shared, sh);
    ttt_mma_thread at = walk_here(&call);
    int rows = threadIdx.x < MMA_THREADS, steps = (int)((call.T + MMA_C - 1) / MMA_C);
    bwd_record *record = bwd_record_of(&to, at.T, (unsigned)(steps - 1));
    const unsigned char *saved =
        call.saved + ((size_t)blockIdx.x * (size_t)steps + (size_t)(steps - 1)) * MMA_SAVED;
    bwd_walk_rows x = {};
    bwd_walk_state st = {};
    float rho = 1, gamma2[4], y[2][4];
    uint4 before = make_uint4(0, 0, 0, 0);

    if (!rows)
        for (int s = 0; s < WALK_AHEAD; s++)
            bwd_walk_fetch(sh, record - s, saved - (ptrdiff_t)s * MMA_SAVED, s, steps);
    if (call.half_life && threadIdx.x == 0) {
        bl_forget f = ttt_forget_of(call.half_life[blockIdx.x % call.H]);
        sh->rho = (float)f.rho, sh->lost_share = (float)f.lost, sh->slope = (float)f.slope;
    }
#pragma unroll
    for (int c = 0; c < 4; c++) {
        float gamma =
            call.gamma[blockIdx.x % call.H * MMA_F + (unsigned)walk_feature(&at, c / 2, c % 2)];
        gamma2[c] = gamma * gamma;
    }
    if (rows)
        sh->both.pre[0][0][threadIdx.x] = sh->both.pre[0][1][threadIdx.x] = make_float4(0, 0, 0, 0);
    copy_async_wait<WALK_UNDER_WAY>();
    __syncthreads();
    if (call.half_life)
        rho = sh->rho;
    if (rows) {
        bwd_walk_take(&x, y, sh, before, &at, 0);
        bwd_walk_sums(&x, sh, y, gamma2, &at, 0);
    } else {
        bwd_walk_state_step(&st, sh, &call, NULL, &at, -1, steps, rho);
    }
    for (int s = 0; s < steps; s++) {
        __syncthreads();
        if (rows) {
            bwd_walk_rows_step(&x, &before, sh, gamma2, &at, (unsigned)s);
        } else {
            bwd_walk_fetch(sh, record - WALK_AHEAD, saved - WALK_AHEAD * MMA_SAVED, s + WALK_AHEAD,
                           steps);
            bwd_walk_state_step(&st, sh, &call, record, &at, s, steps, rho);
            record--, saved -= MMA_SAVED;
            copy_async_wait<WALK_UNDER_WAY>();
        }
    }
    __syncthreads();
    if (!rows)
        bwd_walk_state_step(&st, sh, &call, NULL, &at, steps, steps, rho);
    copy_async_wait<0>();
    bwd_walk_end(&st, sh, &call, &to, &at);
}

#endif
