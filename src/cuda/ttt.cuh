/* The TTT layer on the device (MODEL 3): what the kernels of both inner models share.
 *
 * One block walks the chunks of head h of sequence b in order (blockIdx.x = b H + h).  A chunk's
 * matrices are buffers of floats, in shared memory as far as they fit and otherwise in the block's
 * piece of scratch: the code is the same.  Rows of a buffer are `width` floats apart and zero
 * behind their last element; a buffer of n rows has room for the next multiple of four.  Functions
 * called ttt_* are of the whole block unless said; they end without a barrier, and a barrier
 * stands between the writing of a buffer and its reading. */
#ifndef BL_CUDA_TTT_CUH
#define BL_CUDA_TTT_CUH

#include "cuda/cuda.h"

#include <math.h>

/* ---- the path on tensor cores (ttt_linear_mma.cuh) ---- */

int ttt_linear_mma_fits(const bl_dev *d, const bl_ttt_shape *s);
size_t ttt_linear_mma_saved_bytes(const bl_ttt_shape *s);
void ttt_linear_mma_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,
                        const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,
                        const bl_ttt_shape *s);
void ttt_linear_mma_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                        const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                        const bl_act *k, const bl_act *v, const bl_real *lambda,
                        const bl_dev_saved *saved, const bl_ttt_params *p, const bl_ttt_shape *s);
void ttt_linear_mma_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most);
void ttt_linear_mma_plan(bl_dev *d, bl_arena *a, const bl_limits *most);

/* ---- gradients of parameters (ttt_grads.cu) ---- */

/* to[h,i] += sum_r from[r row_stride + h head_stride + i], i < n, h < heads, r < rows in a fixed
 * order. */
typedef struct ttt_partial {
    float *to;
    const float *from;
    size_t n, heads, rows, head_stride, row_stride;
} ttt_partial;

enum { TTT_PARTIALS = 8 };
typedef struct ttt_partials {
    ttt_partial at[TTT_PARTIALS];
    int count;
} ttt_partials;

/* One launch; a tensor with to = NULL is left out. */
void ttt_add_partials(bl_dev *d, const ttt_partials *p);

/* Where the gradients lie in the partial of one block, in floats; `floats`: all of it. */
typedef struct ttt_grad_places {
    size_t W, b, W2, b2, gamma, beta, delta, half_life, floats;
} ttt_grad_places;
ttt_grad_places ttt_grads_of(size_t F, size_t C, size_t M);

/* Adds the partials [B,H,floats] of all blocks to dp. */
void ttt_add_grads(bl_dev *d, const bl_ttt_params *dp, const float *partials, const bl_ttt_shape *s,
                   size_t M);

/* What the two other ops of TTT-Linear take of scratch. */
void ttt_linear_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most);
void ttt_linear_step_plan(bl_dev *d, bl_arena *a, const bl_limits *most);
void ttt_mlp_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most);
void ttt_mlp_step_plan(bl_dev *d, bl_arena *a, const bl_limits *most);

/* The state of a sequence that has read nothing, of either inner model. */
void ttt_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s,
               size_t M);

/* ---- sizes ---- */

/* Floats from one row of n to the next: 16-byte loads of a warp meet no bank twice, whether its
 * lanes read along a row or down a column. */
static inline int ttt_width(size_t n)
{
    int width = (int)round_up(n, 4);
    return width / 4 % 2 ? width : width + 4;
}

typedef struct ttt_dims {
    size_t T, H;
    int F, M, C, chunks, half; /* half: pairs of a head that are rotated */
    int wF, wM, wC;            /* widths of rows of F, M and C */
    double theta_log2;
} ttt_dims;

static inline ttt_dims ttt_dims_of(const bl_ttt_shape *s, size_t M)
{
    ttt_dims x = {};
    x.T = s->T;
    x.H = s->H;
    x.F = (int)s->F;
    x.M = (int)M;
    x.C = (int)s->C;
    x.chunks = (int)((s->T + s->C - 1) / s->C);
    x.half = (int)(s->F / 2);
    x.wF = ttt_width(s->F);
    x.wM = ttt_width(M);
    x.wC = ttt_width(s->C);
    x.theta_log2 = log2((double)s->rope_theta);
    return x;
}

/* Floats of W, b, W2 and b2 as buffers, of which an inner model has two or four. */
static inline size_t ttt_part_floats(const ttt_dims *s, int part)
{
    size_t rows = part == 0 ? round_up((size_t)s->F, 4) : part == 2 ? round_up((size_t)s->M, 4) : 1;
    return rows * (size_t)(part < 2 ? s->wM : s->wF);
}

static inline size_t ttt_state_floats(const ttt_dims *s, int parts)
{
    size_t sum = 0;
    for (int i = 0; i < parts; i++)
        sum += ttt_part_floats(s, i);
    return sum;
}

/* The learned tensors, and what rows carry.  part: W, b, W2, b2. */
typedef struct ttt_model {
    const float *start[4], *from[4];
    float *to[4];
    const float *gamma, *beta, *delta, *half_life;
    const int32_t *fresh; /* NULL: nothing is carried */
} ttt_model;

static inline ttt_model ttt_model_of(const bl_ttt_params *p)
{
    ttt_model m = {};
    const bl_param *start[] = {p->W0, p->b0, p->W2, p->b2};
    for (int i = 0; i < 4; i++)
        m.start[i] = floats(start[i]);
    m.gamma = floats(p->gamma);
    m.beta = floats(p->beta);
    m.delta = floats(p->delta);
    m.half_life = floats(p->half_life);
    if (p->carry) {
        const bl_ttt_rows *from = &p->carry->from, *to = &p->carry->to;
        const bl_real *froms[] = {from->W, from->b, from->W2, from->b2};
        bl_real *tos[] = {to->W, to->b, to->W2, to->b2};
        for (int i = 0; i < 4; i++) {
            m.from[i] = floats(froms[i]);
            m.to[i] = floats(tos[i]);
        }
        m.fresh = ints(p->carry->fresh);
    }
    return m;
}

/* ---- buffers of a block ---- */

/* Letters of MODEL 3.2, 3.5 and 3.6; each kernel has some of them. */
/* clang-format off */
#define TTT_BUFFERS(X)                                                                             \
    X(gamma) X(beta) X(lambda) X(tau) X(sigma) X(dr) X(ddelta) X(dgamma) X(dbeta)                  \
    X(b) X(b2) X(db) X(db2) X(cosine) X(sine) X(S) X(mix) X(S2) X(mix2) X(dS) X(drate)             \
    X(Q) X(K) X(V) X(Z) X(G) X(Zb) X(dZb) X(dQ) X(dK) X(dG)                                        \
    X(Z1) X(X2) X(G1) X(U) X(Zb1) X(Xb) X(dXb) X(dX2) X(dG1) X(W) X(W2) X(dW) X(dW2)
/* clang-format on */
enum {
#define X(name) TTT_##name,
    TTT_BUFFERS(X)
#undef X
        TTT_BUFFER_COUNT
};

typedef struct ttt_block {
#define X(name) float *name;
    TTT_BUFFERS(X)
#undef X
} ttt_block;

/* Where each lies, in floats, bit i of `shared` telling of which memory. */
typedef struct ttt_room {
    uint32_t at[TTT_BUFFER_COUNT];
    uint64_t shared;
    uint32_t most, shared_floats, scratch_floats;
} ttt_room;

/* Room without buffers; sm 0: none of it shared, to measure. */
static inline ttt_room ttt_room_of(int sm)
{
    const uint32_t most = sm >= 90 && sm < 120 ? 227 : 99;
    ttt_room r = {};
    r.most = sm ? (most - 3) * 256 : 0; /* of 3 KB: what a kernel has beside */
    return r;
}

/* Buffers are added in the order in which they should be shared. */
static inline void ttt_room_add(ttt_room *r, int buffer, size_t count)
{
    uint32_t n = (uint32_t)round_up(count, 4);
    int fits = r->shared_floats + n <= r->most;
    uint32_t *end = fits ? &r->shared_floats : &r->scratch_floats;
    r->at[buffer] = *end;
    r->shared |= (uint64_t)fits << buffer;
    *end += n;
}

/* n rows of a width. */
static inline void ttt_room_rows(ttt_room *r, int buffer, int n, int width)
{
    ttt_room_add(r, buffer, round_up((size_t)n, 4) * (size_t)width);
}

/* What every kernel over chunks has. */
static inline void ttt_room_begin(ttt_room *r, const ttt_dims *s)
{
    static const int heads[] = {TTT_gamma, TTT_beta}, columns[] = {TTT_lambda, TTT_tau};
    for (int i = 0; i < 2; i++) {
        ttt_room_add(r, heads[i], (size_t)s->F);
        ttt_room_add(r, columns[i], (size_t)s->C);
    }
    ttt_room_add(r, TTT_cosine, (size_t)(s->C * s->half));
    ttt_room_add(r, TTT_sine, (size_t)(s->C * s->half));
}

/* A block's piece of scratch at most, for these shapes and all smaller ones.  `all`: the room with
 * nothing shared. */
static inline size_t ttt_room_most(const bl_dev *d, const ttt_room *all)
{
    uint32_t most = ttt_room_of(cuda_of(d)->sm).most;
    return all->scratch_floats <= most ? 0 : all->scratch_floats;
}

/* Asks for the shared memory of a launch. */
static inline void ttt_allow(bl_dev *d, const void *kernel, const ttt_room *r)
{
    cuda_allow_shared(d, kernel, r->shared_floats * sizeof(float));
}

/* The buffers of this block, all of them zero. */
static __device__ void ttt_begin(ttt_block *c, const ttt_room &room, float *shared, float *scratch)
{
    scratch += (size_t)blockIdx.x * room.scratch_floats;
    if (threadIdx.x == 0) {
#define X(name) c->name = (room.shared >> TTT_##name & 1 ? shared : scratch) + room.at[TTT_##name];
        TTT_BUFFERS(X)
#undef X
    }
    for (uint32_t i = threadIdx.x * 4; i < room.shared_floats; i += blockDim.x * 4)
        *(float4 *)(shared + i) = make_float4(0, 0, 0, 0);
    for (uint32_t i = threadIdx.x * 4; i < room.scratch_floats; i += blockDim.x * 4)
        *(float4 *)(scratch + i) = make_float4(0, 0, 0, 0);
    __syncthreads();
}

static __device__ __forceinline__ int ttt_warp(void)
{
    return (int)(threadIdx.x / 32);
}
static __device__ __forceinline__ int ttt_lane(void)
{
    return (int)(threadIdx.x % 32);
}
static __device__ __forceinline__ int ttt_warps(void)
{
    return (int)(blockDim.x / 32);
}

/* ---- forgetting: bl_forget_of (ops/forget.h) on the device, in double ---- */

static __device__ bl_forget ttt_forget_of(float a)
{
    const double ln2 = 0.69314718055994530942;
    double grown = exp((double)a), hl = grown > 1 ? grown : 1;
    bl_forget f;
    f.rho = exp2(-1 / hl);
    f.lost = -expm1(-ln2 / hl);
    f.slope = hl > 1 ? f.rho * ln2 / hl : 0;
    return f;
}

/* What a part loses at the end of a full chunk: W = W0 + rho (W - W0), W [rows,cols] of `width`,
 * W0 dense. */
static __device__ void ttt_forget_part(float *W, const float *W0, float rho, int rows, int cols,
                                       int width)
{
    for (int i = ttt_warp(); i < rows; i += ttt_warps())
        for (int j = ttt_lane(); j < cols; j += 32) {
            float w0 = W0[(size_t)i * cols + j];
            W[i * width + j] = w0 + rho * (W[i * width + j] - w0);
        }
}

/* ---- states ---- */

typedef struct ttt_part {
    int rows, cols, width;
} ttt_part;

static __device__ __forceinline__ ttt_part ttt_part_of(const ttt_dims &s, int part)
{
    ttt_part p;
    p.rows = part == 0 ? s.F : part == 2 ? s.M : 1;
    p.cols = part < 2 ? s.M : s.F;
    p.width = part < 2 ? s.wM : s.wF;
    return p;
}

static __device__ __forceinline__ float *ttt_state_part(const ttt_block &c, int part)
{
    return part == 0 ? c.W : part == 1 ? c.b : part == 2 ? c.W2 : c.b2;
}

static __device__ __forceinline__ int ttt_row_continues(const ttt_model &p, size_t b)
{
    return p.fresh && !p.fresh[b];
}

/* W, b, ... before the first chunk: the start, and of a row that continues what it carries. */
static __device__ void ttt_row_begin(const ttt_block &c, const ttt_model &p, const ttt_dims &s,
                                     int parts)
{
    size_t h = blockIdx.x % s.H;
    int continues = ttt_row_continues(p, blockIdx.x / s.H);
    for (int part = 0; part < parts; part++) {
        ttt_part x = ttt_part_of(s, part);
        size_t n = (size_t)x.rows * x.cols;
        const float *start = p.start[part] + h * n;
        const float *from = continues ? p.from[part] + blockIdx.x * n : start;
        float *W = ttt_state_part(c, part);
        for (int i = ttt_warp(); i < x.rows; i += ttt_warps())
            for (int j = ttt_lane(); j < x.cols; j += 32) {
                size_t at = (size_t)i * x.cols + j;
                W[i * x.width + j] = continues ? start[at] + from[at] : start[at];
            }
    }
}

/* What the row carries on: W - W0, ... */
static __device__ void ttt_row_end(const ttt_block &c, const ttt_model &p, const ttt_dims &s,
                                   int parts)
{
    size_t h = blockIdx.x % s.H;
    for (int part = 0; part < parts && p.fresh; part++) {
        ttt_part x = ttt_part_of(s, part);
        size_t n = (size_t)x.rows * x.cols;
        const float *start = p.start[part] + h * n, *W = ttt_state_part(c, part);
        float *to = p.to[part] + blockIdx.x * n;
        for (int i = ttt_warp(); i < x.rows; i += ttt_warps())
            for (int j = ttt_lane(); j < x.cols; j += 32) {
                size_t at = (size_t)i * x.cols + j;
                to[at] = W[i * x.width + j] - start[at];
            }
    }
}

/* n floats, n and both addresses multiples of four of them. */
static __device__ void ttt_copy(float *to, const float *from, size_t n)
{
    for (size_t i = threadIdx.x * 4; i < n; i += blockDim.x * 4)
        *(float4 *)(to + i) = *(const float4 *)(from + i);
}

static __device__ void ttt_forget_all(const ttt_block &c, const ttt_model &p, const ttt_dims &s,
                                      float rho, int parts)
{
    size_t h = blockIdx.x % s.H;
    for (int part = 0; part < parts; part++) {
        ttt_part x = ttt_part_of(s, part);
        ttt_forget_part(ttt_state_part(c, part), p.start[part] + h * x.rows * x.cols, rho, x.rows,
                        x.cols, x.width);
    }
}

#endif
