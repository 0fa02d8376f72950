/* Runs the kernels of src/cuda on the CPU: the language, launches and shared memory.
 *
 * The headers of this folder stand in for those of the CUDA toolkit.  By hand, from the root:
 *
 *     tests/cuda/emulate/build /tmp/NAME       # compiles what changed and links /tmp/NAME/libbitllama_cuda.so
 *     BITLLAMA_PLUGINS=/tmp/NAME build/tests/checkops/checkops cuda ref
 *
 * or one file alone:
 *
 *     g++ -std=c++17 -O2 -g -fPIC -ffp-contract=off -Wno-unknown-pragmas -DBL_CUDA_EMULATED \
 *         -Itests/cuda/emulate -Isrc -Iinclude -c -x c++ src/cuda/FILE.cu
 *
 * Every thread of a block is a fiber with a stack of its own.  It runs until it waits: at a barrier
 * of the block, or at a collective of its warp (shuffle, vote, ldmatrix, mma), which happens when
 * the last lane arrives.  Blocks run one after the other.  What shows here:
 *
 *     - threads that wait for others that never come (divergent collectives, lanes that have left):
 *       all places where threads wait are printed, and the process aborts;
 *     - reads of what nobody wrote: shared memory before each block, and memory from cudaMalloc, are
 *       filled with 0xFF, which is NaN in float, double and bfloat16, and -1;
 *     - missing barriers, mostly: BL_EMULATE_ORDER=reverse or random:SEED runs blocks, and threads
 *       between barriers, in another order, so that results change.  With a list, forward,reverse, each
 *       device that is opened takes the next: checkops then compares the two to the bit;
 *     - missing copy_async_wait or barrier_wait: the bytes arrive only there, and the place is 0xFF until
 *       then;
 *     - addresses out of bounds, and mostly those not aligned: the handler of SIGSEGV names kernel, block
 *       and thread.  Shared memory, and each piece from cudaMalloc, ends at a page that cannot be touched;
 *     - the host touching memory of the device, where the processor has protection keys (pku);
 *     - launches that the device would refuse: too many threads, blocks or bytes of shared memory; in a
 *       capture, calls that wait or allocate.
 *
 * What does not show: races between threads whose order does not matter here, blocks that wait for each
 * other, and whatever is in mma.cuh, wgmma.cuh and cuBLASLt.
 *
 * Other variables: BL_EMULATE_SM, the compute capability of the one device (80); BL_EMULATE_TRACE=1
 * prints every launch with its time. */
#ifndef BL_EMULATE_H
#define BL_EMULATE_H

/* Before those of Bit-Llama, which are included inside extern "C". */
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __noinline__ /* nothing, because headers of g++ say __attribute__((__noinline__)) */
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#define __shared__ static __attribute__((section("bl_shared")))

/* ---- vectors ---- */

#define EMULATE_VECTOR(T, name, bytes2, bytes4)                                                    \
    struct name##1                                                                                 \
    {                                                                                              \
        T x;                                                                                       \
    };                                                                                             \
    struct alignas(bytes2) name##2                                                                 \
    {                                                                                              \
        T x, y;                                                                                    \
    };                                                                                             \
    struct name##3                                                                                 \
    {                                                                                              \
        T x, y, z;                                                                                 \
    };                                                                                             \
    struct alignas(bytes4) name##4                                                                 \
    {                                                                                              \
        T x, y, z, w;                                                                              \
    };                                                                                             \
    static inline name##1 make_##name##1(T x)                                                      \
    {                                                                                              \
        return {x};                                                                                \
    }                                                                                              \
    static inline name##2 make_##name##2(T x, T y)                                                 \
    {                                                                                              \
        return {x, y};                                                                             \
    }                                                                                              \
    static inline name##3 make_##name##3(T x, T y, T z)                                            \
    {                                                                                              \
        return {x, y, z};                                                                          \
    }                                                                                              \
    static inline name##4 make_##name##4(T x, T y, T z, T w)                                       \
    {                                                                                              \
        return {x, y, z, w};                                                                       \
    }
EMULATE_VECTOR(signed char, char, 2, 4)
EMULATE_VECTOR(unsigned char, uchar, 2, 4)
EMULATE_VECTOR(short, short, 4, 8)
EMULATE_VECTOR(unsigned short, ushort, 4, 8)
EMULATE_VECTOR(int, int, 8, 16)
EMULATE_VECTOR(unsigned, uint, 8, 16)
EMULATE_VECTOR(long long, longlong, 16, 16)
EMULATE_VECTOR(unsigned long long, ulonglong, 16, 16)
EMULATE_VECTOR(float, float, 8, 16)
EMULATE_VECTOR(double, double, 16, 16)
#undef EMULATE_VECTOR

struct dim3 {
    unsigned x, y, z;

    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

/* Of the thread that runs. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

/* ---- launches ---- */

enum cudaError_t : int;

/* What a launch is, and where it is in the source. */
typedef struct emulate_launch {
    const char *kernel, *by, *file; /* by: the function */
    int line;
    const void *function; /* by which cudaFuncSetAttribute knows it */
    dim3 blocks, threads;
    size_t shared;
    struct CUstream_st *stream;
} emulate_launch;

/* Runs body(data) as every thread of every block; a launch that the device would refuse is an error. */
void emulate_run(const emulate_launch *launch, void (*body)(const void *), const void *data);
cudaError_t emulate_launch_error(const emulate_launch *launch);

/* What a stream does.  It is done now, or each time the graph runs that is being captured. */
struct emulate_work {
    virtual ~emulate_work() {}
    virtual void run() const = 0;
};
cudaError_t emulate_enqueue(emulate_work *work); /* deletes it */

template <typename F> static inline cudaError_t emulate_later(const F &f)
{
    struct later final : emulate_work {
        F f;

        later(const F &from) : f(from) {}
        void run() const override { f(); }
    };
    return emulate_enqueue(new later(f));
}

/* Called with the kernel's arguments, which are converted and copied once. */
template <typename... P> struct emulate_call {
    void (*kernel)(P...);
    emulate_launch launch;

    cudaError_t operator()(P... p)
    {
        launch.function = (const void *)kernel;
        cudaError_t error = emulate_launch_error(&launch);
        if (error)
            return error;
        auto thread = [run = kernel, p...]() { run(p...); };
        return emulate_later([what = launch, thread]() {
            emulate_run(
                &what, [](const void *data) { (*(const decltype(thread) *)data)(); }, &thread);
        });
    }
};

template <typename... P>
static inline emulate_call<P...> emulate_bind(void (*kernel)(P...), const emulate_launch &launch)
{
    return {kernel, launch};
}

/* What LAUNCH of cuda.h does here. */
#define EMULATE(d, kernel, blocks, threads, shared, ...)                                           \
    do {                                                                                           \
        dim3 launch_blocks_ = dim3(blocks);                                                        \
        emulate_launch launch_ = {                                                                 \
            #kernel,        __func__,      __FILE__,         __LINE__,          NULL,              \
            launch_blocks_, dim3(threads), (size_t)(shared), cuda_of(d)->stream};                  \
        if (launch_blocks_.x && launch_blocks_.y && launch_blocks_.z)                              \
            cuda_note(d, emulate_bind(kernel, launch_)(__VA_ARGS__), #kernel);                     \
    } while (0)

/* The dynamic shared memory of the block that runs. */
extern unsigned char *emulate_shared;
#define DYNAMIC_SHARED(T, name) T *name = (T *)(void *)emulate_shared

/* ---- what a thread waits for ---- */

typedef enum emulate_kind {
    EMULATE_SYNCTHREADS,
    EMULATE_SYNCTHREADS_COUNT,
    EMULATE_SYNCWARP,
    EMULATE_SHFL,
    EMULATE_SHFL_UP,
    EMULATE_SHFL_DOWN,
    EMULATE_SHFL_XOR,
    EMULATE_BALLOT,
    EMULATE_MATCH,
    EMULATE_LDMATRIX,
    EMULATE_LDMATRIX_TRANS,
    EMULATE_MMA_BF16,
    EMULATE_MMA_S8,
    EMULATE_KINDS
} emulate_kind;

/* Where in the source: the default arguments of a collective name its caller. */
#define EMULATE_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

/* Of the lanes of a warp: what a shuffle or vote takes and gives. */
typedef struct emulate_values {
    uint64_t v[32];
    int arg[32];
} emulate_values;

/* What a lane brings to a collective, and takes from an mma or ldmatrix in c. */
typedef struct emulate_slot {
    emulate_values *values;
    unsigned lane, mask;
    emulate_kind kind;
    int width, line;
    const char *file;
    union {
        const void *row; /* of ldmatrix */
        uint32_t a[4];
    };
    uint32_t b[2], c[4];
} emulate_slot;

/* Of the lane that runs. */
extern emulate_slot *emulate_mine;
void emulate_warp_wait(emulate_kind kind, unsigned mask, int width, const char *file, int line);
/* A barrier; the number of threads whose `yes` is not 0. */
int emulate_block_wait(emulate_kind kind, int yes, const char *file, int line);

/* cp.async of the thread that runs. */
void emulate_copy(void *shared, const void *global, int bytes, const char *file, int line);
void emulate_copy_commit(void);
void emulate_copy_wait(unsigned under_way);

/* Barriers that count arrivals.  What a thread waits for must be told by then: a program in which others
 * may yet arrive is an error here, as nobody would wait. */
void emulate_barrier_init(uint64_t *bar, int arrivals);
void emulate_copy_arrive(uint64_t *bar);
void emulate_barrier_wait(uint64_t *bar, int parity, const char *file, int line);

#endif
