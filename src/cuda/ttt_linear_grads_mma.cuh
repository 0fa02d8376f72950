/* The gradients of one chunk of TTT-Linear on tensor cores (MODEL 3.5), in their order. */
#ifndef BL_CUDA_TTT_LINEAR_GRADS_MMA_CUH
#define BL_CUDA_TTT_LINEAR_GRADS_MMA_CUH

#include "cuda/ttt_linear_bwd_mma.cuh"

/* ---- behind the second barrier: the output, and what it and the update want of G ---- */

/* The thread's own sums of four. */
static __device__ __forceinline__ void bwd_add(float4 *to, const float x[4])
{
    float4 sum = to[threadIdx.x];
    to[threadIdx.x] = make_float4(sum.x + x[0], sum.y + x[1], sum.z + x[2], sum.w + x[3]);
}

/* dzb = P(gamma do; xo) / so, put for all; dgamma. */
static __device__ __forceinline__ void bwd_output(const bwd_rows *x, bwd_shared *sh,
                                                  const float xo[2][4], const float rs_o[2],
                                                  const float gamma[4], const ttt_mma_thread *at)
{
    float mean[2] = {}, slope[2] = {}, dgamma[4] = {};
    ttt_mma_rows dZb, dout;
    ttt_mma_unpack(&dout, x->dout);
#pragma unroll
    for (int w = 0; w < 4; w++) {
        float4 s = sh->sums_o[at->g * 5 + w];
        mean[0] += s.x, slope[0] += s.y, mean[1] += s.z, slope[1] += s.w;
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = e / 2, column = 2 * j + e % 2;
            float d = dout.x[j][e];
            dgamma[column] += d * xo[j][e];
            dZb.x[j][e] = (gamma[column] * d - mean[r] * (1.0f / MMA_F) -
                           xo[j][e] * (slope[r] * (1.0f / MMA_F))) *
                          rs_o[r];
        }
    ttt_mma_put(sh->dZb, &dZb, at);
    bwd_add(sh->dgamma, dgamma);
}

/* lost += dW' and dW = rho dW', or nothing of it. */
static __device__ __forceinline__ void bwd_forget(bwd_state *st, bwd_shared *sh, int forgets,
                                                  const ttt_mma_thread *at)
{
    float rho = forgets ? sh->rho : 1, part = forgets ? 1 : 0;
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n++) {
        float4 sum = sh->lost[n][threadIdx.x];
        float *dW = st->dW[n];
        sum.x += part * dW[0], sum.y += part * dW[1];
        sum.z += part * dW[2], sum.w += part * dW[3];
        sh->lost[n][threadIdx.x] = sum;
#pragma unroll
        for (int x = 0; x < 4; x++)
            dW[x] *= rho;
    }
    float *db = st->dW[MMA_TILES - 1];
    if (at->i == 0) {
        float2 sum = sh->lost_b[8 * at->warp + at->g];
        sh->lost_b[8 * at->warp + at->g] = make_float2(sum.x + part * db[0], sum.y + part * db[2]);
    }
    db[0] *= rho, db[2] *= rho;
}

/* dW^T += D^T X, db += sum D: D^T the fragment of the slice of a matrix, X [16,64]. */
static __device__ __forceinline__ void bwd_add_dW(bwd_state *st, const uint32_t D[4], const bf16 *X,
                                                  const ttt_mma_thread *at)
{
    uint32_t ones[2] = {at->g ? 0 : 0x3f803f80u, at->g ? 0 : 0x3f803f80u};
#pragma unroll
    for (int n = 0; n < MMA_TILES - 1; n += 2) {
        uint32_t B[4];
        ldmatrix_trans(B, ttt_mma_square(X, 0, 8 * n, at));
        mma_bf16(st->dW[n], D, B);
        mma_bf16(st->dW[n + 1], D, B + 2);
    }
    mma_bf16(st->dW[MMA_TILES - 1], D, ones);
}

/* A = G dW'^T, of dW' in pieces */
static __device__ __forceinline__ void bwd_steps(float A[2][4], const bwd_shared *sh,
                                                 const void *dW, const ttt_mma_thread *at)
{
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            A[j][e] = 0;
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t rows[4], B[4];
        ldmatrix(rows, ttt_mma_square(sh->G, 0, 16 * m, at));
        bwd_pieces_trans(B, dW, m, at);
        ttt_mma_pair(A, rows, B[0], B[1], B[2], B[3]);
    }
}

/* dG = -mix^T dzb - r (K dW' + db');  dK = -r A;  the sums over features of
 *     u, u xh, dG G, gamma^2 u of row g, of row g + 8; gamma^2 u xh, -dr, .., .. of both
 * put for all, where u = dG / sigma and -dr = K A + G db'.  dW += Q^T dzb, unless it is walked
 * elsewhere. */
template <bwd_pass PASS>
static __device__ __forceinline__ void bwd_read_update(bwd_rows *x, bwd_state *st, bwd_shared *sh,
                                                       const float A[2][4], const float gamma[4],
                                                       const ttt_mma_thread *at)
{
    uint32_t D[4];
    float sums[16] = {}, r[2];
    ttt_mma_rows k, G;
    __syncwarp();
    ldmatrix_trans(D, ttt_mma_across(sh->dZb, 0, 16 * at->warp, at));
#pragma unroll
    for (int y = 0; y < 2; y++)
        r[y] = -sh->tau[MMA_C - 1] * sh->lambda[at->g + 8 * y];
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            x->dG.x[j][e] *= r[e / 2];
    ttt_mma_pair(x->dG.x, x->mix, D[0], D[2], D[1], D[3]);
    bwd_take(&k, sh->K, at);
    bwd_take(&G, sh->G, at);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float *first = sums + 4 * (e / 2), *second = first + 8;
            float g = gamma[2 * j + e % 2], dG = x->dG.x[j][e], u = dG * x->rs[e / 2];
            float gu = g * g * u;
            first[0] += u;
            first[1] += u * x->xh.x[j][e];
            first[2] += dG * G.x[j][e];
            first[3] += gu;
            second[0] += gu * x->xh.x[j][e];
            second[1] += k.x[j][e] * A[j][e] + G.x[j][e] * x->db[2 * j + e % 2];
            x->dK.x[j][e] = r[e / 2] * A[j][e];
        }
    ttt_mma_sums_put(sh->sums, ttt_mma_gather(sums, at), at);
    if (PASS == BWD_WHOLE)
        bwd_add_dW(st, D, sh->Q, at);
}

/* ---- behind the third barrier ---- */

/* dz and de from dG, dV; dgamma, dbeta; dK += de; dz put for all; dr of the thread's rows. */
static __device__ __forceinline__ void bwd_inner(bwd_rows *x, bwd_shared *sh, float dr[2],
                                                 const unsigned char *saved,
                                                 const ttt_mma_thread *at)
{
    const float F = MMA_F;
    float mean[2], slope[2], mean_x[2], slope_x[2], turn[2], slope_a[2], gamma[4];
    float dgamma[4] = {}, dbeta[4] = {};
    ttt_mma_rows dz, dout;
    ttt_mma_unpack(&dout, x->dout);
    int row = at->g + 8 * (at->i % 2);
    float4 a = ttt_mma_sums_of(sh->sums, at->i % 2, at);
    float4 b = ttt_mma_sums_of(sh->sums, at->i % 2 + 2, at);
    float4 inner = bwd_saved_row(saved, row, 0), outer = bwd_saved_row(saved, row, 1);
    float mu = a.x / F, su = a.y / F;
    bwd_four(gamma, sh->gamma, at);
    /* sums of dxh and dxh xh: first those of gamma^2 da and gamma^2 da xh */
    float sum = a.w - mu * sh->gamma2 - su * outer.x;
    float sum_x = b.x - mu * outer.x - su * outer.y;
    sum -= inner.w * a.x + su * F * inner.z;
    sum_x -= inner.w * a.y + su * F * inner.w;
    ttt_mma_spread(mean, mu, at);
    ttt_mma_spread(slope, su, at);
    ttt_mma_spread(mean_x, sum / F, at);
    ttt_mma_spread(slope_x, sum_x / F, at);
    ttt_mma_spread(turn, -a.z * inner.x / F, at);
    ttt_mma_spread(slope_a, inner.w, at);
    ttt_mma_spread(dr, -b.y, at);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = e / 2, column = 2 * j + e % 2;
            float g = gamma[column], rs = x->rs[r], xh = x->xh.x[j][e];
            float u = x->dG.x[j][e] * rs, da = u - mean[r] - xh * slope[r], de = g * da;
            uint32_t pair = x->error[2 * j + r];
            float error = e % 2 ? high_bf16(pair) : low_bf16(pair);
            float dxh = g * de - u * slope_a[r] - g * error * slope[r];
            dgamma[column] += da * error + de * xh;
            dbeta[column] += dout.x[j][e] + de;
            x->dK.x[j][e] += de;
            x->dG.x[j][e] = -de;
            dz.x[j][e] = (dxh - mean_x[r] - xh * slope_x[r]) * rs + turn[r] * xh;
        }
    ttt_mma_put(sh->dZ, &dz, at);
    bwd_add(sh->dgamma, dgamma);
    bwd_add(sh->dbeta, dbeta);
}

/* dM = tril(dmix S), in the place of dmix. */
static __device__ __forceinline__ void bwd_dM(float dmix[2][4], const bwd_shared *sh,
                                              const ttt_mma_thread *at)
{
    bwd_times(dmix, dmix, sh->S, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (8 * n + 2 * at->i + e % 2 > at->g + 8 * (e / 2))
                dmix[n][e] = 0;
}

/* ddelta += dM lambda where tau > 0, and dr lambda to the last; by one warp. */
static __device__ __forceinline__ void bwd_delta(bwd_shared *sh, const float dM[2][4],
                                                 const float dr[2], const ttt_mma_thread *at)
{
    const float *lambda = sh->lambda;
    float dtau[2] = {};
#pragma unroll
    for (int n = 0; n < 2; n++) {
        float2 step = *(const float2 *)(const void *)(lambda + 8 * n + 2 * at->i);
        dtau[0] += dM[n][0] * step.x + dM[n][1] * step.y;
        dtau[1] += dM[n][2] * step.x + dM[n][3] * step.y;
    }
    float last = dr[0] * lambda[at->g] + dr[1] * lambda[at->g + 8];
#pragma unroll
    for (int lane = 16; lane >= 4; lane >>= 1)
        last += __shfl_xor_sync(0xffffffffu, last, lane);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        dtau[r] += __shfl_xor_sync(0xffffffffu, dtau[r], 2);
        dtau[r] += __shfl_xor_sync(0xffffffffu, dtau[r], 1);
    }
    if (at->g == 7)
        dtau[1] += last;
#pragma unroll
    for (int r = 0; r < 2; r++)
        if (at->i == 0 && sh->tau[at->g + 8 * r] > 0)
            sh->ddelta[at->g + 8 * r] += dtau[r];
}

/* dlambda = dM^T tau + tau[C] dr, by one warp. */
static __device__ __forceinline__ void bwd_lambda(float *dlambda, const float dM[2][4],
                                                  const float dr[2], const bwd_shared *sh,
                                                  const ttt_mma_thread *at, uint32_t t0)
{
    float columns[2][2], tau[2] = {sh->tau[at->g], sh->tau[at->g + 8]};
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int e = 0; e < 2; e++)
            columns[n][e] = dM[n][e] * tau[0] + dM[n][2 + e] * tau[1];

    /* summed over g: lanes (g, i) of even g have column s */
    int s = at->g / 4 * 8 + 2 * at->i + at->g / 2 % 2;
    int high = at->g & 4, odd = at->g & 2;
    float first = high ? columns[1][0] : columns[0][0];
    float second = high ? columns[1][1] : columns[0][1];
    first += __shfl_xor_sync(0xffffffffu, high ? columns[0][0] : columns[1][0], 16);
    second += __shfl_xor_sync(0xffffffffu, high ? columns[0][1] : columns[1][1], 16);
    float mine = odd ? second : first;
    mine += __shfl_xor_sync(0xffffffffu, odd ? first : second, 8);
    mine += __shfl_xor_sync(0xffffffffu, mine, 4);
    float dr0 = __shfl_sync(0xffffffffu, dr[0], s % 8 * 4);
    float dr1 = __shfl_sync(0xffffffffu, dr[1], s % 8 * 4);
    uint32_t t = t0 + (uint32_t)s;
    if (at->g % 2 == 0 && t < at->T)
        dlambda[at->first_step + (size_t)t * at->H] =
            mine + sh->tau[MMA_C - 1] * (s < 8 ? dr0 : dr1);
}

/* dmix = -dzb G^T;  dQ = do + dzb W^T */
static __device__ __forceinline__ void bwd_queries(ttt_mma_rows *dQ, float dmix[2][4],
                                                   const bwd_rows *x, const bwd_shared *sh,
                                                   const unsigned char *saved,
                                                   const ttt_mma_thread *at)
{
    ttt_mma_unpack(dQ, x->dout);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            dmix[j][e] = 0;
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t D[4], G[4], B[4];
        ldmatrix(D, ttt_mma_square(sh->dZb, 0, 16 * m, at));
        ldmatrix(G, ttt_mma_square(sh->G, 0, 16 * m, at));
        bwd_pieces_trans(B, saved, m, at);
        ttt_mma_pair(dmix, D, G[0], G[2], G[1], G[3]);
        ttt_mma_pair(dQ->x, D, B[0], B[1], B[2], B[3]);
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            dmix[j][e] = -dmix[j][e];
}

/* dS = dmix rate;  dQ += dS K, dK += dS^T Q */
static __device__ __forceinline__ void bwd_scores(ttt_mma_rows *dQ, ttt_mma_rows *dK,
                                                  const float dmix[2][4], bwd_shared *sh,
                                                  const ttt_mma_thread *at)
{
    uint32_t dS[4], transposed[4], B[4];
    float step[2][4];
    bwd_times(step, dmix, sh->rate, at);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            dS[2 * n + r] = pack_bf16(step[n][2 * r], step[n][2 * r + 1]);
    ldmatrix_trans(B, ttt_mma_square(sh->K, 0, 16 * at->warp, at));
    ttt_mma_pair(dQ->x, dS, B[0], B[1], B[2], B[3]);
    bwd_transposed(transposed, (bf16 *)(void *)sh->dW, dS, at);
    ldmatrix_trans(B, ttt_mma_square(sh->Q, 0, 16 * at->warp, at));
    ttt_mma_pair(dK->x, transposed, B[0], B[1], B[2], B[3]);
}

/* Behind the fourth barrier: dK += dz W^T, which ends it. */
static __device__ __forceinline__ void bwd_keys(ttt_mma_rows *dK, const bwd_shared *sh,
                                                const unsigned char *saved,
                                                const ttt_mma_thread *at)
{
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t D[4], B[4];
        ldmatrix(D, ttt_mma_square(sh->dZ, 0, 16 * m, at));
        bwd_pieces_trans(B, saved, m, at);
        ttt_mma_pair(dK->x, D, B[0], B[1], B[2], B[3]);
    }
}

/* Rows of chunk i, as far as there are. */
static __device__ __forceinline__ void bwd_store(bf16 *to, const ttt_mma_rows *x,
                                                 const ttt_mma_call *call, const ttt_mma_thread *at,
                                                 unsigned i)
{
    bf16 *row = to + bwd_origin(call, i);
    uint32_t column = (uint32_t)(16 * at->warp + 4 * at->i), g = (uint32_t)at->g;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        uint2 pairs = make_uint2(pack_bf16(x->x[0][2 * r], x->x[0][2 * r + 1]),
                                 pack_bf16(x->x[1][2 * r], x->x[1][2 * r + 1]));
        if (i * MMA_C + g + 8 * r < call->T)
            *(uint2 *)(void *)(row + (g + 8 * r) * call->H * MMA_F + column) = pairs;
    }
}

/* The gradient of q or k before it was rotated. */
static __device__ __forceinline__ void bwd_store_back(bf16 *to, ttt_mma_rows *x,
                                                      const ttt_mma_turn *turn,
                                                      const ttt_mma_call *call,
                                                      const ttt_mma_thread *at, unsigned i)
{
    ttt_mma_rotate(x, turn, -1);
    bwd_store(to, x, call, at, i);
}

#endif
