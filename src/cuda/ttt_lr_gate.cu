/* The step size of the inner model, token by token. */
#include "cuda/ttt_lr_gate_mma.cuh"

enum {
    WARPS = 8,
    ROWS = 4,
    HEADS = 4
}; /* forward: a warp has ROWS rows and HEADS heads at a time */

/* lambda[n,h] = scale sigmoid(x[n] . w[h] + b[h]).  A warp has four rows and goes along them once for
 * every four heads; lane l ends with row l / 8 and head l / 2 % 4 of them. */
template <int V, typename A>
static __global__ void __launch_bounds__(32 * WARPS)
    lr_gate_kernel(float *__restrict__ lambda, const A *__restrict__ x, const float *__restrict__ w,
                   const float *__restrict__ bias, float scale, size_t N, size_t D, size_t H)
{
    size_t first = ((size_t)blockIdx.x * WARPS + threadIdx.x / 32) * ROWS;
    int lane = threadIdx.x % 32;
    if (first >= N)
        return;
    for (size_t h0 = 0; h0 < H; h0 += HEADS) {
        float dots[ROWS * HEADS] = {};
        for (size_t i = (size_t)lane * V; i < D; i += 32 * V) {
            float xi[ROWS][V], wi[V];
#pragma unroll
            for (int r = 0; r < ROWS; r++)
                load<V>(xi[r], x + (first + r < N ? first + r : first) * D + i);
#pragma unroll
            for (int h = 0; h < HEADS; h++) {
                load<V>(wi, w + (h0 + h < H ? h0 + h : h0) * D + i);
#pragma unroll
                for (int r = 0; r < ROWS; r++)
#pragma unroll
                    for (int j = 0; j < V; j++)
                        dots[r * HEADS + h] = fmaf(xi[r][j], wi[j], dots[r * HEADS + h]);
            }
        }
        float dot = warp_fold(dots);
        size_t n = first + lane / 8, h = h0 + lane / 2 % HEADS;
        if (lane % 2 == 0 && n < N && h < H)
            lambda[n * H + h] = scale * sigmoid(dot + bias[h]);
    }
}

void bl_cuda_lr_gate_fwd(bl_dev *d, bl_real *lambda, const bl_act *x, const bl_param *w,
                         const bl_param *b, float scale, size_t N, size_t D, size_t H)
{
    int fast = D % 8 == 0 && aligned(x) && aligned(w);
    if (act_kind(d) == CUDA_BF16 && fast && D % 32 == 0 && D <= MMA_WIDTH && H <= MMA_HEADS) {
        lr_gate_forward_mma(d, floats(lambda), acts<bf16>(x), floats(w), floats(b), scale, N, D, H);
        return;
    }
    WITH_ACT(d, auto *kernel = fast ? lr_gate_kernel<8, A> : lr_gate_kernel<1, A>;
             LAUNCH(d, kernel, div_up(N, WARPS * ROWS), 32 * WARPS, 0, floats(lambda), acts<A>(x),
                    floats(w), floats(b), scale, N, D, H););
}

/* ---- backward ---- */

enum { THREADS = 128, TILE = 16, BLOCKS_EACH = 2 /* a multiprocessor */, GROUP = 16, BATCH = 4 };

/* dlogit = dlambda lambda (1 - sigmoid), sigmoid = lambda / scale; a scale of 0 passes nothing. */
template <int HT, typename A>
static __device__ __forceinline__ void read_tile(float (&tile)[TILE][HT], const lr_gate_rows<A> &a,
                                                 size_t n0)
{
    for (int i = threadIdx.x; i < TILE * HT; i += THREADS) {
        size_t n = n0 + i / HT, at = n * a.H + a.h0 + i % HT;
        float value = 0;
        if (n < a.N && i % HT < a.heads && a.scale > 0.0f) {
            float lambda = a.lambda[at];
            value = a.dlambda[at] * lambda * (1.0f - lambda / a.scale);
        }
        tile[i / HT][i % HT] = value;
    }
}

/* Rows r to r + BATCH of a tile, as far as there are: all are read before one is written. */
template <int HT, int V, typename A>
static __device__ __forceinline__ void add_rows(const float (&w)[HT][V], float (&dw)[HT][V],
                                                const float (&tile)[TILE][HT], A *dx_at,
                                                const A *x_at, size_t r, size_t rows, size_t D)
{
    float x[BATCH][V] = {}, dx[BATCH][V] = {};
#pragma unroll
    for (int k = 0; k < BATCH; k++)
        if (r + k < rows) {
            load<V>(x[k], x_at + k * D);
            load<V>(dx[k], dx_at + k * D);
        }
#pragma unroll
    for (int k = 0; k < BATCH; k++) {
#pragma unroll
        for (int h = 0; h < HT; h++) {
            float dlogit = tile[r + k][h];
#pragma unroll
            for (int j = 0; j < V; j++) {
                dx[k][j] = fmaf(dlogit, w[h][j], dx[k][j]);
                dw[h][j] = fmaf(dlogit, x[k][j], dw[h][j]);
            }
        }
        if (r + k < rows)
            store<V>(dx_at + k * D, dx[k]);
    }
}

/* dx[n] += sum_h dlogit[n,h] w[h];  dw[h] += dlogit[n,h] x[n];  db[h] += dlogit[n,h].
 * A thread has V columns, their w and their sums of dw for all heads in registers; a block walks over
 * tiles of rows, whose dlogit lie in shared memory. */
template <int HT, int V, typename A>
static __global__ void __launch_bounds__(THREADS) lr_gate_backward_kernel(lr_gate_rows<A> a)
{
    __shared__ __align__(16) float tile[TILE][HT];
    size_t c = ((size_t)blockIdx.y * THREADS + threadIdx.x) * V, D = a.D;
    float w[HT][V] = {}, dw[HT][V] = {}, db = 0;
    for (int h = 0; h < HT; h++)
        if (c < D && h < a.heads)
            load<V>(w[h], a.w + (a.h0 + h) * D + c);
    for (size_t n0 = (size_t)blockIdx.x * TILE; n0 < a.N; n0 += (size_t)gridDim.x * TILE) {
        size_t rows = a.N - n0 < TILE ? a.N - n0 : TILE;
        __syncthreads();
        read_tile(tile, a, n0);
        __syncthreads();
        if (threadIdx.x < HT)
            for (size_t r = 0; r < rows; r++)
                db += tile[r][threadIdx.x];
        for (size_t r = 0; c < D && r < rows; r += BATCH)
            add_rows(w, dw, tile, a.dx + (n0 + r) * D + c, a.x + (n0 + r) * D + c, r, rows, D);
    }
#pragma unroll
    for (int h = 0; h < HT; h++)
        if (c < D && h < a.heads)
            store<V>(a.dw + ((size_t)blockIdx.x * a.heads + h) * D + c, dw[h]);
    if (blockIdx.y == 0 && threadIdx.x < a.heads)
        a.db[blockIdx.x * a.heads + threadIdx.x] = db;
}

static size_t backward_blocks(bl_dev *d, size_t N)
{
    size_t most = (size_t)cuda_of(d)->multiprocessors * BLOCKS_EACH, tiles = (N + TILE - 1) / TILE;
    return tiles < most ? tiles : most;
}

void cuda_lr_gate_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), blocks = backward_blocks(d, most->B * most->T);
    size_t heads = most->H < GROUP ? most->H : GROUP;
    take<float>(a, blocks * heads * most->D);
    take<float>(a, blocks * heads);
    bl_arena_rewind(a, mark);
}

template <int HT, typename A> static void backward(bl_dev *d, lr_gate_rows<A> a)
{
    int twos = a.D % 2 == 0 && aligned(a.dx) && aligned(a.x) && aligned(a.w);
    auto *kernel = twos ? lr_gate_backward_kernel<HT, 2, A> : lr_gate_backward_kernel<HT, 1, A>;
    LAUNCH(d, kernel,
           dim3((unsigned)backward_blocks(d, a.N), div_up(a.D, THREADS * (twos ? 2 : 1))), THREADS,
           0, a);
}

void bl_cuda_lr_gate_bwd(bl_dev *d, bl_act *dx, bl_param *dw, bl_param *db, const bl_real *dlambda,
                         const bl_real *lambda, const bl_act *x, const bl_param *w, float scale,
                         size_t N, size_t D, size_t H)
{
    size_t blocks = backward_blocks(d, N);
    int fast = act_kind(d) == CUDA_BF16 && D % MMA_COLS == 0 && H <= MMA_HEADS && aligned(dx) &&
               aligned(x) && aligned(w);
    for (size_t h0 = 0; h0 < H; h0 += GROUP) {
        size_t heads = H - h0 < GROUP ? H - h0 : GROUP;
        bl_arena *scratch = cuda_scratch(d);
        float *part_w = take<float>(scratch, blocks * heads * D);
        float *part_b = take<float>(scratch, blocks * heads);
        cuda_partials p = {};
        WITH_ACT(d, lr_gate_rows<A> a = {}; a.dx = acts<A>(dx); a.dw = part_w; a.db = part_b;
                 a.dlambda = floats(dlambda); a.lambda = floats(lambda); a.w = floats(w);
                 a.x = acts<A>(x); a.scale = scale; a.N = N; a.D = D; a.H = H; a.h0 = h0;
                 a.heads = (int)heads; if (fast) blocks = lr_gate_backward_mma(d, a, blocks);
                 else if (heads <= 4) backward<4>(d, a); else backward<GROUP>(d, a););
        p.count = blocks;
        p.to[0] = floats(dw) + h0 * D, p.from[0] = part_w, p.n[0] = heads * D;
        p.to[1] = floats(db) + h0, p.from[1] = part_b, p.n[1] = heads;
        add_partials(d, &p);
    }
}
