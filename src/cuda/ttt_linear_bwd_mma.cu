/* TTT-Linear backward on tensor cores: heads of 64, chunks of 16, bf16 activations (MODEL 3.5). */
#include "cuda/ttt_linear_bwd_walk_mma.cuh"

/* Chunk i; four barriers, the last of which also ends the loads of chunk i - 1.  dK of chunk i + 1 is
 * ended here, before the first: it can be computed beside the matrices of chunk i (of the last
 * chunk, that is nothing, from memory nobody wrote).  With many blocks on a multiprocessor registers are
 * few, and what could wait for no one is computed late.  In BWD_AFTER dW' and db' are known, and nothing is
 * added to them. */
template <int BLOCKS, bwd_pass PASS>
static __device__ __forceinline__ void
bwd_chunk(bwd_state *st, bwd_shared *sh, bwd_walked *walked, const ttt_mma_call *call,
          const bwd_to *to, const ttt_mma_thread *here, unsigned i, walk_range range)
{
    const int late = BLOCKS > 2;
    const unsigned char *saved = sh->saved[i % 2];
    ttt_mma_thread at = *here;
    /* the first chunk of a row that begins at W0 has nothing to forget */
    int forgets = call->half_life && (i + 1) * MMA_C <= at.T && (i || ttt_mma_continues(call));
    uint32_t t0 = i * MMA_C, D[4];
    float z[2][4], zb[2][4], S[2][4], A[2][4], dmix[2][4], dr[2], rs_o[2], gamma[4];
    bwd_rows x;
    ttt_mma_rows dQ;
    ttt_mma_turn turn = bwd_turn(sh);
    const void *dW = PASS == BWD_WHOLE ? (const void *)sh->dW : walked->dW[i % 2];
    bwd_keys(&st->dK, sh, sh->saved[(i + 1) % 2], &at);
    bwd_prepare(&x, sh, &turn, &at);
    if (PASS == BWD_WHOLE)
        bwd_put_dW(&x, sh, st, &at);
    else
        bwd_four(x.db, (const float4 *)(const void *)(walked->dW[i % 2] + MMA_SAVED_W), &at);
    if (at.warp == 2)
        bwd_rate(sh, st->lambda, &at);
    if (i + 1 < range.end)
        bwd_store_back(to->dk, &st->dK, &turn, call, &at, i + 1);
    bwd_anew(&at);
    __syncthreads();

    if (i > range.begin) {
        bwd_fetch(sh, call, to->dout, i - 1, MMA_C);
        if (PASS == BWD_AFTER)
            bwd_fetch_walked(walked->dW[(i - 1) % 2], bwd_record_of(to, at.T, i - 1));
        if (at.warp == 2)
            st->lambda = ttt_mma_lambda(call->lambda, &at, t0 - MMA_C);
    }
    bwd_products<PASS>(&x, z, zb, S, st, sh, saved, walked ? walked->dW[i % 2] : NULL, forgets,
                       &at);
    bwd_forward(&x, sh, z, zb, S, rs_o, saved, &at);
    bwd_anew(&at);
    __syncthreads();

    if (!late)
        bwd_steps(A, sh, dW, &at);
    bwd_four(gamma, sh->gamma, &at);
    bwd_output(&x, sh, zb, rs_o, gamma, &at);
    if (PASS == BWD_WHOLE)
        bwd_forget(st, sh, forgets, &at);
    if (late)
        bwd_steps(A, sh, dW, &at);
    if (late)
        bwd_four(gamma, sh->gamma, &at);
    bwd_read_update<PASS>(&x, st, sh, A, gamma, &at);
    bwd_anew(&at);
    __syncthreads();

    if (!late)
        bwd_queries(&dQ, dmix, &x, sh, saved, &at);
    bwd_inner(&x, sh, dr, saved, &at);
    bwd_store(to->dv, &x.dG, call, &at, i);
    __syncwarp();
    if (PASS == BWD_WHOLE) {
        ldmatrix_trans(D, ttt_mma_across(sh->dZ, 0, 16 * at.warp, &at));
        bwd_add_dW(st, D, sh->K, &at);
    }
    if (late)
        bwd_queries(&dQ, dmix, &x, sh, saved, &at);
    bwd_scores(&dQ, &x.dK, dmix, sh, &at);
    turn = bwd_turn(sh);
    bwd_store_back(to->dq, &dQ, &turn, call, &at, i);
    bwd_anew(&at);
    if (at.warp < 2)
        bwd_dM(dmix, sh, &at);
    if (at.warp == 0)
        bwd_delta(sh, dmix, dr, &at);
    if (at.warp == 1)
        bwd_lambda(to->dlambda, dmix, dr, sh, &at, t0);
    st->dK = x.dK;
    copy_async_wait<0>();
    __syncthreads();
}

/* ---- the end ---- */

static_assert(2 * MMA_SAVED >= MMA_STAGE * (int)sizeof(float), "a staged W");

/* Of a block's sums over chunks: dW0 = (1 - rho) sum dW' + the first chunk's dW if the row began at
 * W0, db0 likewise; of the half-life the slope times sum dW' (W - W0). */
static __device__ __forceinline__ void bwd_end_W(float *to, bwd_state *st, bwd_shared *sh,
                                                 const ttt_mma_call *call, const bwd_to *bwd,
                                                 const ttt_mma_thread *at)
{
    size_t h = blockIdx.x % at->H;
    float *stage = (float *)(void *)sh->saved;
    if (ttt_mma_continues(call))
        memset(st->dW, 0, sizeof st->dW);
    __syncthreads();
    if (call->half_life) {
        float W0[MMA_TILES][4] = {}, lost = sh->lost_share;
        ttt_mma_stage(stage, call->W0 + h * MMA_F * MMA_F, call->b0 + h * MMA_F);
        __syncthreads();
        ttt_mma_add_staged(W0, stage, at);
#pragma unroll
        for (int n = 0; n < MMA_TILES - 1; n++) {
            float4 sum4 = sh->lost[n][threadIdx.x];
            float sum[4] = {sum4.x, sum4.y, sum4.z, sum4.w};
#pragma unroll
            for (int x = 0; x < 4; x++) {
                st->drho -= sum[x] * W0[n][x];
                st->dW[n][x] += lost * sum[x];
            }
        }
        if (at->i == 0) {
            float2 sum = sh->lost_b[8 * at->warp + at->g];
            float *db = st->dW[MMA_TILES - 1], *b0 = W0[MMA_TILES - 1];
            st->drho -= sum.x * b0[0] + sum.y * b0[2];
            db[0] += lost * sum.x, db[2] += lost * sum.y;
        }
        float drho = warp_sum(st->drho);
        if (at->lane == 0)
            sh->drho[at->warp] = drho;
        __syncthreads();
        if (threadIdx.x == 0)
            to[bwd->places.half_life] =
                ((sh->drho[0] + sh->drho[1]) + (sh->drho[2] + sh->drho[3])) * sh->slope;
    }
    ttt_mma_to_stage(stage, st->dW, at);
    __syncthreads();
    ttt_mma_unstage(to + bwd->places.W, to + bwd->places.b, stage, NULL, NULL);
}

/* The block's sums over chunks of gamma, beta and delta. */
static __device__ __forceinline__ void bwd_end_rows(float *to, const bwd_shared *sh,
                                                    const ttt_grad_places *places,
                                                    const ttt_mma_thread *at)
{
    float4 gamma4 = sh->dgamma[threadIdx.x], beta4 = sh->dbeta[threadIdx.x];
    const float dgammas[4] = {gamma4.x, gamma4.y, gamma4.z, gamma4.w};
    const float dbetas[4] = {beta4.x, beta4.y, beta4.z, beta4.w};
#pragma unroll
    for (int e = 0; e < 4; e++) {
        size_t feature = (size_t)(16 * at->warp + 4 * at->i + e);
        float dgamma = dgammas[e], dbeta = dbetas[e];
#pragma unroll
        for (int lane = 16; lane >= 4; lane >>= 1) {
            dgamma += __shfl_xor_sync(0xffffffffu, dgamma, lane);
            dbeta += __shfl_xor_sync(0xffffffffu, dbeta, lane);
        }
        if (at->g == 0) {
            to[places->gamma + feature] = dgamma;
            to[places->beta + feature] = dbeta;
        }
    }
    if (threadIdx.x < MMA_C)
        to[places->delta + threadIdx.x] = sh->ddelta[threadIdx.x];
}

static_assert(sizeof(bwd_shared) <= 75 * 1024, "three blocks on a multiprocessor");

/* MODEL 3.5: a block per (b, h), blockIdx.x = b H + h, walks its chunks from the last to the first; its
 * sums go to partials. */
template <int BLOCKS>
static __global__ void __launch_bounds__(MMA_THREADS, BLOCKS)
    ttt_linear_bwd_mma_kernel(const ttt_mma_call call, const bwd_to to)
{
    DYNAMIC_SHARED(bwd_shared, sh);
    ttt_mma_thread at = ttt_mma_here(&call);
    bwd_state st = {};
    walk_range range = walk_range_of(call.T);
    float *partial = to.partials + (size_t)blockIdx.x * to.places.floats;
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n++)
        sh->lost[n][threadIdx.x] = make_float4(0, 0, 0, 0);
    if (threadIdx.x < 32)
        sh->lost_b[threadIdx.x] = make_float2(0, 0);
    bwd_begin(&st, sh, &call, to.dout, &at, range);
    for (unsigned i = range.end; i-- > 0;)
        bwd_chunk<BLOCKS, BWD_WHOLE>(&st, sh, NULL, &call, &to, &at, i, range);
    bwd_keys(&st.dK, sh, sh->saved[0], &at);
    ttt_mma_turn turn = bwd_turn(sh);
    bwd_store_back(to.dk, &st.dK, &turn, &call, &at, 0);
    bwd_end_rows(partial, sh, &to.places, &at);
    bwd_end_W(partial, &st, sh, &call, &to, &at);
}

/* MODEL 3.5 of the part blockIdx.y of the chunks of a row, their dW' known: a block's sums go to
 * parts[b,part,h]. */
static __global__ void __launch_bounds__(MMA_THREADS, 2)
    ttt_linear_bwd_after_kernel(const ttt_mma_call call, const bwd_to to, float *parts)
{
    DYNAMIC_SHARED(bwd_shared, sh);
    bwd_walked *walked = (bwd_walked *)(void *)(sh + 1);
    ttt_mma_thread at = ttt_mma_here(&call);
    bwd_state st = {};
    walk_range range = walk_range_of(call.T);
    unsigned h = blockIdx.x % call.H, b = blockIdx.x / call.H;
    float *part = parts + ((size_t)(b * gridDim.y + blockIdx.y) * call.H + h) * to.places.floats;
    bwd_fetch_walked(walked->dW[(range.end - 1) % 2], bwd_record_of(&to, call.T, range.end - 1));
    bwd_begin(&st, sh, &call, to.dout, &at, range);
    for (unsigned i = range.end; i-- > range.begin;)
        bwd_chunk<2, BWD_AFTER>(&st, sh, walked, &call, &to, &at, i, range);
    bwd_keys(&st.dK, sh, sh->saved[range.begin % 2], &at);
    ttt_mma_turn turn = bwd_turn(sh);
    bwd_store_back(to.dk, &st.dK, &turn, &call, &at, range.begin);
    bwd_end_rows(part, sh, &to.places, &at);
}

/* ---- the op ---- */

int ttt_linear_mma_fits(const bl_dev *d, const bl_ttt_shape *s)
{
    return s->F == MMA_F && s->C == MMA_C && d->act_bytes == sizeof(bf16);
}

size_t ttt_linear_mma_saved_bytes(const bl_ttt_shape *s)
{
    return s->B * s->H * ((s->T + MMA_C - 1) / MMA_C) * MMA_SAVED;
}

/* Of the parts of a row: gamma, beta and delta. */
static ttt_grad_places bwd_part_places(void)
{
    ttt_grad_places x = {};
    x.beta = x.gamma + MMA_F, x.delta = x.beta + MMA_F, x.floats = x.delta + MMA_C;
    return x;
}

/* Of the walk: records of all chunks, and the sums of the parts of rows. */
static void bwd_scratch(bl_arena *a, bwd_to *to, float **parts, size_t chunks, size_t all_parts)
{
    to->records = take<bwd_record>(a, chunks);
    *parts = take<float>(a, all_parts * bwd_part_places().floats);
}

void ttt_linear_mma_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    if (most->F < MMA_F || most->C < MMA_C)
        return;
    bwd_to to;
    float *parts;
    size_t rows = most->B * most->H, chunks = ttt_mma_walks_most(d, most, WALK_BWD);
    take<float>(a, rows * ttt_grads_of(MMA_F, MMA_C, MMA_F).floats);
    bwd_scratch(a, &to, &parts, chunks, chunks ? div_up(chunks, WALK_PART) + rows : 0);
}

/* In three passes, of which only the second walks. */
static void bwd_walk(bl_dev *d, bl_arena *a, const bl_ttt_params *dp, const ttt_mma_call *call,
                     bwd_to to, const bl_ttt_shape *s)
{
    float *parts;
    size_t rows = s->B * s->H, chunks = (s->T + MMA_C - 1) / MMA_C, n = div_up(chunks, WALK_PART);
    size_t before = sizeof(bwd_shared) + sizeof(bwd_before_keys);
    size_t after = sizeof(bwd_shared) + sizeof(bwd_walked);
    ttt_grad_places all = to.places;
    bwd_scratch(a, &to, &parts, rows * chunks, rows * n);
    cuda_allow_shared(d, (const void *)ttt_linear_bwd_before_kernel, before);
    cuda_allow_shared(d, (const void *)ttt_linear_bwd_walk_kernel, sizeof(bwd_walk_shared));
    cuda_allow_shared(d, (const void *)ttt_linear_bwd_after_kernel, after);
    LAUNCH(d, ttt_linear_bwd_before_kernel, dim3((unsigned)rows, (unsigned)n), MMA_THREADS, before,
           *call, to);
    LAUNCH(d, ttt_linear_bwd_walk_kernel, (unsigned)rows, WALK_THREADS, sizeof(bwd_walk_shared),
           *call, to);
    to.places = bwd_part_places();
    LAUNCH(d, ttt_linear_bwd_after_kernel, dim3((unsigned)rows, (unsigned)n), MMA_THREADS, after,
           *call, to, parts);

    ttt_grad_places x = to.places;
    size_t H = s->H, F = MMA_F;
    ttt_partials p = {};
    p.at[p.count++] = (ttt_partial){floats(dp->W0), to.partials + all.W, F * F,         H,
                                    s->B,           all.floats,          H * all.floats};
    p.at[p.count++] =
        (ttt_partial){floats(dp->b0), to.partials + all.b, F, H, s->B, all.floats, H * all.floats};
    p.at[p.count++] = (ttt_partial){
        floats(dp->half_life), to.partials + all.half_life, 1, H, s->B, all.floats, H * all.floats};
    p.at[p.count++] =
        (ttt_partial){floats(dp->gamma), parts + x.gamma, F, H, s->B * n, x.floats, H * x.floats};
    p.at[p.count++] =
        (ttt_partial){floats(dp->beta), parts + x.beta, F, H, s->B * n, x.floats, H * x.floats};
    p.at[p.count++] =
        (ttt_partial){floats(dp->delta), parts + x.delta, MMA_C, 1, s->B * n * H, 0, x.floats};
    ttt_add_partials(d, &p);
}

void ttt_linear_mma_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                        const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                        const bl_act *k, const bl_act *v, const bl_real *lambda,
                        const bl_dev_saved *saved, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    ttt_mma_call call = ttt_mma_call_of(q, k, v, lambda, saved, p, s);
    bwd_to to = {acts<bf16>(dq),
                 acts<bf16>(dk),
                 acts<bf16>(dv),
                 floats(dlambda),
                 acts<bf16>(dout),
                 NULL,
                 ttt_grads_of(MMA_F, MMA_C, MMA_F),
                 NULL};
    if (!s->T)
        return;
    bl_arena *a = cuda_scratch(d);
    to.partials = take<float>(a, s->B * s->H * to.places.floats);
    if (ttt_mma_walks(d, s, WALK_BWD)) {
        bwd_walk(d, a, dp, &call, to, s);
        return;
    }
    auto *kernel = ttt_linear_bwd_mma_kernel<2>;
    if (s->B * s->H > 2 * (size_t)cuda_of(d)->multiprocessors)
        kernel = ttt_linear_bwd_mma_kernel<3>;
    cuda_allow_shared(d, (const void *)kernel, sizeof(bwd_shared));
    LAUNCH(d, kernel, (unsigned)(s->B * s->H), MMA_THREADS, sizeof(bwd_shared), call, to);
    ttt_add_grads(d, dp, to.partials, s, MMA_F);
}
