/* TTT-Linear on tensor cores, for heads of 64 and chunks of 16: what forward and backward share.
 *
 * A block of 128 threads, 4 warps, computes one head h of one sequence b, chunk after chunk.  Warp w
 * owns 16 columns ("slice" w) of every matrix [16,64] of a chunk.  A thread, lane l of its warp,
 * g = l / 4, i = l % 4, holds rows g and g + 8 and in them 4 neighbouring features,
 * 16 w + 4 i .. + 3, as two pairs: x[j][2 r + e] is row g + 8 r, feature 16 w + 4 i + 2 j + e.
 *
 * In shared memory and in fragments the 64 features stand in another order, so that such a thread
 * finds its own at the places of a C fragment: feature 16 w + 4 i + 2 j + e stands at column
 * 16 w + 8 j + 2 i + e.  Every matrix is permuted alike, so no product notices.
 *
 * W [64 in, 64 out] is held transposed: warp w has the rows of its slice of W^T as 8 C fragments of
 * [16 out, 8 in].  As bf16, two neighbouring fragments are the B fragments of a product with W.
 * b stands beside it as a ninth fragment, whose first column it is. */
#ifndef BL_CUDA_TTT_LINEAR_MMA_CUH
#define BL_CUDA_TTT_LINEAR_MMA_CUH

#include "cuda/mma.cuh"
#include "cuda/ttt.cuh"

enum {
    MMA_F = 64,
    MMA_C = 16,
    MMA_THREADS = 128,
    MMA_ROW = 72,               /* elements from row to row of a matrix in shared memory */
    MMA_TILE = MMA_C * MMA_ROW, /* of one matrix of a chunk */
    MMA_TILES = 9               /* fragments of W^T and b of a warp */
};

/* Saved of a chunk, in this order: W as bf16, which is what the products read, b, and of every row
 *     1/sigma, mean/sigma, mean(a), mean(a xh); sum gamma^2 xh, sum gamma^2 xh^2; 1/so, mean/so
 * W is W^T in pieces of 8 out by 8 in, 128 bytes each: piece n of half r of warp w, which is word
 * (lane) of fragment n, is number (2 w + r) 8 + n.  b is the four columns of each thread of g = 0. */
enum {
    MMA_SAVED_W = MMA_F * MMA_F * 2,
    MMA_SAVED_B = MMA_F * 4,
    MMA_SAVED_ROW = 8,
    MMA_SAVED = MMA_SAVED_W + MMA_SAVED_B + MMA_C * MMA_SAVED_ROW * 4
};

/* The arguments of both passes that a kernel reads. */
typedef struct ttt_mma_call {
    const bf16 *q, *k, *v;             /* [B,T,H,64] */
    const float *lambda;               /* [B,T,H] */
    const float *W0, *b0;              /* [H,64,64], [H,64] */
    const float *gamma, *beta, *delta; /* [H,64], [H,64], [16] */
    const float *half_life;            /* [H] or NULL */
    const float *from_W, *from_b;      /* [B,H,64,64], [B,H,64]; NULL without carry */
    const int32_t *fresh;              /* [B] or NULL */
    unsigned char *saved;              /* [B,H,chunks,MMA_SAVED]; forward: NULL when not wanted */
    uint32_t T, H;
    float rope_theta;
} ttt_mma_call;

static inline ttt_mma_call ttt_mma_call_of(const bl_act *q, const bl_act *k, const bl_act *v,
                                           const bl_real *lambda, const bl_dev_saved *saved,
                                           const bl_ttt_params *p, const bl_ttt_shape *s)
{
    ttt_mma_call call = {};
    call.q = acts<bf16>(q), call.k = acts<bf16>(k), call.v = acts<bf16>(v);
    call.lambda = floats(lambda);
    call.W0 = floats(p->W0), call.b0 = floats(p->b0);
    call.gamma = floats(p->gamma), call.beta = floats(p->beta), call.delta = floats(p->delta);
    call.half_life = floats(p->half_life);
    if (p->carry) {
        call.from_W = floats(p->carry->from.W), call.from_b = floats(p->carry->from.b);
        call.fresh = ints(p->carry->fresh);
    }
    call.saved = (unsigned char *)(void *)(uintptr_t)saved;
    call.T = (uint32_t)s->T, call.H = (uint32_t)s->H, call.rope_theta = s->rope_theta;
    return call;
}

/* ---- where a thread stands ---- */

typedef struct ttt_mma_thread {
    int lane, warp, g, i;
    int column;            /* of its first pair in shared memory, the second is 8 further */
    uint32_t T, H, stride; /* stride: elements from token to token of q */
    size_t first;          /* element (b, t = 0, h, its first feature) of q */
    size_t first_step;     /* element (b, t = 0, h) of lambda */
} ttt_mma_thread;

static __device__ __forceinline__ ttt_mma_thread ttt_mma_here(const ttt_mma_call *call)
{
    ttt_mma_thread at;
    size_t b = blockIdx.x / call->H, h = blockIdx.x % call->H;
    at.lane = (int)threadIdx.x % 32, at.warp = (int)threadIdx.x / 32;
    at.g = at.lane / 4, at.i = at.lane % 4;
    at.column = 16 * at.warp + 2 * at.i;
    at.T = call->T, at.H = call->H, at.stride = call->H * MMA_F;
    at.first_step = b * at.T * at.H + h;
    at.first = at.first_step * MMA_F + (size_t)(16 * at.warp + 4 * at.i);
    return at;
}

/* The feature at a column. */
static __device__ __forceinline__ int ttt_mma_feature(int column)
{
    int within = column % 16;
    return column - within + 4 * (within % 8 / 2) + 2 * (within / 8) + within % 2;
}

/* ---- rows of a chunk ---- */

/* x of a thread: x[j][2 r + e]. */
typedef struct ttt_mma_rows {
    float x[2][4];
} ttt_mma_rows;

/* Rows g and g + 8 of the chunk at t0 as they are in memory, zeros behind the row's end. */
static __device__ __forceinline__ void ttt_mma_fetch(uint2 rows[2], const bf16 *x,
                                                     const ttt_mma_thread *at, uint32_t t0)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        uint32_t t = t0 + (uint32_t)(at->g + 8 * r);
        rows[r] = make_uint2(0, 0);
        if (t < at->T)
            rows[r] = *(const uint2 *)(const void *)(x + at->first + (size_t)t * at->stride);
    }
}

static __device__ __forceinline__ float low_bf16(uint32_t pair)
{
    return __uint_as_float(pair << 16);
}
static __device__ __forceinline__ float high_bf16(uint32_t pair)
{
    return __uint_as_float(pair & 0xffff0000u);
}

static __device__ __forceinline__ void ttt_mma_unpack(ttt_mma_rows *to, const uint2 rows[2])
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        to->x[0][2 * r] = low_bf16(rows[r].x), to->x[0][2 * r + 1] = high_bf16(rows[r].x);
        to->x[1][2 * r] = low_bf16(rows[r].y), to->x[1][2 * r + 1] = high_bf16(rows[r].y);
    }
}

static __device__ __forceinline__ void ttt_mma_store(bf16 *to, const ttt_mma_rows *x,
                                                     const ttt_mma_thread *at, uint32_t t0)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        uint32_t t = t0 + (uint32_t)(at->g + 8 * r);
        uint2 row = make_uint2(pack_bf16(x->x[0][2 * r], x->x[0][2 * r + 1]),
                               pack_bf16(x->x[1][2 * r], x->x[1][2 * r + 1]));
        if (t < at->T)
            *(uint2 *)(void *)(to + at->first + (size_t)t * at->stride) = row;
    }
}

/* The step size of row lane % 16 of the chunk at t0. */
static __device__ __forceinline__ float ttt_mma_lambda(const float *lambda,
                                                       const ttt_mma_thread *at, uint32_t t0)
{
    uint32_t t = t0 + (uint32_t)(at->lane % 16);
    return t < at->T ? lambda[at->first_step + (size_t)t * at->H] : 0;
}

/* As bf16 to the thread's places of a matrix in shared memory. */
static __device__ __forceinline__ void ttt_mma_put(bf16 *tile, const ttt_mma_rows *x,
                                                   const ttt_mma_thread *at)
{
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int r = 0; r < 2; r++)
            *(uint32_t *)(void *)(tile + (at->g + 8 * r) * MMA_ROW + at->column + 8 * j) =
                pack_bf16(x->x[j][2 * r], x->x[j][2 * r + 1]);
}

/* Rows that a thread keeps for itself in shared memory. */
static __device__ __forceinline__ void ttt_mma_keep(float4 to[2][MMA_THREADS],
                                                    const ttt_mma_rows *x)
{
    to[0][threadIdx.x] = make_float4(x->x[0][0], x->x[0][1], x->x[0][2], x->x[0][3]);
    to[1][threadIdx.x] = make_float4(x->x[1][0], x->x[1][1], x->x[1][2], x->x[1][3]);
}
static __device__ __forceinline__ void ttt_mma_kept(ttt_mma_rows *x,
                                                    const float4 from[2][MMA_THREADS])
{
#pragma unroll
    for (int j = 0; j < 2; j++) {
        float4 y = from[j][threadIdx.x];
        x->x[j][0] = y.x, x->x[j][1] = y.y, x->x[j][2] = y.z, x->x[j][3] = y.w;
    }
}

/* cos and sin of the thread's four places (j, r). */
typedef struct ttt_mma_turn {
    float cosine[2][2], sine[2][2];
} ttt_mma_turn;

static __device__ __forceinline__ void ttt_mma_turn_begin(ttt_mma_turn *turn, float theta,
                                                          const ttt_mma_thread *at)
{
    float grow = logf(theta) * (-2.0f / MMA_F);
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float pair = (float)(8 * at->warp + 2 * at->i + j);
            sincosf((float)(at->g + 8 * r) * expf(grow * pair), &turn->sine[j][r],
                    &turn->cosine[j][r]);
        }
}

/* Each pair rotated by its angle, or by sign = -1 back. */
static __device__ __forceinline__ void ttt_mma_rotate(ttt_mma_rows *x, const ttt_mma_turn *turn,
                                                      float sign)
{
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float even = x->x[j][2 * r], odd = x->x[j][2 * r + 1];
            float cosine = turn->cosine[j][r], sine = sign * turn->sine[j][r];
            x->x[j][2 * r] = even * cosine - odd * sine;
            x->x[j][2 * r + 1] = even * sine + odd * cosine;
        }
}

/* What is the same in all chunks: of the thread's four features and of its rows. */
typedef struct ttt_mma_head {
    float gamma[4], beta[4];
    float tau[2], tau_last; /* of rows g, g + 8 and of row 15 */
} ttt_mma_head;

static __device__ __forceinline__ float ttt_mma_tau(const float *delta, int row)
{
    return fmaxf(1.0f / (float)(row + 1) + delta[row], 0);
}

static __device__ __forceinline__ void
ttt_mma_head_begin(ttt_mma_head *head, const ttt_mma_call *call, const ttt_mma_thread *at)
{
#pragma unroll
    for (int e = 0; e < 4; e++) {
        size_t feature = blockIdx.x % call->H * MMA_F + (size_t)(16 * at->warp + 4 * at->i + e);
        head->gamma[e] = call->gamma[feature], head->beta[e] = call->beta[feature];
    }
    head->tau[0] = ttt_mma_tau(call->delta, at->g);
    head->tau[1] = ttt_mma_tau(call->delta, at->g + 8);
    head->tau_last = ttt_mma_tau(call->delta, MMA_C - 1);
}

/* sum gamma^2, by a warp */
static __device__ __forceinline__ float ttt_mma_gamma2(const ttt_mma_call *call,
                                                       const ttt_mma_thread *at)
{
    const float *gamma = call->gamma + (size_t)(blockIdx.x % call->H) * MMA_F + at->lane;
    return warp_sum(gamma[0] * gamma[0] + gamma[32] * gamma[32]);
}

/* ---- W and b ---- */

/* b of the thread's four features, of the ninth fragment. */
static __device__ __forceinline__ void ttt_mma_columns(float b[4], const float fragment[4],
                                                       const ttt_mma_thread *at)
{
    b[0] = __shfl_sync(0xffffffffu, fragment[0], 8 * at->i);
    b[1] = __shfl_sync(0xffffffffu, fragment[0], 8 * at->i + 4);
    b[2] = __shfl_sync(0xffffffffu, fragment[2], 8 * at->i);
    b[3] = __shfl_sync(0xffffffffu, fragment[2], 8 * at->i + 4);
}

/* Rows 16 m .. of W (in) as B fragments of the slice's 16 columns: {b of the first 8, of the others}. */
static __device__ __forceinline__ uint4 ttt_mma_pack(const float W[MMA_TILES][4], int m)
{
    return make_uint4(
        pack_bf16(W[2 * m][0], W[2 * m][1]), pack_bf16(W[2 * m + 1][0], W[2 * m + 1][1]),
        pack_bf16(W[2 * m][2], W[2 * m][3]), pack_bf16(W[2 * m + 1][2], W[2 * m + 1][3]));
}

/* ---- products ---- */

/* The address that a lane gives to ldmatrix for the 16x16 at (row, column) of a matrix in shared
 * memory: r[0..3] are its quarters (0,0), (8,0), (0,8), (8,8), as an A fragment wants them. */
static __device__ __forceinline__ const bf16 *ttt_mma_square(const bf16 *tile, int row, int column,
                                                             const ttt_mma_thread *at)
{
    return tile + (row + at->lane % 16) * MMA_ROW + column + at->lane / 16 * 8;
}

/* The same with the quarters in the order (0,0), (0,8), (8,0), (8,8). */
static __device__ __forceinline__ const bf16 *ttt_mma_across(const bf16 *tile, int row, int column,
                                                             const ttt_mma_thread *at)
{
    return tile + (row + at->lane % 8 + at->lane / 16 * 8) * MMA_ROW + column +
           at->lane % 16 / 8 * 8;
}

/* c [16,16] += a b: two products of 8 columns. */
static __device__ __forceinline__ void ttt_mma_pair(float c[2][4], const uint32_t a[4], uint32_t b0,
                                                    uint32_t b1, uint32_t b2, uint32_t b3)
{
    uint32_t first[2] = {b0, b1}, second[2] = {b2, b3};
    mma_bf16(c[0], a, first);
    mma_bf16(c[1], a, second);
}

/* ---- sums over the 64 features ---- */

/* v[4 n ..] summed over the four lanes of a row: lane i keeps the sums v[4 i ..]. */
static __device__ __forceinline__ float4 ttt_mma_gather(const float v[16], const ttt_mma_thread *at)
{
    float half[8], kept[4];
    int high = at->i & 2, odd = at->i & 1;
#pragma unroll
    for (int n = 0; n < 8; n++) {
        float keep = high ? v[8 + n] : v[n], send = high ? v[n] : v[8 + n];
        half[n] = keep + __shfl_xor_sync(0xffffffffu, send, 2);
    }
#pragma unroll
    for (int n = 0; n < 4; n++) {
        float keep = odd ? half[4 + n] : half[n], send = odd ? half[n] : half[4 + n];
        kept[n] = keep + __shfl_xor_sync(0xffffffffu, send, 1);
    }
    return make_float4(kept[0], kept[1], kept[2], kept[3]);
}

/* Sums of the warps meet here: [g][warp][i], with room between the rows against bank conflicts. */
enum { MMA_SUMS = 8 * 20 };

static __device__ __forceinline__ void ttt_mma_sums_put(float4 *sums, float4 mine,
                                                        const ttt_mma_thread *at)
{
    sums[at->g * 20 + at->warp * 4 + at->i] = mine;
}

/* The four warps' sums of lane i. */
static __device__ __forceinline__ float4 ttt_mma_sums_of(const float4 *sums, int i,
                                                         const ttt_mma_thread *at)
{
    const float4 *row = sums + at->g * 20 + i;
    float4 a = row[0], b = row[4], c = row[8], d = row[12];
    return make_float4((a.x + b.x) + (c.x + d.x), (a.y + b.y) + (c.y + d.y),
                       (a.z + b.z) + (c.z + d.z), (a.w + b.w) + (c.w + d.w));
}

/* A row's number from the lane that has it (i even: row g, odd: row g + 8) to all four. */
static __device__ __forceinline__ void ttt_mma_spread(float rows[2], float mine,
                                                      const ttt_mma_thread *at)
{
    float other = __shfl_xor_sync(0xffffffffu, mine, 1);
    rows[0] = at->i & 1 ? other : mine;
    rows[1] = at->i & 1 ? mine : other;
}

/* The step sizes of mix as a thread's C fragments of [16 t, 16 s] hold them: rate[n][2 r + e] is
 * row g + 8 r, column 8 n + 2 i + e; 0 above the diagonal. */
static __device__ __forceinline__ void ttt_mma_rate(float rate[2][4], float lambda,
                                                    const float tau[2], const ttt_mma_thread *at)
{
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int s = 8 * n + 2 * at->i + e;
            float step = __shfl_sync(0xffffffffu, lambda, s);
            rate[n][e] = s <= at->g ? tau[0] * step : 0;
            rate[n][2 + e] = s <= at->g + 8 ? tau[1] * step : 0;
        }
}

#endif
