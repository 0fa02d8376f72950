/* The parts of a chunk's adjoint on the device (MODEL 3.5), which both inner models share. */
#ifndef BL_CUDA_TTT_BWD_CUH
#define BL_CUDA_TTT_BWD_CUH

#include "cuda/ttt_chunk.cuh"

/* A buffer only if it can be shared; otherwise what it would hold is read where it is. */
static inline void ttt_room_try(ttt_room *r, int buffer, size_t count)
{
    if (r->shared_floats + count <= r->most)
        ttt_room_add(r, buffer, count);
}

static __device__ __forceinline__ int ttt_is_shared(const ttt_room &r, int buffer)
{
    return (int)(r.shared >> buffer & 1);
}

/* y[i] += sum_j x[j,i] over n rows of x; the columns begin at thread `first`. */
static __device__ void ttt_add_columns(float *y, const float *x, int n, int cols, int width,
                                       int first)
{
    int threads = (int)blockDim.x;
    for (int i = ((int)threadIdx.x + threads - first % threads) % threads; i < cols; i += threads) {
        float sum = 0;
        for (int j = 0; j < n; j++)
            sum += x[j * width + i];
        y[i] += sum;
    }
}

/* Zb becomes xo;  dZb = P(gamma dO; xo) / sigma_o, dO in dQ */
static __device__ void ttt_output_bwd(const ttt_block &c, const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        float *xo = c.Zb + j * s.wF, *dZb = c.dZb + j * s.wF;
        const float *dO = c.dQ + j * s.wF;
        float sigma = ttt_standardise(xo, s.F), mean = 0, slope = 0;
        for (int i = ttt_lane(); i < s.F; i += 32) {
            float a = c.gamma[i] * dO[i];
            mean += a;
            slope = fmaf(a, xo[i], slope);
        }
        mean = warp_sum(mean) / (float)s.F;
        slope = warp_sum(slope) / (float)s.F;
        for (int i = ttt_lane(); i < s.F; i += 32)
            dZb[i] = (c.gamma[i] * dO[i] - mean - xo[i] * slope) / sigma;
    }
}

/* dgamma += sum dO xo;  dbeta += sum dO, dO in dQ */
static __device__ void ttt_output_columns(const ttt_block &c, const ttt_dims &s, int n)
{
    for (int i = (int)threadIdx.x; i < s.F; i += (int)blockDim.x) {
        float scaled = 0, sum = 0;
        for (int j = 0; j < n; j++) {
            float dO = c.dQ[j * s.wF + i];
            scaled = fmaf(dO, c.Zb[j * s.wF + i], scaled);
            sum += dO;
        }
        c.dgamma[i] += scaled;
        c.dbeta[i] += sum;
    }
}

/* One matrix at the end of a full chunk, W' = W - (r K)^T G, b' = b - sum r G:  dK = A = G dW'^T and
 * dG = K dW' + db', to be finished by ttt_update_rows; 0 where the chunk is not full. */
typedef struct ttt_updater {
    const float *K, *G; /* [n,in], [n,out] */
    float *dW, *db;     /* [in,out], [out] */
    float *dK, *dG;     /* like K, G */
    int in, w_in, out, w_out;
} ttt_updater;

static __device__ void ttt_update_bwd(const ttt_updater &u, int n, int full)
{
    ttt_mat K = ttt_mat_of((float *)u.K, u.w_in), G = ttt_mat_of((float *)u.G, u.w_out);
    ttt_mat dK = ttt_mat_of(u.dK, u.w_in), dG = ttt_mat_of(u.dG, u.w_out);
    ttt_mat dW = ttt_mat_of(u.dW, u.w_out);
    if (full) {
        ttt_nt(dK, G, dW, n, u.in, u.out, ttt_set(1));
        ttt_nn(dG, K, dW, n, u.out, u.in, ttt_bias(u.db));
        return;
    }
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        for (int i = ttt_lane(); i < u.in; i += 32)
            u.dK[j * u.w_in + i] = 0;
        for (int i = ttt_lane(); i < u.out; i += 32)
            u.dG[j * u.w_out + i] = 0;
    }
}

/* dr += -rowsum(K A) - G db'^T (dr = ... with `first`);  dK = -r A;  dG = -r (K dW' + db') */
static __device__ void ttt_update_rows(const ttt_updater &u, const ttt_block &c, const ttt_dims &s,
                                       int n, int full, int first)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        float r = full ? c.tau[n - 1] * c.lambda[j] : 0, dr = 0;
        const float *K = u.K + j * u.w_in, *G = u.G + j * u.w_out;
        float *dK = u.dK + j * u.w_in, *dG = u.dG + j * u.w_out;
        for (int i = ttt_lane(); i < u.in && full; i += 32) {
            dr = fmaf(K[i], dK[i], dr);
            dK[i] *= -r;
        }
        for (int i = ttt_lane(); i < u.out && full; i += 32) {
            dr = fmaf(G[i], u.db[i], dr);
            dG[i] *= -r;
        }
        dr = warp_sum(dr);
        if (ttt_lane() == 0)
            c.dr[j] = (first ? 0 : c.dr[j]) - dr;
    }
}

/* Of dW' in dW, W' = W0 + rho (W - W0) - ...:  dW0 += (1 - rho) dW';  dW = rho dW'; the thread's
 * part of drho = sum dW' (W - W0) is returned.  dW0 and W0 dense. */
static __device__ float ttt_forget_bwd(float *dW, float *dW0, const float *W, const float *W0,
                                       float rho, float lost, int rows, int cols, int width)
{
    float drho = 0;
    for (int i = ttt_warp(); i < rows; i += ttt_warps())
        for (int j = ttt_lane(); j < cols; j += 32) {
            size_t at = (size_t)i * cols + j;
            float x = dW[i * width + j];
            drho = fmaf(x, W[i * width + j] - W0[at], drho);
            dW0[at] = fmaf(lost, x, dW0[at]);
            dW[i * width + j] = rho * x;
        }
    return drho;
}

/* Of dmix in dS [n,n]:  drate (+)= tril(dmix S);  dS = dmix rate; the rest of a row 0 */
static __device__ void ttt_mix_bwd(const float *S, const ttt_block &c, const ttt_dims &s, int n,
                                   int add)
{
    for (int t = ttt_warp(); t < n; t += ttt_warps())
        for (int i = ttt_lane(); i < s.wC; i += 32) {
            int at = t * s.wC + i, used = i <= t;
            float dmix = used ? c.dS[at] : 0, before = add ? c.drate[at] : 0;
            c.drate[at] = used ? fmaf(dmix, S[at], before) : 0;
            c.dS[at] = used ? dmix * (c.tau[t] * c.lambda[i]) : 0;
        }
}

/* dtau = drate lambda;  dtau[n] += dr . lambda;  ddelta += dtau where tau > 0;
 * dlambda = drate^T tau + tau[n] dr, of which rows lie H apart */
static __device__ void ttt_steps_bwd(float *dlambda, const ttt_block &c, const ttt_dims &s, int n)
{
    for (int t = ttt_warp(); t < n; t += ttt_warps()) {
        float dtau = 0, column = 0;
        for (int i = ttt_lane(); i < n; i += 32) {
            dtau = fmaf(c.drate[t * s.wC + i], c.lambda[i], dtau);
            if (t == n - 1)
                dtau = fmaf(c.dr[i], c.lambda[i], dtau);
            column = fmaf(c.drate[i * s.wC + t], c.tau[i], column);
        }
        dtau = warp_sum(dtau);
        column = warp_sum(column);
        if (ttt_lane() == 0) {
            if (c.tau[t] > 0)
                c.ddelta[t] += dtau;
            dlambda[(size_t)t * s.H] = column + c.tau[n - 1] * c.dr[t];
        }
    }
}

/* G = P(a; xh) / sigma as in ttt_gradient, xh in Z, of dG:  dZ in the place of dG, dV = -de to rows
 * H F apart, dK += de, da in the place of xo (Zb) for ttt_inner_columns. */
template <typename A>
static __device__ void ttt_inner_bwd(A *dV, const ttt_block &c, const ttt_dims &s, int n)
{
    float F = (float)s.F;
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        int at = j * s.wF;
        float *dG = c.dG + at, *da = c.Zb + at, *dK = c.dK + at;
        const float *xh = c.Z + at, *G = c.G + at, *K = c.K + at, *V = c.V + at;
        float sigma = c.sigma[j], dsigma = 0, mean = 0, mean_u = 0, mean_a = 0;
        for (int i = ttt_lane(); i < s.F; i += 32) {
            float u = dG[i] / sigma, e = c.gamma[i] * xh[i] + c.beta[i] - (V[i] - K[i]);
            dsigma = fmaf(-u, G[i], dsigma);
            mean += u;
            mean_u = fmaf(u, xh[i], mean_u);
            mean_a = fmaf(c.gamma[i] * e, xh[i], mean_a);
        }
        dsigma = warp_sum(dsigma);
        mean = warp_sum(mean) / F;
        mean_u = warp_sum(mean_u) / F;
        mean_a = warp_sum(mean_a) / F;
        float mean_x = 0, slope = 0;
        for (int i = ttt_lane(); i < s.F; i += 32) {
            float u = dG[i] / sigma, e = c.gamma[i] * xh[i] + c.beta[i] - (V[i] - K[i]);
            da[i] = u - mean - xh[i] * mean_u;
            float de = c.gamma[i] * da[i];
            float dxh = c.gamma[i] * de - (u * mean_a + c.gamma[i] * e * mean_u);
            mean_x += dxh;
            slope = fmaf(dxh, xh[i], slope);
            dG[i] = dxh;
            dV[(size_t)j * s.H * s.F + i] = from_float<A>(-de);
            dK[i] += de;
        }
        mean_x = warp_sum(mean_x) / F;
        slope = warp_sum(slope) / F;
        for (int i = ttt_lane(); i < s.F; i += 32)
            dG[i] = (dG[i] - mean_x - xh[i] * slope) / sigma + dsigma * xh[i] / F;
    }
}

/* dgamma += sum (da e + de xh);  dbeta += sum de, de = gamma da */
static __device__ void ttt_inner_columns(const ttt_block &c, const ttt_dims &s, int n)
{
    for (int i = (int)threadIdx.x; i < s.F; i += (int)blockDim.x) {
        float gamma = c.gamma[i], beta = c.beta[i], scaled = 0, sum = 0;
        for (int j = 0; j < n; j++) {
            int at = j * s.wF + i;
            float xh = c.Z[at], e = gamma * xh + beta - (c.V[at] - c.K[at]);
            scaled = fmaf(c.Zb[at], e + gamma * xh, scaled);
            sum = fmaf(gamma, c.Zb[at], sum);
        }
        c.dgamma[i] += scaled;
        c.dbeta[i] += sum;
    }
}

/* ---- of a whole row ---- */

/* The dense gradient of one part at the end: dW0 gathered by forgetting, and dW unless the row
 * continues. */
static __device__ void ttt_store_start(float *to, const float *dW, int forgets, int continues,
                                       const ttt_part &x)
{
    for (int i = ttt_warp(); i < x.rows; i += ttt_warps())
        for (int j = ttt_lane(); j < x.cols; j += 32) {
            size_t at = (size_t)i * x.cols + j;
            to[at] = (forgets ? to[at] : 0) + (continues ? 0 : dW[i * x.width + j]);
        }
}

/* gamma, beta, delta and half_life of the block's partial; drho: the thread's part. */
static __device__ void ttt_store_heads(float *partial, const ttt_grad_places &at,
                                       const ttt_block &c, const ttt_dims &s, double drho,
                                       double slope)
{
    __shared__ double sums[32];
    for (int i = (int)threadIdx.x; i < s.F; i += (int)blockDim.x) {
        partial[at.gamma + i] = c.dgamma[i];
        partial[at.beta + i] = c.dbeta[i];
    }
    for (int i = (int)threadIdx.x; i < s.C; i += (int)blockDim.x)
        partial[at.delta + i] = c.ddelta[i];
    for (int lane = 16; lane; lane >>= 1)
        drho += __shfl_xor_sync(0xffffffffu, drho, lane);
    if (ttt_lane() == 0)
        sums[ttt_warp()] = drho;
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = 0;
        for (int i = 0; i < ttt_warps(); i++)
            sum += sums[i];
        partial[at.half_life] = (float)(sum * slope);
    }
}

/* The buffers that every backward kernel has beside the rows. */
static inline void ttt_room_bwd(ttt_room *r, const ttt_dims *s)
{
    static const int columns[] = {TTT_sigma, TTT_dr, TTT_ddelta}, heads[] = {TTT_dgamma, TTT_dbeta};
    ttt_room_begin(r, s);
    for (int i = 0; i < 3; i++)
        ttt_room_add(r, columns[i], (size_t)s->C);
    for (int i = 0; i < 2; i++)
        ttt_room_add(r, heads[i], (size_t)s->F);
    ttt_room_add(r, TTT_b, (size_t)s->wM);
    ttt_room_add(r, TTT_db, (size_t)s->wM);
}

/* Everything of one call that its blocks read, of either inner model. */
template <typename A> struct ttt_bwd_call {
    A *dq, *dk, *dv;
    float *dlambda, *partials;
    const A *dout, *q, *k, *v;
    const float *lambda, *saved;
    ttt_model p;
    ttt_dims s;
    ttt_room room;
    ttt_grad_places places;
};

/* All but what depends on the inner model, and the partials. */
template <typename A>
static ttt_bwd_call<A> ttt_bwd_call_of(bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                                       const bl_act *dout, const bl_act *q, const bl_act *k,
                                       const bl_act *v, const bl_real *lambda,
                                       const bl_dev_saved *saved, const bl_ttt_params *p)
{
    ttt_bwd_call<A> x = {};
    x.dq = acts<A>(dq), x.dk = acts<A>(dk), x.dv = acts<A>(dv);
    x.dlambda = floats(dlambda);
    x.dout = acts<A>(dout);
    x.q = acts<A>(q), x.k = acts<A>(k), x.v = acts<A>(v);
    x.lambda = floats(lambda);
    x.saved = (const float *)(const void *)saved;
    x.p = ttt_model_of(p);
    return x;
}

/* Launches a block a head and sequence, then adds their gradients; W is [F,M]. */
template <typename A>
static void ttt_bwd_run(bl_dev *d, void (*kernel)(ttt_bwd_call<A>, float *), unsigned threads,
                        ttt_bwd_call<A> x, const bl_ttt_params *dp, const bl_ttt_shape *shape,
                        size_t M)
{
    size_t blocks = shape->B * shape->H;
    bl_arena *a = cuda_scratch(d);
    x.places = ttt_grads_of(shape->F, shape->C, M);
    float *scratch = take<float>(a, blocks * x.room.scratch_floats);
    x.partials = take<float>(a, blocks * x.places.floats);
    ttt_allow(d, (const void *)kernel, &x.room);
    LAUNCH(d, kernel, (unsigned)blocks, threads, x.room.shared_floats * sizeof(float), x, scratch);
    ttt_add_grads(d, dp, x.partials, shape, M);
}

#endif
