/* Rows in shared memory: norms, quantisation, convolutions and step sizes of a decoded token. */
#ifndef BL_CUDA_DECODE_ROWS_CUH
#define BL_CUDA_DECODE_ROWS_CUH

#include "cuda/decode_flow.cuh"

/* What a thread keeps of a row of n: KEPT pieces of 8 neighbours, piece k from column i on; what lies behind
 * the row is 0. */
#define KEPT_EIGHTS(i, k)                                                                          \
    _Pragma("unroll") for (int k = 0, i = thread * 8; k < KEPT; k++, i += ROW_WARPS * 256)

template <int KEPT, int ROW_WARPS>
static __device__ __forceinline__ void decode_keep(float (&y)[KEPT][8], const float *row,
                                                   int thread, int n)
{
    KEPT_EIGHTS(i, k)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
            y[k][j] = 0;
        if (i < n)
            load<8>(y[k], row + i);
    }
}

/* y = z LN(y), a row by a warp */
template <int KEPT>
static __device__ __forceinline__ void decode_gate(const decode_args &a, const decode_block &b,
                                                   float (&y)[KEPT][8], const float *z, int thread,
                                                   int n)
{
    enum { ROW_WARPS = 1 };
    float sum = 0, each = 1.0f / (float)n;
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
        if (i < n)
#pragma unroll
            for (int j = 0; j < 8; j++)
                sum = fmaf(y[k][j] - mean, y[k][j] - mean, sum);
    }
    float rstd = 1.0f / sqrtf(fmaf(warp_sum(sum), each, 1e-6f)), w[KEPT][8], lb[KEPT][8];
    decode_keep<KEPT, 1>(w, TENSOR(post_w), thread, n);
    decode_keep<KEPT, 1>(lb, TENSOR(post_b), thread, n);
    KEPT_EIGHTS(i, k)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
            y[k][j] = fmaf(w[k][j], (y[k][j] - mean) * rstd, lb[k][j]);
    }
    if (!z)
        return;
    decode_keep<KEPT, 1>(w, z, thread, n);
    KEPT_EIGHTS(i, k)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
            y[k][j] = w[k][j] * y[k][j];
    }
}

/* Four quantised y in the bytes of a word: rint(y s), and 0 for a NaN.  Added to 3 2^22, a float has the
 * integer in its lowest bits; |y s| < 128. */
static __device__ __forceinline__ uint32_t decode_quantise_four(const float *y, float s)
{
    uint32_t bits[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float r = __fmul_rn(y[j], s);
        bits[j] = __float_as_uint((r == r ? r : 0.0f) + 12582912.0f);
    }
    return __byte_perm(__byte_perm(bits[0], bits[1], 0x0040), __byte_perm(bits[2], bits[3], 0x0040),
                       0x5410);
}

/* xi of what a thread keeps of row `seq`, their sum, and g / s of the matrices. */
template <int KEPT, int ROW_WARPS>
static __device__ __forceinline__ void decode_quantise(const decode_args &a, const decode_block &b,
                                                       const float (&y)[KEPT][8], float s, int seq,
                                                       int thread, int &turn)
{
    int8_t *xi = ROOM(int8_t, xi) + seq * a.wide;
    int total = 0, there = seq < b.n;
    if (there && thread < MATRICES && (thread != K_PROJ || a.keys) && (thread != G_PROJ || a.gates))
        ROOM(float, scale)[seq * MATRICES + thread] = __fdiv_rn(LAYER(float, g)[4 * thread], s);
    KEPT_EIGHTS(i, k)
    {
        uint2 word = make_uint2(decode_quantise_four(y[k], s), decode_quantise_four(y[k] + 4, s));
        total = __dp4a((int)word.x, 0x01010101, total);
        total = __dp4a((int)word.y, 0x01010101, total);
        if (there)
            *(uint2 *)(void *)(xi + decode_xi(i)) = word;
    }
    total = ROW_WARPS > 1 /* of integers below 2^24: exact */
                ? (int)team_sum<ROW_WARPS>((float)total, ROOM(float, team), turn)
                : __reduce_add_sync(0xffffffffu, total);
    if (there && thread == 0)
        ROOM(int, sum)[seq] = total;
}

/* Rows through their norm, ROW_WARPS warps a row, sums in the order of the ops.  Every thread of the block
 * comes. */
template <int KEPT, int ROW_WARPS, typename A>
static __device__ __forceinline__ void decode_norm(const decode_args &a, const decode_block &b,
                                                   const decode_source &r, int which, int parity)
{
    const float *rows = (const float *)(const void *)(decode_shared() + b.here + r.rows);
    const float *w = (const float *)(const void *)(decode_shared() + b.layer + r.w);
    int turn = 0, thread = (int)threadIdx.x % (32 * ROW_WARPS);
    float *room = ROOM(float, team);
#pragma unroll 1
    for (int first = 0; first < b.n; first += WARPS / ROW_WARPS) {
        int seq = first + (int)threadIdx.x / (32 * ROW_WARPS), n = seq < b.n ? r.columns : 0;
        float y[KEPT][8], scale[KEPT][8], each = 1.0f / (float)r.columns, sum = 0, most = 0;
        if (ROW_WARPS == 1 && !n)
            return;    /* the warp has no row */
        if (KEPT == 1) /* while the row is on its way; for more there are no registers */
            decode_keep<KEPT, ROW_WARPS>(scale, w, thread, n);
        if (first == 0)
            team_wait(a, b, which, parity);
        decode_keep<KEPT, ROW_WARPS>(y, rows + seq * n, thread, n);
        if constexpr (ROW_WARPS == 1)
            if (r.gated)
                decode_gate<KEPT>(a, b, y, a.gates ? ROOM(float, z) + seq * n : NULL, thread, n);
        KEPT_EIGHTS(i, k)
        {
#pragma unroll
            for (int j = 0; j < 8; j++)
                sum = fmaf(y[k][j], y[k][j], sum);
        }
        sum = team_sum<ROW_WARPS>(sum, room, turn);
        if (KEPT > 1)
            decode_keep<KEPT, ROW_WARPS>(scale, w, thread, n);
        float rms = 1.0f / sqrtf(fmaf(sum, each, a.eps));
        KEPT_EIGHTS(i, k)
        {
#pragma unroll
            for (int j = 0; j < 8; j++) {
                y[k][j] = __fmul_rn(__fmul_rn(y[k][j], rms), scale[k][j]);
                most = fmaxf(most, fabsf(y[k][j]));
            }
        }
        if (r.copy) {
            float *copy = (float *)(void *)(decode_shared() + b.here + r.copy) + seq * n;
            KEPT_EIGHTS(i, k)
            {
#pragma unroll
                for (int j = 0; j < 8; j++)
                    scale[k][j] = stored<A>(y[k][j]);
                if (i < n)
                    store<8>(copy + i, scale[k]);
            }
        }
        if (!r.quantised)
            continue;
        most = fmaxf(most, 1e-5f); /* from 0 on floats are in the order of their bits */
        most = ROW_WARPS > 1
                   ? team_max<ROW_WARPS>(most, room, turn)
                   : __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(most)));
        decode_quantise<KEPT, ROW_WARPS>(a, b, y, __fdiv_rn(127.0f, most), seq, thread, turn);
    }
}

/* The phase's row of every sequence, when the team has told it, through its norm. */
template <typename A>
static __device__ __forceinline__ void decode_rows(const decode_args &a, const decode_block &b,
                                                   int phase)
{
    const decode_source &r = a.source[phase];
    int which = r.which, parity = b.l % 2;
    if (which == TEAM_X) { /* twice a layer; the first has x from the beginning */
        parity = phase != GATE_UP;
        which = parity && (b.l == 0 || (a.pre && phase == PROJECTIONS)) ? -1 : which;
    }
    if (team_is_block(a))
        __syncthreads();
    if (r.columns <= 256)
        decode_norm<1, 1, A>(a, b, r, which, parity);
    else if (r.columns <= NARROW)
        decode_norm<NARROW / 256, 1, A>(a, b, r, which, parity);
    else
        decode_norm<BROAD / (4 * 256), 4, A>(a, b, r, which, parity);
    __syncthreads();
}

/* y[c] = bias[c] + sum_j w[c,K-1-j] u[-j,c], u before this token from the tail [K-1,columns] */
template <typename A>
static __device__ __forceinline__ float decode_conv(const decode_args &a, float u, const A *tail,
                                                    int columns, const float *w, float bias)
{
    float y = fmaf(w[a.K - 1], u, bias);
#pragma unroll 3
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
        const A *tail = LAYER(const A, pre_tail) + n * (a.K - 1) * a.D;
        A *to = (A *)(void *)decode_state(a, b, n, decode_layer(a, b, b.l)->pre_tail);
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

/* lambda of the block's heads: a warp a head and sequence, the last first, which have less else to
 * do; in the order of lr_gate_fwd. */
static __device__ __forceinline__ void decode_lambda(const decode_args &a, const decode_block &b)
{
    int lane = (int)threadIdx.x % 32;
    for (int p = WARPS - 1 - (int)threadIdx.x / 32; p < b.n * b.heads; p += WARPS) {
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
