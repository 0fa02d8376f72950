/* How decode.cu lays a token through all layers over a team of blocks.
 *
 * A team is a cluster, or one block, and has up to `seqs` sequences.  Each block owns some heads, some
 * columns of x and some of the SwiGLU's, and computes those for all sequences of the team; what the
 * others need it stores into their shared memory, and they meet at a barrier four times a layer.
 * What is cheap is done by every block for itself: norms and quantisation.  What a layer reads of the
 * parameters and states comes into shared memory while the one before is at work, and the first
 * weights of a product before the barrier that its rows wait for: a token is a long chain of short
 * steps, and a read from memory takes as long as one of them.  A value is rounded to the type of
 * activations wherever the ops one by one would store it, and sums are taken in their order. */
#ifndef BL_CUDA_DECODE_CUH
#define BL_CUDA_DECODE_CUH

#include "cuda/cluster.cuh"
#include "cuda/norm.cuh"
#include "cuda/ttt_step.cuh"

enum {
    THREADS = 512,
    SEQS_MOST = 8,  /* of a team */
    HEAD = 64,      /* F */
    PAIRS_MOST = 2, /* heads of sequences that are in the TTT layer at once */
    PAIR_THREADS = THREADS / PAIRS_MOST,
    PAIR_FLOATS = 5 * HEAD + 64 + 2 * 4 * PAIR_THREADS,
    NARROW = 768, /* columns of a row that one warp adds up */
    BROAD = 2048, /* and four warps */
    AHEAD = 4     /* pieces of weights that a thread has on their way */
};

/* The matrices of a layer, in the order of bl_decode_layer. */
enum { Q_PROJ, K_PROJ, V_PROJ, G_PROJ, O_PROJ, GATE_PROJ, UP_PROJ, DOWN_PROJ, MATRICES };

/* What a layer is made of, in turn: each begins with the norm of a row; all but PRE_CONV then multiply
 * the quantised row. */
typedef enum decode_phase { PRE_CONV, PROJECTIONS, OUTPUT, GATE_UP, DOWN, PHASES } decode_phase;

/* How the product of a phase is laid out: `1 << log` lanes have a row of the matrix, 64 weights a
 * piece, `each` pieces a lane. */
typedef struct decode_product {
    int packed; /* bytes from a bl_tern to its packed rows */
    int log, pieces, each;
} decode_product;

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

/* What else lies there: X(type, name, elements). */
#define DECODE_ROOM(X)                                                                             \
    X(bl_decode_layer, layer, L)                                                                   \
    X(bl_decode_row, row, seqs)                                                                    \
    X(decode_head, head, seqs *heads) /* of the block's, all sequences' */                         \
    X(float, x, seqs *D)              /* the residual stream */                                    \
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
    X(float, g, MATRICES * 4)       /* of the layer's matrices, one of four each */                \
    X(float, scale, seqs *MATRICES) /* g / s */                                                    \
    X(uint4, ring, AHEAD *THREADS)  /* weights on their way, each thread its own */                \
    X(int8_t, xi, seqs *wide)       /* quantised rows */                                           \
    X(char, pre_tail, seqs *taps *D *act)                                                          \
    X(char, tail, seqs *taps *own *act)                                                            \
    X(float, pair, pairs *PAIR_FLOATS)                                                             \
    X(float, state, pairs *state)    /* W, b, k and h of a pair's head */                          \
    X(float, team, 2 * THREADS / 32) /* of team_sum */

/* A head of a sequence: the n-th, and the block's own-th. */
typedef struct decode_head {
    short n, own;
} decode_head;

/* Bytes from the beginning of shared memory. */
typedef struct decode_room {
#define X(type, name, elements) int name;
    DECODE_ROOM(X)
#undef X
    int tensor[TENSORS];
    int bytes;
} decode_room;

/* The same for all blocks: in constant memory. */
typedef struct decode_args {
    const bl_decode_row *rows;
    const bl_decode_layer *layers;
    const float *embed;
    size_t count, last;
    double theta_log2;
    decode_room at;
    struct {
        int from, count, head; /* in a bl_decode_layer; floats, of a head */
    } tensor[TENSORS];
    decode_product product[PHASES];
    int L, D, I, C, K, H;
    int wide;  /* columns of a quantised row: what pieces of 64 weights reach */
    int own;   /* columns of the heads of a block, at most */
    int state; /* floats of a pair's */
    int size, seqs, pairs;
    float eps, lr_scale;
} decode_args;

/* ROOM(float, x): that part of shared memory. */
static __device__ __forceinline__ char *decode_shared(void)
{
    DYNAMIC_SHARED(char, base);
    return base;
}
#define ROOM(type, name) ((type *)(void *)(decode_shared() + a.at.name))
#define TENSOR(name)     ROOM(const float, tensor[TENSOR_##name])

/* A block's part of the work. */
typedef struct decode_block {
    int rank, n;                      /* in the team; sequences of the team */
    int l;                            /* the layer */
    int keys, gates;                  /* k has a projection of its own; there is a gate */
    int head, heads;                  /* the first it owns, and how many */
    int column, columns, unit, units; /* of x and of h */
} decode_block;

/* x as it is after being stored as an activation. */
template <typename A> static __device__ __forceinline__ float stored(float x)
{
    return to_float(from_float<A>(x));
}

static __device__ __forceinline__ const bl_decode_layer *decode_layer(const decode_args &a,
                                                                      const decode_block &b)
{
    return ROOM(const bl_decode_layer, layer) + b.l;
}

/* Where something of sequence n lies in its state. */
static __device__ __forceinline__ char *decode_state(const decode_args &a, int n, size_t at)
{
    return (char *)ROOM(bl_decode_row, row)[n].state + at;
}

/* *at = x in the shared memory of all blocks of the team; `step` lanes have the same x. */
static __device__ __forceinline__ void decode_tell(const decode_args &a, float *at, float x,
                                                   int lane, int step)
{
#pragma unroll 1
    for (int rank = lane; rank < a.size; rank += step)
        cluster_store(at, x, rank);
}

#endif
