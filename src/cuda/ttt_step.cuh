/* Decoding of the TTT layer on the device (MODEL 3.4): what the kernels of both inner models share.
 *
 * There are two ways.  One token a call: no matrices, every row of W is read once by the whole block
 * (ttt_pass).  More tokens: those that lie in one chunk are read together, as in training, with the
 * rows of the state's buffers as the chunk's first rows. */
#ifndef BL_CUDA_TTT_STEP_CUH
#define BL_CUDA_TTT_STEP_CUH

#include "cuda/ttt_chunk.cuh"

/* The state of all heads, as in ops.h. */
typedef struct ttt_states {
    float *part[4]; /* W, b, W2, b2 */
    float *k, *h, *x2, *h2;
} ttt_states;

static inline ttt_states ttt_states_of(const bl_ttt_state *s)
{
    ttt_states x = {{floats(s->W), floats(s->b), floats(s->W2), floats(s->b2)},
                    floats(s->k),
                    floats(s->h),
                    floats(s->x2),
                    floats(s->h2)};
    return x;
}

/* What a call reads and writes. */
template <typename A> struct ttt_tokens {
    A *o;
    const A *q, *k, *v; /* [B,T,H,F] */
    const float *lambda;
    const bl_step *step;
};

/* ---- dense rows of the state and rows of buffers ---- */

static __device__ void ttt_rows_in(float *to, int width, const float *from, int rows, int cols)
{
    for (int i = ttt_warp(); i < rows; i += ttt_warps())
        for (int j = ttt_lane(); j < cols; j += 32)
            to[i * width + j] = from[(size_t)i * cols + j];
}

static __device__ void ttt_rows_out(float *to, const float *from, int width, int rows, int cols)
{
    for (int i = ttt_warp(); i < rows; i += ttt_warps())
        for (int j = ttt_lane(); j < cols; j += 32)
            to[(size_t)i * cols + j] = from[i * width + j];
}

static __device__ void ttt_clear(float *x, int n)
{
    for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x)
        x[i] = 0;
}

/* The state's W, b, ... of this block's head, and back. */
static __device__ void ttt_parts_in(const ttt_block &c, const ttt_states &st, const ttt_dims &s,
                                    int parts)
{
    for (int i = 0; i < parts; i++) {
        ttt_part x = ttt_part_of(s, i);
        ttt_rows_in(ttt_state_part(c, i), x.width,
                    st.part[i] + (size_t)blockIdx.x * x.rows * x.cols, x.rows, x.cols);
    }
}
static __device__ void ttt_parts_out(const ttt_block &c, const ttt_states &st, const ttt_dims &s,
                                     int parts)
{
    for (int i = 0; i < parts; i++) {
        ttt_part x = ttt_part_of(s, i);
        ttt_rows_out(st.part[i] + (size_t)blockIdx.x * x.rows * x.cols, ttt_state_part(c, i),
                     x.width, x.rows, x.cols);
    }
}

/* ---- tokens of one chunk together ---- */

/* h = lambda G of n rows, from z */
static __device__ void ttt_learn(float *h, const float *K, const ttt_block &c, const ttt_dims &s,
                                 int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps()) {
        int at = j * s.wF;
        (void)ttt_gradient(h + at, c.Z + at, K + at, c.V + at, c.gamma, c.beta, s.F);
        for (int i = ttt_lane(); i < s.F; i += 32)
            h[at + i] *= c.lambda[j];
    }
}

/* mix = tau (mix + 1) in row `first` + t up to that column, and 0 behind it */
static __device__ void ttt_mix_rows(float *mix, const ttt_block &c, const ttt_dims &s, int first,
                                    int n)
{
    for (int t = ttt_warp(); t < n; t += ttt_warps())
        for (int i = ttt_lane(); i < s.wC; i += 32) {
            int at = t * s.wC + i;
            mix[at] = i <= first + t ? c.tau[first + t] * (mix[at] + 1) : 0;
        }
}

/* W -= tau sum_j k_j^T h_j,  b -= tau sum_j h_j of a full chunk */
static __device__ void ttt_fold(float *W, float *b, const float *K, const float *h,
                                const ttt_block &c, const ttt_dims &s, int in, int w_in, int out,
                                int w_out)
{
    float tau = c.tau[s.C - 1];
    ttt_tn(ttt_mat_of(W, w_out), ttt_mat_of((float *)K, w_in), ttt_mat_of((float *)h, w_out), in,
           out, s.C, ttt_add(-tau));
    for (int i = (int)threadIdx.x; i < out; i += (int)blockDim.x) {
        float sum = 0;
        for (int j = 0; j < s.C; j++)
            sum += h[j * w_out + i];
        b[i] = fmaf(-tau, sum, b[i]);
    }
}

/* ---- one token ---- */

/* A thread's share of y = x W for one or two x: V columns of rows g, g + groups, ...; the first
 * TTT_AHEAD of them are loaded before x is known. */
enum { TTT_AHEAD = 8 };

template <int V> struct ttt_pass {
    float w[TTT_AHEAD][V];
    const float *W;
    int group, groups, column, in, out;
};

template <int V> static __device__ __forceinline__ void ttt_load_columns(float *w, const float *at)
{
    if constexpr (V == 4) {
        float4 four = *(const float4 *)at;
        w[0] = four.x, w[1] = four.y, w[2] = four.z, w[3] = four.w;
    } else {
        w[0] = *at;
    }
}

/* W [in,out]; out / V is not more than the threads of the block. */
template <int V>
static __device__ __forceinline__ void ttt_pass_begin(ttt_pass<V> *p, const float *W, int in,
                                                      int out)
{
    int units = out / V;
    p->W = W;
    p->in = in;
    p->out = out;
    p->groups = (int)blockDim.x / units;
    p->group = (int)threadIdx.x / units;
    p->column = (int)threadIdx.x % units * V;
#pragma unroll
    for (int i = 0; i < TTT_AHEAD; i++) {
        int row = p->group + i * p->groups;
        if (p->group < p->groups && row < in)
            ttt_load_columns<V>(p->w[i], W + (size_t)row * out + p->column);
    }
}

/* left[g,out] and, with y, right[g,out] = the sums of each group of threads */
template <int V>
static __device__ __forceinline__ void ttt_pass_end(const ttt_pass<V> *p, float *left, float *right,
                                                    const float *x, const float *y)
{
    if (p->group >= p->groups)
        return;
    float sum[V] = {}, second[V] = {}, w[V];
#pragma unroll
    for (int i = 0; i < TTT_AHEAD; i++) {
        int row = p->group + i * p->groups;
        if (row < p->in)
#pragma unroll
            for (int k = 0; k < V; k++) {
                sum[k] = fmaf(x[row], p->w[i][k], sum[k]);
                second[k] = y ? fmaf(y[row], p->w[i][k], second[k]) : 0;
            }
    }
#pragma unroll 4
    for (int row = p->group + TTT_AHEAD * p->groups; row < p->in; row += p->groups) {
        ttt_load_columns<V>(w, p->W + (size_t)row * p->out + p->column);
#pragma unroll
        for (int k = 0; k < V; k++) {
            sum[k] = fmaf(x[row], w[k], sum[k]);
            second[k] = y ? fmaf(y[row], w[k], second[k]) : 0;
        }
    }
#pragma unroll
    for (int k = 0; k < V; k++) {
        left[p->group * p->out + p->column + k] = sum[k];
        if (y)
            right[p->group * p->out + p->column + k] = second[k];
    }
}

/* Column i of what ttt_pass_end left, added over the groups. */
static __device__ __forceinline__ float ttt_pass_sum(const float *sums, int groups, int out, int i)
{
    float sum = 0;
#pragma unroll 4
    for (int g = 0; g < groups; g++)
        sum += sums[g * out + i];
    return sum;
}

/* q, k and v [F] of one token, q and k rotated as row j. */
template <typename A>
static __device__ void ttt_token_in(float *q, float *k, float *v, const ttt_tokens<A> &x,
                                    const ttt_dims &s, int j)
{
    size_t row = (size_t)blockIdx.x * s.F;
    for (int i = (int)threadIdx.x; i < s.half; i += (int)blockDim.x) {
        float cosine, sine;
        float q0 = to_float(x.q[row + 2 * i]), q1 = to_float(x.q[row + 2 * i + 1]);
        float k0 = to_float(x.k[row + 2 * i]), k1 = to_float(x.k[row + 2 * i + 1]);
        ttt_angle(&cosine, &sine, j, i, s.F, s.theta_log2);
        for (int second = 0; second < 2; second++) {
            q[2 * i + second] = ttt_rotated(q0, q1, cosine, sine, second);
            k[2 * i + second] = ttt_rotated(k0, k1, cosine, sine, second);
        }
    }
    if (s.F % 2 && threadIdx.x == 0) {
        q[s.F - 1] = to_float(x.q[row + s.F - 1]);
        k[s.F - 1] = to_float(x.k[row + s.F - 1]);
    }
    for (int i = (int)(blockDim.x - 1 - threadIdx.x); i < s.F; i += (int)blockDim.x)
        v[i] = to_float(x.v[row + i]);
}

/* mix[s] = tau (x . k_s + 1) for s <= j, k [C,n] of the state but row j, which is `own`; by `warps`
 * warps, this one being number `warp` */
static __device__ void ttt_token_mix(float *mix, const float *x, const float *k, const float *own,
                                     float tau, int j, int n, int warp, int warps)
{
    for (int row = warp; row <= j; row += warps) {
        const float *key = row < j ? k + (size_t)row * n : own;
        float sum = 0;
        for (int i = ttt_lane(); i < n; i += 32)
            sum = fmaf(x[i], key[i], sum);
        sum = warp_sum(sum);
        if (ttt_lane() == 0)
            mix[row] = tau * (sum + 1);
    }
}

/* sum_{s<rows} mix[s] h_s[i], h [C,n] of the state */
static __device__ __forceinline__ float ttt_token_sum(const float *mix, const float *h, int rows,
                                                      int n, int i)
{
    float sum = 0;
#pragma unroll 4
    for (int row = 0; row < rows; row++)
        sum = fmaf(mix[row], h[(size_t)row * n + i], sum);
    return sum;
}

/* w on its way back to where it began */
static __device__ __forceinline__ float ttt_forgotten(float w, float start, float rho)
{
    return fmaf(rho, w - start, start);
}

/* One matrix at the end of a full chunk: it forgets (rho < 1), then W -= tau sum_j k_j^T h_j,
 * b -= tau sum_j h_j; old_W and old_b are what W and b were, the same or a copy; k [C,in], h [C,out], W0
 * and b0 of this head. */
static __device__ void ttt_token_fold(float *W, float *b, const float *old_W, const float *old_b,
                                      const float *W0, const float *b0, const float *k,
                                      const float *h, int forgets, float rho, float tau, int C,
                                      int in, int out, int warp, int warps)
{
    for (int x = warp; x <= in; x += warps)
        for (int y = ttt_lane(); y < out; y += 32) {
            size_t at = (size_t)x * out + y;
            float w = x < in ? old_W[at] : old_b[y], sum = 0;
            if (forgets)
                w = ttt_forgotten(w, x < in ? W0[at] : b0[y], rho);
            for (int j = 0; j < C; j++)
                sum = fmaf(x < in ? k[(size_t)j * in + x] : 1, h[(size_t)j * out + y], sum);
            *(x < in ? &W[at] : &b[y]) = fmaf(-tau, sum, w);
        }
}

/* Whether the kernels of one token can read this head. */
static inline int ttt_is_token(const bl_ttt_shape *s)
{
    return s->T == 1 && s->F <= 128;
}

#endif
