/* The TTT layer of a decoded token (MODEL 3.4). */
#ifndef BL_CUDA_DECODE_TTT_CUH
#define BL_CUDA_DECODE_TTT_CUH

#include "cuda/decode_rows.cuh"

/* One head of one sequence: its state in memory, the copy of it in shared memory, and what is made
 * there. */
typedef struct decode_pair {
    decode_place state;
    float *W, *b, *ks, *hs;
    float *q, *k, *v, *z, *zq, *mix, *left, *right;
    int j; /* the token's place in its chunk */
} decode_pair;

enum { GROUPS = PAIR_THREADS / (HEAD / 4), EACH = HEAD / GROUPS /* rows of W a thread */ };

static __device__ __forceinline__ decode_pair decode_pair_at(const decode_args &a,
                                                             const decode_block &b,
                                                             decode_head head)
{
    decode_pair p;
    p.state = decode_place_of(a, b, decode_layer(a, b, b.l), head.n, b.head + head.own);
    p.j = ROOM(int, in_chunk)[head.n];
    p.W = ROOM(float, state);
    p.b = p.W + HEAD * HEAD, p.ks = p.b + HEAD, p.hs = p.ks + a.C * HEAD;
    p.q = ROOM(float, pair);
    p.k = p.q + HEAD, p.v = p.k + HEAD, p.z = p.v + HEAD, p.zq = p.z + HEAD;
    p.mix = p.zq + HEAD, p.left = p.mix + 64, p.right = p.left + GROUPS * HEAD;
    return p;
}

/* Thread t of a pair: an element of q, of k, both convolved where they share a projection and rotated,
 * of v, or of the tail of that convolution, which moves on. */
template <typename A>
static __device__ __forceinline__ void decode_pair_in(const decode_args &a, const decode_block &b,
                                                      const decode_pair &p, int n, int own, int t)
{
    int i = t % HEAD, c = own * HEAD + i, at = n * a.own + c, angle = n * (HEAD / 2) + i / 2;
    const A *tail = LAYER(const A, tail) + n * (a.K - 1) * a.own + c;
    if (t >= 3 * HEAD) {
        A *to = (A *)(void *)decode_state(a, b, n, decode_layer(a, b, b.l)->tail);
        if (!a.keys)
            decode_move<A>(a, to + b.head * HEAD + c, tail, a.own, ROOM(float, q)[at]);
        return;
    }
    if (t >= 2 * HEAD) {
        p.v[i] = ROOM(float, v)[at];
        return;
    }
    int key = t >= HEAD; /* the same for all lanes of a warp */
    float x = (key && a.keys ? ROOM(float, k) : ROOM(float, q))[at];
    if (!a.keys)
        x = decode_conv<A>(a, x, tail, a.own, (key ? TENSOR(conv_k) : TENSOR(conv_q)) + c * a.K,
                           (key ? TENSOR(conv_k_b) : TENSOR(conv_q_b))[c]);
    float cosine = ROOM(float, cosine)[angle], sine = ROOM(float, sine)[angle];
    float other = __shfl_xor_sync(0xffffffffu, x, 1);
    (key ? p.k : p.q)[i] = ttt_rotated(i % 2 ? other : x, i % 2 ? x : other, cosine, sine, i % 2);
}

/* The sums of each group of threads of k W and q W. */
static __device__ __forceinline__ void decode_pair_sums(const decode_pair &p, int t)
{
    float one[4] = {}, two[4] = {};
    int group = t / (HEAD / 4), c = t % (HEAD / 4) * 4;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        float w[4];
        load<4>(w, p.W + (group + i * GROUPS) * HEAD + c);
#pragma unroll
        for (int x = 0; x < 4; x++) {
            one[x] = fmaf(p.k[group + i * GROUPS], w[x], one[x]);
            two[x] = fmaf(p.q[group + i * GROUPS], w[x], two[x]);
        }
    }
    store<4>(p.left + group * HEAD + c, one);
    store<4>(p.right + group * HEAD + c, two);
}

enum { KEPT = HEAD / 32 }; /* elements of a head's row that a lane of one warp has: 32 apart */

/* ttt_standardise of a row that a warp keeps. */
static __device__ __forceinline__ float decode_standardise(float (&z)[KEPT])
{
    float mean = 0, var = 0;
    for (int i = 0; i < KEPT; i++)
        mean += z[i];
    mean = warp_sum(mean) / (float)HEAD;
    for (int i = 0; i < KEPT; i++)
        var = fmaf(z[i] - mean, z[i] - mean, var);
    float sigma = sqrtf(warp_sum(var) / (float)HEAD + 1e-6f);
    for (int i = 0; i < KEPT; i++)
        z[i] = (z[i] - mean) / sigma;
    return sigma;
}

/* ttt_gradient of such a row: z becomes G; k_v: v - k. */
static __device__ __forceinline__ void decode_gradient(float (&z)[KEPT], const float (&k_v)[KEPT],
                                                       const float (&gamma)[KEPT],
                                                       const float (&beta)[KEPT])
{
    float sigma = decode_standardise(z), mean = 0, slope = 0, e[KEPT];
    for (int i = 0; i < KEPT; i++) {
        e[i] = gamma[i] * (fmaf(gamma[i], z[i], beta[i]) - k_v[i]);
        mean += e[i];
        slope = fmaf(e[i], z[i], slope);
    }
    mean = warp_sum(mean) / (float)HEAD;
    slope = warp_sum(slope) / (float)HEAD;
    for (int i = 0; i < KEPT; i++)
        z[i] = fmaf(-z[i], slope, e[i] - mean) / sigma;
}

/* By one warp: h joins the state and o goes to the whole team. */
template <typename A>
static __device__ __forceinline__ void decode_pair_out(const decode_args &a, const decode_block &b,
                                                       const decode_pair &p, int n, int own,
                                                       float lambda)
{
    float z[KEPT], zq[KEPT], k[KEPT], k_v[KEPT], gamma[KEPT], beta[KEPT];
    for (int x = 0; x < KEPT; x++) {
        int i = ttt_lane() + 32 * x;
        z[x] = p.z[i], zq[x] = p.zq[i], k[x] = p.k[i], k_v[x] = p.v[i] - p.k[i];
        gamma[x] = TENSOR(gamma)[own * HEAD + i], beta[x] = TENSOR(beta)[own * HEAD + i];
    }
    decode_gradient(z, k_v, gamma, beta);
    for (int x = 0; x < KEPT; x++) {
        int i = p.j * HEAD + ttt_lane() + 32 * x;
        float mine = lambda * z[x];
        p.state.k[i] = k[x];
        p.state.h[i] = mine;
        if (p.j == a.C - 1) /* for the fold; else what comes next may be on its way there */
            p.ks[i] = k[x], p.hs[i] = mine;
        zq[x] = fmaf(-p.mix[p.j], mine, zq[x]);
    }
    (void)decode_standardise(zq);
    for (int x = 0; x < KEPT; x++) {
        int i = ttt_lane() + 32 * x;
        p.zq[i] = stored<A>(fmaf(gamma[x], zq[x], p.q[i]) + beta[x]);
    }
    __syncwarp();
    float four[4];
    int quad = ttt_lane() % (HEAD / 4) * 4;
    load<4>(four, p.zq + quad);
    for (int rank = ttt_lane() / (HEAD / 4); rank < a.size; rank += 32 / (HEAD / 4))
        team_send(a, b, ROOM(float, o) + n * a.D + (b.head + own) * HEAD + quad, four, TEAM_O,
                  rank);
}

/* A full chunk goes into W and b of a head, as ttt_token_fold has it: `p` has k, h and the old W and b in
 * shared memory.  W0 and b0: what they forget towards, if they do.  A thread has four columns of each
 * GROUPS-th row, and reads them all first. */
static __device__ __forceinline__ void decode_fold(const decode_pair &p, const float *W0,
                                                   const float *b0, float rho, float tau, int C,
                                                   int t)
{
    int group = t / (HEAD / 4), c = t % (HEAD / 4) * 4;
    float start[EACH][4], sum[EACH][4] = {}, bias = 0;
    for (int i = 0; i < EACH && W0; i++)
        load<4>(start[i], W0 + (group + i * GROUPS) * HEAD + c);
#pragma unroll 2
    for (int j = 0; j < C; j++) {
        float h[4];
        load<4>(h, p.hs + j * HEAD + c);
        for (int i = 0; i < EACH; i++)
            for (int x = 0; x < 4; x++)
                sum[i][x] = fmaf(p.ks[j * HEAD + group + i * GROUPS], h[x], sum[i][x]);
    }
    for (int i = 0; i < EACH; i++) {
        int at = (group + i * GROUPS) * HEAD + c;
        float w[4];
        load<4>(w, p.W + at);
        for (int x = 0; x < 4; x++)
            w[x] = fmaf(-tau, sum[i][x], W0 ? ttt_forgotten(w[x], start[i][x], rho) : w[x]);
        store<4>(p.state.W + at, w);
    }
    if (t >= HEAD)
        return;
    for (int j = 0; j < C; j++)
        bias += p.hs[j * HEAD + t];
    p.state.b[t] = fmaf(-tau, bias, W0 ? ttt_forgotten(p.b[t], b0[t], rho) : p.b[t]);
}

/* One token of number `mine` of the block's heads of all sequences, by PAIR_THREADS threads, as
 * linear_token_kernel has it (ttt_linear_step.cu).  Every thread of the block comes. */
template <typename A>
static __device__ __forceinline__ void decode_head_step(const decode_args &a, const decode_block &b,
                                                        decode_flow &f, int mine)
{
    decode_head head = ROOM(decode_head, head)[mine];
    int t = (int)threadIdx.x, n = head.n, own = head.own;
    decode_pair p = decode_pair_at(a, b, head);
    int live = t < PAIR_THREADS, full = p.j == a.C - 1, h = b.head + own;
    float tau = ttt_tau(TENSOR(delta)[p.j], p.j);
    if (live)
        decode_pair_in<A>(a, b, p, n, own, t);
    __syncthreads();
    barrier_wait(BARRIER(STATE_THERE), f.state_parity);
    f.state_parity ^= 1;
    if (live) {
        decode_pair_sums(p, t);
        ttt_token_mix(p.mix, p.q, p.ks, p.k, tau, p.j, HEAD, t / 32, PAIR_THREADS / 32);
    }
    __syncthreads();
    if (t < HEAD)
        p.z[t] = p.b[t] + ttt_pass_sum(p.left, GROUPS, HEAD, t);
    else if (t < 2 * HEAD)
        p.zq[t - HEAD] = p.b[t - HEAD] + ttt_pass_sum(p.right, GROUPS, HEAD, t - HEAD) -
                         ttt_token_sum(p.mix, p.hs, p.j, HEAD, t - HEAD);
    __syncthreads();
    if (!full)
        decode_ask_state(a, b, b.l, mine + 1);
    if (t < 32)
        decode_pair_out<A>(a, b, p, n, own, ROOM(float, lambda)[mine]);
    if (!full)
        return;
    __syncthreads();
    if (live) {
        const bl_decode_layer *l = decode_layer(a, b, b.l);
        const char *base = (const char *)ROOM(bl_decode_row, row)[n].base;
        const float *half_life = floats(l->inner.half_life), *W0 = NULL, *b0 = NULL;
        float rho = 1;
        if (half_life) {
            rho = (float)ttt_forget_of(half_life[h]).rho;
            W0 = (base ? (const float *)(const void *)(base + l->W0) : floats(l->inner.W0)) +
                 h * HEAD * HEAD;
            b0 = (base ? (const float *)(const void *)(base + l->b0) : floats(l->inner.b0)) +
                 h * HEAD;
        }
        decode_fold(p, W0, b0, rho, tau, a.C, t);
    }
    for (int i = t; i < a.C * HEAD; i += THREADS)
        p.state.k[i] = p.state.h[i] = 0;
#if ON_HOPPER
    copy_bulk_after_stores();
#endif
    __syncthreads();
    decode_ask_state(a, b, b.l, mine + 1);
}

/* The projections are there: the TTT layer's output goes to the team. */
template <typename A>
static __device__ __forceinline__ void decode_ttt(const decode_args &a, const decode_block &b,
                                                  decode_flow &f)
{
#pragma unroll 1
    for (int mine = 0; mine < b.n * b.heads; mine++) {
        __syncthreads();
        decode_head_step<A>(a, b, f, mine);
    }
}

#endif
