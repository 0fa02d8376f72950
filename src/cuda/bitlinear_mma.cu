/* Many int8 rows times a ternary matrix, on the tensor cores of any card since sm_80. */
#include "cuda/bitlinear.cuh"
#include "cuda/mma.cuh"

/* A block makes a tile of ROWS x COLS of y, and walks K in steps of DEPTH bytes that are copied to
 * shared memory STAGES - 1 steps ahead.  8 warps lie 2 x 4, each on 64 x 32. */
enum { ROWS = 128, COLS = 128, DEPTH = 64, STAGES = 4, THREADS = 256 };
enum { TILE = (ROWS + COLS) * DEPTH, CHUNKS = DEPTH / 16, ROW_TILES = 4, COL_TILES = 4 };

/* Where chunk c of 16 bytes of a row lies: turned so that the 8 rows of an ldmatrix meet all banks. */
static __device__ __forceinline__ int place(int row, int c)
{
    return row * DEPTH + ((c ^ ((row >> 1) & (CHUNKS - 1))) << 4);
}

/* DEPTH bytes of `rows` rows of m from k on; what lies past count or stride becomes 0. */
static __device__ __forceinline__ void copy_rows(int8_t *tile, const int8_t *m, size_t first,
                                                 size_t count, size_t stride, size_t k, int rows)
{
    for (int i = threadIdx.x; i < rows * CHUNKS; i += THREADS) {
        int row = i / CHUNKS, c = i % CHUNKS;
        size_t at = k + (size_t)c * 16;
        int inside = first + row < count && at < stride;
        const int8_t *from = inside ? m + (first + row) * stride + at : m;
        copy_async(tile + place(row, c), from, inside ? 16 : 0);
    }
}

/* acc += one step of a warp's 64 x 32. */
static __device__ __forceinline__ void multiply(int32_t acc[ROW_TILES][COL_TILES][4],
                                                const int8_t *x, const int8_t *w, int lane)
{
    for (int k = 0; k < CHUNKS; k += 2) {
        uint32_t a[ROW_TILES][4], b[COL_TILES / 2][4];
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++)
            ldmatrix(a[i], x + place(i * 16 + (lane & 15), k + (lane >> 4)));
#pragma unroll
        for (int j = 0; j < COL_TILES / 2; j++)
            ldmatrix(b[j],
                     w + place(j * 16 + (lane & 7) + ((lane >> 4) << 3), k + ((lane >> 3) & 1)));
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
            for (int j = 0; j < COL_TILES; j++)
                mma_s8(acc[i][j], a[i], &b[j / 2][j % 2 * 2]);
    }
}

/* The tile of integers to y: each thread has pairs of neighbours. */
template <typename A>
static __device__ __forceinline__ void store(A *y, const int32_t acc[ROW_TILES][COL_TILES][4],
                                             const float *s, float g, size_t row0, size_t col0,
                                             size_t N, size_t out, const A *residual, int lane)
{
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            size_t n = row0 + i * 16 + (lane >> 2) + half * 8;
            if (n >= N)
                continue;
            float sn = s[n];
#pragma unroll
            for (int j = 0; j < COL_TILES; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    size_t o = col0 + j * 8 + (lane & 3) * 2 + e;
                    if (o >= out)
                        continue;
                    float value = scaled(acc[i][j][half * 2 + e], g, sn);
                    size_t at = n * out + o;
                    y[at] = from_float<A>(
                        residual ? to_float(residual[at]) + to_float(from_float<A>(value)) : value);
                }
        }
}

template <typename A>
static __global__ void __launch_bounds__(THREADS)
    tern_rows_kernel(A *y, q8_rows x, tern_place w, size_t N, size_t out, const A *residual)
{
    DYNAMIC_SHARED(int8_t, shared);
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    size_t row0 = (size_t)blockIdx.y * ROWS, col0 = (size_t)blockIdx.x * COLS;
    int wr = warp / 4 * 64, wc = warp % 4 * 32;
    int steps = (int)((x.stride + DEPTH - 1) / DEPTH);
    int32_t acc[ROW_TILES][COL_TILES][4] = {};

    for (int i = 0; i < STAGES - 1; i++) {
        int8_t *tile = shared + i * TILE;
        if (i < steps) {
            copy_rows(tile, x.xi, row0, N, x.stride, (size_t)i * DEPTH, ROWS);
            copy_rows(tile + ROWS * DEPTH, w.Wt, col0, out, w.stride, (size_t)i * DEPTH, COLS);
        }
        copy_async_commit();
    }
    for (int i = 0; i < steps; i++) {
        copy_async_wait<STAGES - 2>();
        __syncthreads();
        int ahead = i + STAGES - 1;
        if (ahead < steps) {
            int8_t *tile = shared + ahead % STAGES * TILE;
            copy_rows(tile, x.xi, row0, N, x.stride, (size_t)ahead * DEPTH, ROWS);
            copy_rows(tile + ROWS * DEPTH, w.Wt, col0, out, w.stride, (size_t)ahead * DEPTH, COLS);
        }
        copy_async_commit();
        const int8_t *tile = shared + i % STAGES * TILE;
        multiply(acc, tile + wr * DEPTH, tile + (ROWS + wc) * DEPTH, lane);
    }
    store(y, acc, x.s, *w.g, row0 + wr, col0 + wc, N, out, residual, lane);
}

void cuda_tern_rows(bl_dev *d, const tern_product *p)
{
    WITH_ACT(d, auto *kernel = tern_rows_kernel<A>;
             cuda_allow_shared(d, (const void *)kernel, STAGES * TILE);
             LAUNCH(d, kernel, dim3(div_up(p->out, COLS), div_up(p->N, ROWS)), THREADS,
                    STAGES * TILE, (A *)p->y, p->x, p->w, p->N, p->out, (const A *)p->residual););
}
