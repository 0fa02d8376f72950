/* The CUDA device: opening, memory, scratch, graphs of ops, and the plug-in's one symbol. */
#include "cuda/cuda_dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/alloc.h"
#include "core/env.h"
#include "format/options.h"
#include "ops/graph.h"
#include "ops/plugin.h"
}

enum { STAGING = 8 << 20, SMALL = STAGING / 4, GET = 256, OLDEST = 80 };

void cuda_note(bl_dev *d, cudaError_t error, const char *at)
{
    cuda_device *c = cuda_of(d);
    if (error == cudaSuccess)
        return;
    (void)cudaGetLastError(); /* the runtime keeps it, and the next launch is not to blame */
    if (c->error != cudaSuccess)
        return;
    c->error = error;
    c->error_at = at;
}

static int must(bl_dev *d, cudaError_t error, const char *at)
{
    cuda_note(d, error, at);
    return error == cudaSuccess;
}

/* The first error since the last call, as a status. */
static bl_status reported(bl_dev *d, bl_error *err)
{
    cuda_device *c = cuda_of(d);
    cudaError_t error = c->error;
    c->error = cudaSuccess;
    if (error == cudaSuccess)
        return BL_OK;
    return bl_fail(err, BL_EDEVICE, "CUDA device %d failed: %s (%s)", c->index,
                   cudaGetErrorString(error), c->error_at);
}

/* The attribute is the function's, for all devices of the process on one GPU: it only grows, so that
 * another thread's launch of a larger shape stays valid.  Nothing has to be asked for up to 48 KB, of which
 * a kernel may declare 3 itself. */
void cuda_allow_shared(bl_dev *d, const void *kernel, size_t bytes)
{
    enum { KERNELS = 64, USUAL = 45 << 10 };
    static struct {
        const void *kernel;
        int index;
        size_t bytes;
    } allowed[KERNELS];
    static char busy;
    size_t i = 0;
    if (bytes <= USUAL)
        return;
    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE)) {
    }
    while (i < KERNELS - 1 && allowed[i].kernel &&
           (allowed[i].kernel != kernel || allowed[i].index != cuda_of(d)->index))
        i++;
    if (allowed[i].kernel != kernel || allowed[i].index != cuda_of(d)->index ||
        bytes > allowed[i].bytes) {
        allowed[i].kernel = kernel;
        allowed[i].index = cuda_of(d)->index;
        allowed[i].bytes = bytes;
        cuda_note(
            d,
            cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes),
            "shared memory");
    }
    __atomic_clear(&busy, __ATOMIC_RELEASE);
}

/* ---- scratch ---- */

bl_arena *cuda_scratch(bl_dev *d)
{
    bl_arena *a = &cuda_of(d)->scratch;
    if (a->failed) /* the op before took more than its plan */
        cuda_note(d, cudaErrorMemoryAllocation, "scratch");
    bl_arena_rewind(a, 0);
    return a;
}

extern "C" size_t bl_cuda_scratch_bytes(bl_dev *d, const bl_limits *most)
{
    bl_arena a;
    bl_arena_measure(&a);
#define X(family)                                                                                  \
    cuda_##family##_plan(d, &a, most);                                                             \
    bl_arena_rewind(&a, 0);
    CUDA_PLANS(X)
#undef X
    return a.failed ? SIZE_MAX : bl_arena_bytes(&a);
}

extern "C" bl_status bl_cuda_reserve(bl_dev *d, const bl_limits *most, bl_error *err)
{
    cuda_device *c = cuda_of(d);
    bl_limits grown = c->most;
    void *block = NULL;
    bl_limits_grow(&grown, most);
    size_t bytes = bl_cuda_scratch_bytes(d, &grown);
    if (bytes == SIZE_MAX)
        return bl_fail(err, BL_EDEVICE, "the scratch fits in no memory of a device");
    if (bytes <= c->scratch.size) {
        c->most = grown;
        return BL_OK;
    }
    BL_TRY(bl_cuda_sync(d, err));
    BL_TRY(bl_cuda_alloc(d, &block, bytes, err));
    bl_cuda_free(d, c->scratch_block);
    c->scratch_block = block;
    bl_arena_bind(&c->scratch, block, bytes);
    c->most = grown;
    return BL_OK;
}

/* ---- memory and order ---- */

extern "C" bl_status bl_cuda_alloc(bl_dev *d, void **p, size_t bytes, bl_error *err)
{
    size_t left = 0, all = 0;
    *p = NULL;
    cudaError_t error = cudaMalloc(p, bytes ? bytes : 1);
    if (error == cudaSuccess)
        return BL_OK;
    (void)cudaGetLastError(); /* it stays otherwise */
    if (error != cudaErrorMemoryAllocation)
        return bl_fail(err, BL_EDEVICE, "CUDA device %d: %zu bytes: %s", cuda_of(d)->index, bytes,
                       cudaGetErrorString(error));
    (void)cudaMemGetInfo(&left, &all);
    return bl_fail(
        err, BL_EDEVICE, "out of memory on CUDA device %d: %.1f MiB wanted, %.1f of %.1f MiB free",
        cuda_of(d)->index, (double)bytes / 0x1p20, (double)left / 0x1p20, (double)all / 0x1p20);
}

extern "C" void bl_cuda_free(bl_dev *d, void *p)
{
    cuda_settle(d);
    cuda_note(d, cudaFree(p), "free");
}

extern "C" size_t bl_cuda_memory_bytes(bl_dev *d)
{
    size_t left = 0, all = 0;
    cudaError_t error = cudaSetDevice(cuda_of(d)->index);
    if (error == cudaSuccess)
        error = cudaMemGetInfo(&left, &all);
    if (error == cudaSuccess)
        return left;
    (void)cudaGetLastError();
    return SIZE_MAX;
}

extern "C" bl_status bl_cuda_sync(bl_dev *d, bl_error *err)
{
    cuda_device *c = cuda_of(d);
    cuda_settle(d);
    cuda_note(d, cudaStreamSynchronize(c->stream), "sync");
    c->staged = c->sent = 0;
    for (size_t i = 0; i < CUDA_GETS; i++)
        c->getting[i].staged = 0;
    return reported(d, err);
}

/* Pinned room for a small piece.  In the ring lies on its way what was staged from `sent` on, which is
 * less than all of it, so that an empty ring is one whose ends meet. */
static bl_status stage(bl_dev *d, char **room, size_t bytes, bl_error *err)
{
    cuda_device *c = cuda_of(d);
    size_t size = round_up(bytes, 64);
    if (c->staged >= c->sent && size > STAGING - c->staged && size < c->sent)
        c->staged = 0;
    if (size >= (c->staged >= c->sent ? STAGING + 1 : c->sent) - c->staged)
        BL_TRY(bl_cuda_sync(d, err));
    *room = c->staging + c->staged;
    c->staged += size;
    return BL_OK;
}

/* Small pieces go through pinned memory and nobody waits. */
extern "C" bl_status bl_cuda_put(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    char *room = NULL;
    if (!bytes)
        return reported(d, err);
    cuda_settle(d);
    if (bytes <= SMALL) {
        BL_TRY(stage(d, &room, bytes, err));
        memcpy(room, from, bytes);
    }
    cuda_note(
        d,
        cudaMemcpyAsync(to, room ? room : from, bytes, cudaMemcpyHostToDevice, cuda_of(d)->stream),
        "put");
    return room ? reported(d, err) : bl_cuda_sync(d, err);
}

static void get_async(bl_dev *d, void *to, const void *from, size_t bytes)
{
    cuda_note(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda_of(d)->stream),
              "get");
}

extern "C" bl_status bl_cuda_get(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    char *room = NULL;
    cuda_settle(d);
    if (bytes && bytes <= SMALL)
        BL_TRY(stage(d, &room, bytes, err));
    if (bytes)
        get_async(d, room ? room : to, from, bytes);
    BL_TRY(bl_cuda_sync(d, err));
    if (room)
        memcpy(to, room, bytes);
    return BL_OK;
}

static_assert(sizeof(bl_step) <= GET, "the outcome of a step comes back without a wait");

/* Which of the gets begun goes to `to`; CUDA_GETS: none. */
static size_t find_getting(const cuda_device *c, const void *to)
{
    size_t i = 0;
    while (i < CUDA_GETS && c->getting[i].to != to)
        i++;
    return i;
}

extern "C" bl_status bl_cuda_get_begin(bl_dev *d, void *to, const void *from, size_t bytes,
                                       bl_error *err)
{
    cuda_device *c = cuda_of(d);
    size_t i = find_getting(c, NULL);
    if (i == CUDA_GETS || bytes > GET || !bytes)
        return bl_cuda_get(d, to, from, bytes, err);
    cuda_settle(d);
    get_async(d, c->getting[i].room, from, bytes);
    cuda_note(d, cudaEventRecord(c->getting[i].done, c->stream), "get");
    BL_TRY(reported(d, err));
    c->getting[i].to = to;
    c->getting[i].bytes = bytes;
    c->getting[i].staged = c->staged;
    return BL_OK;
}

extern "C" bl_status bl_cuda_get_end(bl_dev *d, void *to, bl_error *err)
{
    cuda_device *c = cuda_of(d);
    size_t i = find_getting(c, to);
    if (i == CUDA_GETS)
        return reported(d, err);
    c->getting[i].to = NULL;
    cuda_note(d, cudaEventSynchronize(c->getting[i].done), "get");
    BL_TRY(reported(d, err));
    memcpy(to, c->getting[i].room, c->getting[i].bytes);
    c->sent = c->getting[i].staged; /* what was put before has arrived */
    return BL_OK;
}

/* 16 bytes a thread, where both ends allow it, and the rest byte by byte; zeros without `from`. */
static __global__ void copy_kernel(unsigned char *to, const unsigned char *from, size_t bytes,
                                   size_t wide)
{
    size_t at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at < wide)
        ((uint4 *)(void *)to)[at] =
            from ? ((const uint4 *)(const void *)from)[at] : make_uint4(0, 0, 0, 0);
    else if (at - wide < bytes - wide * 16)
        to[wide * 16 + (at - wide)] = from ? from[wide * 16 + (at - wide)] : 0;
}

static void copy_now(bl_dev *d, void *to, const void *from, size_t bytes)
{
    size_t wide = ((uintptr_t)to | (uintptr_t)from) % 16 ? 0 : bytes / 16;
    LAUNCH(d, copy_kernel, div_up(wide + (bytes - wide * 16), 256), 256, 0, (unsigned char *)to,
           (const unsigned char *)from, bytes, wide);
}

void cuda_settle(bl_dev *d)
{
    cuda_device *c = cuda_of(d);
    void *to = c->held.to;
    c->held.to = NULL;
    if (to)
        copy_now(d, to, c->held.from, c->held.bytes);
}

extern "C" void bl_cuda_zero(bl_dev *d, void *p, size_t bytes)
{
    copy_now(d, p, NULL, bytes);
}

/* A residual stream is copied before a product is added to it: the product can as well read it
 * where it is. */
extern "C" void bl_cuda_copy(bl_dev *d, void *to, const void *from, size_t bytes)
{
    cuda_device *c = cuda_of(d);
    cuda_settle(d);
    c->held.to = to;
    c->held.from = from;
    c->held.bytes = bytes;
}

/* ---- graphs ---- */

static void enter(bl_dev *d)
{
    cuda_note(d, cudaSetDevice(cuda_of(d)->index), "choosing the device");
    cuda_settle(d);
}

static int begin_capture(bl_dev *d)
{
    cuda_settle(d);
    if (cuda_of(d)->error != cudaSuccess ||
        cudaStreamBeginCapture(cuda_of(d)->stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess)
        return cuda_of(d)->error == cudaSuccess;
    (void)cudaGetLastError();
    return 0;
}

static void *end_capture(bl_dev *d)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t run = NULL;
    cuda_settle(d);
    if (cudaStreamEndCapture(cuda_of(d)->stream, &graph) != cudaSuccess ||
        cudaGraphInstantiate(&run, graph, 0) != cudaSuccess)
        run = NULL;
    if (graph)
        cuda_note(d, cudaGraphDestroy(graph), "a graph");
    if (!run) { /* the ops are run after all, and say themselves what is wrong */
        (void)cudaGetLastError();
        cuda_of(d)->error = cudaSuccess;
    }
    return run;
}

static void run_captured(bl_dev *d, void *captured)
{
    cuda_note(d, cudaGraphLaunch((cudaGraphExec_t)captured, cuda_of(d)->stream), "a graph");
}

static void release_captured(bl_dev *d, void *captured)
{
    cuda_note(d, cudaGraphExecDestroy((cudaGraphExec_t)captured), "a graph");
}

static const bl_capture capture = {enter, begin_capture, end_capture, run_captured,
                                   release_captured};

/* ---- opening ---- */

extern "C" void bl_cuda_close(bl_dev *d)
{
    if (!d)
        return;
    cuda_device *c = cuda_of(d);
    (void)cudaSetDevice(c->index);
    if (c->stream)
        (void)cudaStreamSynchronize(c->stream);
    (void)cudaFree(c->scratch_block);
    (void)cudaFree(c->sums);
    (void)cudaFreeHost(c->staging);
    for (size_t i = 0; i < CUDA_GETS; i++)
        if (c->getting[i].done)
            (void)cudaEventDestroy(c->getting[i].done);
    cuda_matmul_close(c->matmul);
    if (c->stream)
        (void)cudaStreamDestroy(c->stream);
    bl_free(c);
}

/* How many there are; 0 with the reason in err. */
static int count_devices(bl_error *err)
{
    int count = 0, driver = 0, runtime = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    (void)cudaGetLastError();
    if (error == cudaErrorInsufficientDriver) {
        (void)cudaDriverGetVersion(&driver);
        (void)cudaRuntimeGetVersion(&runtime);
        if (driver)
            (void)bl_fail(err, BL_EDEVICE,
                          "no CUDA device: the driver is for CUDA %d.%d, this build needs %d.%d or "
                          "later; update the driver",
                          driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
        else
            (void)bl_fail(err, BL_EDEVICE, "no CUDA device: no NVIDIA driver is installed");
        return 0;
    }
    if (error != cudaSuccess || count == 0) {
        (void)bl_fail(err, BL_EDEVICE, "no CUDA device: %s",
                      error == cudaSuccess ? "none is installed" : cudaGetErrorString(error));
        return 0;
    }
    return count;
}

/* The compute capability whose kernels are used: BITLLAMA_CUDA forces the older ones. */
static bl_status choose_path(cuda_device *c, int capability, bl_error *err)
{
    const char *forced = bl_env_trusted("BITLLAMA_CUDA");
    c->sm = capability;
    if (forced && strcmp(forced, "sm80") == 0)
        c->sm = OLDEST;
    else if (forced && (strcmp(forced, "sm90") != 0 || capability < 90))
        return bl_fail(err, BL_EINVAL, "BITLLAMA_CUDA=%.30s: sm80, or sm90 where the device is one",
                       forced);
    return BL_OK;
}

static bl_status open_device(cuda_device *c, const bl_device_request *r, bl_error *err)
{
    int count = count_devices(err), major = 0, minor = 0;
    if (!count)
        return BL_EDEVICE;
    if (r->index >= (size_t)count)
        return bl_fail(err, BL_EDEVICE, "there is no CUDA device %zu: %d in this machine", r->index,
                       count);
    c->index = (int)r->index;
    bl_dev *d = &c->dev;
    int good =
        must(d, cudaSetDevice(c->index), "open") &&
        must(d, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, c->index),
             "open") &&
        must(d, cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, c->index),
             "open") &&
        must(d,
             cudaDeviceGetAttribute(&c->multiprocessors, cudaDevAttrMultiProcessorCount, c->index),
             "open");
    if (good && 10 * major + minor < OLDEST)
        return bl_fail(err, BL_EDEVICE,
                       "CUDA device %d has compute capability %d.%d, 8.0 or later is needed",
                       c->index, major, minor);
    BL_TRY(choose_path(c, 10 * major + minor, err));
    good = good && must(d, cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "open") &&
           must(d, cudaMallocHost((void **)&c->staging, STAGING + CUDA_GETS * GET), "open");
    for (size_t i = 0; good && i < CUDA_GETS; i++) {
        c->getting[i].room = c->staging + STAGING + i * GET;
        good =
            must(d, cudaEventCreateWithFlags(&c->getting[i].done, cudaEventDisableTiming), "open");
    }
    BL_TRY(reported(d, err));
    BL_TRY(bl_cuda_alloc(d, (void **)&c->sums, CUDA_LATENTS * sizeof *c->sums, err));
    return cuda_matmul_open(&c->matmul, d, err);
}

extern "C" bl_status bl_cuda_open(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    *d = NULL;
    cuda_device *c = (cuda_device *)bl_calloc(1, sizeof *c);
    if (!c)
        return bl_fail(err, BL_ENOMEM, "out of memory for a CUDA device");
#define X(op, params, args) c->ops.op = bl_cuda_##op;
    BL_OPS_LIST(X)
#undef X
    c->dev.ops = &c->ops;
    c->dev.name = "cuda";
    c->dev.impl = c;
    c->dev.act_bytes = request->precision == BL_PRECISION_F32 ? sizeof(float) : sizeof(bf16);
    c->dev.param_bytes = c->dev.real_bytes = sizeof(float);
    c->dev.ternary = request->ternary;
    c->dev.queues = 1;
    bl_status status = open_device(c, request, err);
    if (status != BL_OK) {
        bl_cuda_close(&c->dev);
        return status;
    }
    if (bl_env("BITLLAMA_CUDA_EAGER")) {
        *d = &c->dev;
        return BL_OK;
    }
    return bl_graph_open_capturing(d, &c->dev, &capture, err);
}

extern "C" bl_status bl_cuda_about(bl_device_about *about, size_t index, bl_error *err)
{
    int count = count_devices(err);
    cudaDeviceProp p;
    if (!count)
        return BL_ENOENT;
    if (index >= (size_t)count)
        return bl_fail(err, BL_ENOENT, "there are %d CUDA devices", count);
    if (cudaGetDeviceProperties(&p, (int)index) != cudaSuccess)
        return bl_fail(err, BL_ENOENT, "CUDA device %zu does not answer", index);
    int driver = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)snprintf(about->text, sizeof about->text,
                   "%.80s, compute capability %d.%d, %d multiprocessors, driver for CUDA %d.%d",
                   p.name, p.major, p.minor, p.multiProcessorCount, driver / 1000,
                   driver % 1000 / 10);
    about->memory_bytes = p.totalGlobalMem;
    return BL_OK;
}

extern "C" __attribute__((visibility("default"))) const bl_plugin *bl_plugin_get(void)
{
    static bl_plugin plugin;
    static const bl_status made = bl_plugin_signature(plugin.signature, NULL);
    plugin.open = bl_cuda_open;
    plugin.about = bl_cuda_about;
    return made == BL_OK ? &plugin : NULL;
}
