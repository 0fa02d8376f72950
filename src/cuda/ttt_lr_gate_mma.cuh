/* The step size of the inner model on tensor cores, for activations in bf16: x as it is, and what is
 * float as a sum of two bf16, so that little more than the order of sums differs from the general
 * kernels.  Fragments: mma.cuh. */
#ifndef BL_CUDA_TTT_LR_GATE_MMA_CUH
#define BL_CUDA_TTT_LR_GATE_MMA_CUH

#include "cuda/elementwise.cuh"

/* The arguments of the backward kernel, for `heads` heads from h0 on. */
template <typename A> struct lr_gate_rows {
    A *dx;
    float *dw, *db; /* partial sums: [gridDim.x, heads, D], [gridDim.x, heads] */
    const float *dlambda, *lambda, *w;
    const A *x;
    float scale;
    size_t N, D, H, h0;
    int heads;
};

/* ---- forward ---- */

/* Eight floats as two bf16 each: x is about high + low. */
static __device__ __forceinline__ void split_bf16(uint32_t (&high)[4], uint32_t (&low)[4],
                                                  const float (&x)[8])
{
#pragma unroll
    for (int k = 0; k < 4; k++) {
        float part[2];
        high[k] = pack_bf16(x[2 * k], x[2 * k + 1]);
        unpack_bf16(part, high[k]);
        low[k] = pack_bf16(x[2 * k] - part[0], x[2 * k + 1] - part[1]);
    }
}

enum {
    STEPS = 4 /* of 32 columns, at most, read at once */,
    MMA_WARPS = 8,
    MMA_WIDTH = 1024,
    MMA_HEADS = 16
};

/* Columns 32k0 on of two rows, 32 S of them. */
template <int S>
static __device__ __forceinline__ void read_steps(uint4 (&a)[S], uint4 (&b)[S], const bf16 *x0,
                                                  const bf16 *x1, int k0)
{
#pragma unroll
    for (int k = 0; k < S; k++) {
        a[k] = *(const uint4 *)(const void *)(x0 + (k0 + k) * 32);
        b[k] = *(const uint4 *)(const void *)(x1 + (k0 + k) * 32);
    }
}

/* lambda[n,h] = scale sigmoid(x[n] . w[h] + b[h]), for H up to 8 NT, D % (32 S) = 0.  A warp has 16 rows.  Lane l, g = l / 4,
 * q = l % 4, reads columns 8q to 8q+7 of every 32 of rows g and g+8, and those of w of head g: for the
 * products the columns stand in another order, the same in x and w.  The block's w lie in shared
 * memory as the lanes read them: [D/32, NT, high and low, lane] of 16 bytes. */
template <int NT, int S>
static __global__ void __launch_bounds__(32 * MMA_WARPS, 2)
    lr_gate_mma_kernel(float *__restrict__ lambda, const bf16 *__restrict__ x,
                       const float *__restrict__ w, const float *__restrict__ bias, float scale,
                       size_t N, size_t D, size_t H)
{
    DYNAMIC_SHARED(uint4, parts);
    int lane = threadIdx.x % 32, steps = (int)(D / 32);
    size_t n0 = ((size_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32) * 16 + lane / 4;
    const bf16 *x0 = x + (n0 < N ? n0 : N - 1) * D + lane % 4 * 8,
               *x1 = x + (n0 + 8 < N ? n0 + 8 : N - 1) * D + lane % 4 * 8;
#pragma unroll 3
    for (int i = threadIdx.x; i < steps * NT * 32; i += blockDim.x) {
        size_t h = i / 32 % NT * 8 + i % 32 / 4, at = i / 32;
        float own[8] = {};
        uint32_t high[4], low[4];
        if (h < H)
            load<8>(own, w + h * D + at / NT * 32 + i % 4 * 8);
        split_bf16(high, low, own);
        parts[at * 64 + i % 32] = make_uint4(high[0], high[1], high[2], high[3]);
        parts[at * 64 + 32 + i % 32] = make_uint4(low[0], low[1], low[2], low[3]);
    }
    __syncthreads();
    float dots[NT][4] = {};
    uint4 a[S], b[S], a_next[S], b_next[S];
    read_steps<S>(a_next, b_next, x0, x1, 0);
    for (int k0 = 0; k0 < steps; k0 += S) {
#pragma unroll
        for (int k = 0; k < S; k++)
            a[k] = a_next[k], b[k] = b_next[k];
        if (k0 + S < steps)
            read_steps<S>(a_next, b_next, x0, x1, k0 + S);
#pragma unroll
        for (int k = 0; k < S; k++) {
            uint32_t one[4] = {a[k].x, b[k].x, a[k].y, b[k].y};
            uint32_t two[4] = {a[k].z, b[k].z, a[k].w, b[k].w};
#pragma unroll
            for (int i = 0; i < 2 * NT; i++) {
                uint4 own = parts[((k0 + k) * 2 * NT + i) * 32 + lane];
                uint32_t b1[2] = {own.x, own.y}, b2[2] = {own.z, own.w};
                mma_bf16(dots[i / 2], one, b1);
                mma_bf16(dots[i / 2], two, b2);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4 * NT; i++) {
        size_t n = n0 + i % 4 / 2 * 8, h = i / 4 * 8 + lane % 4 * 2 + i % 2;
        if (n < N && h < H)
            lambda[n * H + h] = scale * sigmoid(dots[i / 4][i % 4] + bias[h]);
    }
}

static void lr_gate_forward_mma(bl_dev *d, float *lambda, const bf16 *x, const float *w,
                                const float *bias, float scale, size_t N, size_t D, size_t H)
{
    size_t tiles = (N + 15) / 16, warps = tiles / cuda_of(d)->multiprocessors;
    int bytes = (int)(D * 32) * (H > 8 ? 2 : 1);
    auto *kernel = D % (32 * STEPS) ? lr_gate_mma_kernel<2, 1> : lr_gate_mma_kernel<2, STEPS>;
    if (H <= 8)
        kernel = D % (32 * STEPS) ? lr_gate_mma_kernel<1, 1> : lr_gate_mma_kernel<1, STEPS>;
    warps = warps < 2 ? 2 : warps > MMA_WARPS ? (size_t)MMA_WARPS : warps;
    cuda_allow_shared(d, (const void *)kernel, (size_t)bytes);
    LAUNCH(d, kernel, div_up(tiles, warps), (unsigned)(32 * warps), (size_t)bytes, lambda, x, w,
           bias, scale, N, D, H);
}

/* ---- backward ---- */

enum {
    MMA_THREADS = 128,
    MMA_EACH = 3 /* blocks of a multiprocessor */,
    MMA_ROWS = 16,
    MMA_COLS = 64 /* a warp */,
    MMA_STRIDE = 24
};

/* Columns 8g+2m, 8g+2m+1 of a warp's 64 from c on: heads 2q.. and 2q+8.. of w, as A[16,16]: rows g are
 * the even columns, rows g+8 the odd ones. */
static __device__ __forceinline__ void read_w(uint32_t (&high)[4][4], uint32_t (&low)[4][4],
                                              const float *w, size_t D, size_t H)
{
    int q = threadIdx.x % 4;
#pragma unroll
    for (int k = 0; k < 2; k++) { /* heads 2q + 8k, 2q + 8k + 1 */
        float one[8] = {}, two[8] = {};
        size_t h = 2 * q + 8 * k;
        if (h < H)
            load<8>(one, w + h * D);
        if (h + 1 < H)
            load<8>(two, w + (h + 1) * D);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            uint32_t bits = pack_bf16(one[j], two[j]);
            float part[2];
            unpack_bf16(part, bits);
            high[j / 2][2 * k + j % 2] = bits;
            low[j / 2][2 * k + j % 2] = pack_bf16(one[j] - part[0], two[j] - part[1]);
        }
    }
}

/* 16 rows: x[i] and dx[i] are a lane's columns of rows 2q, 2q+1, 2q+8, 2q+9; tile the dlogit, high
 * and low, [2, 16, MMA_STRIDE].  The columns of C of both products are the lane's rows (dx) and
 * column j of the eight of every g (dw). */
static __device__ __forceinline__ void
multiply_rows(uint32_t (&dx)[4][4], float (&dw)[8][4], const uint32_t (&x)[4][4],
              const uint32_t (&w_high)[4][4], const uint32_t (&w_low)[4][4], const bf16 *tile)
{
    int lane = threadIdx.x % 32;
    const bf16 *at = tile + (lane % 8 + lane / 16 * 8) * MMA_STRIDE + lane / 8 % 2 * 8;
    uint32_t high[4], low[4];
    ldmatrix(high, at);
    ldmatrix(low, at + MMA_ROWS * MMA_STRIDE);
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
            float even[2], odd[2];
            unpack_bf16(even, dx[2 * i][m]);
            unpack_bf16(odd, dx[2 * i + 1][m]);
            float sum[4] = {even[0], odd[0], even[1], odd[1]};
            uint32_t b_high[2] = {high[2 * i], high[2 * i + 1]};
            uint32_t b_low[2] = {low[2 * i], low[2 * i + 1]};
            mma_bf16(sum, w_high[m], b_high);
            mma_bf16(sum, w_high[m], b_low);
            mma_bf16(sum, w_low[m], b_high);
            dx[2 * i][m] = pack_bf16(sum[0], sum[2]);
            dx[2 * i + 1][m] = pack_bf16(sum[1], sum[3]);
        }
    ldmatrix_trans(high, at);
    ldmatrix_trans(low, at + MMA_ROWS * MMA_STRIDE);
#pragma unroll
    for (int j = 0; j < 8; j++) {
        uint32_t b[2];
#pragma unroll
        for (int i = 0; i < 2; i++) {
            uint32_t even = x[2 * i][j / 2], odd = x[2 * i + 1][j / 2];
            b[i] = j % 2 ? even >> 16 | (odd & 0xffff0000u) : (even & 0xffffu) | odd << 16;
        }
        mma_bf16(dw[j], high, b);
        mma_bf16(dw[j], low, b);
    }
}

/* The lane's eight columns of its row i of four; zeros from row `rows` on. */
static __device__ __forceinline__ void read_lane(uint32_t (&x)[4], const bf16 *at, size_t D,
                                                 int row, size_t rows)
{
    uint4 eight = make_uint4(0, 0, 0, 0);
    if (row < rows)
        eight = *(const uint4 *)(const void *)(at + row * D);
    x[0] = eight.x, x[1] = eight.y, x[2] = eight.z, x[3] = eight.w;
}

/* dx[n] += sum_h dlogit[n,h] w[h];  dw[h] += dlogit[n,h] x[n];  db[h] += dlogit[n,h];
 * dlogit = dlambda lambda (1 - lambda / scale).  A warp has 64 columns, their w and dw in
 * registers, lane l columns 8g to 8g+7, g = l / 4, of four rows of 16 (multiply_rows). */
static __global__ void __launch_bounds__(MMA_THREADS, MMA_EACH)
    lr_gate_backward_mma_kernel(lr_gate_rows<bf16> a)
{
    __shared__ __align__(16) bf16 tiles[2][2][MMA_ROWS][MMA_STRIDE];
    __shared__ float sums[MMA_THREADS];
    int lane = threadIdx.x % 32, q = lane % 4, turn = 0;
    size_t D = a.D, c = ((size_t)blockIdx.y * (MMA_THREADS / 32) + threadIdx.x / 32) * MMA_COLS;
    size_t head = threadIdx.x % 16, own = c + lane / 4 * 8;
    int inside = c < D;
    uint32_t high[4][4] = {}, low[4][4] = {};
    float dw[8][4] = {}, db = 0, each = a.scale > 0.0f ? 1.0f / a.scale : 0.0f;
    if (inside)
        read_w(high, low, a.w + own, D, a.H);
    for (size_t n0 = (size_t)blockIdx.x * MMA_ROWS; n0 < a.N;
         n0 += (size_t)gridDim.x * MMA_ROWS, turn ^= 1) {
        size_t rows = inside ? a.N - n0 : 0;
        uint32_t x[4][4], dx[4][4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            read_lane(x[i], a.x + n0 * D + own, D, 2 * q + i / 2 * 8 + i % 2, rows);
            read_lane(dx[i], a.dx + n0 * D + own, D, 2 * q + i / 2 * 8 + i % 2, rows);
        }
#pragma unroll
        for (int i = 0; i < MMA_ROWS * 16 / MMA_THREADS; i++) {
            int row = threadIdx.x / 16 + i * (MMA_THREADS / 16);
            float value = 0;
            if (n0 + row < a.N && head < a.H && a.scale > 0.0f) {
                float lambda = a.lambda[(n0 + row) * a.H + head];
                value = a.dlambda[(n0 + row) * a.H + head] * lambda * (1.0f - lambda * each);
            }
            bf16 most = from_float<bf16>(value);
            tiles[turn][0][row][head] = most;
            tiles[turn][1][row][head] = from_float<bf16>(value - to_float(most));
            db += value;
        }
        __syncthreads();
        multiply_rows(dx, dw, x, high, low, &tiles[turn][0][0][0]);
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (2 * q + i / 2 * 8 + i % 2 < rows)
                *(uint4 *)(void *)(a.dx + (n0 + 2 * q + i / 2 * 8 + i % 2) * D + own) =
                    make_uint4(dx[i][0], dx[i][1], dx[i][2], dx[i][3]);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) { /* head g + 8 (i / 2), columns 16q + 8 (i % 2) + j */
        size_t h = lane / 4 + i / 2 * 8;
        float eight[8];
#pragma unroll
        for (int j = 0; j < 8; j++)
            eight[j] = dw[j][i];
        if (inside && h < a.H)
            store<8>(a.dw + (blockIdx.x * a.H + h) * D + c + 16 * q + i % 2 * 8, eight);
    }
    sums[threadIdx.x] = db;
    __syncthreads();
    if (blockIdx.y == 0 && threadIdx.x < a.H) {
        for (int i = 16; i < MMA_THREADS; i += 16)
            db += sums[threadIdx.x + i];
        a.db[blockIdx.x * a.H + threadIdx.x] = db;
    }
}

/* Returns the number of partial sums, `most` at most. */
static size_t lr_gate_backward_mma(bl_dev *d, lr_gate_rows<bf16> a, size_t most)
{
    unsigned across = div_up(a.D, MMA_THREADS / 32 * MMA_COLS);
    size_t room = (size_t)cuda_of(d)->multiprocessors * MMA_EACH / across;
    size_t blocks = (a.N + 2 * MMA_ROWS - 1) / (2 * MMA_ROWS);
    most = room < 1 ? 1 : room < most ? room : most;
    blocks = blocks < most ? blocks : most;
    LAUNCH(d, lr_gate_backward_mma_kernel, dim3((unsigned)blocks, across), MMA_THREADS, 0, a);
    return blocks;
}

/* Never called: they are for bf16. */
static inline size_t lr_gate_backward_mma(bl_dev *d, const lr_gate_rows<float> &a, size_t most)
{
    (void)d, (void)a;
    return most;
}

#endif
