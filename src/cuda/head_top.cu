/* The best logits of each row, a block a row. */
#include "cuda/chain.cuh"
#include "cuda/elementwise.cuh"

/* A number and its place in one word that no other has: of two, the better is the larger.  The upper half is
 * the float as an integer of the same order (-0 as 0, NaN as minus infinity), the lower ~id.  0: nothing. */
typedef unsigned long long ranked;

enum { EACH = 16 /* numbers of a thread */, MOST_THREADS = 1024, MOST_ROOM = 8192 };

static __device__ __forceinline__ uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static __device__ __forceinline__ uint32_t order_of(float x)
{
    uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        bits = 0xff800000u;
    if (bits == 0x80000000u)
        bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static __device__ __forceinline__ ranked rank_of(uint32_t order, size_t id)
{
    return order ? (ranked)order << 32 | (uint32_t) ~(uint32_t)id : 0;
}

static __device__ __forceinline__ bl_candidate candidate_of(ranked r)
{
    uint32_t order = (uint32_t)(r >> 32);
    bl_candidate c;
    uint32_t bits = order & 0x80000000u ? order ^ 0x80000000u : ~order;
    memcpy(&c.logit, &bits, sizeof bits);
    c.id = (int32_t) ~(uint32_t)r;
    return c;
}

/* list[n] in shared memory, n a power of 2 from 2 on, in falling order: Batcher's bitonic sort.  Pairs that are
 * at most 32 apart stay within the 64 elements of a warp, which then waits for itself alone. */
static __device__ void sort_falling(ranked *list, unsigned n)
{
    __syncthreads();
    for (unsigned size = 2; size <= n; size *= 2)
        for (unsigned apart = size / 2; apart; apart /= 2) {
            for (unsigned pair = threadIdx.x; pair < n / 2; pair += blockDim.x) {
                unsigned a = 2 * pair - (pair & (apart - 1)), b = a + apart;
                ranked x = list[a], y = list[b];
                if ((x < y) == !(a & size)) {
                    list[a] = y;
                    list[b] = x;
                }
            }
            if (apart > 32 || (apart == 1 && size >= 64))
                __syncthreads();
            else
                __syncwarp();
        }
    __syncthreads();
}

/* The place within a tile of number i of thread t: V neighbours lie together. */
template <int V> static __device__ __forceinline__ size_t place_of(unsigned t, int i)
{
    return (size_t)(i / V) * blockDim.x * V + (size_t)t * V + i % V;
}

/* best[n] of row n = blockIdx.x of logits [N,columns], in tiles of EACH numbers a thread:
 *
 *     bound = the k-th of the best of groups of `merged` threads: k numbers of the tile are as good, and only k
 *             groups have such
 *     list  = the k best so far, and those of the tile from bound on: at most k (EACH merged + 1), mostly few
 *
 * which, sorted, begins with the k best.  blockDim.x / merged >= k and merged <= 32 are powers of 2. */
template <int V>
static __global__ void __launch_bounds__(MOST_THREADS)
    top_kernel(bl_candidate *__restrict__ best, const float *__restrict__ logits, size_t columns,
               unsigned k, unsigned merged)
{
    DYNAMIC_SHARED(ranked, list);
    __shared__ ranked most[MOST_THREADS];
    __shared__ unsigned count, odd;
    const float *row = logits + blockIdx.x * columns;
    unsigned t = threadIdx.x, first_odd = (unsigned)columns;
    chain_next();
    chain_wait();
    if (t == 0)
        odd = (unsigned)columns;
    for (size_t from = 0; from < columns; from += (size_t)EACH * blockDim.x) {
        uint32_t order[EACH];
        ranked mine = 0;
#pragma unroll
        for (int i = 0; i < EACH; i += V) {
            size_t id = from + place_of<V>(t, i);
            float x[V];
            if (id < columns)
                load<V>(x, row + id);
#pragma unroll
            for (int j = 0; j < V; j++) {
                order[i + j] = id < columns ? order_of(x[j]) : 0;
                ranked r = rank_of(order[i + j], id + j);
                mine = r > mine ? r : mine;
                if (id < columns && (bits_of(x[j]) & 0x7f800000u) == 0x7f800000u &&
                    id + j < first_odd)
                    first_odd = (unsigned)(id + j);
            }
        }
        for (unsigned apart = 1; apart < merged; apart *= 2) {
            ranked other = __shfl_xor_sync(0xffffffffu, mine, apart);
            mine = other > mine ? other : mine;
        }
        if (t % merged == 0)
            most[t / merged] = mine;
        sort_falling(most, blockDim.x / merged);
        unsigned kept = from ? k : 0;
        ranked bound = most[k - 1];
        if (kept && list[k - 1] > bound)
            bound = list[k - 1];
        if (t == 0)
            count = kept;
        __syncthreads();
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            ranked r = rank_of(order[i], from + place_of<V>(t, i));
            if (r && r >= bound)
                list[atomicAdd(&count, 1u)] = r;
        }
        __syncthreads();
        unsigned n = 2, all = count;
        while (n < all || n < k)
            n *= 2;
        for (unsigned i = all + t; i < n; i += blockDim.x)
            list[i] = 0;
        sort_falling(list, n);
    }
    if (first_odd < (unsigned)columns)
        (void)atomicMin(&odd, first_odd);
    __syncthreads();
    best += blockIdx.x * ((size_t)k + 1);
    if (t < k)
        best[t] = candidate_of(list[t]);
    if (t == 0) {
        best[k].logit = 0;
        best[k].id = (int32_t)odd;
    }
}

static unsigned power_of_2(size_t least)
{
    unsigned n = 2;
    while (n < least)
        n *= 2;
    return n;
}

void bl_cuda_head_top(bl_dev *d, bl_dev_candidate *best, const bl_real *logits, size_t N, size_t V,
                      size_t k)
{
    size_t wanted = V / EACH > k ? V / EACH : k;
    unsigned threads = wanted < 32 ? 32 : wanted > MOST_THREADS ? MOST_THREADS : power_of_2(wanted);
    size_t tiles = div_up(V, EACH * threads);
    unsigned merged = 1,
             kept = tiles > 1; /* the fewer groups, the sooner sorted; 2 k have a close bound */
    while (merged < 32 && threads / (2 * merged) >= 2 * k &&
           k * (EACH * 2 * merged + kept) <= MOST_ROOM)
        merged *= 2;
    unsigned room = power_of_2(k * (EACH * merged + kept));
    int fast = V % 4 == 0 && aligned(logits);
    auto *kernel = fast ? top_kernel<4> : top_kernel<1>;
    cuda_allow_shared(d, (const void *)kernel,
                      room * sizeof(ranked) + sizeof(ranked) * MOST_THREADS);
    LAUNCH_CHAINED(d, kernel, (unsigned)N, threads, room * sizeof(ranked),
                   (bl_candidate *)(void *)best, floats(logits), V, (unsigned)k, merged);
}

size_t bl_cuda_head_coarse_bytes(bl_dev *d, size_t V, size_t D)
{
    (void)d, (void)V, (void)D;
    return 0;
}

void bl_cuda_head_coarse(bl_dev *d, bl_coarse *coarse, const bl_param *E, size_t V, size_t D)
{
    (void)d, (void)coarse, (void)E, (void)V, (void)D;
}

void bl_cuda_head_best(bl_dev *d, bl_dev_candidate *best, bl_real *room, const bl_act *x,
                       const bl_param *E, const bl_coarse *coarse, size_t N, size_t D, size_t V,
                       size_t k)
{
    (void)coarse;
    bl_cuda_head_logits(d, room, x, E, N, D, V);
    bl_cuda_head_top(d, best, room, N, V, k);
}
