/* Packed ternary matrices times the few quantised rows of a decoded token (MODEL 2). */
#ifndef BL_CUDA_DECODE_PRODUCTS_CUH
#define BL_CUDA_DECODE_PRODUCTS_CUH

#include "cuda/decode.cuh"

/* A block's part of a phase's product: `rows` rows in all, `span` of each matrix from `first` on;
 * PROJECTIONS takes one matrix after the other, GATE_UP the same row of both.  AHEAD pieces of a thread
 * are on their way at once, the first before the barrier that brings xi; each is a group of copies. */
typedef struct decode_job {
    decode_phase phase;
    int rows, span, first, turns;
    int turn, second, piece, place; /* of the next read; place: in the ring */
} decode_job;

/* The matrix that row r of the job is of, and its row there. */
static __device__ __forceinline__ int decode_matrix(const decode_block &b, const decode_job &j,
                                                    int second, int *r)
{
    if (j.phase != PROJECTIONS)
        return j.phase == OUTPUT ? O_PROJ : j.phase == DOWN ? DOWN_PROJ : GATE_PROJ + second;
    int m = (*r >= j.span) + (*r >= 2 * j.span) + (*r >= 3 * j.span);
    *r -= m * j.span;
    return m >= K_PROJ && !b.keys ? m + 1 : m;
}

static __device__ __forceinline__ const bl_tern *decode_tern(const decode_args &a,
                                                             const decode_block &b, int matrix)
{
    return (&decode_layer(a, b)->q_proj)[matrix];
}

static __device__ __forceinline__ int decode_turn_row(const decode_product &p, int turn)
{
    return ((int)threadIdx.x + turn * THREADS) >> p.log;
}

static __device__ __forceinline__ void decode_read(const decode_args &a, const decode_block &b,
                                                   decode_job &j)
{
    const decode_product &p = a.product[j.phase];
    if (j.turn < j.turns) {
        int r = decode_turn_row(p, j.turn), step = 1 << p.log;
        int at = (j.piece << p.log) + ((int)threadIdx.x & (step - 1));
        if (r < j.rows && at < p.pieces) {
            int m = decode_matrix(b, j, j.second, &r);
            const char *rows = (const char *)decode_tern(a, b, m) + p.packed;
            copy_async(ROOM(uint4, ring) + j.place * THREADS + threadIdx.x,
                       rows + (size_t)(((j.first + r) * p.pieces + at) * 16), 16);
        }
        j.place = (j.place + 1) % AHEAD;
        if (++j.piece == p.each) {
            j.piece = 0;
            j.second ^= j.phase == GATE_UP;
            j.turn += !j.second;
        }
    }
    copy_async_commit();
}

static __device__ __forceinline__ void decode_begin(const decode_args &a, const decode_block &b,
                                                    decode_job &j, decode_phase phase)
{
    j.phase = phase;
    j.span = phase == PROJECTIONS ? b.heads * HEAD : phase == GATE_UP ? b.units : b.columns;
    j.first = phase == PROJECTIONS ? b.head * HEAD : phase == GATE_UP ? b.unit : b.column;
    j.rows = phase == PROJECTIONS ? j.span * (2 + b.keys + b.gates) : j.span;
    j.turns = ((j.rows << a.product[phase].log) + THREADS - 1) / THREADS;
    j.turn = j.second = j.piece = j.place = 0;
#pragma unroll 1
    for (int k = 0; k < AHEAD; k++)
        decode_read(a, b, j);
}

/* dot[n] += xi_n . (weights + 1) over a piece */
template <int SEQS>
static __device__ __forceinline__ void decode_piece(int (&dot)[SEQS], uint4 w, const int8_t *xi,
                                                    int wide, int n)
{
    const uint32_t word[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
    for (int i = 0; i < SEQS; i++) {
        if (SEQS > 1 && i >= n)
            break;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            int4 x = *(const int4 *)(const void *)(xi + i * wide + 16 * k);
            dot[i] = __dp4a((int)(word[k] & 0x03030303u), x.x, dot[i]);
            dot[i] = __dp4a((int)(word[k] >> 2 & 0x03030303u), x.y, dot[i]);
            dot[i] = __dp4a((int)(word[k] >> 4 & 0x03030303u), x.z, dot[i]);
            dot[i] = __dp4a((int)(word[k] >> 6 & 0x03030303u), x.w, dot[i]);
        }
    }
}

/* Element r of a matrix's product for sequence n, y, goes where it is needed; GATE_UP: y is the gate. */
template <typename A>
static __device__ __forceinline__ void decode_place(const decode_args &a, const decode_block &b,
                                                    const decode_job &j, int matrix, int r, int n,
                                                    float y, float up, float before)
{
    int step = 1 << a.product[j.phase].log, lane = (int)threadIdx.x & (step - 1);
    float *to;
    if (matrix < G_PROJ) {
        to = matrix == Q_PROJ ? ROOM(float, q) : matrix == K_PROJ ? ROOM(float, k) : ROOM(float, v);
        if (lane == 0)
            to[n * a.own + r] = y;
        return;
    }
    if (matrix == G_PROJ)
        to = ROOM(float, z) + n * a.D, y = gelu(y);
    else if (j.phase == GATE_UP)
        to = ROOM(float, h) + n * a.I, y = y * sigmoid(y) * up;
    else
        to = ROOM(float, x) + n * a.D, y = stored<A>(before + y);
    decode_tell(a, to + j.first + r, y, lane, step);
}

/* All rows of a job for all sequences. */
template <int SEQS, typename A>
static __device__ __forceinline__ void decode_multiply(const decode_args &a, const decode_block &b,
                                                       decode_job &j)
{
    const decode_product &p = a.product[j.phase];
    int step = 1 << p.log, lane = (int)threadIdx.x & (step - 1), second = 0, next = 0;
    float first[SEQS], before[SEQS];
#pragma unroll 1
    for (int turn = 0; turn < j.turns; turn += !second) {
        int r = decode_turn_row(p, turn), live = r < j.rows, dot[SEQS] = {};
        int matrix = decode_matrix(b, j, second, &r);
#pragma unroll
        for (int i = 0; i < SEQS; i++)
            if ((j.phase == OUTPUT || j.phase == DOWN) && live && i < b.n)
                before[i] = ROOM(float, x)[i * a.D + j.first + r];
#pragma unroll 1
        for (int at = lane; at < (p.each << p.log); at += step) {
            copy_async_wait<AHEAD - 1>();
            uint4 w = ROOM(uint4, ring)[next * THREADS + threadIdx.x];
            next = (next + 1) % AHEAD;
            decode_read(a, b, j);
            if (live && at < p.pieces)
                decode_piece<SEQS>(dot, w, ROOM(int8_t, xi) + at * 64, a.wide, b.n);
        }
#pragma unroll 1
        for (int other = step / 2; other; other /= 2)
#pragma unroll
            for (int i = 0; i < SEQS; i++)
                dot[i] += __shfl_xor_sync(0xffffffffu, dot[i], other);
        second = j.phase == GATE_UP && !second;
#pragma unroll
        for (int i = 0; i < SEQS; i++) {
            if (i >= b.n || !live)
                break;
            float scale = ROOM(float, scale)[i * MATRICES + matrix];
            float y = stored<A>(__fmul_rn((float)(dot[i] - ROOM(int, sum)[i]), scale));
            if (second)
                first[i] = y;
            else if (j.phase == GATE_UP)
                decode_place<A>(a, b, j, matrix, r, i, first[i], y, 0.0f);
            else
                decode_place<A>(a, b, j, matrix, r, i, y, 0.0f, before[i]);
        }
    }
}

#endif
