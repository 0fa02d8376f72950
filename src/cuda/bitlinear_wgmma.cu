/* Many int8 rows times a ternary matrix on Hopper: the copy engine brings tiles, two warpgroups
 * multiply them. */
#include "cuda/bitlinear.cuh"

#ifndef BL_CUDA_90A
int cuda_tern_wgmma(bl_dev *d, const tern_product *p)
{
    (void)d, (void)p;
    return 0;
}
#else
#include "cuda/wgmma.cuh"

/* A block makes a tile of 128 x 128 of y.  One warp asks for the tiles of STAGES steps of DEPTH bytes
 * of K; two warpgroups of 64 rows each multiply.  Two blocks share a multiprocessor, so that one
 * multiplies while the other stores. */
enum { ROWS = 128, COLS = 128, DEPTH = 128, STAGES = 3, GROUP = 128, THREADS = 2 * GROUP + 32 };
enum { STAGE = (ROWS + COLS) * DEPTH, PITCH = COLS + 8, PER_LANE = 8 };
/* The tiles begin at 1,024 bytes, as the turning asks. */
enum { SHARED = 1024 + STAGES * STAGE };

#if ON_HOPPER

typedef struct pipe {
    uint64_t full[STAGES], empty[STAGES];
} pipe;

static __device__ __forceinline__ void ask_for_tiles(pipe *p, char *tiles, const CUtensorMap *x,
                                                     const CUtensorMap *w, int row0, int col0,
                                                     int steps)
{
    for (int i = 0; i < steps; i++) {
        int stage = i % STAGES;
        barrier_wait(&p->empty[stage], (i / STAGES & 1) ^ 1);
        barrier_expect(&p->full[stage], STAGE);
        copy_box(tiles + stage * STAGE, x, i * DEPTH, row0, &p->full[stage]);
        copy_box(tiles + stage * STAGE + ROWS * DEPTH, w, i * DEPTH, col0, &p->full[stage]);
    }
}

/* A group waits for its own products before it goes on; the other three of a multiprocessor keep the
 * tensor cores busy meanwhile. */
static __device__ __forceinline__ void multiply(int32_t c[64], pipe *p, const char *tiles,
                                                int group, int steps)
{
    for (int i = 0; i < steps; i++) {
        int stage = i % STAGES;
        const char *x = tiles + stage * STAGE + group * 64 * DEPTH;
        const char *w = tiles + stage * STAGE + ROWS * DEPTH;
        barrier_wait(&p->full[stage], i / STAGES & 1);
        wgmma_begin();
#pragma unroll
        for (int k = 0; k < DEPTH; k += 32)
            wgmma_s8(c, matrix_descriptor(x + k), matrix_descriptor(w + k));
        wgmma_commit();
        wgmma_wait<0>();
        if (threadIdx.x % GROUP == 0)
            barrier_arrive(&p->empty[stage]);
    }
}

/* A warpgroup's 64 x 128 through shared memory, from which it goes 16 bytes a lane. */
static __device__ __forceinline__ void store(bf16 *y, bf16 *room, const int32_t c[64],
                                             const float *s, float g, size_t row0, size_t col0,
                                             size_t N, size_t out, const bf16 *residual, int group)
{
    int warp = threadIdx.x % GROUP / 32, lane = threadIdx.x % 32;
    for (int half = 0; half < 2; half++) {
        int row = warp * 16 + half * 8 + lane / 4;
        float sn = row0 + row < N ? s[row0 + row] : 1.0f;
#pragma unroll
        for (int j = 0; j < 16; j++)
            *(uint32_t *)(void *)(room + row * PITCH + j * 8 + lane % 4 * 2) = pack_bf16(
                scaled(c[j * 4 + half * 2], g, sn), scaled(c[j * 4 + half * 2 + 1], g, sn));
    }
    named_barrier(1 + group, GROUP);
    for (int i = threadIdx.x % GROUP; i < 64 * COLS / PER_LANE; i += GROUP) {
        int row = i / (COLS / PER_LANE), col = i % (COLS / PER_LANE) * PER_LANE;
        if (row0 + row >= N || col0 + col >= out)
            continue;
        size_t at = (row0 + row) * out + col0 + col;
        union {
            uint4 all;
            bf16 one[PER_LANE];
        } a, b;
        a.all = *(const uint4 *)(const void *)(room + row * PITCH + col);
        if (residual) {
            b.all = *(const uint4 *)(const void *)(residual + at);
            for (int e = 0; e < PER_LANE; e++)
                a.one[e] = from_float<bf16>(to_float(a.one[e]) + to_float(b.one[e]));
        }
        *(uint4 *)(void *)(y + at) = a.all;
    }
}

#endif

static __global__ void __launch_bounds__(THREADS, 2)
    tern_wgmma_kernel(bf16 *y, const __grid_constant__ CUtensorMap x,
                      const __grid_constant__ CUtensorMap w, const float *s, const float *g,
                      size_t N, size_t out, int steps, const bf16 *residual)
{
#if ON_HOPPER
    DYNAMIC_SHARED(char, shared);
    __shared__ pipe p;
    char *tiles = shared + (1024 - shared_address(shared) % 1024) % 1024;
    int row0 = (int)blockIdx.y * ROWS, col0 = (int)blockIdx.x * COLS, group = threadIdx.x / GROUP;
    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(&p.full[i], 1);
            barrier_init(&p.empty[i], 2);
        }
        barrier_init_fence();
    }
    __syncthreads();
    if (group == 2) {
        if (threadIdx.x % 32 == 0)
            ask_for_tiles(&p, tiles, &x, &w, row0, col0, steps);
        return;
    }
    int32_t c[64] = {};
    multiply(c, &p, tiles, group, steps);
    named_barrier(3, 2 * GROUP); /* both groups are done with the tiles */
    store(y, (bf16 *)(void *)tiles + group * 64 * PITCH, c, s, *g, (size_t)row0 + group * 64, col0,
          N, out, residual, group);
#endif
}

int cuda_tern_wgmma(bl_dev *d, const tern_product *p)
{
    CUtensorMap x, w;
    if (cuda_of(d)->sm < 90 || cuda_of(d)->sm >= 100 || d->act_bytes != sizeof(bf16) ||
        p->out % 8 || p->N > INT32_MAX - ROWS ||
        !cuda_tensor_map(&x, p->x.xi, p->N, p->x.stride, ROWS) ||
        !cuda_tensor_map(&w, p->w.Wt, p->out, p->w.stride, COLS))
        return 0;
    cuda_allow_shared(d, (const void *)tern_wgmma_kernel, SHARED);
    LAUNCH(d, tern_wgmma_kernel, dim3(div_up(p->out, COLS), div_up(p->N, ROWS)), THREADS, SHARED,
           (bf16 *)p->y, x, w, p->x.s, p->w.g, p->N, p->out, (int)div_up(p->x.stride, DEPTH),
           (const bf16 *)p->residual);
    return 1;
}

/* The driver's function, found once: the plug-in does not link the driver. */
int cuda_tensor_map(CUtensorMap *map, const void *base, size_t rows, size_t stride, int box_rows)
{
    typedef CUresult encode_fn(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *,
                               const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                               const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                               CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    static encode_fn *encode;
    if (!encode) {
        void *found = NULL;
        cudaDriverEntryPointQueryResult result;
#if CUDART_VERSION >= 12050
        cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found,
                                                             12000, cudaEnableDefault, &result);
#else
        cudaError_t error =
            cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
#endif
        if (error != cudaSuccess || result != cudaDriverEntryPointSuccess)
            return 0;
        encode = (encode_fn *)found;
    }
    cuuint64_t size[] = {stride, rows}, strides[] = {stride};
    cuuint32_t box[] = {DEPTH, (cuuint32_t)box_rows}, every[] = {1, 1};
    return encode(map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, (void *)base, size, strides, box, every,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                  CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

#endif
