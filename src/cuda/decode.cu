/* Decoding: a token of each of some sequences through all layers in one launch (MODEL 1, 3.4). */
#include "cuda/decode_plan.cuh"
#include "cuda/decode_products.cuh"
#include "cuda/decode_rows.cuh"
#include "cuda/decode_ttt.cuh"

#include <limits.h>
#include <string.h>

extern "C" {
#include "core/env.h"
}

/* Block `rank`'s part of n things, a multiple of `of`. */
static __device__ __forceinline__ void share(int *first, int *count, int n, int of, int rank,
                                             int size)
{
    *first = n / of * rank / size * of;
    *count = n % (of * size) == 0 ? n / size : n / of * (rank + 1) / size * of - *first;
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
    b.n = a.seqs == 1 || a.count - first >= (size_t)a.seqs ? a.seqs : (int)(a.count - first);
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

template <int SEQS, int KNOWN, typename A>
static __device__ __forceinline__ void layer_phase(const decode_args &a, decode_block &b,
                                                   decode_flow &f, int phase)
{
    b.here = KNOWN ? 0 : decode_here();
    decode_rows<A>(a, b, phase);
    if (phase == PRE_CONV) {
        decode_pre_conv<A>(a, b);
        return;
    }
    if (phase == PROJECTIONS)
        decode_lambda(a, b);
    decode_multiply<SEQS, A>(a, b, f, phase);
    if (phase == PROJECTIONS)
        decode_ttt<A>(a, b, f);
    decode_ask_weights(a, b, f, 1); /* all have read the phase's last part */
}

/* The phases of all layers: one after the other where the compiler knows the shape, and otherwise one loop, so
 * that there is one copy of what they share: the registers of a multiprocessor's warps and its instruction
 * caches are small. */
template <int SEQS, int KNOWN, typename A>
static __device__ __forceinline__ void layers(const decode_args &a, decode_block &b, decode_flow &f)
{
#pragma unroll 1
    while (b.l < a.L) {
#if !ON_HOPPER
        __syncthreads(); /* all have asked for it */
#endif
        barrier_wait(decode_layer_barrier(a, b, b.l), decode_layer_parity(a, b.l));
        if constexpr (KNOWN) {
            if (a.pre)
                layer_phase<SEQS, KNOWN, A>(a, b, f, PRE_CONV);
            layer_phase<SEQS, KNOWN, A>(a, b, f, PROJECTIONS);
            layer_phase<SEQS, KNOWN, A>(a, b, f, OUTPUT);
            layer_phase<SEQS, KNOWN, A>(a, b, f, GATE_UP);
            layer_phase<SEQS, KNOWN, A>(a, b, f, DOWN);
        } else {
#pragma unroll 1
            for (int turn = !a.pre; turn <= PHASES; turn++)
                layer_phase<SEQS, KNOWN, A>(a, b, f, turn ? turn - 1 : (int)PRE_CONV);
        }
        decode_ask_layer<A>(a, b, b.l + 1 + a.twice); /* in the place of this one's tensors */
        b.l++;
        b.layer = decode_layer_room(a, b.l);
    }
}

/* A token of the team's sequences: x, and what the states keep of it. */
template <int SEQS, int KNOWN, typename A>
static __device__ __forceinline__ void decode(A *x, const decode_args &a, const decode_args &given)
{
    decode_flow f = {};
    decode_block b = begin(a);
    b.given = &given;
    chain_next();
    cluster_arrive();
    decode_ask_layer<A>(a, b, 0);
    decode_ask_weights(a, b, f, a.slots);
    decode_ask_state(a, b, 0, 0);
    if (a.twice)
        decode_ask_layer<A>(a, b, 1);
    if (threadIdx.x == 0)
        for (int which = TEAM_O; which <= TEAM_H; which++)
            team_expect(a, b, which);
    embed<A>(a, b);
    cluster_wait(); /* all have their barriers */
    layers<SEQS, KNOWN, A>(a, b, f);
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

/* Shapes that the compiler knows, X(name, seqs, L, D, H, I, C, K, keys, gates, pre, shared memory, blocks of a
 * team): the presets alone and in company.  Their kernels have places and bounds written into them. */
#ifdef BL_CUDA_EMULATED /* a small one, which tests/decode has */
#define KNOWN_SHAPES(X)                                                                            \
    X(small_one, 1, 2, 128, 2, 352, 4, 4, 0, 1, 1, 160 << 10, 1)                                   \
    X(small_crowd, 2, 2, 128, 2, 352, 4, 4, 0, 1, 1, 160 << 10, 1)
#else
#define KNOWN_SHAPES(X)                                                                            \
    X(micro_one, 1, 8, 256, 4, 688, 16, 4, 0, 1, 1, 220 << 10, 4)                                  \
    X(micro_plain, 1, 8, 256, 4, 688, 16, 4, 0, 1, 0, 220 << 10, 4) /* without pre_conv */         \
    X(micro_crowd, 2, 8, 256, 4, 688, 16, 4, 0, 1, 1, 220 << 10, 1)                                \
    X(code_one, 1, 12, 768, 12, 2048, 16, 4, 0, 1, 1, 220 << 10, 8)                                \
    X(code_some, 1, 12, 768, 12, 2048, 16, 4, 0, 1, 1, 220 << 10, 2)                               \
    X(code_crowd, 2, 12, 768, 12, 2048, 16, 4, 0, 1, 1, 220 << 10, 1)
#endif

/* What is known of any shape. */
struct any_shape {
    enum { KNOWN = 0 };
};

#define X(name, seqs, L, D, H, I, C, K, keys, gates, pre, most, size)                              \
    struct name {                                                                                  \
        enum { KNOWN = 1, SEQS = seqs };                                                           \
        static __host__ __device__ constexpr decode_plan plan(int act)                             \
        {                                                                                          \
            return plan_of({L, D, H, I, C, K, keys, gates, pre, act, most, size, seqs});           \
        }                                                                                          \
    };
KNOWN_SHAPES(X)
#undef X

template <int SEQS, typename SHAPE, typename A>
static __global__ void __launch_bounds__(THREADS)
    decode_kernel(A *x, const __grid_constant__ decode_args given)
{
    if constexpr (SHAPE::KNOWN) {
#if ON_HOPPER || defined(BL_CUDA_EMULATED) /* of others there is no plan */
        constexpr decode_plan plan = SHAPE::plan((int)sizeof(A));
        decode_args a = given;
        (decode_plan &)a = plan;
        decode<SEQS, 1, A>(x, a, given);
#endif
    } else {
        decode<SEQS, 0, A>(x, given, given);
    }
}

/* ---- the ops ---- */

/* Shared memory of a block for which there is surely room. */
static int room_most(const bl_dev *d)
{
    int sm = cuda_of(d)->sm;
    return (sm >= 90 && sm < 120 ? 220 : sm == 80 ? 160 : 98) << 10;
}

/* The plan of a model for teams of `size` blocks and `seqs` sequences each. */
static decode_plan plan(const bl_dev *d, const bl_decode_model *m, size_t size, size_t seqs)
{
    decode_shape s = {};
    s.L = (int)m->L, s.D = (int)m->D, s.H = (int)m->H, s.I = (int)m->I;
    s.C = (int)m->C, s.K = (int)m->K;
    s.keys = m->keys, s.gates = m->gates, s.pre = m->pre;
    s.act = (int)d->act_bytes, s.most = room_most(d);
    s.size = (int)size, s.seqs = (int)seqs;
    return plan_of(s);
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
static size_t teams_at_once(const bl_dev *d, const void *kernel, const decode_plan *a)
{
    int teams = cuda_of(d)->multiprocessors / a->size;
#ifndef BL_CUDA_EMULATED
    cudaLaunchAttribute cluster = cluster_of(a->size);
    cudaLaunchConfig_t config = cuda_launch_with(d, dim3((unsigned)(a->size * teams)),
                                                 dim3(THREADS), (size_t)a->bytes, &cluster, 1);
    if (a->size > 1 && cudaOccupancyMaxActiveClusters(&teams, kernel, &config) != cudaSuccess)
        (void)cudaGetLastError();
#endif
    (void)kernel;
    return teams > 0 ? (size_t)teams : 1;
}

/* The kernel of a plan. */
template <typename A> static void (*kernel_for(const decode_plan &p))(A *, const decode_args)
{
#define X(name, ...)                                                                               \
    constexpr decode_plan name##_plan = name::plan((int)sizeof(A));                                \
    if (memcmp(&p, &name##_plan, sizeof p) == 0)                                                   \
        return decode_kernel<name::SEQS, name, A>;
    KNOWN_SHAPES(X)
#undef X
    return p.seqs == 1   ? decode_kernel<1, any_shape, A>
           : p.seqs == 2 ? decode_kernel<2, any_shape, A>
                         : decode_kernel<SEQS_MOST, any_shape, A>;
}

static const void *kernel_of(const bl_dev *d, const decode_plan &p)
{
    WITH_ACT(d, return (const void *)kernel_for<A>(p););
}

/* Teams of `size` blocks with the fewest sequences each by which all run at once, or with as many as
 * there is room for; *at_once: which of the two. */
static decode_plan plan_teams(bl_dev *d, const bl_decode_model *m, size_t size, size_t count,
                              int *at_once)
{
    decode_plan a = plan(d, m, size, 1), more = a;
    *at_once = 0;
    for (size_t seqs = 1; seqs <= SEQS_MOST && !*at_once; seqs++) {
        more = plan(d, m, size, seqs);
        if (!more.bytes)
            break;
        a = more;
        const void *kernel = kernel_of(d, a);
        cuda_allow_shared(d, kernel, (size_t)a.bytes);
        *at_once = teams_at_once(d, kernel, &a) * seqs >= count;
    }
    return a;
}

/* The fewest sequences a team, and then the most blocks.  BITLLAMA_CUDA_TEAM=N: teams of N blocks, for
 * measuring. */
static decode_plan choose(bl_dev *d, const bl_decode_model *m, size_t count)
{
    const char *wanted = bl_env("BITLLAMA_CUDA_TEAM");
    size_t size = wanted ? (size_t)(wanted[0] - '0') : m->H < CLUSTER_MOST ? m->H : CLUSTER_MOST;
    int at_once, was_at_once;
    if (!has_clusters(d) || size < 1 || size > m->H || size > CLUSTER_MOST)
        size = 1;
    while (size & (size - 1))
        size--;
    decode_plan best = plan_teams(d, m, size, count, &was_at_once);
    while (!wanted && (size /= 2) > 0) {
        decode_plan a = plan_teams(d, m, size, count, &at_once);
        if (a.bytes && (at_once > was_at_once || (at_once == was_at_once && a.seqs < best.seqs)))
            best = a, was_at_once = at_once;
    }
    return best;
}

extern "C" size_t bl_cuda_decode_rows(bl_dev *d, const bl_decode_model *m)
{
    int fits = d->ternary && m->D == m->H * HEAD && m->D <= NARROW && m->I <= BROAD &&
               m->I % 8 == 0 && m->C <= 64 && m->K <= 64 && m->L <= 1024;
    return fits && choose(d, m, 1).bytes ? SIZE_MAX : 0;
}

extern "C" void bl_cuda_decode(bl_dev *d, bl_act *x, const bl_decode_model *m,
                               const bl_dev_rows *rows, size_t count)
{
    decode_args a = {};
    (decode_plan &)a = choose(d, m, count);
    a.rows = (const bl_decode_row *)(const void *)rows;
    a.layers = m->layer;
    a.embed = floats(m->embed);
    a.count = count, a.last = m->last;
    a.theta_log2 = log2((double)m->rope_theta);
    a.L = (int)m->L;
    a.eps = m->eps, a.lr_scale = m->lr_scale;
    unsigned blocks = div_up(count, (size_t)a.seqs) * (unsigned)a.size;
    cuda_allow_shared(d, kernel_of(d, a), (size_t)a.bytes);
    WITH_ACT(d, auto *kernel = kernel_for<A>(a);
             LAUNCH_CLUSTERS(d, kernel, blocks, a.size, THREADS, a.bytes, acts<A>(x), a););
    cuda_of(d)->chain = has_clusters(d);
}
