/* Decoding: a token of each of some sequences through all layers in one launch (MODEL 1, 3.4). */
#include "cuda/decode_products.cuh"
#include "cuda/decode_rows.cuh"
#include "cuda/decode_ttt.cuh"

#include <limits.h>
#include <stddef.h>

extern "C" {
#include "core/env.h"
}

/* Block `rank`'s part of n things, a multiple of `of`. */
static __device__ __forceinline__ void share(int *first, int *count, int n, int of, int rank,
                                             int size)
{
    *first = n / of * rank / size * of;
    *count = n / of * (rank + 1) / size * of - *first;
}

enum { LAYER_WORDS = sizeof(bl_decode_layer) / sizeof(uint64_t) };

static __device__ __forceinline__ void make_barriers(const decode_args &a, const decode_block &b)
{
    for (int i = 0; i < BARRIERS; i++)
        barrier_init(BARRIER(i), !ON_HOPPER                                ? (int)THREADS
                                 : i >= LAYER_THERE && i < (int)SLOT_THERE ? WARPS - 1
                                                                           : 1);
#if ON_HOPPER
    barrier_init_fence();
#endif
}

/* The block's part of the work, and the sequences of its team. */
static __device__ __forceinline__ decode_block begin(const decode_args &a)
{
    decode_block b = {};
    size_t first = (size_t)(blockIdx.x / a.size) * a.seqs;
    b.rank = cluster_rank();
    b.n = a.count - first < (size_t)a.seqs ? (int)(a.count - first) : a.seqs;
    share(&b.head, &b.heads, a.H, 1, b.rank, a.size);
    share(&b.column, &b.columns, a.D, 8, b.rank, a.size);
    share(&b.unit, &b.units, a.I, 8, b.rank, a.size);
    b.layer = a.at.layers;
    if (threadIdx.x == THREADS - 1)
        make_barriers(a, b);
    if ((int)threadIdx.x < b.n) {
        const bl_decode_row row = a.rows[first + threadIdx.x];
        ROOM(bl_decode_row, row)[threadIdx.x] = row;
        ROOM(int, in_chunk)[threadIdx.x] = (int)(row.position % (uint64_t)a.C);
    }
    for (int i = (int)threadIdx.x; i < a.L * LAYER_WORDS; i += THREADS)
        ROOM(uint64_t, layer)[i] = ((const uint64_t *)(const void *)a.layers)[i];
    for (int i = (int)threadIdx.x; i < b.n * b.heads; i += THREADS) {
        decode_head head = {(short)(i / b.heads), (short)(i % b.heads)};
        ROOM(decode_head, head)[i] = head;
    }
    __syncthreads();
    b.keys = decode_layer(a, b, 0)->k_proj != NULL;
    b.gates = decode_layer(a, b, 0)->g_proj != NULL;
    b.pre = decode_layer(a, b, 0)->pre_conv != NULL;
    b.projections = b.keys && b.gates   ? (int)PROJECTIONS
                    : b.keys || b.gates ? (int)PHASES
                                        : PHASES + 1;
    return b;
}

/* Embeddings and rotations of the team's sequences. */
template <typename A>
static __device__ __forceinline__ void embed(const decode_args &a, const decode_block &b)
{
    for (int i = (int)threadIdx.x; i < b.n * a.D; i += THREADS) {
        size_t id = (size_t)ROOM(bl_decode_row, row)[i / a.D].id;
        ROOM(float, x)[i] = stored<A>(a.embed[id * a.D + i % a.D]);
    }
    __syncthreads();
    /* by the last warps, which wait for the first norm */
    for (int i = THREADS - 1 - (int)threadIdx.x; i < b.n * (HEAD / 2); i += THREADS) {
        int n = i / (HEAD / 2);
        ttt_angle(&ROOM(float, cosine)[i], &ROOM(float, sine)[i], ROOM(int, in_chunk)[n],
                  i % (HEAD / 2), HEAD, a.theta_log2);
    }
}

/* One loop over the phases of all layers, so that there is one copy of what they share: the registers of
 * a multiprocessor's warps and its instruction caches are small. */
template <int SEQS, typename A>
static __device__ __forceinline__ void layers(const decode_args &a, decode_block &b, decode_flow &f)
{
    int phase = PRE_CONV;
    while (b.l < a.L) {
        b.here = decode_here();
        if (phase == PRE_CONV) {
#if !ON_HOPPER
            __syncthreads(); /* all have asked for it */
#endif
            barrier_wait(decode_layer_barrier(a, b, b.l), decode_layer_parity(a, b.l));
            phase = b.pre ? PRE_CONV : PROJECTIONS;
        }
        decode_rows<A>(a, b, phase);
        if (phase == PRE_CONV) {
            decode_pre_conv<A>(a, b);
            phase = PROJECTIONS;
            continue;
        }
        if (phase == PROJECTIONS)
            decode_lambda(a, b);
        decode_multiply<SEQS, A>(a, b, f, phase);
        if (phase == PROJECTIONS)
            decode_ttt<A>(a, b, f);
        decode_ask_weights(a, b, f, 1); /* all have read the phase's last part */
        if (++phase == PHASES) {        /* the layer's tensors are no longer needed */
            decode_ask_layer<A>(a, b, b.l + 1 + a.twice);
            phase = PRE_CONV;
            b.l++;
            b.layer = decode_layer_room(a, b.l);
        }
    }
}

/* All layers, then x and what the states keep of it. */
template <int SEQS, typename A>
static __device__ __forceinline__ void compute(A *x, const decode_args &a, decode_block &b,
                                               decode_flow &f)
{
    if (threadIdx.x == 0)
        for (int which = TEAM_O; which <= TEAM_H; which++)
            team_expect(a, b, which);
    embed<A>(a, b);
    cluster_wait(); /* all have their barriers */
    layers<SEQS, A>(a, b, f);
    __syncthreads();
    team_wait(a, b, TEAM_X, 1);
    size_t first = (size_t)(blockIdx.x / a.size) * a.seqs;
    for (int i = (int)threadIdx.x; i < b.n * b.columns; i += THREADS) {
        int n = i / b.columns, c = b.column + i % b.columns;
        A value = from_float<A>(ROOM(float, x)[n * a.D + c]);
        x[(first + n) * a.D + c] = value;
        ((A *)(void *)decode_state(a, b, n, a.last))[c] = value;
    }
}

template <int SEQS, typename A>
static __global__ void __launch_bounds__(THREADS)
    decode_kernel(A *x, const __grid_constant__ decode_args a)
{
    decode_flow f = {};
    decode_block b = begin(a);
    cluster_arrive();
    decode_ask_layer<A>(a, b, 0);
    decode_ask_weights(a, b, f, a.slots);
    decode_ask_state(a, b, 0, 0);
    if (a.twice)
        decode_ask_layer<A>(a, b, 1);
    compute<SEQS, A>(x, a, b, f);
}

/* ---- the ops ---- */

/* Shared memory of a block for which there is surely room. */
static int room_most(const bl_dev *d)
{
    int sm = cuda_of(d)->sm;
    return (sm >= 90 && sm < 120 ? 220 : sm == 80 ? 160 : 98) << 10;
}

/* Columns of a row as threads keep it (decode_rows.cuh). */
static size_t kept_columns(size_t columns)
{
    return columns <= 256 ? 256 : columns <= NARROW ? (size_t)NARROW : (size_t)BROAD;
}

enum {
    ROWS_AT_ONCE = 32,     /* a part of a product has a multiple of so many, or all */
    SLOTS_TWICE = 96 << 10 /* room that weights leave to a second layer's tensors */
};

/* How a part of `rows` rows of a phase's matrices is laid out over warps. */
static void plan_part(decode_product *p, size_t rows)
{
    int units = (int)div_up(rows, 32), even = p->pieces % 8 == 0   ? 8
                                              : p->pieces % 4 == 0 ? 4
                                              : p->pieces % 2 == 0 ? 2
                                                                   : 1;
    p->padded = units * 32;
    for (p->log = 0; units << (p->log + 1) <= WARPS && 2 << p->log <= p->pieces;)
        p->log++;
    p->each = (p->pieces + (1 << p->log) - 1) >> p->log;
    p->shift = even == 8 ? 0 : even == 4 ? 1 : 2;
    while (even > 1 && (p->pieces % p->each || p->each % even))
        even /= 2;
    p->mask = even - 1;
}

/* How the phases' products are laid out, and the slots for their weights in `room` bytes. */
static void plan_products(decode_args *a, const bl_decode_model *m, size_t room)
{
    size_t least = 0, most = 0, sums = 0;
    for (int phase = PROJECTIONS; phase < PRODUCTS; phase++) {
        size_t in = phase == DOWN ? m->I : m->D, out = phase == GATE_UP ? m->I : m->D;
        size_t rows = phase == PROJECTIONS ? 4 * (size_t)a->own
                      : phase >= PHASES    ? (size_t)(PHASES + 3 - phase) * (size_t)a->own
                                           : div_up(out / 8, (size_t)a->size) * 8;
        decode_product *p = &a->product[phase];
        p->packed = (int)((char *)tern_packed(NULL, out, in) - (char *)NULL);
        p->pieces = (int)(round_up(in, 64) / 64);
        p->part = (int)rows;
        size_t bytes = (size_t)p->pieces * 16 * (phase == GATE_UP ? 2 : 1);
        least = least < bytes * ROWS_AT_ONCE ? bytes * ROWS_AT_ONCE : least;
        most = most < bytes * rows ? bytes * rows : most;
    }
    size_t slot = room / 4 > most ? most : room / 5 / 16 * 16; /* with room for sums */
    slot = slot > most ? most : slot < least ? least : slot;
    for (int phase = PROJECTIONS; phase < PRODUCTS; phase++) {
        decode_product *p = &a->product[phase];
        int both = phase == GATE_UP ? 2 : 1, rows = (int)slot / (p->pieces * 16 * both);
        if (rows < p->part)
            p->part = rows / ROWS_AT_ONCE * ROWS_AT_ONCE;
        plan_part(p, (size_t)(p->part * both));
        sums = sums < (size_t)p->padded << p->log ? (size_t)p->padded << p->log : sums;
    }
    a->sums = (int)sums;
    a->at.sums = a->at.slots;
    sums *= (size_t)a->seqs * sizeof(int);
    a->at.slots += (int)sums;
    room = room > sums ? room - sums : 0;
    a->slots = (int)(room / slot > SLOTS_MOST ? (size_t)SLOTS_MOST : room / slot);
    a->slot_bytes = (int)slot;
}

/* The rows of the phases and their norms. */
static void plan_sources(decode_args *a, const bl_decode_model *m)
{
    int D = (int)m->D;
    const decode_room *at = &a->at;
    const decode_source sources[] = {
        {at->x, at->tensor[TENSOR_seq_norm], at->xn, D, 0, 1, TEAM_X},
        {at->o, at->tensor[TENSOR_attn_sub], 0, D, 1, 1, TEAM_O},
        {at->mid, at->tensor[TENSOR_ffn_norm], 0, D, 0, 1, TEAM_X},
        {at->h, at->tensor[TENSOR_ffn_sub], 0, (int)m->I, 0, 1, TEAM_H},
        {at->x, at->tensor[TENSOR_pre_norm], at->u, D, 0, 0, TEAM_X},
    };
    memcpy(a->source, sources, sizeof sources);
}

/* How `seqs` sequences a team of `size` blocks are laid out; bytes is 0 if they cannot be. */
static decode_args plan(const bl_dev *d, const bl_decode_model *m, size_t size, size_t seqs)
{
    decode_args a = {};
    size_t L = m->L, D = m->D, I = m->I, K = m->K, C = m->C, H = m->H, at = 0;
    size_t heads = (H + size - 1) / size, own = heads * HEAD, wide = kept_columns(D > I ? D : I);
    size_t taps = K - 1, act = d->act_bytes;
    size_t most = (size_t)room_most(d);
#define X(type, name, elements)                                                                    \
    a.at.name = (int)at;                                                                           \
    at += round_up((elements) * sizeof(type), 16);
    DECODE_ROOM(X)
    size_t all = at;
    at = 0;
    DECODE_LAYER_ROOM(X)
#undef X
#define X(name, member, elements, of_head)                                                         \
    a.at.tensor[TENSOR_##name] = (int)at;                                                          \
    at += round_up((elements) * sizeof(float), 16);                                                \
    a.tensor[TENSOR_##name].from = (int)offsetof(bl_decode_layer, member);                         \
    a.tensor[TENSOR_##name].count = (int)(elements);                                               \
    a.tensor[TENSOR_##name].head = (int)(of_head);
    DECODE_TENSORS(X)
#undef X
    a.size = (int)size, a.seqs = (int)seqs;
    while (1 << (a.size_log + 1) <= a.size)
        a.size_log++;
    a.own = (int)own, a.wide = (int)wide;
    plan_sources(&a, m);
    a.layer_bytes = (int)at;
    a.at.layers = (int)all;
    a.twice = all + 2 * at + SLOTS_TWICE <= most;
    a.at.slots = (int)(all + (a.twice ? 2 : 1) * at);
    if ((size_t)a.at.slots < most)
        plan_products(&a, m, most - (size_t)a.at.slots);
    if (a.slots >= 2)
        a.bytes = a.at.slots + a.slots * a.slot_bytes;
    return a;
}

/* Whether the kernels run in clusters: only Hopper's own machine code has them, which later cards do not
 * run. */
static int has_clusters(const bl_dev *d)
{
#ifdef BL_CUDA_90A
    return cuda_of(d)->sm >= 90 && cuda_of(d)->sm < 100;
#else
    (void)d;
    return 0;
#endif
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
    config.dynamicSmemBytes = (size_t)a->bytes;
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
    decode_args a = plan(d, m, size, 1), more = a;
    *at_once = 0;
    for (size_t seqs = 1; seqs <= SEQS_MOST && !*at_once; seqs++) {
        more = plan(d, m, size, seqs);
        if (!more.bytes)
            break;
        a = more;
        const void *kernel = kernel_of(d, a.seqs);
        cuda_allow_shared(d, kernel, (size_t)a.bytes);
        *at_once = teams_at_once(d, kernel, &a) * seqs >= count;
    }
    return a;
}

/* The fewest sequences a team, and then the most blocks.  BITLLAMA_CUDA_TEAM=N: teams of N blocks, for
 * measuring. */
static decode_args choose(bl_dev *d, const bl_decode_model *m, size_t count)
{
    const char *wanted = bl_env("BITLLAMA_CUDA_TEAM");
    size_t size = wanted ? (size_t)(wanted[0] - '0') : m->H < CLUSTER_MOST ? m->H : CLUSTER_MOST;
    int at_once, was_at_once;
    if (!has_clusters(d) || size < 1 || size > m->H || size > CLUSTER_MOST)
        size = 1;
    while (size & (size - 1))
        size--;
    decode_args best = plan_teams(d, m, size, count, &was_at_once);
    while (!wanted && (size /= 2) > 0) {
        decode_args a = plan_teams(d, m, size, count, &at_once);
        if (a.bytes && (at_once > was_at_once || (at_once == was_at_once && a.seqs < best.seqs)))
            best = a, was_at_once = at_once;
    }
    return best;
}

extern "C" size_t bl_cuda_decode_rows(bl_dev *d, const bl_decode_model *m)
{
    int fits = d->ternary && m->D == m->H * HEAD && m->D <= NARROW && m->I <= BROAD &&
               m->I % 8 == 0 && m->C <= 64;
    return fits && choose(d, m, 1).bytes ? SIZE_MAX : 0;
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
    cuda_allow_shared(d, kernel_of(d, a.seqs), (size_t)a.bytes);
    WITH_ACT(d, auto *kernel = kernel_for<A>(a.seqs);
             LAUNCH_CLUSTERS(d, kernel, blocks, a.size, THREADS, a.bytes, acts<A>(x), a););
}
