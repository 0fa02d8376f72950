/* The CUDA runtime of the emulation: one device, whose memory is that of the host. */
#include "cuda_runtime.h"
#include "emulate_impl.h"

#include <memory>
#include <map>
#include <mutex>
#include <time.h>
#include <vector>

static std::mutex lock;
static std::map<const void *, int> dynamic_shared; /* of cudaFuncSetAttribute */

enum { PROCESSORS = 8 };

struct CUgraph_st {
    std::vector<std::shared_ptr<emulate_work>> work;
};
static thread_local CUgraph_st *capturing;

cudaError_t emulate_unless_capturing(void)
{
    return capturing ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

double emulate_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int capability(void)
{
    const char *text = getenv("BL_EMULATE_SM");
    return text && *text ? atoi(text) : 80;
}

static size_t most_shared(void)
{
    int sm = capability();
    return (size_t)(sm >= 90 ? 227 : sm == 80 || sm == 87 ? 163 : 99) * 1024;
}

void emulate_say_launch(const emulate_launch *l)
{
    const char *file = strrchr(l->file, '/');
    fprintf(stderr, "%s<<<%u x %u x %u, %u x %u x %u, %zu>>> in %s (%s:%d)", l->kernel, l->blocks.x,
            l->blocks.y, l->blocks.z, l->threads.x, l->threads.y, l->threads.z, l->shared, l->by,
            file ? file + 1 : l->file, l->line);
}

static bool traced(void)
{
    static const char *const trace = getenv("BL_EMULATE_TRACE");
    return trace && *trace && *trace != '0';
}

void emulate_trace(const emulate_launch *launch, double seconds)
{
    if (!traced())
        return;
    fprintf(stderr, "emulate: %8.3f ms  ", 1e3 * seconds);
    emulate_say_launch(launch);
    fprintf(stderr, "\n");
}

/* ---- errors ---- */

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
#define NAME(error)                                                                                \
    case error:                                                                                    \
        return #error;
        NAME(cudaSuccess)
        NAME(cudaErrorInvalidValue)
        NAME(cudaErrorMemoryAllocation)
        NAME(cudaErrorInvalidConfiguration)
        NAME(cudaErrorInvalidDevice)
        NAME(cudaErrorNotSupported)
        NAME(cudaErrorStreamCaptureUnsupported)
#undef NAME
    default:
        return "cudaErrorUnknown";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    return cudaGetErrorName(error);
}

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}

cudaError_t cudaPeekAtLastError(void)
{
    return cudaSuccess;
}

/* ---- launches ---- */

cudaError_t emulate_function_attribute(const void *function, cudaFuncAttribute attribute, int value)
{
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return cudaSuccess;
    if (value < 0 || (size_t)value > most_shared())
        return cudaErrorInvalidValue;
    std::lock_guard<std::mutex> held(lock);
    dynamic_shared[function] = value;
    return cudaSuccess;
}

cudaError_t emulate_launch_error(const emulate_launch *l)
{
    dim3 b = l->blocks, t = l->threads;
    size_t allowed = 45 * 1024; /* of 48, some of which a kernel declares itself */
    {
        std::lock_guard<std::mutex> held(lock);
        auto found = dynamic_shared.find(l->function);
        if (found != dynamic_shared.end() && (size_t)found->second > allowed)
            allowed = (size_t)found->second;
    }
    const char *what = NULL;
    if (!t.x || !t.y || !t.z || t.x > 1024 || t.y > 1024 || t.z > 64 ||
        (size_t)t.x * t.y * t.z > 1024)
        what = "threads";
    else if (b.x > 0x7fffffffu || b.y > 65535 || b.z > 65535)
        what = "blocks";
    else if (l->shared > allowed)
        what = "bytes of shared memory (cudaFuncSetAttribute?)";
    if (!what)
        return cudaSuccess;
    fprintf(stderr, "emulate: too many or no %s: ", what);
    emulate_say_launch(l);
    fprintf(stderr, "\n");
    return cudaErrorInvalidConfiguration;
}

/* ---- the device ---- */

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    return device ? cudaErrorInvalidDevice : cudaSuccess;
}

cudaError_t cudaSetDeviceFlags(unsigned)
{
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device)
{
    if (device)
        return cudaErrorInvalidDevice;
    *p = cudaDeviceProp();
    (void)snprintf(p->name, sizeof p->name, "emulated GPU");
    p->totalGlobalMem = EMULATE_MEMORY;
    p->sharedMemPerBlock = 48 * 1024;
    p->sharedMemPerBlockOptin = most_shared();
    p->sharedMemPerMultiprocessor = most_shared() + 1024;
    p->regsPerBlock = 65536;
    p->warpSize = 32;
    p->maxThreadsPerBlock = 1024;
    p->maxThreadsPerMultiProcessor = 2048;
    p->major = capability() / 10;
    p->minor = capability() % 10;
    p->multiProcessorCount = PROCESSORS;
    p->l2CacheSize = 32 << 20;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    cudaDeviceProp p;
    cudaError_t error = cudaGetDeviceProperties(&p, device);
    if (error != cudaSuccess)
        return error;
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        *value = p.maxThreadsPerBlock;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = (int)p.sharedMemPerBlock;
        return cudaSuccess;
    case cudaDevAttrWarpSize:
        *value = p.warpSize;
        return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
        *value = p.multiProcessorCount;
        return cudaSuccess;
    case cudaDevAttrL2CacheSize:
        *value = p.l2CacheSize;
        return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = p.maxThreadsPerMultiProcessor;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = p.major;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = p.minor;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = (int)p.sharedMemPerMultiprocessor;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = (int)p.sharedMemPerBlockOptin;
        return cudaSuccess;
    }
    return cudaErrorInvalidValue;
}

cudaError_t cudaDeviceGetPCIBusId(char *id, int length, int device)
{
    (void)snprintf(id, (size_t)length, "0000:00:%02x.0", (unsigned)device);
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    return emulate_unless_capturing();
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

/* ---- streams and events ---- */

struct CUstream_st {
    unsigned number;
};
struct CUevent_st {
    double at;
};

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    static unsigned count;
    *stream = new CUstream_st{count++};
    return cudaSuccess;
}

unsigned emulate_stream_number(cudaStream_t stream)
{
    return stream ? stream->number : 0;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, 0);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    return emulate_unless_capturing();
}

cudaError_t cudaStreamQuery(cudaStream_t)
{
    return emulate_unless_capturing();
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned)
{
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = new CUevent_st();
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t)
{
    event->at = emulate_seconds();
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t)
{
    return emulate_unless_capturing();
}

cudaError_t cudaEventQuery(cudaEvent_t)
{
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    *ms = (float)(1e3 * (to->at - from->at));
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

/* ---- graphs: a list of what was enqueued, per thread that captures ---- */

struct CUgraphExec_st {
    std::vector<std::shared_ptr<emulate_work>> work;
};

cudaError_t emulate_enqueue(emulate_work *work)
{
    std::shared_ptr<emulate_work> kept(work);
    if (capturing) {
        capturing->work.push_back(kept);
        return cudaSuccess;
    }
    emulate_memory_open();
    kept->run();
    emulate_memory_close();
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
    if (capturing)
        return cudaErrorStreamCaptureUnsupported;
    capturing = new CUgraph_st();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph)
{
    *graph = capturing;
    capturing = NULL;
    return *graph ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus *status)
{
    *status = capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *)
{
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new CUgraphExec_st{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
    if (capturing)
        return cudaErrorStreamCaptureUnsupported;
    if (traced())
        fprintf(stderr, "emulate: a graph of %zu\n", exec->work.size());
    emulate_memory_open();
    for (const auto &work : exec->work)
        work->run();
    emulate_memory_close();
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}
