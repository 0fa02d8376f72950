/* Decoding: a token of each of some sequences through all layers in one launch (MODEL 1, 3.4). */
#include "cuda/decode_products.cuh"
#include "cuda/decode_rows.cuh"
#include "cuda/decode_ttt.cuh"

#include <limits.h>
#include <stddef.h>

extern "C" {
#include "core/env.h"
}

/* What layer b.l reads of parameters and states begins to come into shared memory; a tensor a warp. */
template <typename A>
static __device__ __forceinline__ void fetch(const decode_args &a, const decode_block &b)
{
    const bl_decode_layer *l = decode_layer(a, b);
    enum { WIDTH = 16 / sizeof(A) };
    for (int i = (int)threadIdx.x / 32; i < TENSORS; i += THREADS / 32) {
        const float *from =
            *(const float *const *)(const void *)((const char *)l + a.tensor[i].from);
        int each = a.tensor[i].head;
        if (from)
            decode_copy(ROOM(float, tensor[i]), from + each * b.head,
                        each ? each * b.heads : a.tensor[i].count, (int)threadIdx.x % 32, 32);
    }
    if (threadIdx.x >= THREADS - MATRICES) {
        int m = THREADS - 1 - (int)threadIdx.x;
        const bl_tern *w = (&l->q_proj)[m];
        if (w)
            copy_async(ROOM(float, g) + 4 * m, w, 16);
    }
    int taps = a.K - 1, row = a.D / WIDTH, some = b.heads * HEAD / WIDTH;
    for (int n = 0; n < b.n; n++) {
        const A *pre = (const A *)(const void *)decode_state(a, n, l->pre_tail);
        const A *tail = (const A *)(const void *)decode_state(a, n, l->tail) + b.head * HEAD;
        for (int i = (int)threadIdx.x; l->pre_conv && i < taps * row; i += THREADS)
            copy_async(ROOM(A, pre_tail) + (n * taps * row + i) * WIDTH, pre + i * WIDTH, 16);
        for (int k = (int)threadIdx.x / 32; !b.keys && k < taps; k += THREADS / 32)
            for (int i = (int)threadIdx.x % 32; i < some; i += 32)
                copy_async(ROOM(A, tail) + (n * taps + k) * a.own + i * WIDTH,
                           tail + k * a.D + i * WIDTH, 16);
    }
    decode_pair_fetch(a, b, 0);
    copy_async_commit();
}

/* Block `rank`'s part of n things. */
static __device__ __forceinline__ void share(int *first, int *count, int n, int rank, int size)
{
    *first = (int)((long)n * rank / size);
    *count = (int)((long)n * (rank + 1) / size) - *first;
}

enum { LAYER_WORDS = sizeof(bl_decode_layer) / sizeof(uint64_t) };

/* The block's part of the work, the sequences of its team, their embeddings and rotations. */
template <typename A> static __device__ __forceinline__ decode_block begin(const decode_args &a)
{
    decode_block b;
    size_t first = (size_t)(blockIdx.x / a.size) * a.seqs;
    b.rank = cluster_rank();
    b.n = a.count - first < (size_t)a.seqs ? (int)(a.count - first) : a.seqs;
    share(&b.head, &b.heads, a.H, b.rank, a.size);
    share(&b.column, &b.columns, a.D, b.rank, a.size);
    share(&b.unit, &b.units, a.I, b.rank, a.size);
    b.l = 0;
    if ((int)threadIdx.x < b.n)
        ROOM(bl_decode_row, row)[threadIdx.x] = a.rows[first + threadIdx.x];
    for (int i = (int)threadIdx.x; i < a.L * LAYER_WORDS; i += THREADS)
        ROOM(uint64_t, layer)[i] = ((const uint64_t *)(const void *)a.layers)[i];
    __syncthreads();
    b.keys = decode_layer(a, b)->k_proj != NULL;
    b.gates = decode_layer(a, b)->g_proj != NULL;
    for (int i = (int)threadIdx.x; i < b.n * b.heads; i += THREADS) {
        decode_head head = {(short)(i / b.heads), (short)(i % b.heads)};
        ROOM(decode_head, head)[i] = head;
    }
    __syncthreads();
    fetch<A>(a, b);
    for (int i = (int)threadIdx.x; i < b.n * a.D; i += THREADS) {
        size_t id = (size_t)ROOM(bl_decode_row, row)[i / a.D].id;
        ROOM(float, x)[i] = stored<A>(a.embed[id * a.D + i % a.D]);
    }
    for (int i = (int)threadIdx.x; i < b.n * (HEAD / 2); i += THREADS) {
        int j = (int)(ROOM(bl_decode_row, row)[i / (HEAD / 2)].position % (uint64_t)a.C);
        ttt_angle(&ROOM(float, cosine)[i], &ROOM(float, sine)[i], j, i % (HEAD / 2), HEAD,
                  a.theta_log2);
    }
    return b;
}

/* The projections are there: the TTT layer's output goes to the team. */
template <typename A>
static __device__ __forceinline__ void ttt_layer(const decode_args &a, const decode_block &b)
{
    __syncthreads();
    if (!b.keys)
        decode_convolve<A>(a, b);
#pragma unroll 1
    for (int p = 0; p < b.n * b.heads; p += a.pairs)
        decode_pairs<A>(a, b, p);
}

/* One loop over the phases of all layers, so that there is one copy of what they share. */
template <int SEQS, typename A>
static __global__ void __launch_bounds__(THREADS)
    decode_kernel(A *x, const __grid_constant__ decode_args a)
{
    decode_block b = begin<A>(a);
    decode_job job;
    decode_begin(a, b, job, PROJECTIONS);
    int phase = PRE_CONV;
    while (b.l < a.L) {
        if (phase != PROJECTIONS) /* what the others have told is there */
            cluster_sync();
        if (phase == PRE_CONV) {
            copy_async_wait<0>();
            __syncthreads();
            phase += !decode_layer(a, b)->pre_conv;
        }
        decode_norm<A>(a, b, (decode_phase)phase);
        if (phase == PRE_CONV) {
            decode_pre_conv<A>(a, b);
            phase = PROJECTIONS;
            continue;
        }
        if (phase == PROJECTIONS)
            decode_lambda(a, b);
        decode_multiply<SEQS, A>(a, b, job);
        if (phase == PROJECTIONS)
            ttt_layer<A>(a, b);
        if (++phase == PHASES) {
            phase = PRE_CONV;
            if (++b.l < a.L)
                fetch<A>(a, b);
        }
        if (b.l < a.L)
            decode_begin(a, b, job, phase == PRE_CONV ? PROJECTIONS : (decode_phase)phase);
    }
    cluster_sync();
    size_t first = (size_t)(blockIdx.x / a.size) * a.seqs;
    for (int i = (int)threadIdx.x; i < b.n * b.columns; i += THREADS) {
        int n = i / b.columns, c = b.column + i % b.columns;
        A value = from_float<A>(ROOM(float, x)[n * a.D + c]);
        x[(first + n) * a.D + c] = value;
        ((A *)(void *)decode_state(a, n, a.last))[c] = value;
    }
}

/* ---- the ops ---- */

/* How `seqs` sequences a team of `size` blocks are laid out. */
static decode_args plan(const bl_dev *d, const bl_decode_model *m, size_t size, size_t seqs,
                        size_t pairs)
{
    decode_args a = {};
    size_t L = m->L, D = m->D, I = m->I, K = m->K, C = m->C, H = m->H, at = 0;
    size_t heads = (H + size - 1) / size, own = heads * HEAD, wide = round_up(D > I ? D : I, 64);
    size_t taps = K - 1, act = d->act_bytes, state = (HEAD + 1 + 2 * C) * HEAD;
#define X(type, name, elements)                                                                    \
    a.at.name = (int)at;                                                                           \
    at += round_up((elements) * sizeof(type), 16);
    DECODE_ROOM(X)
#undef X
#define X(name, member, elements, of_head)                                                         \
    a.at.tensor[TENSOR_##name] = (int)at;                                                          \
    at += round_up((elements) * sizeof(float), 16);                                                \
    a.tensor[TENSOR_##name].from = (int)offsetof(bl_decode_layer, member);                         \
    a.tensor[TENSOR_##name].count = (int)(elements);                                               \
    a.tensor[TENSOR_##name].head = (int)(of_head);
    DECODE_TENSORS(X)
#undef X
    for (int phase = PROJECTIONS; phase < PHASES; phase++) {
        size_t in = phase == DOWN ? I : D, out = phase == GATE_UP ? I : D;
        size_t share = (out + size - 1) / size;
        decode_product *p = &a.product[phase];
        int rows = (int)(phase == PROJECTIONS ? 2 * own : share);
        p->packed = (int)((char *)tern_packed(NULL, out, in) - (char *)NULL);
        p->pieces = (int)(round_up(in, 64) / 64);
        while (p->log < 5 && 1 << p->log < p->pieces && rows << p->log < THREADS)
            p->log++;
        p->each = (p->pieces + (1 << p->log) - 1) >> p->log;
    }
    a.at.bytes = at < INT_MAX ? (int)at : INT_MAX;
    a.size = (int)size, a.seqs = (int)seqs, a.pairs = (int)pairs;
    a.own = (int)own, a.wide = (int)wide, a.state = (int)state;
    return a;
}

/* Whether the kernels run in clusters: only Hopper's own machine code has them, which later cards do
 * not run. */
static int has_clusters(const bl_dev *d)
{
#ifdef BL_CUDA_90A
    return cuda_of(d)->sm >= 90 && cuda_of(d)->sm < 100;
#else
    (void)d;
    return 0;
#endif
}

/* Shared memory of a block for which there is surely room. */
static int room_most(const bl_dev *d)
{
    int sm = cuda_of(d)->sm;
    return (sm >= 90 && sm < 120 ? 220 : sm == 80 ? 160 : 98) << 10;
}

/* How many teams the device has room for at once. */
static size_t teams_at_once(const bl_dev *d, const void *kernel, const decode_args *a)
{
    int teams = cuda_of(d)->multiprocessors / a->size;
#ifndef BL_CUDA_EMULATED
    cudaLaunchAttribute cluster = {};
    cudaLaunchConfig_t config = {};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = (unsigned)a->size;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    config.gridDim = dim3((unsigned)(a->size * teams));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = (size_t)a->at.bytes;
    config.attrs = &cluster;
    config.numAttrs = 1;
    if (a->size > 1 && cudaOccupancyMaxActiveClusters(&teams, kernel, &config) != cudaSuccess)
        (void)cudaGetLastError();
#endif
    (void)kernel;
    return teams > 0 ? (size_t)teams : 1;
}

/* The kernel for so many sequences a team. */
template <typename A> static void (*kernel_for(int seqs))(A *, const decode_args)
{
    return seqs == 1   ? decode_kernel<1, A>
           : seqs == 2 ? decode_kernel<2, A>
                       : decode_kernel<SEQS_MOST, A>;
}

static const void *kernel_of(const bl_dev *d, int seqs)
{
    WITH_ACT(d, return (const void *)kernel_for<A>(seqs););
}

/* Teams of `size` blocks with the fewest sequences each by which all run at once, or with as many as
 * there is room for; *at_once: which of the two. */
static decode_args plan_teams(bl_dev *d, const bl_decode_model *m, size_t size, size_t count,
                              int *at_once)
{
    size_t pairs = plan(d, m, size, 1, PAIRS_MOST).at.bytes <= room_most(d) ? PAIRS_MOST : 1;
    decode_args a = plan(d, m, size, 1, pairs), more = a;
    *at_once = 0;
    for (size_t seqs = 1; seqs <= SEQS_MOST && !*at_once; seqs++) {
        more = plan(d, m, size, seqs, pairs);
        if (more.at.bytes > room_most(d))
            break;
        a = more;
        const void *kernel = kernel_of(d, a.seqs);
        cuda_allow_shared(d, kernel, (size_t)a.at.bytes);
        *at_once = teams_at_once(d, kernel, &a) * seqs >= count;
    }
    return a;
}

/* The fewest sequences a team, and then the most blocks.  BITLLAMA_CUDA_TEAM=N: teams of N blocks, for
 * measuring. */
static decode_args choose(bl_dev *d, const bl_decode_model *m, size_t count)
{
    const char *wanted = bl_env("BITLLAMA_CUDA_TEAM");
    size_t size = wanted ? (size_t)(wanted[0] - '0') : m->H < 4 ? m->H : 4;
    int at_once, was_at_once;
    if (!has_clusters(d) || size < 1 || size > CLUSTER_MOST)
        size = 1;
    decode_args best = plan_teams(d, m, size, count, &was_at_once);
    while (!wanted && (size /= 2) > 0) {
        decode_args a = plan_teams(d, m, size, count, &at_once);
        if (a.at.bytes <= room_most(d) &&
            (at_once > was_at_once || (at_once == was_at_once && a.seqs < best.seqs)))
            best = a, was_at_once = at_once;
    }
    return best;
}

extern "C" size_t bl_cuda_decode_rows(bl_dev *d, const bl_decode_model *m)
{
    int fits = d->ternary && m->D == m->H * HEAD && m->D <= NARROW && m->I <= BROAD &&
               m->I % 8 == 0 && m->C <= 64;
    return fits && choose(d, m, 1).at.bytes <= room_most(d) ? SIZE_MAX : 0;
}

extern "C" void bl_cuda_decode(bl_dev *d, bl_act *x, const bl_decode_model *m,
                               const bl_dev_rows *rows, size_t count)
{
    decode_args a = choose(d, m, count);
    a.rows = (const bl_decode_row *)(const void *)rows;
    a.layers = m->layer;
    a.embed = floats(m->embed);
    a.count = count, a.last = m->last;
    a.theta_log2 = log2((double)m->rope_theta);
    a.L = (int)m->L, a.D = (int)m->D, a.I = (int)m->I;
    a.C = (int)m->C, a.K = (int)m->K, a.H = (int)m->H;
    a.eps = m->eps, a.lr_scale = m->lr_scale;
    unsigned blocks = div_up(count, (size_t)a.seqs) * (unsigned)a.size;
    cuda_allow_shared(d, kernel_of(d, a.seqs), (size_t)a.at.bytes);
    WITH_ACT(d, auto *kernel = kernel_for<A>(a.seqs);
             LAUNCH_CLUSTERS(d, kernel, blocks, a.size, THREADS, a.at.bytes, acts<A>(x), a););
}
