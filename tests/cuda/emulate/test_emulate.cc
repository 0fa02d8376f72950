/* The emulation itself: sums by shuffles, tensor-core products and copies against plain loops, in
 * every order. */
#include "cuda/barrier.cuh"
#include "emulate_impl.h"

#include <algorithm>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

static int failures;
static cuda_device device;

void cuda_note(bl_dev *d, cudaError_t error, const char *at)
{
    (void)d;
    if (error != cudaSuccess) {
        printf("%s: %s\n", at, cudaGetErrorName(error));
        failures++;
    }
}

static void check(int good, const char *what)
{
    printf("%s  %s\n", good ? "ok    " : "FAILED", what);
    failures += !good;
}

static unsigned state = 1;
static int small_number(void) /* -8 to 7 */
{
    state = state * 1664525 + 1013904223;
    return (int)(state >> 28) - 8;
}

template <typename T> static T *on_device(const std::vector<T> &from)
{
    T *p;
    (void)cudaMalloc(&p, from.size() * sizeof(T));
    (void)cudaMemcpyAsync(p, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice);
    return p;
}

template <typename T> static std::vector<T> from_device(const T *p, size_t n)
{
    std::vector<T> x(n);
    (void)cudaMemcpyAsync(x.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost);
    return x;
}

/* ---- sums of blocks ---- */

static __global__ void sums_kernel(float *sums, const float *x, size_t n)
{
    __shared__ float of_warps[32];
    float sum = 0;
    for (size_t i = threadIdx.x; i < n; i += blockDim.x)
        sum += x[blockIdx.x * n + i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        of_warps[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0;
        sum = warp_sum(sum);
        if (threadIdx.x == 0)
            sums[blockIdx.x] = sum;
    }
}

static void test_sums(void)
{
    enum { BLOCKS = 5, N = 1000 };
    std::vector<float> x(BLOCKS * N);
    for (float &v : x)
        v = (float)small_number();
    float *there = on_device(x), *sums;
    (void)cudaMalloc(&sums, BLOCKS * sizeof *sums);
    bl_dev *d = &device.dev;
    EMULATE(d, sums_kernel, BLOCKS, 256, 0, sums, there, N);
    std::vector<float> got = from_device(sums, BLOCKS);
    int good = 1;
    for (int b = 0; b < BLOCKS; b++) {
        float sum = 0;
        for (int i = 0; i < N; i++)
            sum += x[(size_t)(b * N + i)];
        good &= got[(size_t)b] == sum;
    }
    check(good, "sums of blocks");
    (void)cudaFree(there);
    (void)cudaFree(sums);
}

/* ---- one product by one warp: C [16,8] = A [16,K] B; B is [K,8], or [8,K] ---- */

static __global__ void product_kernel(float *C, const bf16 *A, const bf16 *B, int K, int transposed)
{
    DYNAMIC_SHARED(bf16, tile); /* A [16][16], then B [16][8] or [8][16] */
    int lane = (int)threadIdx.x, g = lane / 4, c = 2 * (lane % 4);
    bf16 *tile_b = tile + 16 * 16;
    float sums[4] = {};
    for (int k = 0; k < K; k += 16) {
        copy_async(tile + lane / 2 * 16 + lane % 2 * 8, A + lane / 2 * K + k + lane % 2 * 8, 16);
        if (lane < 16) {
            if (transposed)
                copy_async(tile_b + lane / 2 * 16 + lane % 2 * 8,
                           B + lane / 2 * K + k + lane % 2 * 8, 16);
            else
                copy_async(tile_b + lane * 8, B + (k + lane) * 8, 16);
        }
        copy_async_commit();
        copy_async_wait<0>();
        __syncthreads();
        uint32_t a[4], b[4];
        ldmatrix(a, tile + (lane % 16) * 16 + lane / 16 * 8);
        if (transposed)
            ldmatrix(b, tile_b + lane % 8 * 16 + lane / 8 % 2 * 8);
        else
            ldmatrix_trans(b, tile_b + lane % 16 * 8);
        mma_bf16(sums, a, b);
        __syncthreads();
    }
    C[g * 8 + c] = sums[0];
    C[g * 8 + c + 1] = sums[1];
    C[(g + 8) * 8 + c] = sums[2];
    C[(g + 8) * 8 + c + 1] = sums[3];
}

static void test_product(int transposed)
{
    enum { K = 48 };
    std::vector<bf16> A(16 * K), B(K * 8);
    for (bf16 &v : A)
        v = __float2bfloat16_rn((float)small_number());
    for (bf16 &v : B)
        v = __float2bfloat16_rn((float)small_number());
    bf16 *a = on_device(A), *b = on_device(B);
    float *C;
    (void)cudaMalloc(&C, 16 * 8 * sizeof *C);
    bl_dev *d = &device.dev;
    EMULATE(d, product_kernel, 1, 32, (16 * 16 + 16 * 8) * sizeof(bf16), C, a, b, K, transposed);
    std::vector<float> got = from_device(C, 16 * 8);
    int good = 1;
    for (size_t m = 0; m < 16; m++)
        for (size_t n = 0; n < 8; n++) {
            float sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += __bfloat162float(A[m * K + k]) *
                       __bfloat162float(B[transposed ? n * K + k : k * 8 + n]);
            good &= got[m * 8 + n] == sum;
        }
    check(good, transposed ? "ldmatrix, mma_bf16, copy_async" : "ldmatrix_trans, mma_bf16");
    (void)cudaFree(a);
    (void)cudaFree(b);
    (void)cudaFree(C);
}

/* C [16,8] = A [16,32] B^T, B [8,32], of integers: each register loaded as its layout says. */
static __global__ void integers_kernel(int32_t *C, const int8_t *A, const int8_t *B)
{
    int lane = (int)threadIdx.x, g = lane / 4, c = 2 * (lane % 4);
    uint32_t a[4], b[2];
    int32_t sums[4] = {};
    for (int i = 0; i < 4; i++)
        memcpy(&a[i], A + (g + 8 * (i % 2)) * 32 + 2 * c + 16 * (i / 2), 4);
    for (int i = 0; i < 2; i++)
        memcpy(&b[i], B + g * 32 + 2 * c + 16 * i, 4);
    mma_s8(sums, a, b);
    mma_s8(sums, a, b);
    C[g * 8 + c] = sums[0];
    C[g * 8 + c + 1] = sums[1];
    C[(g + 8) * 8 + c] = sums[2];
    C[(g + 8) * 8 + c + 1] = sums[3];
}

static void test_integers(void)
{
    std::vector<int8_t> A(16 * 32), B(8 * 32);
    for (int8_t &v : A)
        v = (int8_t)(small_number() * 16 + small_number());
    for (int8_t &v : B)
        v = (int8_t)(small_number() * 16 + small_number());
    int8_t *a = on_device(A), *b = on_device(B);
    int32_t *C;
    (void)cudaMalloc(&C, 16 * 8 * sizeof *C);
    bl_dev *d = &device.dev;
    EMULATE(d, integers_kernel, 1, 32, 0, C, a, b);
    std::vector<int32_t> got = from_device(C, 16 * 8);
    int good = 1;
    for (size_t m = 0; m < 16; m++)
        for (size_t n = 0; n < 8; n++) {
            int32_t sum = 0;
            for (size_t k = 0; k < 32; k++)
                sum += A[m * 32 + k] * B[n * 32 + k];
            good &= got[m * 8 + n] == 2 * sum;
        }
    check(good, "mma_s8");
    (void)cudaFree(a);
    (void)cudaFree(b);
    (void)cudaFree(C);
}

/* ---- shuffles, votes, atomics, and barriers of blocks of any shape ---- */

static __global__ void lanes_kernel(int *bad, unsigned *count)
{
    int lane = (int)(threadIdx.x % 32), wrong = 0;
    wrong += __shfl_sync(0xffffffffu, lane, 5) != 5;
    wrong += __shfl_sync(0xffffffffu, lane, 5, 8) != lane / 8 * 8 + 5;
    wrong += __shfl_up_sync(0xffffffffu, lane, 3) != (lane < 3 ? lane : lane - 3);
    wrong += __shfl_up_sync(0xffffffffu, lane, 3, 16) != (lane % 16 < 3 ? lane : lane - 3);
    wrong += __shfl_down_sync(0xffffffffu, lane, 3) != (lane > 28 ? lane : lane + 3);
    wrong += __shfl_xor_sync(0xffffffffu, 1.5 * lane, 7) != 1.5 * (lane ^ 7);
    wrong += __ballot_sync(0xffffffffu, lane & 1) != 0xaaaaaaaau;
    wrong += !__any_sync(0xffffffffu, lane == 3) + !__all_sync(0xffffffffu, lane < 32);
    wrong += __syncthreads_count(threadIdx.x < 7) != 7;
    if (lane < 16)
        wrong += __shfl_xor_sync(0xffffu, lane, 1) != (lane ^ 1);
    atomicAdd(count, 1u);
    if (wrong)
        atomicAdd(bad, wrong);
}

static __global__ void turns_kernel(int *sums)
{
    __shared__ int row[96]; /* of 3 x 7 x 4 threads */
    int n = (int)(blockDim.x * blockDim.y * blockDim.z);
    int i = (int)((threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x);
    row[i] = i;
    for (int turn = 0; turn < 10; turn++) {
        __syncthreads();
        int next = row[(i + 1) % n];
        __syncthreads();
        row[i] = next;
    }
    sums[i] = row[i];
}

static void test_lanes(void)
{
    int *bad, *sums;
    unsigned *count;
    (void)cudaMalloc(&bad, sizeof *bad);
    (void)cudaMalloc(&count, sizeof *count);
    (void)cudaMalloc(&sums, 84 * sizeof *sums);
    (void)cudaMemsetAsync(bad, 0, sizeof *bad);
    (void)cudaMemsetAsync(count, 0, sizeof *count);
    bl_dev *d = &device.dev;
    EMULATE(d, lanes_kernel, dim3(2, 3), 1024, 0, bad, count);
    check(from_device(bad, 1)[0] == 0 && from_device(count, 1)[0] == 6 * 1024,
          "shuffles, votes, atomics");
    EMULATE(d, turns_kernel, 1, dim3(3, 7, 4), 0, sums);
    std::vector<int> got = from_device(sums, 84);
    int good = 1;
    for (int i = 0; i < 84; i++)
        good &= got[(size_t)i] == (i + 10) % 84;
    check(good, "barriers");
    (void)cudaFree(bad);
    (void)cudaFree(count);
    (void)cudaFree(sums);
}

/* ---- graphs: arguments are those of the capture, memory that of the run ---- */

static __global__ void add_kernel(float *x, const float *y, float by)
{
    x[threadIdx.x] += *y * by;
}

static void test_graph(void)
{
    float *x = on_device(std::vector<float>(32, 1)), *y = on_device(std::vector<float>(1, 1));
    float by = 3;
    cudaGraph_t graph;
    cudaGraphExec_t run;
    bl_dev *d = &device.dev;
    (void)cudaStreamBeginCapture(NULL, cudaStreamCaptureModeThreadLocal);
    EMULATE(d, add_kernel, 1, 32, 0, x, y, by);
    check(cudaStreamSynchronize(NULL) == cudaErrorStreamCaptureUnsupported, "no wait in a capture");
    (void)cudaStreamEndCapture(NULL, &graph);
    (void)cudaGraphInstantiate(&run, graph);
    (void)cudaGraphDestroy(graph);
    int before = from_device(x, 1)[0] == 1;
    by = 100;
    (void)cudaGraphLaunch(run, NULL);
    const float two = 2;
    (void)cudaMemcpyAsync(y, &two, sizeof two, cudaMemcpyHostToDevice);
    (void)cudaGraphLaunch(run, NULL);
    std::vector<float> got = from_device(x, 32);
    check(before && got[0] == 10 && got[31] == 10, "a graph, run twice");
    (void)cudaGraphExecDestroy(run);
    (void)cudaFree(x);
    (void)cudaFree(y);
}

/* ---- mistakes, each in a process of its own that must abort ---- */

static __global__ void divergent_barrier_kernel(int n)
{
    if ((int)threadIdx.x < n)
        __syncthreads();
}
static __global__ void divergent_shuffle_kernel(int n, float *x)
{
    if ((int)threadIdx.x < n)
        x[threadIdx.x] = warp_sum(1);
}
static __global__ void different_kernel(float *x)
{
    if (threadIdx.x % 2)
        x[0] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
    else
        x[1] = (float)__ballot_sync(0xffffffffu, 1);
}
static __global__ void past_shared_kernel(int at)
{
    DYNAMIC_SHARED(float, x);
    x[at] = 1;
}
static __global__ void past_memory_kernel(float *x, int at)
{
    x[at] = 1;
}
static __global__ void past_read_kernel(float *x)
{
    x[0] = x[64];
}

/* Nobody else arrives. */
static __global__ void lonely_kernel(const float *x)
{
    DYNAMIC_SHARED(float, tile);
    __shared__ uint64_t there[1];
    barrier_init(there, 2);
    copy_async(tile, x, 16);
    copy_async_arrive(there);
    barrier_wait(there, 0);
}

static int ends_badly(int which)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bl_dev *d = &device.dev;
        float *x;
        (void)freopen("/dev/null", "w", stderr);
        (void)cudaMalloc(&x, 32 * sizeof *x);
        if (which == 0)
            EMULATE(d, divergent_barrier_kernel, 1, 64, 0, 40);
        else if (which == 1)
            EMULATE(d, divergent_shuffle_kernel, 1, 64, 0, 20, x);
        else if (which == 2)
            EMULATE(d, different_kernel, 1, 32, 0, x);
        else if (which == 3)
            EMULATE(d, past_shared_kernel, 1, 32, 64 * sizeof(float), 64);
        else if (which == 4)
            EMULATE(d, past_shared_kernel, 1, 32, 63 * sizeof(float), 63);
        else if (which == 5)
            EMULATE(d, past_memory_kernel, 1, 32, 0, x, 33);
        else if (which == 6)
            EMULATE(d, past_memory_kernel, 1, 32, 0, x, -1);
        else if (which == 7)
            EMULATE(d, past_read_kernel, 1, 32, 0, x);
        else if (which == 8)
            EMULATE(d, lonely_kernel, 1, 1, 64, x);
        else if (which == 9)
            *(volatile float *)x = 1;
        (void)cudaFree(x);
        _exit(0);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    return WIFSIGNALED(status);
}

static void test_mistakes(void)
{
    const char *const names[] = {
        "a barrier that not all reach", "a shuffle that not all reach",
        "two collectives at once",      "far past shared memory",
        "just past shared memory",      "just past memory of the device",
        "before memory of the device",  "a read past memory of the device",
        "a barrier_wait for nobody",    "the host in memory of the device"};
    for (int i = 0; i < 10; i++)
        if (i < 9 || emulate_memory_closes())
            check(ends_badly(i), names[i]);
}

/* Without a barrier the order shows; with copy_async but no wait, NaN. */
static __global__ void missing_barrier_kernel(int *sums)
{
    __shared__ int row[64];
    row[threadIdx.x] = (int)threadIdx.x;
    sums[threadIdx.x] = row[63 - threadIdx.x];
}
static __global__ void missing_wait_kernel(float *y, const float *x)
{
    DYNAMIC_SHARED(float, tile);
    copy_async(tile, x, 16);
    copy_async_commit();
    copy_async_wait<1>();
    y[0] = tile[0];
    copy_async_wait<0>();
    y[1] = tile[0];
}

/* The same copy told by a barrier that counts both threads. */
static __global__ void counted_kernel(float *y, const float *x)
{
    DYNAMIC_SHARED(float, tile);
    __shared__ uint64_t there[1];
    if (threadIdx.x == 0)
        barrier_init(there, 2);
    __syncthreads();
    copy_async(tile + threadIdx.x * 4, x, 16);
    copy_async_arrive(there);
    __syncthreads();
    if (threadIdx.x == 0)
        y[0] = tile[4];
    __syncthreads();
    barrier_wait(there, 0);
    y[1 + threadIdx.x] = tile[4 - threadIdx.x * 4];
}
static void test_poison(void)
{
    int *sums;
    float *x = on_device(std::vector<float>(4, 5)), *y;
    bl_dev *d = &device.dev;
    (void)cudaMalloc(&sums, 64 * sizeof *sums);
    (void)cudaMalloc(&y, 3 * sizeof *y);
    std::vector<float> seen = from_device(y, 1);
    check(from_device(sums, 1)[0] == -1 && seen[0] != seen[0], "new memory");
    EMULATE(d, missing_barrier_kernel, 1, 64, 0, sums);
    std::vector<int> got = from_device(sums, 64);
    check(std::count(got.begin(), got.end(), -1) > 0, "a missing barrier shows");
    EMULATE(d, missing_wait_kernel, 1, 1, 64, y, x);
    seen = from_device(y, 2);
    check(seen[0] != seen[0] && seen[1] == 5, "a missing copy_async_wait shows");
    EMULATE(d, counted_kernel, 1, 2, 64, y, x);
    seen = from_device(y, 3);
    check(seen[0] != seen[0] && seen[1] == 5 && seen[2] == 5, "a missing barrier_wait shows");
    (void)cudaFree(sums);
    (void)cudaFree(x);
    (void)cudaFree(y);
}

int main(void)
{
    device.dev.impl = &device;
    test_sums();
    test_product(0);
    test_product(1);
    test_integers();
    test_lanes();
    test_graph();
    test_mistakes();
    test_poison();
    printf("%d failures\n", failures);
    return failures != 0;
}
