/* What the files of the CUDA back end share: the device, launches, scratch, element types, sums.
 *
 * The files are C with kernels: static functions, templates on the element type and on tile sizes
 * only.  An activation is A: float or __nv_bfloat16, by d->act_bytes; a param and a real are float.
 * Everything runs on one stream, so ops follow each other.  Sums are taken in float in a fixed
 * order; no atomics on floats, so that every run gives the same bits. */
#ifndef BL_CUDA_CUDA_H
#define BL_CUDA_CUDA_H

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

extern "C" {
#include "core/arena.h"
#include "ops/forget.h"
#include "ops/ops.h"
}

typedef __nv_bfloat16 bf16;

typedef struct cuda_matmul cuda_matmul; /* matmul.cu */

enum {
    CUDA_LATENTS = 64, /* matrices in a launch of ternarise */
    CUDA_GETS = 2      /* begun and not ended */
};

/* The device of a bl_dev. */
typedef struct cuda_device {
    bl_dev dev;
    bl_ops ops;
    bl_limits most; /* of all calls of reserve */
    bl_arena scratch;
    void *scratch_block;
    cudaStream_t stream;
    int index, sm; /* sm: 80, 89, 90, ...; below 90 when the older path is forced */
    int multiprocessors;
    int chain;         /* the kernel launched last lets the next one of a chain begin (chain.cuh) */
    cudaError_t error; /* the first since the last sync */
    const char *error_at;
    cuda_matmul *matmul;
    unsigned long long *sums; /* [CUDA_LATENTS] of ternarise, which comes before any scratch */
    char *staging;            /* of the host, pinned: a ring of what put sends, and of small gets */
    size_t staged, sent;      /* in it: where it continues, and up to where it is free again */
    struct {
        void *to; /* NULL: none */
        void *room;
        size_t bytes, staged; /* staged: when it was begun */
        cudaEvent_t done;
    } getting[CUDA_GETS]; /* what get_begin began */
    struct {
        void *to; /* NULL: none */
        const void *from;
        size_t bytes;
    } held; /* a copy that has not been made */
} cuda_device;

static inline cuda_device *cuda_of(const bl_dev *d)
{
    return (cuda_device *)d->impl;
}

/* Every op of the table that is not optional: bl_cuda_embed_fwd, ... */
extern "C" {
#define X(op, params, args) size_t bl_cuda_##op params;
BL_OPS_SIZE_LIST(X)
#undef X
#define X(op, params, args) bl_status bl_cuda_##op params;
BL_OPS_STATUS_LIST(X)
#undef X
#define X(op, params, args) void bl_cuda_##op params;
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X
}

/* ---- launches ---- */

/* Keeps the first error, which sync reports; `at` is a literal. */
void cuda_note(bl_dev *d, cudaError_t error, const char *at);

/* Before a launch with so much dynamic shared memory: lets the kernel have it. */
void cuda_allow_shared(bl_dev *d, const void *kernel, size_t bytes);

/* What an op held back is done now: a copy, which bitlinear_residual may make unnecessary. */
void cuda_settle(bl_dev *d);

/* LAUNCH(d, kernel, blocks, threads, shared_bytes, arguments...); nothing for 0 blocks.  A template
 * needs a name first: auto *kernel = add_kernel<A>; */
#ifdef BL_CUDA_EMULATED
#define LAUNCH(d, ...)                                                                             \
    do {                                                                                           \
        cuda_settle(d);                                                                            \
        EMULATE(d, __VA_ARGS__);                                                                   \
    } while (0)
#else
#define LAUNCH(d, kernel, blocks, threads, shared, ...)                                            \
    do {                                                                                           \
        dim3 launch_blocks_ = dim3(blocks);                                                        \
        cuda_settle(d);                                                                            \
        cuda_of(d)->chain = 0;                                                                     \
        if (launch_blocks_.x && launch_blocks_.y && launch_blocks_.z) {                            \
            kernel<<<launch_blocks_, threads, shared, cuda_of(d)->stream>>>(__VA_ARGS__);          \
            cuda_note(d, cudaGetLastError(), #kernel);                                             \
        }                                                                                          \
    } while (0)
/* A launch on the device's stream with an attribute, where there is to be one. */
static inline cudaLaunchConfig_t cuda_launch_with(const bl_dev *d, dim3 blocks, dim3 threads,
                                                  size_t shared, cudaLaunchAttribute *attribute,
                                                  int wanted)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = blocks;
    config.blockDim = threads;
    config.dynamicSmemBytes = shared;
    config.stream = cuda_of(d)->stream;
    config.attrs = attribute;
    config.numAttrs = wanted != 0;
    return config;
}

/* The block's dynamic shared memory, as T *name. */
#define DYNAMIC_SHARED(T, name)                                                                    \
    extern __shared__ __align__(128) unsigned char dynamic_shared_[];                              \
    T *name = (T *)(void *)dynamic_shared_
#endif

/* Compiles the statements twice, A being the type of an activation. */
#define WITH_ACT(d, ...)                                                                           \
    do {                                                                                           \
        if ((d)->act_bytes == sizeof(bf16)) {                                                      \
            typedef bf16 A;                                                                        \
            __VA_ARGS__                                                                            \
        } else {                                                                                   \
            typedef float A;                                                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } while (0)

static inline unsigned div_up(size_t n, size_t by)
{
    return (unsigned)((n + by - 1) / by);
}

/* ---- opaque pointers; NULL stays NULL ---- */

template <typename A> static inline A *acts(bl_act *x)
{
    return (A *)(void *)x;
}
template <typename A> static inline const A *acts(const bl_act *x)
{
    return (const A *)(const void *)x;
}
static __host__ __device__ inline float *floats(bl_param *x)
{
    return (float *)(void *)x;
}
static __host__ __device__ inline const float *floats(const bl_param *x)
{
    return (const float *)(const void *)x;
}
static __host__ __device__ inline float *floats(bl_real *x)
{
    return (float *)(void *)x;
}
static __host__ __device__ inline const float *floats(const bl_real *x)
{
    return (const float *)(const void *)x;
}
static inline const int32_t *ints(const bl_dev_id *x)
{
    return (const int32_t *)(const void *)x;
}
static inline const int32_t *ints(const bl_dev_flag *x)
{
    return (const int32_t *)(const void *)x;
}
static inline bl_step *step_at(bl_dev_step *x)
{
    return (bl_step *)(void *)x;
}
static inline const bl_step *step_at(const bl_dev_step *x)
{
    return (const bl_step *)(const void *)x;
}

/* ---- scratch ---- */

/* The device's scratch, empty.  An op takes what it needs by take() and leaves it to the next op.
 * While reserve() measures, the same plans run on an arena without memory, which hands out NULL. */
bl_arena *cuda_scratch(bl_dev *d);

template <typename T> static inline T *take(bl_arena *a, size_t count)
{
    return (T *)bl_arena_push(a, count, sizeof(T));
}

/* What the ops of a family take at most for these shapes. */
#define CUDA_PLANS(X) X(embed) X(norm) X(conv) X(lr_gate) X(head) X(optim) X(ttt_linear) X(ttt_mlp)
#define X(family)     void cuda_##family##_plan(bl_dev *d, bl_arena *a, const bl_limits *most);
CUDA_PLANS(X)
#undef X

/* ---- quantised rows and ternary matrices ---- */

static __host__ __device__ constexpr size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* A bl_q8 of N rows of K.  Ternary: s[N], xi[N,stride] with zeros from K on, and x[N,K] = xi / s as A,
 * which the gradient of the weights reads; none: x[N,K] alone, not rounded. */
typedef struct q8_rows {
    float *s;
    int8_t *xi;
    void *x;
    size_t stride;
} q8_rows;

static inline q8_rows q8_of(const bl_dev *d, const bl_q8 *rows, size_t N, size_t K)
{
    char *at = (char *)(void *)rows;
    q8_rows q = {};
    q.x = at;
    if (!d->ternary)
        return q;
    q.stride = round_up(K, 16);
    q.s = (float *)(void *)at;
    q.xi = (int8_t *)(at + round_up(N * sizeof(float), 64));
    q.x = q.xi + round_up(N * q.stride, 64);
    return q;
}

/* A bl_tern.  Ternary: g; Wt[out,stride] as integers, zeros from `in` on; the same packed, `words`
 * words a row, weight 16 w + 4 j + i being bits 8 i + 2 j of word w, 1 more than it is; and in both cases
 * the matrix as A [out,in] (Wt without g, or W), which the backward pass and none read. */
typedef struct tern_place {
    float *g;
    int8_t *Wt;
    uint32_t *packed;
    void *W;
    size_t stride, words;
} tern_place;

static __host__ __device__ constexpr size_t tern_packed_at(size_t out, size_t in)
{
    return 64 + round_up(out * round_up(in, 16), 64);
}

static __host__ __device__ inline uint32_t *tern_packed(const void *w, size_t out, size_t in)
{
    return (uint32_t *)(void *)((char *)w + tern_packed_at(out, in));
}

static inline tern_place tern_of(const bl_dev *d, const bl_tern *w, size_t out, size_t in)
{
    char *at = (char *)(void *)w;
    tern_place m = {};
    if (!d->ternary) {
        m.W = at;
        return m;
    }
    m.g = (float *)(void *)at;
    m.Wt = (int8_t *)(at + 64);
    m.stride = round_up(in, 16);
    m.words = round_up(in, 64) / 16;
    m.packed = tern_packed(at, out, in);
    m.W = (char *)(void *)m.packed + round_up(out * m.words * sizeof(uint32_t), 64);
    return m;
}

/* ---- products of whole matrices (matmul.cu) ---- */

typedef enum cuda_kind { CUDA_F32, CUDA_BF16 } cuda_kind;

static inline cuda_kind act_kind(const bl_dev *d)
{
    return d->act_bytes == sizeof(bf16) ? CUDA_BF16 : CUDA_F32;
}

/* y[M,N] = alpha op(a) op(b) + beta y, row-major, sums in float.  op(a) is [M,K]: a is [M,K], or
 * [K,M] with ta; op(b) is [K,N]: b is [K,N], or [N,K] with tb.  a and b are of kind `in`, y of kind
 * `out`.  scale, in device memory, is multiplied into alpha; NULL: 1. */
typedef struct cuda_product {
    void *y;
    const void *a, *b;
    size_t M, N, K;
    int ta, tb;
    cuda_kind in, out;
    float alpha, beta;
    const float *scale;
} cuda_product;

void cuda_matmul_run(bl_dev *d, const cuda_product *p);

/* ---- numbers on the device ---- */

static __device__ __forceinline__ float to_float(float x)
{
    return x;
}
static __device__ __forceinline__ float to_float(bf16 x)
{
    return __bfloat162float(x);
}
template <typename A> static __device__ __forceinline__ A from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x)
{
    return x;
}
template <> __device__ __forceinline__ bf16 from_float<bf16>(float x)
{
    return __float2bfloat16_rn(x);
}

static __device__ __forceinline__ float warp_sum(float x)
{
    for (int lane = 16; lane; lane >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, lane);
    return x;
}

static __device__ __forceinline__ float warp_max(float x)
{
    for (int lane = 16; lane; lane >>= 1)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

#endif
