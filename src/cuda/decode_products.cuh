/* Packed ternary matrices times the few quantised rows of a decoded token (MODEL 2).
 *
 * Three steps, barriers between them.  A lane has a row of the matrix, a warp 32 rows and some of their
 * pieces of 64 weights; its sums go to shared memory, where they are integers and so in any order.  Then a
 * thread adds up four neighbouring elements, makes of them what the phase wants, and sends them to one
 * block of the team. */
#ifndef BL_CUDA_DECODE_PRODUCTS_CUH
#define BL_CUDA_DECODE_PRODUCTS_CUH

#include "cuda/decode_flow.cuh"

/* xi . (weights + 1) over a piece: field k of a byte of w is 1, 4, 16 or 64 times a weight, and of a whole
 * word at once; the last is moved to where it stays positive. */
static __device__ __forceinline__ int decode_piece(uint4 w, const int4 (&x)[4])
{
    const uint32_t word[4] = {w.x, w.y, w.z, w.w};
    int one = 0, four = 0, sixteen = 0, too = 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        one = __dp4a((int)(word[k] & 0x03030303u), x[k].x, one);
        four = __dp4a((int)(word[k] & 0x0c0c0c0cu), x[k].y, four);
        sixteen = __dp4a((int)(word[k] & 0x30303030u), x[k].z, sixteen);
        too = __dp4a((int)(word[k] >> 2 & 0x30303030u), x[k].w, too);
    }
    return one + (four >> 2) + ((sixteen + too) >> 4); /* all are multiples */
}

/* The sums of a part of a phase's weights, `w`, `rows` rows, for all sequences. */
template <int SEQS>
static __device__ __forceinline__ void decode_sums(const decode_args &a, const decode_block &b,
                                                   int phase, const char *w, int rows)
{
    const decode_product &p = a.product[phase];
    int lane = (int)threadIdx.x % 32, groups = 1 << p.log, units = (rows + 31) / 32 << p.log;
#pragma unroll 1
    for (int unit = (int)threadIdx.x / 32; unit < units; unit += WARPS) {
        int group = unit & (groups - 1), row = (unit >> p.log) * 32 + lane;
        int from = group * p.each, count = min(p.each, p.pieces - from), sum[SEQS] = {};
        const char *mine = w + min(row, rows - 1) * p.pieces * 16;
        int turned = lane >> p.shift & p.mask; /* lanes of other banks */
#pragma unroll 2
        for (int k = 0; k < count; k++) {
            int at = from + (k ^ turned);
            uint4 weights = *(const uint4 *)(const void *)(mine + at * 16);
            const int8_t *xi = ROOM(int8_t, xi);
            int place = decode_xi(at * 64);
#pragma unroll
            for (int n = 0; n < SEQS; n++) {
                if (SEQS > 1 && n >= b.n)
                    break;
                int4 x[4];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    x[i] = *(const int4 *)(const void *)(xi + n * a.wide + (place ^ i * 16));
                sum[n] += decode_piece(weights, x);
            }
        }
#pragma unroll
        for (int n = 0; n < SEQS; n++)
            if (n < b.n)
                ROOM(int, sums)[n * a.sums + group * p.padded + row] = sum[n];
    }
}

/* Four elements of a product from row `row` of the part on, as the matrix `m` gives them. */
template <typename A>
static __device__ __forceinline__ void decode_four(const decode_args &a, const decode_block &b,
                                                   int phase, int n, int row, int m, float (&y)[4])
{
    const decode_product &p = a.product[phase];
    const int *at = ROOM(const int, sums) + n * a.sums + row;
    int minus = -ROOM(int, sum)[n];
    int4 sum = make_int4(minus, minus, minus, minus);
    float scale = ROOM(float, scale)[n * MATRICES + m];
#pragma unroll 1
    for (int group = 0; group < 1 << p.log; group += 4) {
        int4 some[4] = {};
#pragma unroll
        for (int k = 0; k < 4; k++)
            if (k < 1 << p.log)
                some[k] = *(const int4 *)(const void *)(at + (group + k) * p.padded);
#pragma unroll
        for (int k = 0; k < 4; k++)
            sum.x += some[k].x, sum.y += some[k].y, sum.z += some[k].z, sum.w += some[k].w;
    }
    y[0] = stored<A>(__fmul_rn((float)sum.x, scale));
    y[1] = stored<A>(__fmul_rn((float)sum.y, scale));
    y[2] = stored<A>(__fmul_rn((float)sum.z, scale));
    y[3] = stored<A>(__fmul_rn((float)sum.w, scale));
}

/* Elements of the part, from row `row` of the phase on, `rows` of them (GATE_UP: of each matrix), go
 * where they are needed. */
template <typename A>
static __device__ __forceinline__ void decode_finish(const decode_args &a, const decode_block &b,
                                                     const decode_job &j, int phase, int row,
                                                     int rows)
{
    int each = rows / 4 << a.size_log; /* of a sequence */
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < each * b.n; i += THREADS) {
        int n = b.n == 1 ? 0 : i / each, rest = i - n * each, rank = rest & (a.size - 1);
        int four = (rest >> a.size_log) * 4, r = row + four, m = decode_matrix(a, j, phase, r);
        int at = j.first + r, which = TEAM_X;
        float y[4], other[4], *to;
        if (phase == PROJECTIONS && m < G_PROJ) {
            to = m == Q_PROJ ? ROOM(float, q) : m == K_PROJ ? ROOM(float, k) : ROOM(float, v);
            if (rank)
                continue;
            decode_four<A>(a, b, phase, n, four, m, y);
            store<4>(to + n * a.own + r, y);
            continue;
        }
        decode_four<A>(a, b, phase, n, four, m, y);
        if (phase == PROJECTIONS) {
            to = ROOM(float, z) + n * a.D + at, which = TEAM_O;
#pragma unroll
            for (int k = 0; k < 4; k++)
                y[k] = gelu(y[k]);
        } else if (phase == GATE_UP) {
            to = ROOM(float, h) + n * a.I + at, which = TEAM_H;
            decode_four<A>(a, b, phase, n, rows + four, UP_PROJ, other);
#pragma unroll
            for (int k = 0; k < 4; k++)
                y[k] = y[k] * sigmoid(y[k]) * other[k];
        } else {
            const float *from = phase == OUTPUT ? ROOM(float, x) : ROOM(float, mid);
            load<4>(other, from + n * a.D + at);
            to = (phase == OUTPUT ? ROOM(float, mid) : ROOM(float, x)) + n * a.D + at;
#pragma unroll
            for (int k = 0; k < 4; k++)
                y[k] = stored<A>(other[k] + y[k]);
        }
        team_send(a, b, to, y, which, rank);
    }
}

/* All rows of a phase for all sequences. */
template <int SEQS, typename A>
static __device__ __forceinline__ void decode_multiply(const decode_args &a, const decode_block &b,
                                                       decode_flow &f, int phase)
{
    const decode_job j = decode_job_of(a, b, phase);
    const decode_product &p = a.product[phase];
    const int whole = p.part >= p.rows; /* all rows are one part */
    int row = 0;
#pragma unroll 1
    do {
        int rows = whole ? j.rows : min(p.part, j.rows - row);
        const char *w = decode_part(a, b, f);
        decode_sums<SEQS>(a, b, phase, w, phase == GATE_UP ? 2 * rows : rows);
        __syncthreads();
        decode_finish<A>(a, b, j, phase, row, rows);
        row += rows;
        if (!whole && row < j.rows) { /* all have read the part, and will have the sums */
            decode_ask_weights(a, b, f, 1);
            __syncthreads();
        }
    } while (!whole && row < j.rows);
}

#endif
