/* TTT-Linear backward on tensor cores: heads of 64, chunks of 16, bf16 activations (MODEL 3.5). */
#include "cuda/ttt_linear_grads_mma.cuh"
#include "cuda/ttt_linear_state_mma.cuh"

/* Chunk i; four barriers, the last of which also ends the loads of chunk i - 1.  dK of chunk i + 1 is
 * ended here, before the first: it can be computed beside the matrices of chunk i (of the last
 * chunk, that is nothing, from memory nobody wrote).  With many blocks on a multiprocessor registers are
 * few, and what could wait for no one is computed late. */
template <int BLOCKS>
static __device__ __forceinline__ void bwd_chunk(bwd_state *st, bwd_shared *sh,
                                                 const ttt_mma_call *call, const bwd_to *to,
                                                 const ttt_mma_thread *here, unsigned i)
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
    bwd_keys(&st->dK, sh, sh->saved[(i + 1) % 2], &at);
    bwd_prepare(&x, sh, st, &turn, &at);
    if (at.warp == 2)
        bwd_rate(sh, st->lambda, &at);
    if (t0 + MMA_C < at.T)
        bwd_store_back(to->dk, &st->dK, &turn, call, &at, i + 1);
    bwd_anew(&at);
    __syncthreads();

    if (i) {
        bwd_fetch(sh, call, to->dout, i - 1, MMA_C);
        if (at.warp == 2)
            st->lambda = ttt_mma_lambda(call->lambda, &at, t0 - MMA_C);
    }
    bwd_products(&x, z, zb, S, st, sh, saved, forgets, &at);
    bwd_forward(&x, sh, z, zb, S, rs_o, saved, &at);
    bwd_anew(&at);
    __syncthreads();

    if (!late)
        bwd_steps(A, sh, &at);
    bwd_four(gamma, sh->gamma, &at);
    bwd_output(&x, sh, zb, rs_o, gamma, &at);
    bwd_forget(st, sh, forgets, &at);
    if (late)
        bwd_steps(A, sh, &at);
    if (late)
        bwd_four(gamma, sh->gamma, &at);
    bwd_read_update(&x, st, sh, A, gamma, &at);
    bwd_anew(&at);
    __syncthreads();

    if (!late)
        bwd_queries(&dQ, dmix, &x, sh, saved, &at);
    bwd_inner(&x, sh, dr, saved, &at);
    bwd_store(to->dv, &x.dG, call, &at, i);
    __syncwarp();
    ldmatrix_trans(D, ttt_mma_across(sh->dZ, 0, 16 * at.warp, &at));
    bwd_add_dW(st, D, sh->K, &at);
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

static __device__ __forceinline__ void bwd_end(bwd_state *st, bwd_shared *sh,
                                               const ttt_mma_call *call, const bwd_to *bwd,
                                               const ttt_mma_thread *at)
{
    float *to = bwd->partials + (size_t)blockIdx.x * bwd->places.floats;
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
            to[bwd->places.gamma + feature] = dgamma;
            to[bwd->places.beta + feature] = dbeta;
        }
    }
    if (threadIdx.x < MMA_C)
        to[bwd->places.delta + threadIdx.x] = sh->ddelta[threadIdx.x];
    bwd_end_W(to, st, sh, call, bwd, at);
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
    ttt_mma_turn turn;
    ttt_mma_head head;
    bwd_state st = {};
    unsigned chunks = (call.T + MMA_C - 1) / MMA_C;

    bwd_fetch(sh, &call, to.dout, chunks - 1, call.T - (chunks - 1) * MMA_C);
    if (call.half_life && threadIdx.x == 0) {
        bl_forget f = ttt_forget_of(call.half_life[blockIdx.x % call.H]);
        sh->rho = (float)f.rho, sh->lost_share = (float)f.lost, sh->slope = (float)f.slope;
    }
    ttt_mma_turn_begin(&turn, call.rope_theta, &at);
    sh->turn[0][threadIdx.x] =
        make_float4(turn.cosine[0][0], turn.cosine[0][1], turn.cosine[1][0], turn.cosine[1][1]);
    sh->turn[1][threadIdx.x] =
        make_float4(turn.sine[0][0], turn.sine[0][1], turn.sine[1][0], turn.sine[1][1]);
    ttt_mma_head_begin(&head, &call, &at);
    if (at.g == 0)
        sh->gamma[4 * at.warp + at.i] =
            make_float4(head.gamma[0], head.gamma[1], head.gamma[2], head.gamma[3]);
    if (at.g == 0)
        sh->beta[4 * at.warp + at.i] =
            make_float4(head.beta[0], head.beta[1], head.beta[2], head.beta[3]);
    float gamma2 = ttt_mma_gamma2(&call, &at);
    if (threadIdx.x == 0)
        sh->gamma2 = gamma2;
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n++)
        sh->lost[n][threadIdx.x] = make_float4(0, 0, 0, 0);
    if (threadIdx.x < 32)
        sh->lost_b[threadIdx.x] = make_float2(0, 0);
    if (threadIdx.x < MMA_C)
        sh->tau[threadIdx.x] = ttt_mma_tau(call.delta, (int)threadIdx.x),
        sh->ddelta[threadIdx.x] = 0;
    sh->dgamma[threadIdx.x] = sh->dbeta[threadIdx.x] = make_float4(0, 0, 0, 0);
    if (at.warp == 2)
        st.lambda = ttt_mma_lambda(call.lambda, &at, (chunks - 1) * MMA_C);
    copy_async_wait<0>();
    __syncthreads();
    for (unsigned i = chunks; i-- > 0;)
        bwd_chunk<BLOCKS>(&st, sh, &call, &to, &at, i);
    bwd_keys(&st.dK, sh, sh->saved[0], &at);
    turn = bwd_turn(sh);
    bwd_store_back(to.dk, &st.dK, &turn, &call, &at, 0);
    bwd_end(&st, sh, &call, &to, &at);
}

int ttt_linear_mma_fits(const bl_dev *d, const bl_ttt_shape *s)
{
    return s->F == MMA_F && s->C == MMA_C && d->act_bytes == sizeof(bf16);
}

size_t ttt_linear_mma_saved_bytes(const bl_ttt_shape *s)
{
    return s->B * s->H * ((s->T + MMA_C - 1) / MMA_C) * MMA_SAVED;
}

void ttt_linear_mma_plan(bl_arena *a, const bl_limits *most)
{
    if (most->F < MMA_F || most->C < MMA_C)
        return;
    take<float>(a, most->B * most->H * ttt_grads_of(MMA_F, MMA_C, MMA_F).floats);
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
                 ttt_grads_of(MMA_F, MMA_C, MMA_F)};
    if (!s->T)
        return;
    to.partials = take<float>(cuda_scratch(d), s->B * s->H * to.places.floats);
    auto *kernel = ttt_linear_bwd_mma_kernel<2>;
    if (s->B * s->H > 2 * (size_t)cuda_of(d)->multiprocessors)
        kernel = ttt_linear_bwd_mma_kernel<3>;
    cuda_allow_shared(d, (const void *)kernel, sizeof(bwd_shared));
    LAUNCH(d, kernel, (unsigned)(s->B * s->H), MMA_THREADS, sizeof(bwd_shared), call, to);
    ttt_add_grads(d, dp, to.partials, s, MMA_F);
}
