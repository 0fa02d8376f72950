/* The embedding and its gradient. */
#include "cuda/elementwise.cuh"

enum { THREADS = 256 };

/* x[n] = E[ids[n]].  A warp has a row. */
template <int V, typename A>
static __global__ void __launch_bounds__(THREADS)
    embed_kernel(A *__restrict__ x, const float *__restrict__ E, const int32_t *__restrict__ ids,
                 size_t N, size_t D)
{
    size_t n = (size_t)blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (n >= N)
        return;
    const float *from = E + (size_t)ids[n] * D;
#pragma unroll 4
    for (size_t i = (size_t)threadIdx.x % 32 * V; i < D; i += 32 * V) {
        float row[V];
        load<V>(row, from + i);
        store<V>(x + n * D + i, row);
    }
}

size_t bl_cuda_narrow_tables(bl_dev *d)
{
    (void)d;
    return 0;
}

void bl_cuda_embed_fwd(bl_dev *d, bl_act *x, const bl_param *E, const bl_dev_id *ids, size_t N,
                       size_t D)
{
    int fast = D % 8 == 0 && aligned(x) && aligned(E);
    WITH_ACT(d, auto *kernel = fast ? embed_kernel<8, A> : embed_kernel<1, A>;
             LAUNCH(d, kernel, div_up(N, THREADS / 32), THREADS, 0, acts<A>(x), floats(E),
                    ints(ids), N, D););
}

/* ---- backward ----
 *
 * The rows of every id are listed in ascending order, and a warp adds those of one id.  Tokens are cut
 * into at most CHUNKS chunks; a block ranks the tokens of a chunk among those of equal id and counts
 * the ids (count_kernel); counts become places in the list (place_kernel), where the tokens are put
 * (list_kernel).  Where an id's part of the list lies, and which of its jobs comes first, may differ
 * from run to run; what is added in which order does not.
 *
 * An id with more than PIECE rows becomes pieces of so many, whose sums are added in a last launch. */

enum { CHUNKS = 64, TILE = THREADS, PIECE = 128, BLOCKS_EACH = 8 /* a multiprocessor */ };

/* A run of rows for a warp: `count` places of the list from `at` on, for row `to` of dE or for piece
 * `to` of the sums. */
typedef struct embed_job {
    int32_t to, at, count;
} embed_job;

/* In device memory; what is counted begins at 0. */
typedef struct embed_counts {
    uint32_t listed, jobs, pieces, long_ids;
} embed_counts;

typedef struct embed_work {
    embed_counts *counts;
    int32_t *places;                     /* [chunks,V] how often; then where in the list */
    int32_t *rank;                       /* [N] among the tokens of equal id in the chunk */
    int32_t *list;                       /* [N] tokens */
    embed_job *jobs, *pieces, *long_ids; /* long_ids: pieces to add to a row of dE */
    float *sums;                         /* [pieces,D] */
    size_t chunk, chunks;
} embed_work;

static size_t most_pieces(size_t N)
{
    return 2 * (N / PIECE) + 1;
}

/* Every size grows with N, D and V. */
static embed_work work_of(bl_arena *a, size_t N, size_t D, size_t V)
{
    embed_work w = {};
    size_t tiles = (N + TILE - 1) / TILE;
    w.chunk = (tiles + CHUNKS - 1) / CHUNKS * TILE;
    w.chunks = w.chunk ? (N + w.chunk - 1) / w.chunk : 0;
    w.counts = take<embed_counts>(a, 1);
    w.places = take<int32_t>(a, (tiles < CHUNKS ? tiles : CHUNKS) * V);
    w.rank = take<int32_t>(a, N);
    w.list = take<int32_t>(a, N);
    w.jobs = take<embed_job>(a, N < V ? N : V);
    w.pieces = take<embed_job>(a, most_pieces(N));
    w.long_ids = take<embed_job>(a, most_pieces(N));
    w.sums = take<float>(a, most_pieces(N) * D);
    return w;
}

void cuda_embed_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    (void)d;
    size_t mark = bl_arena_mark(a);
    (void)work_of(a, most->B * most->T, most->D, most->V);
    bl_arena_rewind(a, mark);
}

/* A block has a chunk and takes it a tile at a time, a token a thread. */
static __global__ void __launch_bounds__(THREADS)
    count_kernel(embed_work w, const int32_t *ids, size_t N, size_t V)
{
    __shared__ int32_t tile[TILE];
    int me = threadIdx.x;
    int32_t *counts = w.places + blockIdx.x * V;
    size_t first = blockIdx.x * w.chunk, last = first + w.chunk < N ? first + w.chunk : N;
    for (size_t v = me; v < V; v += THREADS)
        counts[v] = 0;
    if (blockIdx.x == 0 && me == 0)
        *w.counts = embed_counts{0, 0, 0, 0};
    for (size_t t = first; t < last; t += TILE) {
        size_t n = t + me;
        int32_t id = n < last ? ids[n] : -1, before = 0, after = 0, rank = 0;
        __syncthreads();
        tile[me] = id;
        __syncthreads();
#pragma unroll 8
        for (int j = 0; j < TILE; j++) {
            int32_t same = tile[j] == id;
            before += j < me ? same : 0;
            after += j > me ? same : 0;
        }
        if (n < last)
            rank = counts[id] + before;
        __syncthreads();
        if (n < last) {
            w.rank[n] = rank;
            if (after == 0)
                counts[id] = rank + 1;
        }
    }
}

/* Room for n things of every lane behind *counter: where this lane's begins. */
static __device__ __forceinline__ uint32_t reserve(uint32_t *counter, uint32_t n)
{
    int lane = threadIdx.x % 32;
    uint32_t sum = n, base = 0;
    for (int step = 1; step < 32; step *= 2) {
        uint32_t other = __shfl_up_sync(0xffffffffu, sum, step);
        sum += lane >= step ? other : 0;
    }
    if (lane == 31 && sum)
        base = atomicAdd(counter, sum);
    return __shfl_sync(0xffffffffu, base, 31) + sum - n;
}

/* A thread has an id: its part of the list, its job or its pieces. */
static __global__ void __launch_bounds__(THREADS) place_kernel(embed_work w, size_t V)
{
    size_t v = (size_t)blockIdx.x * THREADS + threadIdx.x;
    uint32_t total = 0;
#pragma unroll 8
    for (size_t c = 0; c < w.chunks; c++)
        total += v < V ? (uint32_t)w.places[c * V + v] : 0;
    uint32_t pieces = total > PIECE ? (total + PIECE - 1) / PIECE : 0;
    uint32_t at = reserve(&w.counts->listed, total);
    uint32_t job = reserve(&w.counts->jobs, total && !pieces);
    uint32_t piece = reserve(&w.counts->pieces, pieces);
    uint32_t id = reserve(&w.counts->long_ids, pieces != 0);
    if (total == 0)
        return;
    if (pieces)
        w.long_ids[id] = embed_job{(int32_t)v, (int32_t)piece, (int32_t)pieces};
    else
        w.jobs[job] = embed_job{(int32_t)v, (int32_t)at, (int32_t)total};
    for (uint32_t k = 0; k < pieces; k++) {
        uint32_t rows = total - k * PIECE < PIECE ? total - k * PIECE : PIECE;
        w.pieces[piece + k] =
            embed_job{(int32_t)(piece + k), (int32_t)(at + k * PIECE), (int32_t)rows};
    }
#pragma unroll 8
    for (size_t c = 0; c < w.chunks; c++) {
        uint32_t count = (uint32_t)w.places[c * V + v];
        w.places[c * V + v] = (int32_t)at;
        at += count;
    }
}

static __global__ void __launch_bounds__(THREADS)
    list_kernel(embed_work w, const int32_t *ids, size_t N, size_t V)
{
    size_t n = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (n < N)
        w.list[w.places[n / w.chunk * V + ids[n]] + w.rank[n]] = (int32_t)n;
}

/* sum[0..V) += dx[list[0]], dx[list[1]], ...: a warp adds `count` rows of 32 V columns in order,
 * eight of them read at once. */
template <int V, typename A>
static __device__ __forceinline__ void add_rows(float *sum, const A *dx, const int32_t *list,
                                                int count, size_t c, size_t D)
{
    int lane = threadIdx.x % 32;
    for (int first = 0; first < count; first += 32) {
        int32_t mine = first + lane < count ? list[first + lane] : 0;
        for (int r = 0; r < 32 && first + r < count; r += 8) {
            float x[8][V];
#pragma unroll
            for (int k = 0; k < 8; k++) {
                size_t n = (size_t)__shfl_sync(0xffffffffu, mine, r + k);
                if (c < D && first + r + k < count)
                    load<V>(x[k], dx + n * D + c);
            }
#pragma unroll
            for (int k = 0; k < 8; k++)
#pragma unroll
                for (int i = 0; i < V; i++)
                    sum[i] += first + r + k < count ? x[k][i] : 0.0f;
        }
    }
}

/* Warps walk over the pieces and jobs, each cut into groups of 32 V columns. */
template <int V, typename A>
static __global__ void __launch_bounds__(THREADS)
    add_kernel(float *dE, const A *__restrict__ dx, embed_work w, size_t D)
{
    size_t warp = (size_t)blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    size_t groups = (D + 32 * V - 1) / (32 * V), pieces = w.counts->pieces;
    size_t units = (pieces + w.counts->jobs) * groups;
    for (size_t u = warp; u < units; u += (size_t)gridDim.x * (THREADS / 32)) {
        size_t k = u / groups, c = (u % groups * 32 + threadIdx.x % 32) * V;
        embed_job job = k < pieces ? w.pieces[k] : w.jobs[k - pieces];
        float *to = (k < pieces ? w.sums : dE) + (size_t)job.to * D + c, sum[V] = {};
        if (k >= pieces && c < D)
            load<V>(sum, to);
        add_rows<V>(sum, dx, w.list + job.at, job.count, c, D);
        if (c < D)
            store<V>(to, sum);
    }
}

/* dE[v] += the sums of its pieces in order, for the ids that have pieces; a thread a column. */
static __global__ void __launch_bounds__(THREADS) join_kernel(float *dE, embed_work w, size_t D)
{
    size_t units = (size_t)w.counts->long_ids * D, stride = (size_t)gridDim.x * THREADS;
    for (size_t u = (size_t)blockIdx.x * THREADS + threadIdx.x; u < units; u += stride) {
        embed_job job = w.long_ids[u / D];
        float *to = dE + (size_t)job.to * D + u % D, sum = *to;
        const float *from = w.sums + (size_t)job.at * D + u % D;
#pragma unroll 8
        for (int k = 0; k < job.count; k++)
            sum += from[k * D];
        *to = sum;
    }
}

void bl_cuda_embed_bwd(bl_dev *d, bl_param *dE, const bl_act *dx, const bl_dev_id *ids, size_t N,
                       size_t D, size_t V)
{
    embed_work w = work_of(cuda_scratch(d), N, D, V);
    int fast = D % 8 == 0 && aligned(dx) && aligned(dE);
    size_t groups = (D + 32 * (fast ? 8 : 1) - 1) / (32 * (fast ? 8 : 1));
    size_t most = (size_t)cuda_of(d)->multiprocessors * BLOCKS_EACH;
    size_t blocks = (N * groups + THREADS / 32 - 1) / (THREADS / 32);
    blocks = blocks < most ? blocks : most;
    if (N == 0)
        return;
    LAUNCH(d, count_kernel, (unsigned)w.chunks, THREADS, 0, w, ints(ids), N, V);
    LAUNCH(d, place_kernel, div_up(V, THREADS), THREADS, 0, w, V);
    LAUNCH(d, list_kernel, div_up(N, THREADS), THREADS, 0, w, ints(ids), N, V);
    WITH_ACT(d, auto *kernel = fast ? add_kernel<8, A> : add_kernel<1, A>;
             LAUNCH(d, kernel, (unsigned)blocks, THREADS, 0, floats(dE), acts<A>(dx), w, D););
    if (N > PIECE)
        LAUNCH(d, join_kernel, div_up(most_pieces(N) * D, THREADS * 8), THREADS, 0, floats(dE), w,
               D);
}
