/* Rows in shared memory: norms, quantisation, convolutions and step sizes of a decoded token. */
#ifndef BL_CUDA_DECODE_ROWS_CUH
#define BL_CUDA_DECODE_ROWS_CUH

#include "cuda/decode.cuh"

/* The pieces of 8 neighbours of a row that a thread keeps. */
enum { KEPT = NARROW / (32 * 8) };
#define KEPT_EIGHTS(i, k)                                                                          \
    _Pragma("unroll") for (int k = 0, i = thread * 8; k < KEPT; k++, i += threads * 8) if (i < end)

/* y = z LN(y), a row by a warp */
static __device__ __forceinline__ void decode_gate(const decode_args &a, float (&y)[KEPT][8],
                                                   const float *z, int thread, int end)
{
    enum { threads = 32 };
    float sum = 0, each = 1.0f / (float)a.D;
    KEPT_EIGHTS(i, k)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
            sum += y[k][j];
    }
    float mean = warp_sum(sum) * each;
    sum = 0;
    KEPT_EIGHTS(i, k)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
            sum += (y[k][j] - mean) * (y[k][j] - mean);
    }
    float rstd = 1.0f / sqrtf(warp_sum(sum) * each + 1e-6f);
    KEPT_EIGHTS(i, k)
    {
        float w[8], lb[8];
        load<8>(w, TENSOR(post_w) + i);
        load<8>(lb, TENSOR(post_b) + i);
#pragma unroll
        for (int j = 0; j < 8; j++)
            y[k][j] = fmaf(w[j], (y[k][j] - mean) * rstd, lb[j]);
        if (z) {
            load<8>(w, z + i);
#pragma unroll
            for (int j = 0; j < 8; j++)
                y[k][j] = w[j] * y[k][j];
        }
    }
}

/* A row of the phase: where it is, its norm's weights, where the normalised row goes as an activation. */
typedef struct decode_source {
    float *rows, *copy;
    const float *w;
} decode_source;

static __device__ __forceinline__ decode_source decode_source_of(const decode_args &a,
                                                                 decode_phase phase)
{
    decode_source r = {ROOM(float, x), NULL, TENSOR(ffn_norm)};
    if (phase == PRE_CONV)
        r.w = TENSOR(pre_norm), r.copy = ROOM(float, u);
    else if (phase == PROJECTIONS)
        r.w = TENSOR(seq_norm), r.copy = ROOM(float, xn);
    else if (phase == OUTPUT)
        r.w = TENSOR(attn_sub), r.rows = ROOM(float, o);
    else if (phase == DOWN)
        r.w = TENSOR(ffn_sub), r.rows = ROOM(float, h);
    return r;
}

/* xi of what a thread keeps of row `seq`, their sum, and g / s of the matrices; what lies behind the row
 * is 0. */
static __device__ __forceinline__ void decode_quantise(const decode_args &a,
                                                       const float (&y)[KEPT][8], float s, int seq,
                                                       int thread, int threads, int end, int &turn)
{
    int8_t *xi = ROOM(int8_t, xi) + seq * a.wide;
    int total = 0;
    KEPT_EIGHTS(i, k)
    {
        uint32_t word[2] = {};
#pragma unroll
        for (int j = 0; j < 8; j++) {
            uint32_t q = quantise(y[k][j], s);
            word[j / 4] |= q << (j % 4 * 8);
        }
        total = __dp4a((int)word[0], 0x01010101, total);
        total = __dp4a((int)word[1], 0x01010101, total);
        *(uint2 *)(void *)(xi + i) = make_uint2(word[0], word[1]);
    }
    total = threads > 32 /* of integers below 2^24: exact */
                ? (int)team_sum<4>((float)total, ROOM(float, team), turn)
                : __reduce_add_sync(0xffffffffu, total);
    for (int i = end + thread; end && i < (end + 63 & ~63); i += threads)
        xi[i] = 0;
    if (end && thread == 0)
        ROOM(int, sum)[seq] = total;
    if (end && thread < MATRICES)
        ROOM(float, scale)[seq * MATRICES + thread] = __fdiv_rn(ROOM(float, g)[4 * thread], s);
}

/* The phase's row of every sequence through its norm, to u (PRE_CONV) or to what a product needs: a
 * warp a row, or four where rows are long; sums in the order of the ops.  Every thread of the block
 * comes. */
template <typename A>
static __device__ __forceinline__ void decode_norm(const decode_args &a, const decode_block &b,
                                                   decode_phase phase)
{
    int n = phase == DOWN ? a.I : a.D, four = n > NARROW, turn = 0;
    int threads = four ? 128 : 32, thread = (int)threadIdx.x & (threads - 1);
    const decode_source r = decode_source_of(a, phase);
    float each = 1.0f / (float)n, *room = ROOM(float, team);
#pragma unroll 1
    for (int first = 0; first < b.n; first += THREADS / threads) {
        int seq = first + (int)threadIdx.x / threads, end = seq < b.n ? n : 0;
        float y[KEPT][8], sum = 0, most = 0;
        if (!four && !end)
            continue; /* the warp has no row */
        KEPT_EIGHTS(i, k)
        load<8>(y[k], r.rows + seq * n + i);
        if (phase == OUTPUT)
            decode_gate(a, y, b.gates ? ROOM(float, z) + seq * n : NULL, thread, end);
        KEPT_EIGHTS(i, k)
        {
#pragma unroll
            for (int j = 0; j < 8; j++)
                sum += y[k][j] * y[k][j];
        }
        sum = four ? team_sum<4>(sum, room, turn) : warp_sum(sum);
        float rms = 1.0f / sqrtf(sum * each + a.eps);
        KEPT_EIGHTS(i, k)
        {
            float w[8];
            load<8>(w, r.w + i);
#pragma unroll
            for (int j = 0; j < 8; j++) {
                y[k][j] = __fmul_rn(__fmul_rn(y[k][j], rms), w[j]);
                most = fmaxf(most, fabsf(y[k][j]));
                w[j] = stored<A>(y[k][j]);
            }
            if (r.copy)
                store<8>(r.copy + seq * n + i, w);
        }
        if (phase == PRE_CONV)
            continue;
        most = fmaxf(most, 1e-5f);
        most = four ? team_max<4>(most, room,
                                  turn) /* from 0 on floats are in the order of their bits */
                    : __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(most)));
        decode_quantise(a, y, __fdiv_rn(127.0f, most), seq, thread, threads, end, turn);
    }
    __syncthreads();
}

/* y[c] = bias[c] + sum_j w[c,K-1-j] u[-j,c], u before this token from the tail [K-1,columns] */
template <typename A>
static __device__ __forceinline__ float decode_conv(const decode_args &a, float u, const A *tail,
                                                    int columns, const float *w, float bias)
{
    float y = fmaf(w[a.K - 1], u, bias);
#pragma unroll 1
    for (int j = 1; j < a.K; j++)
        y = fmaf(w[a.K - 1 - j], to_float(tail[(a.K - 1 - j) * columns]), y);
    return stored<A>(y);
}

/* A column of a state's tail moves on by u; `tail` is the column as it was. */
template <typename A>
static __device__ __forceinline__ void decode_move(const decode_args &a, A *to, const A *tail,
                                                   int columns, float u)
{
#pragma unroll 1
    for (int k = 0; k + 2 < a.K; k++)
        to[k * a.D] = tail[(k + 1) * columns];
    to[(a.K - 2) * a.D] = from_float<A>(u);
}

/* x = x + conv(u), by every block for itself; it moves its columns of the tails. */
template <typename A>
static __device__ __forceinline__ void decode_pre_conv(const decode_args &a, const decode_block &b)
{
    float *x = ROOM(float, x);
    const float *u = ROOM(float, u);
    for (int n = 0; n < b.n; n++) {
        const A *tail = ROOM(const A, pre_tail) + n * (a.K - 1) * a.D;
        A *to = (A *)(void *)decode_state(a, n, decode_layer(a, b)->pre_tail);
        for (int c = (int)threadIdx.x; c < a.D; c += THREADS) {
            int i = n * a.D + c;
            float y = decode_conv<A>(a, u[i], tail + c, a.D, TENSOR(pre_conv) + c * a.K,
                                     TENSOR(pre_conv_b)[c]);
            x[i] = stored<A>(x[i] + y);
            if (c >= b.column && c < b.column + b.columns)
                decode_move<A>(a, to + c, tail + c, a.D, u[i]);
        }
    }
    __syncthreads();
}

/* q and k of the block's heads from what both share, which lies in q. */
template <typename A>
static __device__ __forceinline__ void decode_convolve(const decode_args &a, const decode_block &b)
{
    float *q = ROOM(float, q), *k = ROOM(float, k);
    for (int p = (int)threadIdx.x / HEAD; p < b.n * b.heads; p += THREADS / HEAD) {
        decode_head head = ROOM(decode_head, head)[p];
        int c = head.own * HEAD + (int)threadIdx.x % HEAD, i = head.n * a.own + c;
        const A *tail = ROOM(const A, tail) + head.n * (a.K - 1) * a.own + c;
        A *to = (A *)(void *)decode_state(a, head.n, decode_layer(a, b)->tail);
        float u = q[i];
        q[i] = decode_conv<A>(a, u, tail, a.own, TENSOR(conv_q) + c * a.K, TENSOR(conv_q_b)[c]);
        k[i] = decode_conv<A>(a, u, tail, a.own, TENSOR(conv_k) + c * a.K, TENSOR(conv_k_b)[c]);
        decode_move<A>(a, to + b.head * HEAD + c, tail, a.own, u);
    }
    __syncthreads();
}

/* lambda of the block's heads: a warp a head and sequence, in the order of lr_gate_fwd. */
static __device__ __forceinline__ void decode_lambda(const decode_args &a, const decode_block &b)
{
    int lane = (int)threadIdx.x % 32;
    for (int p = (int)threadIdx.x / 32; p < b.n * b.heads; p += THREADS / 32) {
        decode_head head = ROOM(decode_head, head)[p];
        float dot = 0, x[8], w[8];
#pragma unroll 1
        for (int i = lane * 8; i < a.D; i += 256) {
            load<8>(x, ROOM(float, xn) + head.n * a.D + i);
            load<8>(w, TENSOR(lr_w) + head.own * a.D + i);
#pragma unroll
            for (int j = 0; j < 8; j++)
                dot = fmaf(x[j], w[j], dot);
        }
        dot = warp_sum(dot);
        if (lane == 0)
            ROOM(float, lambda)[p] = a.lr_scale * sigmoid(dot + TENSOR(lr_b)[b.head + head.own]);
    }
}

#endif
