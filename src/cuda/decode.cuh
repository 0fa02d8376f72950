/* How decode.cu lays a token through all layers over a team of blocks.
 *
 * A team is a cluster, or one block, and has up to `seqs` sequences.  Each block owns some heads, some
 * columns of x and some of the SwiGLU's, and computes those for all sequences of the team; what the
 * others need it sends into their shared memory, four times a layer, and they wait for the bytes and
 * not for each other.  What is cheap is done by every block for itself: norms and quantisation.  What a
 * layer reads of the parameters and states comes into shared memory while those before it are at
 * work (decode_flow.cuh): a token is a long chain of short steps, and a read from memory takes as
 * long as one of them.  A value is rounded to the type of activations wherever the ops one by one
 * would store it, and sums are taken in their order.  What is multiplied and added at once is written
 * so, here and in those ops: compilers would choose differently from kernel to kernel. */
#ifndef BL_CUDA_DECODE_CUH
#define BL_CUDA_DECODE_CUH

#include "cuda/chain.cuh"
#include "cuda/cluster.cuh"
#include "cuda/norm.cuh"
#include "cuda/ttt_step.cuh"

enum {
    THREADS = 384,
    WARPS = THREADS / 32,
    SEQS_MOST = 8,      /* of a team */
    HEAD = 64,          /* F */
    PAIR_THREADS = 256, /* that compute a head of a sequence in the TTT layer */
    PAIR_FLOATS = 5 * HEAD + 64 + 2 * 4 * PAIR_THREADS,
    NARROW = 768,  /* columns of a row that one warp adds up */
    BROAD = 2048,  /* and four warps */
    SLOTS_MOST = 8 /* parts of products whose weights are there or on their way */
};

/* The matrices of a layer, in the order of bl_decode_layer. */
enum { Q_PROJ, K_PROJ, V_PROJ, G_PROJ, O_PROJ, GATE_PROJ, UP_PROJ, DOWN_PROJ, MATRICES };

/* What a layer is made of, in turn: each begins with the norm of a row; the products multiply that,
 * quantised. */
typedef enum decode_phase {
    PROJECTIONS,
    OUTPUT,
    GATE_UP,
    DOWN,
    PHASES,
    PRE_CONV = PHASES
} decode_phase;

/* How the product of a phase is laid out: `part` rows, a multiple of 8, come at once (GATE_UP: of each
 * matrix), `padded` rows are what warps of 32 make of them; 1 << log groups of warps have `each` of a
 * row's pieces of 64 weights. */
typedef struct decode_product {
    int packed; /* bytes from a bl_tern to its packed rows */
    int rows;   /* of a block, at most */
    int log, pieces, each, part, padded;
    int shift, mask; /* by which lanes take turns, so that they read from different banks */
} decode_product;

/* What barriers tell: the TTT layer's output is there (and its gate), x, h; a head's state; from there on, a
 * layer's tensors; from there on, a slot's weights. */
enum {
    TEAM_O,
    TEAM_X,
    TEAM_H,
    STATE_THERE,
    LAYER_THERE,
    SLOT_THERE = LAYER_THERE + 2,
    BARRIERS = SLOT_THERE + SLOTS_MOST
};

/* The tensors of a layer that a block keeps in shared memory: X(name, member, elements, of a head);
 * the last not 0: those of its heads. */
#define DECODE_TENSORS(X)                                                                          \
    X(pre_norm, pre_norm, D, 0)                                                                    \
    X(pre_conv, pre_conv, D *K, 0)                                                                 \
    X(pre_conv_b, pre_conv_b, D, 0)                                                                \
    X(seq_norm, seq_norm, D, 0)                                                                    \
    X(lr_w, lr_w, heads *D, D)                                                                     \
    X(lr_b, lr_b, H, 0)                                                                            \
    X(conv_q, conv_q, own *K, HEAD *K)                                                             \
    X(conv_q_b, conv_q_b, own, HEAD)                                                               \
    X(conv_k, conv_k, own *K, HEAD *K)                                                             \
    X(conv_k_b, conv_k_b, own, HEAD)                                                               \
    X(gamma, inner.gamma, own, HEAD)                                                               \
    X(beta, inner.beta, own, HEAD)                                                                 \
    X(delta, inner.delta, C, 0)                                                                    \
    X(post_w, post_w, D, 0)                                                                        \
    X(post_b, post_b, D, 0)                                                                        \
    X(attn_sub, attn_sub, D, 0)                                                                    \
    X(ffn_norm, ffn_norm, D, 0)                                                                    \
    X(ffn_sub, ffn_sub, I, 0)

enum {
#define X(name, member, elements, head) TENSOR_##name,
    DECODE_TENSORS(X)
#undef X
        TENSORS
};

/* What else a layer has there, beside its tensors: X(type, name, elements). */
#define DECODE_LAYER_ROOM(X)                                                                       \
    X(float, g, MATRICES * 4) /* of its matrices, one of four each */                              \
    X(char, pre_tail, seqs *taps *D *act)                                                          \
    X(char, tail, seqs *taps *own *act)

/* What is there for all layers: X(type, name, elements). */
#define DECODE_ROOM(X)                                                                             \
    X(uint64_t, barrier, BARRIERS)                                                                 \
    X(bl_decode_layer, layer, L)                                                                   \
    X(bl_decode_row, row, seqs)                                                                    \
    X(int, in_chunk, seqs)            /* the place of the token in its chunk */                    \
    X(decode_head, head, seqs *heads) /* of the block's, all sequences' */                         \
    X(float, x, seqs *D)              /* the residual stream */                                    \
    X(float, mid, seqs *D)            /* the same behind the TTT layer */                          \
    X(float, u, seqs *D)              /* input of pre_conv */                                      \
    X(float, xn, seqs *D)             /* input of the TTT layer */                                 \
    X(float, o, seqs *D)              /* its output */                                             \
    X(float, z, seqs *D)              /* gelu of its gate */                                       \
    X(float, h, seqs *I)              /* silu(gate) up */                                          \
    X(float, q, seqs *own)                                                                         \
    X(float, k, seqs *own)                                                                         \
    X(float, v, seqs *own)                                                                         \
    X(float, lambda, seqs *heads)                                                                  \
    X(float, cosine, seqs *(HEAD / 2)) /* of this token's rotation */                              \
    X(float, sine, seqs *(HEAD / 2))                                                               \
    X(int, sum, seqs)               /* of xi */                                                    \
    X(float, scale, seqs *MATRICES) /* g / s */                                                    \
    X(int8_t, xi, seqs *wide)       /* quantised rows (decode_xi) */                               \
    X(float, pair, PAIR_FLOATS)                                                                    \
    X(float, state, (HEAD + 1 + 2 * C) * HEAD) /* W, b, k and h of a head of a sequence */         \
    X(float, team, 2 * THREADS / 32)           /* of team_sum */

/* The block's head of a sequence: the n-th, and the block's own-th. */
typedef struct decode_head {
    short n, own;
} decode_head;

/* Bytes from the beginning of shared memory; of a layer's: from that of the layer. */
typedef struct decode_room {
#define X(type, name, elements) int name;
    DECODE_ROOM(X)
    DECODE_LAYER_ROOM(X)
#undef X
    int tensor[TENSORS];
    int layers, slots, sums; /* the first of each */
} decode_room;

/* A phase's rows that are normed, as bytes from where the block's shared memory begins, w, the norm's weights,
 * from where the layer's does; a copy of the normed row as an activation, 0: none.  gated: y = z LN(y) comes
 * first.  which: the barrier by which the team tells that they are there. */
typedef struct decode_source {
    int rows, w, copy, columns;
    int gated, quantised, which;
} decode_source;

/* How a team's work is laid out: a function of the model's shape and of the device (decode_plan.cuh). */
typedef struct decode_plan {
    decode_room at;
    struct {
        int from, count, head; /* in a bl_decode_layer; floats, of a head */
    } tensor[TENSORS];
    decode_product product[PHASES]; /* by decode_phase */
    decode_source source[PHASES + 1];
    int D, I, C, K, H;
    int keys, gates, pre;  /* k has a projection of its own; there are gate, pre_conv */
    int wide;              /* bytes from a quantised row to the next */
    int own;               /* columns of the heads of a block, at most */
    int slots, slot_bytes; /* of weights */
    int sums;              /* of a sequence, that warps make of a part */
    int layer_bytes;       /* of a layer's room */
    int twice;             /* there is room for two layers' */
    int size, size_log, seqs;
    int bytes; /* of all shared memory */
} decode_plan;

/* The same for all blocks: in constant memory. */
struct decode_args : decode_plan {
    const bl_decode_row *rows;
    const bl_decode_layer *layers;
    const float *embed;
    size_t count, last;
    double theta_log2;
    int L;
    float eps, lr_scale;
};

/* ROOM(float, x): that part of shared memory; TENSOR(gamma), LAYER(char, tail): of the layer at work. */
static __device__ __forceinline__ char *decode_shared(void)
{
    DYNAMIC_SHARED(char, base);
    return base;
}
#define ROOM(type, name)  ((type *)(void *)(decode_shared() + b.here + a.at.name))
#define LAYER(type, name) ((type *)(void *)(decode_shared() + b.layer + a.at.name))
#define TENSOR(name)      LAYER(const float, tensor[TENSOR_##name])
#define BARRIER(i)        (ROOM(uint64_t, barrier) + (i))

/* A block's part of the work. */
typedef struct decode_block {
    int rank, n;              /* in the team; sequences of the team */
    int l, layer;             /* the layer, and where its room begins */
    int here;                 /* 0 (decode_here) */
    const decode_args *given; /* what is indexed by numbers that the compiler does not know */
    int head, heads;          /* the first it owns, and how many */
    int column, columns, unit, units; /* of x and of h, multiples of 8 */
} decode_block;

/* 0, but the compiler does not know: addresses made with it are made where they are needed, and not kept in
 * registers from the beginning of the kernel. */
static __device__ __forceinline__ int decode_here(void)
{
    int zero = 0;
#ifndef BL_CUDA_EMULATED
    asm volatile("mov.u32 %0, 0;" : "=r"(zero));
#endif
    return zero;
}

/* x as it is after being stored as an activation. */
template <typename A> static __device__ __forceinline__ float stored(float x)
{
    return sizeof(A) == sizeof(bf16) ? __uint_as_float(pack_bf16(x, x) & 0xffff0000u) : x;
}

static __device__ __forceinline__ const bl_decode_layer *decode_layer(const decode_args &a,
                                                                      const decode_block &b, int l)
{
    return ROOM(const bl_decode_layer, layer) + l;
}

/* Where something of sequence n lies in its state. */
static __device__ __forceinline__ char *decode_state(const decode_args &a, const decode_block &b,
                                                     int n, size_t at)
{
    return (char *)ROOM(bl_decode_row, row)[n].state + at;
}

/* Where column i of a quantised row lies: the 16 bytes of a piece are turned so that neighbouring
 * lanes, which read neighbouring pieces, read from different banks. */
static __device__ __forceinline__ int decode_xi(int i)
{
    return i ^ (i >> 7 & 3) << 4;
}

/* What a block gets of its team for a barrier, from all blocks of it. */
static __device__ __forceinline__ void team_expect(const decode_args &a, const decode_block &b,
                                                   int which)
{
#if ON_HOPPER
    int columns = which == TEAM_H ? a.I : which == TEAM_O && a.gates ? 2 * a.D : a.D;
    barrier_expect(BARRIER(which), b.n * columns * (int)sizeof(float));
#else
    (void)a, (void)b, (void)which;
#endif
}

/* A team of one block has no need of barriers but that of its threads. */
static __device__ __forceinline__ int team_is_block(const decode_args &a)
{
    return !ON_HOPPER || a.size == 1;
}

/* Four neighbours at `at` in a block of the team become x. */
static __device__ __forceinline__ void team_send(const decode_args &a, const decode_block &b,
                                                 float *at, const float (&x)[4], int which,
                                                 int rank)
{
    if (team_is_block(a))
        store<4>(at, x);
#if ON_HOPPER
    else
        cluster_send(at, x, BARRIER(which), rank);
#else
    (void)b, (void)which, (void)rank;
#endif
}

/* Until what the team sends for that barrier is there; -1: nothing.  By the warps that need it, of which the
 * first is one, behind a barrier of the block where that is the team. */
static __device__ __forceinline__ void team_wait(const decode_args &a, const decode_block &b,
                                                 int which, int parity)
{
#if ON_HOPPER
    if (which < 0 || team_is_block(a))
        return;
    cluster_await(BARRIER(which), parity);
    if (threadIdx.x == 0)
        team_expect(a, b, which);
#else
    (void)a, (void)b, (void)which, (void)parity;
#endif
}

#endif
