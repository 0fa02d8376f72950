/* The depthwise causal convolution over time, its tail, and its adjoint.
 *
 * A thread has V channels and walks along a strip of one sequence, BATCH rows at a time, which are
 * read while the ones before are worked on; the rows that the next ones need stay in registers, so that a row is
 * read once (and the K - 1 rows next to a strip once more).  LANES threads stand next to each other
 * along the channels, TEAMS strips make a block. */
#include "cuda/elementwise.cuh"

enum { LANES = 64, TEAMS = 4, THREADS = LANES * TEAMS };
enum {
    TAPS = 4 /* of the fast path, for K = 4 */,
    TAPS_MOST = 8,
    WIDE = 4 /* its channels a thread */
};
enum { FORWARD_EACH = 3, BACKWARD_EACH = 2 /* blocks of a multiprocessor */ };
enum { BATCH = 4 /* rows */, STRIP_LEAST = 8 };

/* Rows of a strip: one for every team of `blocks` blocks, as far as they are not too short. */
static size_t strip_of(size_t blocks, size_t B, size_t T)
{
    size_t each = blocks * TEAMS / (B ? B : 1);
    size_t rows = (T + (each ? each : 1) - 1) / (each ? each : 1);
    return rows < STRIP_LEAST ? STRIP_LEAST : rows;
}

/* Blocks next to each other along the rows, when there are `across` along the channels. */
static size_t blocks_along(bl_dev *d, size_t each, size_t across)
{
    size_t blocks = (size_t)cuda_of(d)->multiprocessors * each / across;
    return blocks ? blocks : 1;
}

/* x = row t of sequence b, for t from -(K - 1) on: of the tail before 0, or 0. */
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

/* V neighbours as they are in memory. */
template <size_t BYTES> struct words;
template <> struct words<2> {
    typedef uint16_t type;
};
template <> struct words<4> {
    typedef uint32_t type;
};
template <> struct words<8> {
    typedef uint2 type;
};
template <> struct words<16> {
    typedef uint4 type;
};
#define ROW_WORDS typename words<V * sizeof(A)>::type

/* x[k] = row t + k of those from `at` on, 0 from row `end` on */
template <int R, int V, typename A>
static __device__ __forceinline__ void fetch(ROW_WORDS (&x)[R], const A *at, size_t t, size_t end,
                                             size_t D)
{
#pragma unroll
    for (int k = 0; k < R; k++) {
        x[k] = {};
        if (t + k < end)
            x[k] = *(const ROW_WORDS *)(const void *)(at + (t + k) * D);
    }
}

template <int R, int V, typename A>
static __device__ __forceinline__ void unpack(float (*x)[V], const ROW_WORDS (&from)[R])
{
#pragma unroll
    for (int k = 0; k < R; k++) {
        __align__(16) A own[V];
        memcpy(own, &from[k], sizeof own);
        load<V>(x[k], own);
    }
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
static __global__ void __launch_bounds__(THREADS, FORWARD_EACH)
    conv_kernel(A *__restrict__ y, const A *__restrict__ u, const A *__restrict__ tail,
                const float *__restrict__ w, const float *__restrict__ bias, size_t B, size_t T,
                size_t D, int K, size_t strip)
{
    enum { R = sizeof(A) == sizeof(bf16) ? BATCH : BATCH / 2 };
    size_t c = ((size_t)blockIdx.y * LANES + threadIdx.x % LANES) * V;
    size_t team = (size_t)blockIdx.x * TEAMS + threadIdx.x / LANES,
           strips = (T + strip - 1) / strip;
    size_t b = team / strips, first = team % strips * strip;
    size_t last = first + strip < T ? first + strip : T;
    if (c >= D || b >= B)
        return;
    float taps[J][V], shift[V], rows[J - 1 + R][V]; /* rows[k]: row t - (J - 1) + k */
    ROW_WORDS ahead[R];
    const A *from = u + b * T * D + c;
    y += b * T * D + c;
    read_taps<J, V>(taps, w, c, K);
    load<V>(shift, bias + c);
#pragma unroll
    for (int k = 0; k < J - 1; k++)
        read_past<V>(rows[k], u, tail, b, (long)first - (J - 1) + k, c, T, D,
                     J - 1 - k < K ? K : 1);
    fetch<R, V, A>(ahead, from, first, last, D);
    for (size_t t = first; t < last; t += R) {
        unpack<R, V, A>(rows + J - 1, ahead);
        fetch<R, V, A>(ahead, from, t + R, last, D);
#pragma unroll
        for (int k = 0; k < R; k++) {
            float out[V];
#pragma unroll
            for (int i = 0; i < V; i++) {
                out[i] = shift[i];
#pragma unroll
                for (int j = 0; j < J; j++)
                    if (J == TAPS || j < K)
                        out[i] = fmaf(taps[j][i], rows[J - 1 + k - j][i], out[i]);
            }
            if (t + k < last)
                store<V>(y + (t + k) * D, out);
        }
#pragma unroll
        for (int k = 0; k < J - 1; k++)
#pragma unroll
            for (int i = 0; i < V; i++)
                rows[k][i] = rows[R + k][i];
    }
}

void bl_cuda_conv_fwd(bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,
                      const bl_param *bias, size_t B, size_t T, size_t D, size_t K)
{
    int fast =
        D % WIDE == 0 && K == TAPS && aligned(y) && aligned(u) && aligned(tail) && aligned(bias);
    unsigned across = div_up(D, LANES * (fast ? WIDE : 1));
    size_t strip = strip_of(blocks_along(d, FORWARD_EACH, across), B, T);
    dim3 grid(div_up(B * ((T + strip - 1) / strip), TEAMS), across);
    WITH_ACT(d, auto *kernel = fast ? conv_kernel<TAPS, WIDE, A> : conv_kernel<TAPS_MOST, 1, A>;
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
 * du[s] (+)= sum_j w[K-1-j] dy[s+j] with s + j < T;  dw[K-1-j] += dy[s+j] u[s];  dbias += dy[s].
 * The first strip has the tail's part of dw, too. */
template <int J, int V, typename A>
static __device__ __forceinline__ void conv_strip(conv_sums<J, V> &sums, const conv_rows<A> &a,
                                                  const float (&taps)[J][V], A *__restrict__ du,
                                                  const A *__restrict__ dy, const A *__restrict__ u,
                                                  size_t b, size_t first, size_t last, size_t c)
{
    enum { R = sizeof(A) == sizeof(bf16) ? BATCH : BATCH / 2 };
    size_t T = a.T, D = a.D, end = a.accumulate ? last : 0;
    float next[J - 1 + R][V], past[R][V], out[R][V]; /* dy, u and du from row t on */
    ROW_WORDS dy_ahead[R], u_ahead[R], du_ahead[R], before[J - 1];
    fetch<J - 1, V, A>(before, dy, first, T, D);
    unpack<J - 1, V, A>(next, before);
    fetch<R, V, A>(dy_ahead, dy, first + J - 1, T, D);
    fetch<R, V, A>(u_ahead, u, first, last, D);
    fetch<R, V, A>(du_ahead, du, first, end, D);
    if (first == 0 && a.tail)
#pragma unroll
        for (int m = 1; m < J; m++) {
            read_past<V>(past[0], u, a.tail, b, -m, c, T, D, m < a.K ? a.K : 1);
#pragma unroll
            for (int j = m; j < J; j++)
#pragma unroll
                for (int i = 0; i < V; i++)
                    sums.dw[j][i] = fmaf(next[j - m][i], past[0][i], sums.dw[j][i]);
        }
    for (size_t t = first; t < last; t += R) {
        unpack<R, V, A>(next + J - 1, dy_ahead);
        unpack<R, V, A>(past, u_ahead);
        unpack<R, V, A>(out, du_ahead);
        if (t + R < last) {
            fetch<R, V, A>(dy_ahead, dy, t + R + J - 1, T, D);
            fetch<R, V, A>(u_ahead, u, t + R, last, D);
            fetch<R, V, A>(du_ahead, du, t + R, end, D);
        }
#pragma unroll
        for (int k = 0; k < R; k++) {
#pragma unroll
            for (int i = 0; i < V; i++) {
#pragma unroll
                for (int j = 0; j < J; j++) {
                    if (J == TAPS || j < a.K)
                        out[k][i] = fmaf(taps[j][i], next[k + j][i], out[k][i]);
                    sums.dw[j][i] = fmaf(next[k + j][i], past[k][i], sums.dw[j][i]);
                }
                sums.dbias[i] += t + k < last ? next[k][i] : 0.0f;
            }
            if (t + k < last)
                store<V>(du + (t + k) * D, out[k]);
        }
#pragma unroll
        for (int k = 0; k < J - 1; k++)
#pragma unroll
            for (int i = 0; i < V; i++)
                next[k][i] = next[R + k][i];
    }
}

/* Every team walks over strips; the block adds its teams' sums in order. */
template <int J, int V, typename A>
static __global__ void __launch_bounds__(THREADS, BACKWARD_EACH)
    conv_backward_kernel(conv_rows<A> a)
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

/* The partial sums of a call: there are not more of them than blocks along the rows. */
void cuda_conv_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), N = most->B * most->T;
    size_t blocks = blocks_along(d, BACKWARD_EACH, 1);
    blocks = N < blocks ? N : blocks;
    take<float>(a, blocks * most->K * most->D);
    take<float>(a, blocks * most->D);
    bl_arena_rewind(a, mark);
}

void bl_cuda_conv_bwd(bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,
                      const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate,
                      size_t B, size_t T, size_t D, size_t K)
{
    int fast =
        D % WIDE == 0 && K == TAPS && aligned(du) && aligned(dy) && aligned(u) && aligned(tail);
    unsigned across = div_up(D, LANES * (fast ? WIDE : 1));
    size_t blocks = blocks_along(d, BACKWARD_EACH, across), strip = strip_of(blocks, B, T);
    size_t pieces = (B * ((T + strip - 1) / strip) + TEAMS - 1) / TEAMS;
    blocks = pieces < blocks ? pieces : blocks;
    bl_arena *scratch = cuda_scratch(d);
    cuda_partials p = {};
    float *part_w = take<float>(scratch, blocks * K * D),
          *part_b = take<float>(scratch, blocks * D);
    WITH_ACT(d, conv_rows<A> a = {}; a.du = acts<A>(du); a.dw = part_w; a.dbias = part_b;
             a.dy = acts<A>(dy); a.u = acts<A>(u); a.tail = acts<A>(tail); a.w = floats(w); a.B = B;
             a.T = T; a.D = D; a.strip = strip; a.K = (int)K; a.accumulate = accumulate;
             auto *kernel =
                 fast ? conv_backward_kernel<TAPS, WIDE, A> : conv_backward_kernel<TAPS_MOST, 1, A>;
             LAUNCH(d, kernel, dim3((unsigned)blocks, across), THREADS, 0, a););
    p.count = blocks;
    p.to[0] = floats(dw), p.from[0] = part_w, p.n[0] = K * D;
    p.to[1] = floats(dbias), p.from[1] = part_b, p.n[1] = D;
    add_partials(d, &p);
}
