/* BitLinear: ternary weights, int8 activations, straight-through gradients (MODEL 2). */
#include "cuda/bitlinear.cuh"

#include <string.h>

extern "C" {
#include "core/alloc.h"
}

enum { FEW_ROWS = 8, LATENTS = CUDA_LATENTS, SUM_BLOCKS = 32 };

extern "C" size_t bl_cuda_q8_bytes(bl_dev *d, size_t N, size_t K)
{
    if (!d->ternary)
        return N * K * d->act_bytes;
    return round_up(N * sizeof(float), 64) + round_up(N * round_up(K, 16), 64) +
           N * K * d->act_bytes;
}

extern "C" size_t bl_cuda_tern_bytes(bl_dev *d, size_t out, size_t in)
{
    if (!d->ternary)
        return out * in * d->act_bytes;
    return 64 + round_up(out * round_up(in, 16), 64) + round_up(out * round_up(in, 64) / 4, 64) +
           out * in * d->act_bytes;
}

/* Of 16 weights. */
static __host__ __device__ __forceinline__ uint32_t packed_word(const int8_t *code)
{
    uint32_t word = 0;
    for (int k = 0; k < 16; k++)
        word |= (uint32_t)(code[k] + 1) << (k % 4 * 8 + k / 4 * 2);
    return word;
}

/* ---- a matrix from and to the host ---- */

extern "C" bl_status bl_cuda_tern_put(bl_dev *d, bl_tern *w, const int8_t *codes, float g,
                                      size_t out, size_t in, bl_error *err)
{
    size_t bytes = bl_cuda_tern_bytes(d, out, in);
    char *host = (char *)bl_calloc(bytes, 1);
    if (!host)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes of ternary weights", bytes);
    tern_place m = tern_of(d, (bl_tern *)(void *)host, out, in);
    *m.g = g;
    for (size_t o = 0; o < out; o++) {
        memcpy(m.Wt + o * m.stride, codes + o * in, in);
        for (size_t w = 0; w < m.stride / 16; w++)
            m.packed[o * m.words + w] = packed_word(m.Wt + o * m.stride + 16 * w);
    }
    for (size_t i = 0; i < out * in; i++)
        if (d->act_bytes == sizeof(float))
            ((float *)m.W)[i] = codes[i];
        else
            ((bf16 *)m.W)[i] = __float2bfloat16_rn((float)codes[i]);
    bl_status status = bl_cuda_put(d, w, host, bytes, err);
    bl_free(host);
    return status;
}

extern "C" bl_status bl_cuda_tern_get(bl_dev *d, int8_t *codes, float *g, const bl_tern *w,
                                      size_t out, size_t in, bl_error *err)
{
    tern_place m = tern_of(d, w, out, in);
    size_t bytes = out * m.stride;
    int8_t *host = (int8_t *)bl_calloc(bytes, 1);
    if (!host)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes of ternary weights", bytes);
    bl_status status = bl_cuda_get(d, g, m.g, sizeof *g, err);
    if (status == BL_OK)
        status = bl_cuda_get(d, host, m.Wt, bytes, err);
    for (size_t o = 0; status == BL_OK && o < out; o++)
        memcpy(codes + o * in, host + o * m.stride, in);
    bl_free(host);
    return status;
}

/* ---- ternarise ---- */

/* Some of the matrices of a model, as a kernel's argument. */
typedef struct latent {
    const float *from;
    tern_place to;
    size_t out, in;
} latent;
typedef struct latents {
    latent at[LATENTS];
    unsigned long long *sums; /* [LATENTS] */
} latents;

/* S = sum of rint(min(|W|, 256) 2^32): exact, in whatever order.  Block (x, y) takes a part of matrix
 * y.  The product with 2^32 is exact in float, and it is rounded half to even. */
static __global__ void sum_kernel(latents w)
{
    const latent *m = &w.at[blockIdx.y];
    size_t count = m->out * m->in;
    unsigned long long sum = 0;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        sum += (unsigned long long)__float2ll_rn(
            __fmul_rn(fminf(fabsf(m->from[i]), 256.0f), 4294967296.0f));
    for (int lane = 16; lane; lane >>= 1)
        sum += __shfl_xor_sync(0xffffffffu, sum, lane);
    if (threadIdx.x % 32 == 0)
        atomicAdd(&w.sums[blockIdx.y], sum);
}

/* g = max(S / 2^32 / count, 1e-5);  Wt = 2|W| > g ? sign(W) : 0.  A thread makes 16 columns of a row, or
 * fewer at its end; whole: rows are multiples of 16.  A packed
 * row goes on to a multiple of 64 columns, where x is 0. */
template <typename A> static __global__ void ternarise_kernel(latents w)
{
    const latent *m = &w.at[blockIdx.y];
    double mean = (double)(long long)w.sums[blockIdx.y] * 0x1p-32 / (double)(m->out * m->in);
    float g = fmaxf((float)mean, 1e-5f);
    size_t in = m->in, pieces = m->to.words;
    int whole = in % 16 == 0;
    if (blockIdx.x == 0 && threadIdx.x == 0)
        *(float4 *)(void *)m->to.g = make_float4(g, 0, 0, 0); /* decode copies 16 bytes */
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < m->out * pieces;
         i += (size_t)gridDim.x * blockDim.x) {
        size_t o = i / pieces, k = i % pieces * 16;
        const float *from = m->from + o * in + k;
        A *wide = (A *)m->to.W + o * in + k;
        union {
            float one[16];
            float4 all[4];
        } v;
        union {
            A one[16];
            uint4 all[sizeof(A)];
        } u;
        union {
            int8_t code[16];
            uint4 all;
        } t;
#pragma unroll
        for (int j = 0; j < 4; j++)
            if (whole && k < in)
                v.all[j] = ((const float4 *)(const void *)from)[j];
#pragma unroll
        for (int j = 0; j < 16; j++) {
            float x = k + j >= in ? 0.0f : whole ? v.one[j] : from[j];
            t.code[j] = (int8_t)(2.0f * fabsf(x) > g ? (x > 0) - (x < 0) : 0);
            u.one[j] = from_float<A>((float)t.code[j]);
        }
        m->to.packed[i] = packed_word(t.code);
        if (k >= m->to.stride)
            continue;
        *(uint4 *)(void *)(m->to.Wt + o * m->to.stride + k) = t.all;
#pragma unroll
        for (int j = 0; j < (int)sizeof(A); j++)
            if (whole)
                ((uint4 *)(void *)wide)[j] = u.all[j];
#pragma unroll
        for (int j = 0; j < 16; j++)
            if (!whole && k + j < in)
                wide[j] = u.one[j];
    }
}

/* Without rounding the matrix is what it was, as A. */
template <typename A> static __global__ void convert_kernel(latents w)
{
    const latent *m = &w.at[blockIdx.y];
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < m->out * m->in;
         i += (size_t)gridDim.x * blockDim.x)
        ((A *)m->to.W)[i] = from_float<A>(m->from[i]);
}

extern "C" void bl_cuda_ternarise(bl_dev *d, const bl_latents *w)
{
    unsigned long long *sums = cuda_of(d)->sums;
    for (size_t first = 0; first < w->count; first += LATENTS) {
        latents some;
        memset(&some, 0, sizeof some);
        some.sums = sums;
        size_t count = w->count - first < LATENTS ? w->count - first : LATENTS;
        for (size_t i = 0; i < count; i++) {
            const bl_latent *l = &w->at[first + i];
            some.at[i].from = floats(l->from);
            some.at[i].to = tern_of(d, l->to, l->out, l->in);
            some.at[i].out = l->out, some.at[i].in = l->in;
        }
        dim3 blocks(SUM_BLOCKS, (unsigned)count);
        if (d->ternary) {
            bl_cuda_zero(d, sums, LATENTS * sizeof *sums);
            LAUNCH(d, sum_kernel, blocks, 256, 0, some);
        }
        WITH_ACT(d, auto *kernel = d->ternary ? ternarise_kernel<A> : convert_kernel<A>;
                 LAUNCH(d, kernel, blocks, 256, 0, some););
    }
}

/* ---- forward ---- */

/* A few rows: a warp makes one column of all of them, 16 bytes of Wt a lane at a time. */
template <typename A, int R>
static __global__ void tern_few_kernel(A *y, q8_rows x, tern_place w, size_t N, size_t out,
                                       const A *residual)
{
    size_t o = (size_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32, dot[R] = {};
    if (o < out) {
        const uint4 *row = (const uint4 *)(const void *)(w.Wt + o * w.stride);
        for (size_t k = lane; k < w.stride / 16; k += 32) {
            uint4 t = row[k];
#pragma unroll
            for (int n = 0; n < R; n++) {
                if (n >= (int)N)
                    break;
                uint4 v = *(const uint4 *)(const void *)(x.xi + n * x.stride + k * 16);
                dot[n] = __dp4a((int)t.x, (int)v.x, dot[n]);
                dot[n] = __dp4a((int)t.y, (int)v.y, dot[n]);
                dot[n] = __dp4a((int)t.z, (int)v.z, dot[n]);
                dot[n] = __dp4a((int)t.w, (int)v.w, dot[n]);
            }
        }
    }
#pragma unroll
    for (int n = 0; n < R; n++) {
        for (int step = 16; step; step >>= 1)
            dot[n] += __shfl_xor_sync(0xffffffffu, dot[n], step);
        if (lane || o >= out || n >= (int)N)
            continue;
        float value = scaled(dot[n], *w.g, x.s[n]);
        size_t at = n * out + o;
        y[at] = from_float<A>(residual ? to_float(residual[at]) + to_float(from_float<A>(value))
                                       : value);
    }
}

static void few_rows(bl_dev *d, const tern_product *p)
{
    WITH_ACT(d, auto *kernel = p->N == 1   ? tern_few_kernel<A, 1>
                               : p->N <= 4 ? tern_few_kernel<A, 4>
                                           : tern_few_kernel<A, FEW_ROWS>;
             LAUNCH(d, kernel, div_up(p->out, 4), 128, 0, (A *)p->y, p->x, p->w, p->N, p->out,
                    (const A *)p->residual););
}

static void product(bl_dev *d, const tern_product *p)
{
    if (!d->ternary) {
        cuda_product q = {p->y, p->x.x, p->w.W,      p->N,        p->out, p->in,
                          0,    1,      act_kind(d), act_kind(d), 1.0f,   p->residual ? 1.0f : 0.0f,
                          NULL};
        cuda_matmul_run(d, &q);
    } else if (p->N <= FEW_ROWS) {
        few_rows(d, p);
    } else if (!cuda_tern_wgmma(d, p)) {
        cuda_tern_rows(d, p);
    }
}

extern "C" void bl_cuda_bitlinear_fwd(bl_dev *d, bl_act *y, const bl_q8 *x, const bl_tern *w,
                                      size_t N, size_t out, size_t in)
{
    tern_product p = {y, q8_of(d, x, N, in), tern_of(d, w, out, in), N, out, in, NULL};
    product(d, &p);
}

/* The residual stream is read where it is still to be copied from. */
extern "C" void bl_cuda_bitlinear_residual(bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq,
                                           const bl_tern *w, size_t N, size_t out, size_t in)
{
    cuda_device *c = cuda_of(d);
    tern_product p = {x, q8_of(d, xq, N, in), tern_of(d, w, out, in), N, out, in, x};
    (void)y;
    if (d->ternary && c->held.to == x && c->held.bytes == N * out * d->act_bytes) {
        p.residual = c->held.from;
        c->held.to = NULL;
    }
    product(d, &p);
}

/* ---- backward ---- */

/* dx = (accumulate ? dx : 0) + g (dy Wt), or dy W */
extern "C" void bl_cuda_bitlinear_bwd_x(bl_dev *d, bl_act *dx, const bl_act *dy, const bl_tern *w,
                                        int accumulate, size_t N, size_t out, size_t in)
{
    tern_place m = tern_of(d, w, out, in);
    cuda_product p = {dx, dy, m.W,         N,           in,   out,
                      0,  0,  act_kind(d), act_kind(d), 1.0f, accumulate ? 1.0f : 0.0f,
                      m.g};
    cuda_matmul_run(d, &p);
}

/* dw += dy^T (xi / s) */
extern "C" void bl_cuda_bitlinear_bwd_w(bl_dev *d, bl_param *dw, const bl_act *dy, const bl_q8 *x,
                                        size_t N, size_t out, size_t in)
{
    cuda_product p = {
        dw, dy, q8_of(d, x, N, in).x, out, in, N, 1, 0, act_kind(d), CUDA_F32, 1.0f, 1.0f, NULL};
    cuda_matmul_run(d, &p);
}
