/* What comes from memory for a decoded token, ahead of its use: the tensors of the next layers, the
 * state of the next heads, and the packed weights, in parts, as many as there are slots for.
 *
 * What is asked for when is written into the program: behind a barrier of the block after which nobody
 * reads what was in its place, and by warps that would wait for others.  On Hopper one lane asks the copy
 * engine; before it every thread copies its part.  A barrier in shared memory tells that it is there. */
#ifndef BL_CUDA_DECODE_FLOW_CUH
#define BL_CUDA_DECODE_FLOW_CUH

#include "cuda/decode.cuh"

/* A block's rows of a phase's product: `rows` of them, `span` of each matrix from `first` on;
 * PROJECTIONS takes one matrix after the other, GATE_UP the same row of both. */
typedef struct decode_job {
    int rows, span, first;
} decode_job;

/* Where the weights are: the next part to ask for, and the next to use. */
typedef struct decode_flow {
    int l, phase, row, slot, unused; /* unused: slots that may be written */
    int from, parity;                /* the slot of the next to use */
    int state_parity;                /* of STATE_THERE */
} decode_flow;

static __device__ __forceinline__ decode_job decode_job_of(const decode_args &a,
                                                           const decode_block &b, int phase)
{
    decode_job j;
    j.span = phase == PROJECTIONS ? b.heads * HEAD : phase == GATE_UP ? b.units : b.columns;
    j.first = phase == PROJECTIONS ? b.head * HEAD : phase == GATE_UP ? b.unit : b.column;
    j.rows = phase == PROJECTIONS ? j.span * (2 + a.keys + a.gates) : j.span;
    return j;
}

/* The matrix that row r of a job is of; r becomes its row among the block's. */
static __device__ __forceinline__ int decode_matrix(const decode_args &a, const decode_job &j,
                                                    int phase, int &r)
{
    if (phase != PROJECTIONS)
        return phase == OUTPUT ? O_PROJ : phase == DOWN ? DOWN_PROJ : GATE_PROJ;
    int m = (r >= j.span) + (r >= 2 * j.span) + (r >= 3 * j.span);
    r -= m * j.span;
    return m >= K_PROJ && !a.keys ? m + 1 : m;
}

/* `bytes`, rounded up to 16, begin to come: all at once, asked for by the warp that calls, or a part for
 * each of `threads` threads.  Returns what the copy engine was asked for. */
static __device__ __forceinline__ int decode_copy(void *to, const void *from, int bytes,
                                                  uint64_t *bar, int thread, int threads)
{
    bytes = (bytes + 15) & ~15;
#if ON_HOPPER
    (void)thread, (void)threads;
    if (threadIdx.x % 32 == 0)
        copy_bulk(to, from, bytes, bar);
    return bytes;
#else
    (void)bar;
#pragma unroll 1
    for (int i = thread * 16; i < bytes; i += threads * 16)
        copy_async((char *)to + i, (const char *)from + i, 16);
    return 0;
#endif
}

/* After what a barrier is to tell; `bytes`: those that the warp has asked for. */
static __device__ __forceinline__ void decode_asked(uint64_t *bar, int bytes)
{
#if ON_HOPPER
    if (threadIdx.x % 32 == 0)
        barrier_expect(bar, bytes);
#else
    (void)bytes;
    copy_async_arrive(bar);
#endif
}

/* Whether this warp asks for weights and states: all do where each copies a part. */
static __device__ __forceinline__ int decode_asks(void)
{
    return !ON_HOPPER || threadIdx.x / 32 == WARPS - 1;
}

/* Number i of what a layer has: its tensors, the scales of its matrices, the tails of its convolutions, each
 * of a sequence, the second in taps.  Returns what was asked for, as decode_copy. */
template <typename A>
static __device__ __forceinline__ int decode_ask_item(const decode_args &a, const decode_block &b,
                                                      const bl_decode_layer *layer, char *room,
                                                      uint64_t *bar, int i)
{
    int lane = (int)threadIdx.x % 32, taps = a.K - 1, row = taps * a.D * (int)sizeof(A);
    if (i < TENSORS) {
        const decode_args &g = *b.given;
        const char *at = (const char *)layer + g.tensor[i].from;
        const float *from = *(const float *const *)(const void *)at;
        int each = g.tensor[i].head, count = each ? each * b.heads : g.tensor[i].count;
        return from ? decode_copy(room + g.at.tensor[i], from + each * b.head,
                                  count * (int)sizeof(float), bar, lane, 32)
                    : 0;
    }
    i -= TENSORS;
    if (i < MATRICES) {
        const bl_tern *w = (&layer->q_proj)[i];
        return w ? decode_copy(room + a.at.g + 16 * i, w, 16, bar, lane, 32) : 0;
    }
    i -= MATRICES;
    if (i < b.n)
        return layer->pre_conv
                   ? decode_copy(room + a.at.pre_tail + i * row,
                                 decode_state(a, b, i, layer->pre_tail), row, bar, lane, 32)
                   : 0;
    i -= b.n;
    const A *from = (const A *)(const void *)decode_state(a, b, i / taps, layer->tail);
    return a.keys ? 0
                  : decode_copy(room + a.at.tail + i * a.own * (int)sizeof(A),
                                from + i % taps * a.D + b.head * HEAD,
                                b.heads * HEAD * (int)sizeof(A), bar, lane, 32);
}

/* Where layer l's room begins, its barrier and the parity of that. */
static __device__ __forceinline__ int decode_layer_room(const decode_args &a, int l)
{
    return a.at.layers + (a.twice ? l % 2 * a.layer_bytes : 0);
}
static __device__ __forceinline__ uint64_t *decode_layer_barrier(const decode_args &a,
                                                                 const decode_block &b, int l)
{
    return BARRIER(LAYER_THERE + (a.twice ? l % 2 : 0));
}
static __device__ __forceinline__ int decode_layer_parity(const decode_args &a, int l)
{
    return (a.twice ? l / 2 : l) % 2;
}

/* Layer l's tensors and tails begin to come; each warp but the first, which norms, asks for some. */
template <typename A>
static __device__ __forceinline__ void decode_ask_layer(const decode_args &a, const decode_block &b,
                                                        int l)
{
    int warp = (int)threadIdx.x / 32 - ON_HOPPER, bytes = 0;
    if (l >= a.L || warp < 0)
        return;
    uint64_t *bar = decode_layer_barrier(a, b, l);
#pragma unroll 1
    for (int i = warp; i < TENSORS + MATRICES + b.n * a.K; i += WARPS - ON_HOPPER)
        bytes += decode_ask_item<A>(a, b, decode_layer(a, b, l),
                                    decode_shared() + decode_layer_room(a, l), bar, i);
    decode_asked(bar, bytes);
}

/* ---- weights ---- */

/* The next part begins to come into its slot. */
static __device__ __forceinline__ void decode_ask_part(const decode_args &a, const decode_block &b,
                                                       decode_flow &f)
{
    const decode_product &p = b.given->product[f.phase];
    const bl_decode_layer *layer = decode_layer(a, b, f.l);
    decode_job j = decode_job_of(a, b, f.phase);
    int rows = min(p.part, j.rows - f.row), row_bytes = p.pieces * 16, bytes = 0;
    uint64_t *bar = BARRIER(SLOT_THERE + f.slot);
    char *to = decode_shared() + a.at.slots + f.slot * a.slot_bytes;
#pragma unroll 1
    for (int done = 0; done < rows;) {
        int r = f.row + done, m = decode_matrix(a, j, f.phase, r),
            some = min(rows - done, j.span - r);
#pragma unroll 1
        for (int second = 0; second <= (f.phase == GATE_UP); second++) {
            const char *from = (const char *)(&layer->q_proj)[m + second] + p.packed;
            bytes += decode_copy(to + (second * rows + done) * row_bytes,
                                 from + (j.first + r) * row_bytes, some * row_bytes, bar,
                                 ON_HOPPER ? (int)threadIdx.x % 32 : (int)threadIdx.x, THREADS);
        }
        done += some;
    }
    decode_asked(bar, bytes);
    f.row += rows;
    if (f.row == j.rows) {
        f.row = 0;
        f.l += ++f.phase == PHASES;
        f.phase %= PHASES;
    }
    f.slot = f.slot + 1 == a.slots ? 0 : f.slot + 1;
}

/* `more` slots have been read by all: what they have room for begins to come. */
static __device__ __forceinline__ void
decode_ask_weights(const decode_args &a, const decode_block &b, decode_flow &f, int more)
{
    if (!decode_asks())
        return;
#pragma unroll 1
    for (f.unused += more; f.unused && f.l < a.L; f.unused--)
        decode_ask_part(a, b, f);
}

/* Waits for the next part; its rows. */
static __device__ __forceinline__ const char *decode_part(const decode_args &a,
                                                          const decode_block &b, decode_flow &f)
{
    const char *at = decode_shared() + a.at.slots + f.from * a.slot_bytes;
    barrier_wait(BARRIER(SLOT_THERE + f.from), f.parity);
    if (++f.from == a.slots)
        f.from = 0, f.parity ^= 1;
    return at;
}

/* ---- states ---- */

/* Sequence n's h-th head, its state in memory. */
typedef struct decode_place {
    float *W, *b, *k, *h;
} decode_place;

static __device__ __forceinline__ decode_place decode_place_of(const decode_args &a,
                                                               const decode_block &b,
                                                               const bl_decode_layer *layer, int n,
                                                               int h)
{
    decode_place p;
    p.W = (float *)(void *)decode_state(a, b, n, layer->W) + h * HEAD * HEAD;
    p.b = (float *)(void *)decode_state(a, b, n, layer->b) + h * HEAD;
    p.k = (float *)(void *)decode_state(a, b, n, layer->k) + h * a.C * HEAD;
    p.h = (float *)(void *)decode_state(a, b, n, layer->h) + h * a.C * HEAD;
    return p;
}

/* The state of number `mine` of the block's heads of all sequences begins to come, of the next layer where
 * this one has no more. */
static __device__ __forceinline__ void decode_ask_state(const decode_args &a, const decode_block &b,
                                                        int l, int mine)
{
    if (mine >= b.n * b.heads)
        mine = 0, l++;
    if (l >= a.L || !decode_asks())
        return;
    uint64_t *bar = BARRIER(STATE_THERE);
    decode_head head = ROOM(decode_head, head)[mine];
    decode_place p = decode_place_of(a, b, decode_layer(a, b, l), head.n, b.head + head.own);
    int bytes = 0, step = ON_HOPPER ? 1 : WARPS;
#pragma unroll 1
    for (int what = ON_HOPPER ? 0 : (int)threadIdx.x / 32; what < 4; what += step) {
        int some = ROOM(int, in_chunk)[head.n] * HEAD, square = HEAD * HEAD;
        float *to = ROOM(float, state);
        const float *from = what == 0 ? p.W : what == 1 ? p.b : what == 2 ? p.k : p.h;
        to += what == 0 ? 0 : what == 1 ? square : square + HEAD + (what - 2) * a.C * HEAD;
        int count = what == 0 ? square : what == 1 ? HEAD : some;
        if (count)
            bytes +=
                decode_copy(to, from, count * (int)sizeof(float), bar, (int)threadIdx.x % 32, 32);
    }
    decode_asked(bar, bytes);
}

#endif
