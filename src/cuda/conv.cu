/* The depthwise causal convolution over time, its tail, and its adjoint.
 *
 * A thread has V channels and walks along a strip of one sequence with a window of the last rows in
 * registers, so that a row is read once (and the K - 1 rows before a strip once more).  LANES threads
 * stand next to each other along the channels, TEAMS strips make a block. */
#include "cuda/elementwise.cuh"

enum { LANES = 64, TEAMS = 4, THREADS = LANES * TEAMS, BLOCKS_EACH = 4 /* a multiprocessor */ };
enum { TAPS = 4 /* of the fast path, for K = 4 */, TAPS_MOST = 8 };

/* Rows are cut so that there are strips for every multiprocessor, of 8 to 64 rows. */
static size_t strip_of(bl_dev *d, size_t N)
{
    size_t rows = N / ((size_t)cuda_of(d)->multiprocessors * 2 * TEAMS);
    return rows < 8 ? 8 : rows > 64 ? 64 : rows;
}

/* Row t of sequence b, for t from -(K - 1) on: of the tail before 0, or 0. */
template <int V, typename A>
static __device__ __forceinline__ void read_past(float *x, const A *u, const A *tail, size_t b,
                                                 long t, size_t c, size_t T, size_t D, int K)
{
#pragma unroll
    for (int i = 0; i < V; i++)
        x[i] = 0;
    if (t >= 0)
        load<V>(x, u + (b * T + t) * D + c);
    else if (tail && t > -K)
        load<V>(x, tail + (b * (K - 1) + K - 1 + t) * D + c);
}

/* taps[j][i] = w[c+i,K-1-j], 0 from K on */
template <int J, int V>
static __device__ __forceinline__ void read_taps(float (&taps)[J][V], const float *w, size_t c,
                                                 int K)
{
#pragma unroll
    for (int j = 0; j < J; j++)
#pragma unroll
        for (int i = 0; i < V; i++)
            taps[j][i] = j < K ? w[(c + i) * K + K - 1 - j] : 0.0f;
}

/* y[b,t,c] = bias[c] + sum_{j<K} w[c,K-1-j] u[b,t-j,c] */
template <int J, int V, typename A>
static __global__ void __launch_bounds__(THREADS)
    conv_kernel(A *__restrict__ y, const A *__restrict__ u, const A *__restrict__ tail,
                const float *__restrict__ w, const float *__restrict__ bias, size_t B, size_t T,
                size_t D, int K, size_t strip)
{
    size_t c = ((size_t)blockIdx.y * LANES + threadIdx.x % LANES) * V;
    size_t team = (size_t)blockIdx.x * TEAMS + threadIdx.x / LANES,
           strips = (T + strip - 1) / strip;
    size_t b = team / strips, first = team % strips * strip;
    size_t last = first + strip < T ? first + strip : T;
    if (c >= D || b >= B)
        return;
    float taps[J][V], window[J][V], shift[V]; /* window[j]: row t - j */
    read_taps<J, V>(taps, w, c, K);
    load<V>(shift, bias + c);
#pragma unroll
    for (int j = 0; j + 1 < J; j++) /* one further on, for the first step moves them */
        read_past<V>(window[j], u, tail, b, (long)first - 1 - j, c, T, D, j + 1 < K ? K : 1);
#pragma unroll 4
    for (size_t t = first; t < last; t++) {
        float out[V];
#pragma unroll
        for (int j = J - 1; j > 0; j--)
#pragma unroll
            for (int i = 0; i < V; i++)
                window[j][i] = window[j - 1][i];
        load<V>(window[0], u + (b * T + t) * D + c);
#pragma unroll
        for (int i = 0; i < V; i++) {
            out[i] = shift[i];
#pragma unroll
            for (int j = 0; j < J; j++)
                if (J == TAPS || j < K)
                    out[i] = fmaf(taps[j][i], window[j][i], out[i]);
        }
        store<V>(y + (b * T + t) * D + c, out);
    }
}

void bl_cuda_conv_fwd(bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,
                      const bl_param *bias, size_t B, size_t T, size_t D, size_t K)
{
    int fast =
        D % 4 == 0 && K == TAPS && aligned(y) && aligned(u) && aligned(tail) && aligned(bias);
    size_t strip = strip_of(d, B * T), teams = B * ((T + strip - 1) / strip);
    dim3 grid(div_up(teams, TEAMS), div_up(D, LANES * (fast ? 4 : 1)));
    WITH_ACT(d, auto *kernel = fast ? conv_kernel<TAPS, 4, A> : conv_kernel<TAPS_MOST, 1, A>;
             LAUNCH(d, kernel, grid, THREADS, 0, acts<A>(y), acts<A>(u), acts<A>(tail), floats(w),
                    floats(bias), B, T, D, (int)K, strip););
}

/* tail = the last K-1 rows of (tail, u).  Row i comes from row T + i, which lies after it: a thread
 * has one channel and moves its rows in ascending order. */
template <typename A>
static __global__ void tail_kernel(A *tail, const A *u, size_t B, size_t T, size_t D, size_t K)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x, b = i / D, c = i % D;
    if (b >= B)
        return;
    A *own = tail + b * (K - 1) * D + c;
    for (size_t k = 0; k + 1 < K; k++)
        own[k * D] = T + k < K - 1 ? own[(T + k) * D] : u[(b * T + T + k - (K - 1)) * D + c];
}

void bl_cuda_conv_tail(bl_dev *d, bl_act *tail, const bl_act *u, size_t B, size_t T, size_t D,
                       size_t K)
{
    WITH_ACT(d, auto *kernel = tail_kernel<A>; LAUNCH(d, kernel, div_up(B * D, THREADS), THREADS, 0,
                                                      acts<A>(tail), acts<A>(u), B, T, D, K););
}

/* tail[b] = 0 where fresh[b] is not 0, n numbers a tail. */
template <typename A>
static __global__ void reset_kernel(A *tail, const int32_t *fresh, size_t B, size_t n)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < B * n && fresh[i / n])
        tail[i] = from_float<A>(0.0f);
}

void bl_cuda_conv_reset(bl_dev *d, bl_act *tail, const bl_dev_flag *fresh, size_t B, size_t D,
                        size_t K)
{
    WITH_ACT(d, auto *kernel = reset_kernel<A>;
             LAUNCH(d, kernel, div_up(B * (K - 1) * D, THREADS), THREADS, 0, acts<A>(tail),
                    ints(fresh), B, (K - 1) * D););
}

/* The arguments of the backward kernel. */
template <typename A> struct conv_rows {
    A *du;
    float *dw, *dbias; /* partial sums: [gridDim.x, D, K], [gridDim.x, D] */
    const A *dy, *u, *tail;
    const float *w;
    size_t B, T, D, strip;
    int K, accumulate;
};

/* What a thread sums over its strips, for V channels. */
template <int J, int V> struct conv_sums {
    float dw[J][V], dbias[V];
};

/* The strip of rows [first, last) of sequence b, from channel c on:
 * du[s] (+)= sum_j w[K-1-j] dy[s+j] with s + j < T;  dw[K-1-j] += dy[t] u[t-j];  dbias += dy[t]. */
template <int J, int V, typename A>
static __device__ __forceinline__ void conv_strip(conv_sums<J, V> &sums, const conv_rows<A> &a,
                                                  const float (&taps)[J][V], A *__restrict__ du,
                                                  const A *__restrict__ dy, const A *__restrict__ u,
                                                  size_t b, size_t first, size_t last, size_t c)
{
    size_t T = a.T, D = a.D;
    float past[J][V], next[J][V]; /* u[t-j], dy[t+j] */
#pragma unroll
    for (int j = 0; j + 1 < J; j++) {
        read_past<V>(past[j], a.u, a.tail, b, (long)first - 1 - j, c, T, D, j + 1 < a.K ? a.K : 1);
#pragma unroll
        for (int i = 0; i < V; i++)
            next[j + 1][i] = 0;
        if (first + j < T)
            load<V>(next[j + 1], dy + (first + j) * D);
    }
#pragma unroll 4
    for (size_t t = first; t < last; t++) {
        float out[V] = {}, ahead[V] = {};
        if (t + J - 1 < T)
            load<V>(ahead, dy + (t + J - 1) * D);
        if (a.accumulate)
            load<V>(out, du + t * D);
#pragma unroll
        for (int j = J - 1; j > 0; j--)
#pragma unroll
            for (int i = 0; i < V; i++)
                past[j][i] = past[j - 1][i];
        load<V>(past[0], u + t * D);
#pragma unroll
        for (int i = 0; i < V; i++) {
#pragma unroll
            for (int j = 0; j < J; j++) {
                next[j][i] = j + 1 < J ? next[(j + 1) % J][i] : ahead[i];
                if (J == TAPS || j < a.K)
                    out[i] = fmaf(taps[j][i], next[j][i], out[i]);
                sums.dw[j][i] = fmaf(next[0][i], past[j][i], sums.dw[j][i]);
            }
            sums.dbias[i] += next[0][i];
        }
        store<V>(du + t * D, out);
    }
}

/* Every team walks over strips; the block adds its teams' sums in order. */
template <int J, int V, typename A>
static __global__ void __launch_bounds__(THREADS) conv_backward_kernel(conv_rows<A> a)
{
    __shared__ float room[TEAMS][LANES * V];
    size_t c = ((size_t)blockIdx.y * LANES + threadIdx.x % LANES) * V;
    size_t team = threadIdx.x / LANES, strips = (a.T + a.strip - 1) / a.strip;
    conv_sums<J, V> sums = {};
    float taps[J][V];
    if (c < a.D) {
        read_taps<J, V>(taps, a.w, c, a.K);
        for (size_t s = blockIdx.x * TEAMS + team; s < a.B * strips; s += gridDim.x * TEAMS) {
            size_t b = s / strips, first = s % strips * a.strip, at = b * a.T * a.D + c;
            size_t last = first + a.strip < a.T ? first + a.strip : a.T;
            conv_strip(sums, a, taps, a.du + at, a.dy + at, a.u + at, b, first, last, c);
        }
    }
    float *dw = a.dw + blockIdx.x * a.D * a.K, *dbias = a.dbias + blockIdx.x * a.D;
#pragma unroll
    for (int j = 0; j <= J; j++) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < V; i++)
            room[team][threadIdx.x % LANES * V + i] = j < J ? sums.dw[j % J][i] : sums.dbias[i];
        __syncthreads();
        for (size_t i = threadIdx.x; i < LANES * V; i += THREADS) {
            size_t at = (size_t)blockIdx.y * LANES * V + i;
            float sum = room[0][i];
            for (int k = 1; k < TEAMS; k++)
                sum += room[k][i];
            if (at < a.D && j < J && j < a.K)
                dw[at * a.K + a.K - 1 - j] = sum;
            if (at < a.D && j == J)
                dbias[at] = sum;
        }
    }
}

/* The partial sums of a call. */
static size_t conv_blocks(bl_dev *d, size_t pieces)
{
    size_t most = (size_t)cuda_of(d)->multiprocessors * BLOCKS_EACH;
    return pieces < most ? pieces : most;
}

void cuda_conv_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), N = most->B * most->T;
    take<float>(a, conv_blocks(d, N) * most->K * most->D);
    take<float>(a, conv_blocks(d, N) * most->D);
    bl_arena_rewind(a, mark);
}

void bl_cuda_conv_bwd(bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,
                      const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate,
                      size_t B, size_t T, size_t D, size_t K)
{
    int fast = D % 2 == 0 && K == TAPS && aligned(du) && aligned(dy) && aligned(u) && aligned(tail);
    size_t strip = strip_of(d, B * T), teams = B * ((T + strip - 1) / strip);
    unsigned across = div_up(D, LANES * (fast ? 2 : 1));
    size_t blocks = conv_blocks(d, (teams + TEAMS - 1) / TEAMS);
    bl_arena *scratch = cuda_scratch(d);
    cuda_partials p = {};
    float *part_w = take<float>(scratch, blocks * K * D),
          *part_b = take<float>(scratch, blocks * D);
    WITH_ACT(d, conv_rows<A> a = {}; a.du = acts<A>(du); a.dw = part_w; a.dbias = part_b;
             a.dy = acts<A>(dy); a.u = acts<A>(u); a.tail = acts<A>(tail); a.w = floats(w); a.B = B;
             a.T = T; a.D = D; a.strip = strip; a.K = (int)K; a.accumulate = accumulate;
             auto *kernel =
                 fast ? conv_backward_kernel<TAPS, 2, A> : conv_backward_kernel<TAPS_MOST, 1, A>;
             LAUNCH(d, kernel, dim3((unsigned)blocks, across), THREADS, 0, a););
    p.count = blocks;
    p.to[0] = floats(dw), p.from[0] = part_w, p.n[0] = K * D;
    p.to[1] = floats(dbias), p.from[1] = part_b, p.n[1] = D;
    add_partials(d, &p);
}
