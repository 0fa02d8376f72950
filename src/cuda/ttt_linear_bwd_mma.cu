/* TTT-Linear backward on tensor cores: heads of 64, chunks of 16, bf16 activations (MODEL 3.5). */
#include "cuda/ttt_linear_grads_mma.cuh"
#include "cuda/ttt_linear_state_mma.cuh"

/* Chunk i; four barriers, the last of which also ends the loads of chunk i - 1.  dK of chunk i + 1 is
 * ended here, before the first: it can be computed beside the matrices of chunk i (of the last
 * chunk, that is nothing, from memory nobody wrote). */
static __device__ __forceinline__ void bwd_chunk(bwd_state *st, bwd_shared *sh,
                                                 const ttt_mma_call *call, const bwd_to *to,
                                                 const unsigned char *block_saved,
                                                 const ttt_mma_head *head, const ttt_mma_thread *at,
                                                 unsigned i)
{
    const unsigned char *saved = sh->saved[i % 2];
    /* the first chunk of a row that begins at W0 has nothing to forget */
    int forgets = call->half_life && (i + 1) * MMA_C <= at->T && (i || ttt_mma_continues(call));
    uint32_t t0 = i * MMA_C, D[4];
    float z[2][4], zb[2][4], S[2][4], dmix[2][4], dr[2], rs_o[2], lambda = st->lambda;
    bwd_rows x;
    bwd_keys(&st->dK, sh, sh->saved[(i + 1) % 2], at);
    bwd_prepare(&x, sh, st, at);
    if (t0 + MMA_C < at->T)
        bwd_store(to->dk, &st->dK, sh, at, t0 + MMA_C);
    __syncthreads();

    if (i) {
        bwd_fetch(sh, call, to->dout, block_saved + (size_t)(i - 1) * MMA_SAVED, at, i - 1);
        st->lambda = ttt_mma_lambda(call->lambda, at, t0 - MMA_C);
    }
    bwd_products(&x, z, zb, S, st, sh, saved, forgets, at);
    bwd_forward(&x, sh, z, zb, S, rs_o, saved, lambda, head, at);
    __syncthreads();

    bwd_output(&x, st, sh, zb, rs_o, head, at);
    if (forgets)
        bwd_forget(st, sh);
    bwd_read_update(&x, st, sh, lambda, head, at);
    __syncthreads();

    bwd_inner(&x, st, sh, dr, saved, to->dv, head, at, t0);
    __syncwarp();
    ldmatrix_trans(D, ttt_mma_across(sh->dZ, 0, 16 * at->warp, at));
    bwd_add_dW(st, D, sh->K, at);
    bwd_queries(dmix, &x, sh, saved, at);
    bwd_store(to->dq, &x.dout, sh, at, t0);
    if (at->warp < 2)
        bwd_dM(dmix, sh, at);
    if (at->warp == 0)
        bwd_delta(st, dmix, dr, lambda, head, at);
    if (at->warp == 1)
        bwd_lambda(to->dlambda, dmix, dr, head, at, t0);
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
        for (int n = 0; n < MMA_TILES; n++) {
            float4 sum4 = sh->lost[n][threadIdx.x];
            float sum[4] = {sum4.x, sum4.y, sum4.z, sum4.w};
#pragma unroll
            for (int x = 0; x < 4; x++) {
                int used = n < MMA_TILES - 1 || (at->i == 0 && x % 2 == 0);
                st->drho -= used ? sum[x] * W0[n][x] : 0;
                st->dW[n][x] += lost * sum[x];
            }
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
#pragma unroll
    for (int e = 0; e < 4; e++) {
        size_t feature = (size_t)(16 * at->warp + 4 * at->i + e);
        float dgamma = st->dgamma[e], dbeta = st->dbeta[e];
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
    if (at->warp == 0 && at->i == 0) {
        to[bwd->places.delta + (size_t)at->g] = st->ddelta[0];
        to[bwd->places.delta + (size_t)at->g + 8] = st->ddelta[1];
    }
    bwd_end_W(to, st, sh, call, bwd, at);
}

/* MODEL 3.5: a block per (b, h), blockIdx.x = b H + h, walks its chunks from the last to the first; its
 * sums go to partials. */
static __global__ void __launch_bounds__(MMA_THREADS, 2)
    ttt_linear_bwd_mma_kernel(const ttt_mma_call call, const bwd_to to)
{
    DYNAMIC_SHARED(bwd_shared, sh);
    ttt_mma_thread at = ttt_mma_here(&call);
    ttt_mma_turn turn;
    ttt_mma_head head;
    bwd_state st = {};
    unsigned chunks = (call.T + MMA_C - 1) / MMA_C;
    const unsigned char *saved = call.saved + (size_t)blockIdx.x * chunks * MMA_SAVED;

    bwd_fetch(sh, &call, to.dout, saved + (size_t)(chunks - 1) * MMA_SAVED, &at, chunks - 1);
    st.lambda = ttt_mma_lambda(call.lambda, &at, (chunks - 1) * MMA_C);
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
    sh->beta[threadIdx.x] = make_float4(head.beta[0], head.beta[1], head.beta[2], head.beta[3]);
    float gamma2 = ttt_mma_gamma2(&call, &at);
    if (threadIdx.x == 0)
        sh->gamma2 = gamma2;
#pragma unroll
    for (int n = 0; n < MMA_TILES; n++)
        sh->lost[n][threadIdx.x] = make_float4(0, 0, 0, 0);
    copy_async_wait<0>();
    __syncthreads();
    for (unsigned i = chunks; i-- > 0;)
        bwd_chunk(&st, sh, &call, &to, saved, &head, &at, i);
    bwd_keys(&st.dK, sh, sh->saved[0], &at);
    bwd_store(to.dk, &st.dK, sh, &at, 0);
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
    cuda_note(d,
              cudaFuncSetAttribute((const void *)ttt_linear_bwd_mma_kernel,
                                   cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(bwd_shared)),
              "shared memory of ttt_linear_bwd");
    LAUNCH(d, ttt_linear_bwd_mma_kernel, (unsigned)(s->B * s->H), MMA_THREADS, sizeof(bwd_shared),
           call, to);
    ttt_add_grads(d, dp, to.partials, s, MMA_F);
}
