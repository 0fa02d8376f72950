/* The TTT layer of a decoded token (MODEL 3.4). */
#ifndef BL_CUDA_DECODE_TTT_CUH
#define BL_CUDA_DECODE_TTT_CUH

#include "cuda/decode.cuh"

/* One head of one sequence: its state, the copy of it in shared memory, and what is made there. */
typedef struct decode_pair {
    float *ks, *hs;
    float *own_W, *own_b, *own_ks, *own_hs;
    float *q, *k, *v, *z, *zq, *mix, *left, *right;
    int j; /* the token's place in its chunk */
} decode_pair;

enum { GROUPS = PAIR_THREADS / (HEAD / 4), EACH = HEAD / GROUPS /* rows of W a thread */ };

static __device__ __forceinline__ decode_pair decode_pair_at(const decode_args &a,
                                                             const decode_block &b,
                                                             decode_head head)
{
    int n = head.n;
    const bl_decode_layer *l = decode_layer(a, b);
    int slot = (int)threadIdx.x / PAIR_THREADS, h = b.head + head.own;
    decode_pair p;
    p.j = (int)(ROOM(bl_decode_row, row)[n].position % (uint64_t)a.C);
    p.ks = (float *)(void *)decode_state(a, n, l->k) + h * a.C * HEAD;
    p.hs = (float *)(void *)decode_state(a, n, l->h) + h * a.C * HEAD;
    p.own_W = ROOM(float, state) + slot * a.state;
    p.own_b = p.own_W + HEAD * HEAD, p.own_ks = p.own_b + HEAD, p.own_hs = p.own_ks + a.C * HEAD;
    p.q = ROOM(float, pair) + slot * PAIR_FLOATS;
    p.k = p.q + HEAD, p.v = p.k + HEAD, p.z = p.v + HEAD, p.zq = p.z + HEAD;
    p.mix = p.zq + HEAD, p.left = p.mix + 64, p.right = p.left + GROUPS * HEAD;
    return p;
}

/* W and b of head h of sequence n. */
static __device__ __forceinline__ float *decode_W(const decode_args &a, const decode_block &b,
                                                  int n, int h)
{
    return (float *)(void *)decode_state(a, n, decode_layer(a, b)->W) + h * HEAD * HEAD;
}
static __device__ __forceinline__ float *decode_b(const decode_args &a, const decode_block &b,
                                                  int n, int h)
{
    return (float *)(void *)decode_state(a, n, decode_layer(a, b)->b) + h * HEAD;
}

/* n floats, a multiple of 4, by `threads` threads. */
static __device__ __forceinline__ void decode_copy(float *to, const float *from, int n, int thread,
                                                   int threads)
{
#pragma unroll 1
    for (int i = thread * 4; i < n; i += threads * 4)
        copy_async(to + i, from + i, 16);
}

/* The head that this thread's pair has when the first pair has head `first` of all heads of all
 * sequences; -1: none. */
static __device__ __forceinline__ int decode_pair_mine(const decode_args &a, const decode_block &b,
                                                       int first)
{
    int slot = (int)threadIdx.x / PAIR_THREADS, mine = first + slot;
    return slot < a.pairs && mine < b.n * b.heads ? mine : -1;
}

/* The state of the pair's next head begins to come: number `first` and on, for all pairs. */
static __device__ __forceinline__ void decode_pair_fetch(const decode_args &a,
                                                         const decode_block &b, int first)
{
    int mine = decode_pair_mine(a, b, first), t = (int)threadIdx.x % PAIR_THREADS;
    if (mine < 0)
        return;
    decode_head head = ROOM(decode_head, head)[mine];
    decode_pair p = decode_pair_at(a, b, head);
    decode_copy(p.own_W, decode_W(a, b, head.n, b.head + head.own), HEAD * HEAD, t, PAIR_THREADS);
    decode_copy(p.own_ks, p.ks, p.j * HEAD, t, PAIR_THREADS);
    decode_copy(p.own_hs, p.hs, p.j * HEAD, t, PAIR_THREADS);
    decode_copy(p.own_b, decode_b(a, b, head.n, b.head + head.own), HEAD, t, PAIR_THREADS);
}

/* q, k and v of the block's head `own`, q and k rotated. */
static __device__ __forceinline__ void decode_pair_in(const decode_args &a, const decode_pair &p,
                                                      int n, int own, int t)
{
    int at = n * a.own + own * HEAD, i = t % HEAD, pair = n * (HEAD / 2) + i / 2;
    if (t >= 3 * HEAD)
        return;
    if (t >= 2 * HEAD) {
        p.v[i] = ROOM(float, v)[at + i];
        return;
    }
    const float *from = (t < HEAD ? ROOM(float, q) : ROOM(float, k)) + at + (i & ~1);
    float cosine = ROOM(float, cosine)[pair], sine = ROOM(float, sine)[pair];
    (t < HEAD ? p.q : p.k)[i] =
        i % 2 ? from[0] * sine + from[1] * cosine : from[0] * cosine - from[1] * sine;
}

/* The sums of each group of threads of k W and q W. */
static __device__ __forceinline__ void decode_pair_sums(const decode_pair &p, int t)
{
    float one[4] = {}, two[4] = {};
    int group = t / (HEAD / 4), c = t % (HEAD / 4) * 4;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        float w[4];
        load<4>(w, p.own_W + (group + i * GROUPS) * HEAD + c);
#pragma unroll
        for (int x = 0; x < 4; x++) {
            one[x] = fmaf(p.k[group + i * GROUPS], w[x], one[x]);
            two[x] = fmaf(p.q[group + i * GROUPS], w[x], two[x]);
        }
    }
    store<4>(p.left + group * HEAD + c, one);
    store<4>(p.right + group * HEAD + c, two);
}

/* By one warp: h joins the state and o goes to the whole team. */
template <typename A>
static __device__ __forceinline__ void decode_pair_out(const decode_args &a, const decode_block &b,
                                                       const decode_pair &p, int n, int own,
                                                       float lambda)
{
    const float *gamma = TENSOR(gamma) + own * HEAD, *beta = TENSOR(beta) + own * HEAD;
    (void)ttt_gradient(p.z, p.z, p.k, p.v, gamma, beta, HEAD);
    for (int i = ttt_lane(); i < HEAD; i += 32) {
        float mine = lambda * p.z[i];
        p.ks[p.j * HEAD + i] = p.k[i];
        p.hs[p.j * HEAD + i] = mine;
        if (p.j == a.C - 1) /* for the fold; else what comes next may be on its way there */
            p.own_ks[p.j * HEAD + i] = p.k[i], p.own_hs[p.j * HEAD + i] = mine;
        p.zq[i] -= p.mix[p.j] * mine;
    }
    (void)ttt_standardise(p.zq, HEAD);
    for (int i = ttt_lane(); i < HEAD; i += 32)
        decode_tell(a, ROOM(float, o) + n * a.D + (b.head + own) * HEAD + i,
                    stored<A>(p.q[i] + gamma[i] * p.zq[i] + beta[i]), 0, 1);
}

/* A full chunk goes into W and b of head h: k, h and the old W and b are in shared memory.  base: what
 * the sequence forgets towards. */
static __device__ __noinline__ void decode_fold(float *W, float *b, const float *old,
                                                const bl_decode_layer *l, const char *base, int h,
                                                int C, float tau, int warp)
{
    const float *W0 = base ? (const float *)(const void *)(base + l->W0) : floats(l->inner.W0);
    const float *b0 = base ? (const float *)(const void *)(base + l->b0) : floats(l->inner.b0);
    const float *half_life = floats(l->inner.half_life);
    const float *ks = old + (HEAD + 1) * HEAD, *hs = ks + C * HEAD;
    float rho = half_life ? (float)ttt_forget_of(half_life[h]).rho : 1;
    ttt_token_fold(W, b, old, old + HEAD * HEAD, W0 + h * HEAD * HEAD, b0 + h * HEAD, ks, hs,
                   half_life != NULL, rho, tau, C, HEAD, HEAD, warp, PAIR_THREADS / 32);
}

/* One token of heads of sequences, number `first` and on, by the PAIR_THREADS threads of each pair, as
 * linear_token_kernel has it (ttt_linear_step.cu).  Every thread of the block comes. */
template <typename A>
static __device__ __forceinline__ void decode_pairs(const decode_args &a, const decode_block &b,
                                                    int first)
{
    int mine = decode_pair_mine(a, b, first), t = (int)threadIdx.x % PAIR_THREADS;
    int live = mine >= 0;
    decode_head head = ROOM(decode_head, head)[live ? mine : 0];
    int n = head.n, own = head.own;
    decode_pair p = decode_pair_at(a, b, head);
    float tau = ttt_tau(TENSOR(delta)[p.j], p.j);
    if (live)
        decode_pair_in(a, p, n, own, t);
    copy_async_wait<0>();
    __syncthreads();
    if (live) {
        decode_pair_sums(p, t);
        ttt_token_mix(p.mix, p.q, p.own_ks, p.k, tau, p.j, HEAD, t / 32, PAIR_THREADS / 32);
    }
    __syncthreads();
    if (live && t < HEAD)
        p.z[t] = p.own_b[t] + ttt_pass_sum(p.left, GROUPS, HEAD, t);
    else if (live && t < 2 * HEAD)
        p.zq[t - HEAD] = p.own_b[t - HEAD] + ttt_pass_sum(p.right, GROUPS, HEAD, t - HEAD) -
                         ttt_token_sum(p.mix, p.own_hs, p.j, HEAD, t - HEAD);
    __syncthreads();
    int full = live && p.j == a.C - 1;
    if (!full)
        decode_pair_fetch(a, b, first + a.pairs);
    copy_async_commit();
    if (live && t < 32)
        decode_pair_out<A>(a, b, p, n, own, ROOM(float, lambda)[mine]);
    if (!__syncthreads_count(full))
        return;
    if (full)
        decode_fold(decode_W(a, b, n, b.head + own), decode_b(a, b, n, b.head + own), p.own_W,
                    decode_layer(a, b), (const char *)ROOM(bl_decode_row, row)[n].base,
                    b.head + own, a.C, tau, t / 32);
    for (int i = t; full && i < a.C * HEAD; i += PAIR_THREADS)
        p.ks[i] = p.hs[i] = 0;
    __syncthreads();
    if (full)
        decode_pair_fetch(a, b, first + a.pairs);
    copy_async_commit();
}

#endif
