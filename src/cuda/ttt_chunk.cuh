/* One chunk of the TTT layer on the device: loading, rotation, row statistics, mixing. */
#ifndef BL_CUDA_TTT_CHUNK_CUH
#define BL_CUDA_TTT_CHUNK_CUH

#include "cuda/ttt.cuh"
#include "cuda/ttt_products.cuh"

/* ---- views and step sizes (MODEL 3.1) ---- */

/* cos and sin of j theta^(-2i/F), pair i of row j; reduced in double, for j may be 63 */
static __device__ __forceinline__ void ttt_angle(float *cosine, float *sine, int j, int i, int F,
                                                 double theta_log2)
{
    const double turn = 6.28318530717958647693;
    double angle = (double)j * exp2(-2.0 * (double)i / (double)F * theta_log2);
    float rest = (float)(angle - turn * rint(angle / turn));
    sincosf(rest, sine, cosine);
}

/* (even, odd) rotated; products are fused alike wherever it is called */
static __device__ __forceinline__ float ttt_rotated(float even, float odd, float cosine, float sine,
                                                    int second)
{
    return second ? fmaf(even, sine, __fmul_rn(odd, cosine))
                  : fmaf(even, cosine, -__fmul_rn(odd, sine));
}

/* tau = max(1/t + delta[t], 0) at row j, t = j + 1 */
static __device__ __forceinline__ float ttt_tau(float delta, int j)
{
    return fmaxf(1.0f / (float)(j + 1) + delta, 0.0f);
}

/* What does not change from chunk to chunk: rotations, tau, gamma, beta. */
static __device__ void ttt_head_begin(const ttt_block &c, const ttt_model &p, const ttt_dims &s)
{
    size_t h = blockIdx.x % s.H;
    for (int i = (int)threadIdx.x; i < s.F; i += (int)blockDim.x) {
        c.gamma[i] = p.gamma[h * s.F + i];
        c.beta[i] = p.beta[h * s.F + i];
    }
    for (int j = (int)threadIdx.x; j < s.C; j += (int)blockDim.x)
        c.tau[j] = ttt_tau(p.delta[j], j);
    for (int j = ttt_warp(); j < s.C; j += ttt_warps())
        for (int i = ttt_lane(); i < s.half; i += 32)
            ttt_angle(&c.cosine[j * s.half + i], &c.sine[j * s.half + i], j, i, s.F, s.theta_log2);
}

/* y [n,F] = n rows of x, H F apart */
template <typename A>
static __device__ void ttt_load(float *y, const A *x, const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps())
        for (int i = ttt_lane(); i < s.F; i += 32)
            y[j * s.wF + i] = to_float(x[(size_t)j * s.H * s.F + i]);
}

/* The same, row j rotated as row `first` + j of a chunk. */
template <typename A>
static __device__ void ttt_load_rotated(float *y, const A *x, const ttt_block &c, const ttt_dims &s,
                                        int first, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        const A *from = x + (size_t)j * s.H * s.F;
        const float *cosine = c.cosine + (first + j) * s.half,
                    *sine = c.sine + (first + j) * s.half;
        float *to = y + j * s.wF;
        for (int i = ttt_lane(); i < s.half; i += 32) {
            float even = to_float(from[2 * i]), odd = to_float(from[2 * i + 1]);
            to[2 * i] = ttt_rotated(even, odd, cosine[i], sine[i], 0);
            to[2 * i + 1] = ttt_rotated(even, odd, cosine[i], sine[i], 1);
        }
        if (s.F % 2 && ttt_lane() == 0)
            to[s.F - 1] = to_float(from[s.F - 1]);
    }
}

/* The gradient of the unrotated rows: x [n,F] turned back, rows of y H F apart. */
template <typename A>
static __device__ void ttt_store_unrotated(A *y, const float *x, const ttt_block &c,
                                           const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        A *to = y + (size_t)j * s.H * s.F;
        const float *cosine = c.cosine + j * s.half, *sine = c.sine + j * s.half;
        const float *from = x + j * s.wF;
        for (int i = ttt_lane(); i < s.half; i += 32) {
            float even = from[2 * i], odd = from[2 * i + 1];
            to[2 * i] = from_float<A>(even * cosine[i] + odd * sine[i]);
            to[2 * i + 1] = from_float<A>(odd * cosine[i] - even * sine[i]);
        }
        if (s.F % 2 && ttt_lane() == 0)
            to[s.F - 1] = from_float<A>(from[s.F - 1]);
    }
}

/* lambda of n rows, H apart */
static __device__ void ttt_load_lambda(const ttt_block &c, const float *lambda, const ttt_dims &s,
                                       int n)
{
    for (int j = (int)threadIdx.x; j < n; j += (int)blockDim.x)
        c.lambda[j] = lambda[(size_t)j * s.H];
}

/* ---- rows, each by one warp ---- */

/* z = xh = (z - mean) / sigma with sigma = sqrt(var + 1e-6); returns sigma. */
static __device__ float ttt_standardise(float *z, int n)
{
    float mean = 0, var = 0;
    for (int i = ttt_lane(); i < n; i += 32)
        mean += z[i];
    mean = warp_sum(mean) / (float)n;
    for (int i = ttt_lane(); i < n; i += 32)
        var = fmaf(z[i] - mean, z[i] - mean, var);
    float sigma = sqrtf(warp_sum(var) / (float)n + 1e-6f);
    for (int i = ttt_lane(); i < n; i += 32)
        z[i] = (z[i] - mean) / sigma;
    return sigma;
}

/* z becomes xh;  e = gamma xh + beta - (v - k),  a = gamma e,  G = P(a; xh) / sigma; returns sigma.
 * G may be z. */
static __device__ float ttt_gradient(float *G, float *z, const float *k, const float *v,
                                     const float *gamma, const float *beta, int n)
{
    float sigma = ttt_standardise(z, n), mean = 0, slope = 0;
    for (int i = ttt_lane(); i < n; i += 32) {
        float a = gamma[i] * (fmaf(gamma[i], z[i], beta[i]) - (v[i] - k[i]));
        mean += a;
        slope = fmaf(a, z[i], slope);
    }
    mean = warp_sum(mean) / (float)n;
    slope = warp_sum(slope) / (float)n;
    for (int i = ttt_lane(); i < n; i += 32) {
        float a = gamma[i] * (fmaf(gamma[i], z[i], beta[i]) - (v[i] - k[i]));
        G[i] = fmaf(-z[i], slope, a - mean) / sigma;
    }
    return sigma;
}

/* G of n rows from z, which becomes xh unless G is z; sigma. */
static __device__ void ttt_gradients(float *G, float *z, const float *K, const ttt_block &c,
                                     const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        int at = j * s.wF;
        float sigma = ttt_gradient(G + at, z + at, K + at, c.V + at, c.gamma, c.beta, s.F);
        if (ttt_lane() == 0)
            c.sigma[j] = sigma;
    }
}

/* O = Q + gamma LNhat(Zb) + beta, rows of o H F apart; Zb becomes xo. */
template <typename A>
static __device__ void ttt_output(A *o, const ttt_block &c, const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        float *xo = c.Zb + j * s.wF;
        const float *Q = c.Q + j * s.wF;
        (void)ttt_standardise(xo, s.F);
        for (int i = ttt_lane(); i < s.F; i += 32)
            o[(size_t)j * s.H * s.F + i] = from_float<A>(fmaf(c.gamma[i], xo[i], Q[i]) + c.beta[i]);
    }
}

/* mix = tril(tau lambda^T) * (mix + 1) for n rows, the rest of a row 0; with S also S = mix + 1
 * before. */
static __device__ void ttt_mix(float *mix, float *S, const ttt_block &c, const ttt_dims &s, int n)
{
    for (int t = ttt_warp(); t < n; t += ttt_warps())
        for (int i = ttt_lane(); i < s.wC; i += 32) {
            float x = mix[t * s.wC + i] + 1;
            if (S)
                S[t * s.wC + i] = i < n ? x : 0;
            mix[t * s.wC + i] = i <= t ? c.tau[t] * c.lambda[i] * x : 0;
        }
}

/* b -= sum_j r_j G_j of a full chunk, r = tau[C] lambda */
static __device__ void ttt_update_bias(float *b, const float *G, const ttt_block &c,
                                       const ttt_dims &s, int cols, int width)
{
    for (int i = (int)threadIdx.x; i < cols; i += (int)blockDim.x) {
        float sum = 0;
        for (int j = 0; j < s.C; j++)
            sum = fmaf(c.lambda[j], G[j * width + i], sum);
        b[i] = fmaf(-c.tau[s.C - 1], sum, b[i]);
    }
}

/* W -= (r K)^T G of a full chunk */
static __device__ void ttt_update(float *W, float *b, const float *K, const float *G,
                                  const ttt_block &c, const ttt_dims &s, int in, int w_in, int out,
                                  int w_out)
{
    ttt_tn(ttt_mat_of(W, w_out), ttt_mat_of((float *)K, w_in), ttt_mat_of((float *)G, w_out), in,
           out, s.C, ttt_how_of(TTT_ADD, -c.tau[s.C - 1], NULL, c.lambda));
    ttt_update_bias(b, G, c, s, out, w_out);
}

#endif
