/* TTT-Linear on tensor cores where blocks are few: the walk over the chunks of a row, by itself.
 *
 * A row of T tokens is T / 16 steps that wait for each other, and with few rows most of the card
 * waits too.  So all that does not depend on the state (W forward, dW' backward) is computed before the
 * walk, and all that only reads it after the walk, chunks side by side.  What is left of a step is
 *     y = K V + b;    g of y, row by row;    V' = rho V + .. + X^T g,  b likewise
 * with y = z, g = G, X = -(r K) forward and y = K dW' + db', g = dz, X = K backward.
 *
 * Two groups of 4 warps share it; warp w of each has the slice of 16 columns (out) that warp w has in
 * ttt_linear_mma.cuh.  The first four, "rows", compute g and nothing else; the others, "state", keep
 * V^T in fragments.  Between two barriers, step s,
 *     rows    read the sums over features of y_s, compute g_s, and y_{s+1} = pre + far g_{s-1} + near g_s;
 *     state   V_s = .. + X^T g_{s-1}, and pre of y_{s+2}: K_{s+2} times V_s after the two steps that
 *             come, but for X^T g of these, which `far` and `near` [16,16] bring:
 *             near = K_{s+1} X_s^T + bias, far = rho (K_{s+2} X_s^T + bias).
 * So g to the next g is one product of depth 16, and there is one barrier a step. */
#ifndef BL_CUDA_TTT_LINEAR_WALK_MMA_CUH
#define BL_CUDA_TTT_LINEAR_WALK_MMA_CUH

#include "cuda/ttt_linear_state_mma.cuh"

/* Records are asked for WALK_AHEAD steps before their own and there when one group is under way. */
enum {
    WALK_THREADS = 256,
    WALK_STAGES = 6,
    WALK_AHEAD = WALK_STAGES - 2,
    WALK_UNDER_WAY = WALK_AHEAD - 3,
    WALK_TILES = MMA_F / 8
};

/* What a block gets at most, on cards that give it more than 99 KB. */
enum { WALK_SHARED = 163 * 1024 };

/* A matrix of a chunk as fragments: number and lane. */
typedef struct walk_fragments {
    uint4 at[4][32];
} walk_fragments;

/* A thread of either group, numbered as one of 128. */
static __device__ __forceinline__ ttt_mma_thread walk_here(const ttt_mma_call *call)
{
    ttt_mma_thread at = ttt_mma_here(call);
    at.warp %= 4;
    at.column = 16 * at.warp + 2 * at.i;
    return at;
}

/* The chunks of a block, of the row blockIdx.x: all, or the part blockIdx.y of them. */
typedef struct walk_range {
    unsigned begin, end;
} walk_range;

static __device__ __forceinline__ walk_range walk_range_of(uint32_t T)
{
    unsigned chunks = (T + MMA_C - 1) / MMA_C, part = (chunks + gridDim.y - 1) / gridDim.y;
    walk_range range = {blockIdx.y * part, (blockIdx.y + 1) * part};
    if (range.end > chunks)
        range.end = chunks;
    return range;
}

/* The record of chunk i of the row blockIdx.x. */
template <typename R>
static __device__ __forceinline__ R *walk_record(R *records, uint32_t T, unsigned i)
{
    return records + ((size_t)blockIdx.x * ((T + MMA_C - 1) / MMA_C) + i);
}

/* Chunks of a block before and after the walk. */
enum { WALK_PART = 8 };

/* How many rows the walk takes, `eighths` of the multiprocessors, of at least how many chunks (measured:
 * docs/SPEED.md); none where a block gets 99 KB.  BITLLAMA_CUDA_TTT=walk or whole forces either, for tests. */
static inline size_t ttt_mma_walks_rows(bl_dev *d, size_t T, unsigned eighths)
{
    const char *forced = getenv("BITLLAMA_CUDA_TTT");
    int sm = cuda_of(d)->sm;
    if (sm != 80 && (sm < 90 || sm >= 120))
        return 0;
    if (forced && *forced)
        return strcmp(forced, "walk") == 0 ? SIZE_MAX : 0;
#ifdef BL_CUDA_EMULATED
    return T > 4 * MMA_C ? SIZE_MAX : 0; /* short rows both ways */
#else
    return T > 32 * MMA_C ? (size_t)cuda_of(d)->multiprocessors * eighths / 8 : 0;
#endif
}

enum { WALK_FWD = 1, WALK_BWD = 3 }; /* eighths */

static inline int ttt_mma_walks(bl_dev *d, const bl_ttt_shape *s, unsigned eighths)
{
    return s->B * s->H <= ttt_mma_walks_rows(d, s->T, eighths);
}

/* Chunks of all rows that the walk takes at most. */
static inline size_t ttt_mma_walks_most(bl_dev *d, const bl_limits *most, unsigned eighths)
{
    size_t rows = most->B * most->H, few = ttt_mma_walks_rows(d, most->T, eighths);
    return (rows < few ? rows : few) * ((most->T + MMA_C - 1) / MMA_C);
}

/* ---- making records: all [16,64] in shared memory, by a block of 4 warps ---- */

static __device__ __forceinline__ uint4 walk_four(const uint32_t x[4])
{
    return make_uint4(x[0], x[1], x[2], x[3]);
}

/* X as A fragments of a product X V */
static __device__ __forceinline__ void walk_put_left(walk_fragments *to, const bf16 *X,
                                                     const ttt_mma_thread *at)
{
    uint32_t x[4];
    ldmatrix(x, ttt_mma_square(X, 0, 16 * at->warp, at));
    to->at[at->warp][at->lane] = walk_four(x);
}

/* X as B fragments of a product g^T X */
static __device__ __forceinline__ void walk_put_right(walk_fragments *to, const bf16 *X,
                                                      const ttt_mma_thread *at)
{
    uint32_t x[4];
    ldmatrix_trans(x, ttt_mma_square(X, 0, 16 * at->warp, at));
    to->at[at->warp][at->lane] = walk_four(x);
}

/* The thread's rows as bf16. */
static __device__ __forceinline__ void walk_put_rows(walk_fragments *to, const ttt_mma_rows *x,
                                                     const ttt_mma_thread *at)
{
    to->at[at->warp][at->lane] =
        make_uint4(pack_bf16(x->x[0][0], x->x[0][1]), pack_bf16(x->x[0][2], x->x[0][3]),
                   pack_bf16(x->x[1][0], x->x[1][1]), pack_bf16(x->x[1][2], x->x[1][3]));
}

/* (K before^T + 1) scale[column] as an A fragment, by one warp; scale: of lane's row. */
static __device__ __forceinline__ void walk_put_near(uint4 to[32], const bf16 *K,
                                                     const bf16 *before, float scale,
                                                     const ttt_mma_thread *at)
{
    float S[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
    uint32_t x[4];
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint32_t A[4], B[4];
        ldmatrix(A, ttt_mma_square(K, 0, 16 * m, at));
        ldmatrix(B, ttt_mma_square(before, 0, 16 * m, at));
        ttt_mma_pair(S, A, B[0], B[2], B[1], B[3]);
    }
#pragma unroll
    for (int n = 0; n < 2; n++) {
        float first = __shfl_sync(0xffffffffu, scale, 8 * n + 2 * at->i);
        float second = __shfl_sync(0xffffffffu, scale, 8 * n + 2 * at->i + 1);
#pragma unroll
        for (int r = 0; r < 2; r++)
            x[2 * n + r] = pack_bf16(S[n][2 * r] * first, S[n][2 * r + 1] * second);
    }
    to[at->lane] = walk_four(x);
}

/* K of the chunk at t0, rotated, where the row has one; else zeros. */
static __device__ __forceinline__ void walk_put_key(bf16 *tile, const ttt_mma_call *call,
                                                    const ttt_mma_turn *turn,
                                                    const ttt_mma_thread *at, uint32_t t0)
{
    uint2 raw[2] = {};
    ttt_mma_rows k;
    if (t0 < at->T)
        ttt_mma_fetch(raw, call->k, at, t0);
    ttt_mma_unpack(&k, raw);
    ttt_mma_rotate(&k, turn, 1);
    ttt_mma_put(tile, &k, at);
}

/* ---- the walk ---- */

/* What the two groups exchange, each twice, by the parity of its step. */
typedef struct walk_shared {
    float4 pre[2][2][MMA_THREADS]; /* y, but for the two steps before; of each thread of rows */
    uint4 g[2][MMA_THREADS];       /* g^T as an A fragment */
    float4 sums[2][5][MMA_C];      /* over features, of a warp each */
    float4 means[2][MMA_C];        /* of pre */
} walk_shared;

static __device__ __forceinline__ float walk_sum(float4 x)
{
    return (x.x + x.y) + (x.z + x.w);
}

static __device__ __forceinline__ void walk_unpack(ttt_mma_rows *to, uint4 from)
{
    const uint2 rows[2] = {make_uint2(from.x, from.z), make_uint2(from.y, from.w)};
    ttt_mma_unpack(to, rows);
}

/* Asks for what a step reads; by the state group, which has the time. */
template <int BYTES> static __device__ __forceinline__ void walk_fetch(void *to, const void *from)
{
    int place = 16 * ((int)threadIdx.x - MMA_THREADS);
#pragma unroll
    for (int x = 0; x < BYTES; x += 16 * MMA_THREADS)
        if (x + 16 * MMA_THREADS <= BYTES || x + place < BYTES)
            copy_async((char *)to + x + place, (const char *)from + x + place, 16);
}

/* y of a step as the state group left it. */
static __device__ __forceinline__ void walk_take(float y[2][4], const float4 from[2][MMA_THREADS])
{
#pragma unroll
    for (int j = 0; j < 2; j++) {
        float4 pre = from[j][threadIdx.x];
        y[j][0] = pre.x, y[j][1] = pre.y, y[j][2] = pre.z, y[j][3] = pre.w;
    }
}

/* Where a warp's sum of a row stands among the four: so that no two lanes of a warp, of whom `which`
 * tells those of a row g apart, meet in a bank. */
static __device__ __forceinline__ float *walk_sum_at(float4 *sums, int warp, int which)
{
    return (float *)sums + (warp ^ which);
}

/* V^T += g^T X */
static __device__ __forceinline__ void walk_add(float V[MMA_TILES][4], uint4 g,
                                                const walk_fragments *X, const ttt_mma_thread *at)
{
    const uint32_t A[4] = {g.x, g.y, g.z, g.w};
#pragma unroll
    for (int n = 0; n < 4; n++) {
        uint4 B = X->at[n][at->lane];
        const uint32_t first[2] = {B.x, B.y}, second[2] = {B.z, B.w};
        mma_bf16(V[2 * n], A, first);
        mma_bf16(V[2 * n + 1], A, second);
    }
}

/* c += A g, of g^T as an A fragment: [16,16] of the slice */
static __device__ __forceinline__ void walk_times(float c[2][4], uint4 A4, uint4 g)
{
    const uint32_t A[4] = {A4.x, A4.y, A4.z, A4.w};
    ttt_mma_pair(c, A, g.x, g.z, g.y, g.w);
}

/* c += K V, in two sums */
static __device__ __forceinline__ void walk_product(float c[2][4], const float V[MMA_TILES][4],
                                                    const walk_fragments *K,
                                                    const ttt_mma_thread *at)
{
    float d[2][4] = {};
#pragma unroll
    for (int m = 0; m < 4; m++) {
        uint4 B = ttt_mma_pack(V, m), K4 = K->at[m][at->lane];
        const uint32_t A[4] = {K4.x, K4.y, K4.z, K4.w};
        ttt_mma_pair(m % 2 ? d : c, A, B.x, B.y, B.z, B.w);
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            c[j][e] += d[j][e];
}

/* V = rho V + lost */
static __device__ __forceinline__ void walk_forget(float to[2][4], const float from[2][4],
                                                   float rho, const float lost[2][4])
{
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            to[j][e] = rho * from[j][e] + lost[j][e];
}
static __device__ __forceinline__ void walk_forget_W(float to[MMA_TILES][4],
                                                     const float from[MMA_TILES][4], float rho,
                                                     const float lost[MMA_TILES][4])
{
#pragma unroll
    for (int n = 0; n < WALK_TILES; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            to[n][e] = rho * from[n][e] + lost[n][e];
}

/* V as pieces and b, whose rows are all alike, to global memory. */
static __device__ __forceinline__ void walk_store(unsigned char *to, const float V[MMA_TILES][4],
                                                  const float b[2][4], const ttt_mma_thread *at)
{
    uint32_t *pieces = (uint32_t *)(void *)to + 16 * at->warp * 32 + at->lane;
#pragma unroll
    for (int n = 0; n < WALK_TILES; n++) {
        pieces[32 * n] = pack_bf16(V[n][0], V[n][1]);
        pieces[32 * (8 + n)] = pack_bf16(V[n][2], V[n][3]);
    }
    if (at->g == 0)
        ((float4 *)(void *)(to + MMA_SAVED_W))[4 * at->warp + at->i] =
            make_float4(b[0][0], b[0][1], b[1][0], b[1][1]);
}

/* What the state group leaves for the rows: y but for the steps that come. */
static __device__ __forceinline__ void walk_leave(float4 to[2][MMA_THREADS], const float y[2][4],
                                                  const ttt_mma_thread *at)
{
    int thread = 32 * at->warp + at->lane;
    to[0][thread] = make_float4(y[0][0], y[0][1], y[0][2], y[0][3]);
    to[1][thread] = make_float4(y[1][0], y[1][1], y[1][2], y[1][3]);
}

/* g^T as an A fragment: transposed in registers. */
static __device__ __forceinline__ uint4 walk_turned(const float g[2][4])
{
    return make_uint4(
        transposed_8x8(pack_bf16(g[0][0], g[0][1])), transposed_8x8(pack_bf16(g[1][0], g[1][1])),
        transposed_8x8(pack_bf16(g[0][2], g[0][3])), transposed_8x8(pack_bf16(g[1][2], g[1][3])));
}

/* The feature of b's place [j][e], e < 2, in a row. */
static __device__ __forceinline__ int walk_feature(const ttt_mma_thread *at, int j, int e)
{
    return 16 * at->warp + 4 * at->i + 2 * j + e;
}

#endif
