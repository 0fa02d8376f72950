/* Small products of matrices by one block, in float: the sums of the TTT layer.
 *
 * A thread makes a tile of R rows and S columns; every sum runs over k in ascending order.  Widths
 * of rows are multiples of four floats, elements behind a row's end are zero, and rows are readable
 * up to the next multiple of four. */
#ifndef BL_CUDA_TTT_PRODUCTS_CUH
#define BL_CUDA_TTT_PRODUCTS_CUH

#include "cuda/cuda.h"

/* A matrix and the floats from row to row. */
typedef struct ttt_mat {
    float *at;
    int width;
} ttt_mat;

static __device__ __forceinline__ ttt_mat ttt_mat_of(float *at, int width)
{
    ttt_mat m;
    m.at = at;
    m.width = width;
    return m;
}

/* What is stored: alpha product + (bias, y or 0), or y product. */
enum { TTT_SET, TTT_ADD, TTT_TIMES };

typedef struct ttt_how {
    int mode;
    float alpha;
    const float *bias;  /* [N] of TTT_SET, or NULL */
    const float *scale; /* [K] of ttt_tn, or NULL: times row k of A */
} ttt_how;

static __device__ __forceinline__ ttt_how ttt_how_of(int mode, float alpha, const float *bias,
                                                     const float *scale)
{
    ttt_how h;
    h.mode = mode;
    h.alpha = alpha;
    h.bias = bias;
    h.scale = scale;
    return h;
}
static __device__ __forceinline__ ttt_how ttt_set(float alpha)
{
    return ttt_how_of(TTT_SET, alpha, NULL, NULL);
}
static __device__ __forceinline__ ttt_how ttt_bias(const float *bias)
{
    return ttt_how_of(TTT_SET, 1, bias, NULL);
}
static __device__ __forceinline__ ttt_how ttt_add(float alpha)
{
    return ttt_how_of(TTT_ADD, alpha, NULL, NULL);
}

static __device__ __forceinline__ float ttt_stored(float old, float sum, float bias,
                                                   const ttt_how &how)
{
    if (how.mode == TTT_TIMES)
        return old * sum;
    return fmaf(how.alpha, sum, how.mode == TTT_ADD ? old : bias);
}

static __device__ __forceinline__ void ttt_put(float *y, float sum, int col, const ttt_how &how)
{
    *y = ttt_stored(how.mode == TTT_SET ? 0 : *y, sum, how.bias ? how.bias[col] : 0, how);
}

/* Four columns of one row, of which those before N are stored. */
static __device__ __forceinline__ void ttt_put4(float *y, const float4 &sum, int col, int N,
                                                const ttt_how &how)
{
    if (col + 4 > N) {
        const float sums[] = {sum.x, sum.y, sum.z, sum.w};
        for (int i = 0; i < 4 && col + i < N; i++)
            ttt_put(y + i, sums[i], col + i, how);
        return;
    }
    float4 old = make_float4(0, 0, 0, 0), bias = old;
    if (how.mode != TTT_SET)
        old = *(const float4 *)y;
    if (how.bias)
        bias = *(const float4 *)(how.bias + col);
    *(float4 *)y =
        make_float4(ttt_stored(old.x, sum.x, bias.x, how), ttt_stored(old.y, sum.y, bias.y, how),
                    ttt_stored(old.z, sum.z, bias.z, how), ttt_stored(old.w, sum.w, bias.w, how));
}

static __device__ __forceinline__ float4 ttt_fma4(float a, const float4 &x, const float4 &y)
{
    return make_float4(fmaf(a, x.x, y.x), fmaf(a, x.y, y.y), fmaf(a, x.z, y.z), fmaf(a, x.w, y.w));
}

static __device__ __forceinline__ float ttt_dot4(const float4 &a, const float4 &b, float sum)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

/* y[M,N] = a[M,K] b[K,N] */
template <int R>
static __device__ __noinline__ void ttt_nn_tiles(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N,
                                                 int K, ttt_how how)
{
    int across = (N + 3) / 4, tiles = (M + R - 1) / R * across;
    for (int tile = (int)threadIdx.x; tile < tiles; tile += (int)blockDim.x) {
        int row = tile / across * R, col = tile % across * 4;
        const float *x = a.at + row * a.width, *w = b.at + col;
        float4 sum[R];
#pragma unroll
        for (int r = 0; r < R; r++)
            sum[r] = make_float4(0, 0, 0, 0);
        for (int k = 0; k < K; k += 4) {
            float4 left[R], right[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                right[i] = *(const float4 *)(w + (k + i) * b.width);
#pragma unroll
            for (int r = 0; r < R; r++) {
                left[r] = *(const float4 *)(x + r * a.width + k);
                sum[r] = ttt_fma4(left[r].x, right[0], sum[r]);
                sum[r] = ttt_fma4(left[r].y, right[1], sum[r]);
                sum[r] = ttt_fma4(left[r].z, right[2], sum[r]);
                sum[r] = ttt_fma4(left[r].w, right[3], sum[r]);
            }
        }
#pragma unroll
        for (int r = 0; r < R; r++)
            if (row + r < M)
                ttt_put4(y.at + (row + r) * y.width + col, sum[r], col, N, how);
    }
}

/* y[M,N] = a[M,K] b[N,K]^T, the columns of a tile N / S apart */
template <int R, int S>
static __device__ __noinline__ void ttt_nt_tiles(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N,
                                                 int K, ttt_how how)
{
    int across = (N + S - 1) / S, tiles = (M + R - 1) / R * across;
    for (int tile = (int)threadIdx.x; tile < tiles; tile += (int)blockDim.x) {
        int row = tile / across * R, col = tile % across;
        const float *x = a.at + row * a.width, *w = b.at + col * b.width;
        float sum[R][S] = {};
        for (int k = 0; k < K; k += 4) {
            float4 left[R], right[S];
#pragma unroll
            for (int r = 0; r < R; r++)
                left[r] = *(const float4 *)(x + r * a.width + k);
#pragma unroll
            for (int i = 0; i < S; i++)
                right[i] = *(const float4 *)(w + i * across * b.width + k);
#pragma unroll
            for (int r = 0; r < R; r++)
#pragma unroll
                for (int i = 0; i < S; i++)
                    sum[r][i] = ttt_dot4(left[r], right[i], sum[r][i]);
        }
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int i = 0; i < S; i++)
                if (row + r < M && col + i * across < N)
                    ttt_put(y.at + (row + r) * y.width + col + i * across, sum[r][i],
                            col + i * across, how);
    }
}

/* y[M,N] = a[K,M]^T b[K,N], row k of a times scale[k] */
template <int R>
static __device__ __noinline__ void ttt_tn_tiles(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N,
                                                 int K, ttt_how how)
{
    int across = (N + 3) / 4, tiles = (M + R - 1) / R * across;
    for (int tile = (int)threadIdx.x; tile < tiles; tile += (int)blockDim.x) {
        int row = tile / across * R, col = tile % across * 4;
        const float *x = a.at + row, *w = b.at + col;
        float4 sum[R];
#pragma unroll
        for (int r = 0; r < R; r++)
            sum[r] = make_float4(0, 0, 0, 0);
        for (int k = 0; k < K; k++) {
            float4 right = *(const float4 *)(w + k * b.width);
            float scale = how.scale ? how.scale[k] : 1, left[R];
            if constexpr (R == 4) {
                float4 four = *(const float4 *)(x + k * a.width);
                left[0] = four.x;
                left[1] = four.y;
                left[2] = four.z;
                left[3] = four.w;
            } else {
#pragma unroll
                for (int r = 0; r < R; r++)
                    left[r] = x[k * a.width + r];
            }
#pragma unroll
            for (int r = 0; r < R; r++)
                sum[r] = ttt_fma4(scale * left[r], right, sum[r]);
        }
#pragma unroll
        for (int r = 0; r < R; r++)
            if (row + r < M)
                ttt_put4(y.at + (row + r) * y.width + col, sum[r], col, N, how);
    }
}

/* The widest tiles that still give every thread one. */
static __device__ void ttt_nn(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N, int K, ttt_how how)
{
    int across = (N + 3) / 4, threads = (int)blockDim.x;
    if ((M + 3) / 4 * across >= threads)
        ttt_nn_tiles<4>(y, a, b, M, N, K, how);
    else if ((M + 1) / 2 * across >= threads)
        ttt_nn_tiles<2>(y, a, b, M, N, K, how);
    else
        ttt_nn_tiles<1>(y, a, b, M, N, K, how);
}

static __device__ void ttt_nt(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N, int K, ttt_how how)
{
    int across = (N + 3) / 4, threads = (int)blockDim.x;
    if ((M + 3) / 4 * across >= threads)
        ttt_nt_tiles<4, 4>(y, a, b, M, N, K, how);
    else if ((M + 1) / 2 * across >= threads)
        ttt_nt_tiles<2, 4>(y, a, b, M, N, K, how);
    else if (M * N > threads)
        ttt_nt_tiles<1, 4>(y, a, b, M, N, K, how);
    else
        ttt_nt_tiles<1, 1>(y, a, b, M, N, K, how);
}

static __device__ void ttt_tn(ttt_mat y, ttt_mat a, ttt_mat b, int M, int N, int K, ttt_how how)
{
    int across = (N + 3) / 4, threads = (int)blockDim.x;
    if ((M + 3) / 4 * across >= threads)
        ttt_tn_tiles<4>(y, a, b, M, N, K, how);
    else
        ttt_tn_tiles<1>(y, a, b, M, N, K, how);
}

#endif
