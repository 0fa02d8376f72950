/* Device memory of the emulation: pages that only kernels and copies may touch. */
#include "cuda_runtime.h"
#include "emulate_impl.h"

#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 256 };

/* Pages of one cudaMalloc: [base, base + pages), then one that cannot be touched.  The memory ends at
 * the last multiple of ALIGN, so that reads and writes past it are seen. */
typedef struct block {
    char *base;
    size_t pages, bytes;
} block;

static std::mutex lock;
static std::map<char *, block> blocks; /* by what cudaMalloc gave */
static size_t used;

/* ---- open and closed: by a protection key, where the processor has them ---- */

static int key = -2; /* -1: there are none, and memory is always open */
static thread_local int opened;

static size_t page_size(void)
{
    static const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

#ifdef PKEY_DISABLE_ACCESS
static int new_key(void)
{
    return pkey_alloc(0, PKEY_DISABLE_ACCESS);
}
static void close_pages(const block *b)
{
    (void)pkey_mprotect(b->base, b->pages, PROT_READ | PROT_WRITE, key);
}
static void set_access(int open)
{
    (void)pkey_set(key, open ? 0 : PKEY_DISABLE_ACCESS);
}
#else
static int new_key(void)
{
    return -1;
}
static void close_pages(const block *) {}
static void set_access(int) {}
#endif

int emulate_memory_closes(void)
{
    if (key == -2)
        key = new_key();
    return key >= 0;
}

void emulate_memory_open(void)
{
    if (!opened++ && key >= 0)
        set_access(1);
}

void emulate_memory_close(void)
{
    if (!--opened && key >= 0)
        set_access(0);
}

/* ---- allocation ---- */

int emulate_memory_is(const void *p)
{
    for (const auto &b : blocks)
        if ((const char *)p >= b.second.base &&
            (const char *)p < b.second.base + b.second.pages + page_size())
            return 1;
    return 0;
}

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total)
{
    *total = EMULATE_MEMORY;
    *unused = EMULATE_MEMORY - used;
    return cudaSuccess;
}

cudaError_t emulate_malloc(void **p, size_t bytes)
{
    *p = NULL;
    if (emulate_unless_capturing() != cudaSuccess)
        return emulate_unless_capturing();
    std::lock_guard<std::mutex> held(lock);
    if (bytes > EMULATE_MEMORY - used)
        return cudaErrorMemoryAllocation;
    size_t page = page_size(), whole = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    size_t pages = (whole + page - 1) / page * page;
    char *base = (char *)mmap(NULL, pages + page, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return cudaErrorMemoryAllocation;
    memset(base, 0xff, pages);
    (void)mprotect(base + pages, page, PROT_NONE);
    *p = base + pages - whole;
    block *b = &blocks[(char *)*p];
    *b = {base, pages, bytes};
    if (emulate_memory_closes())
        close_pages(b);
    used += bytes;
    return cudaSuccess;
}

cudaError_t emulate_malloc_host(void **p, size_t bytes)
{
    if (posix_memalign(p, ALIGN, bytes ? bytes : 1)) {
        *p = NULL;
        return cudaErrorMemoryAllocation;
    }
    memset(*p, 0xff, bytes);
    return cudaSuccess;
}

/* Nothing was written before or after what was asked for. */
static void check_margins(const char *p, const block *b)
{
    const char *end = b->base + b->pages;
    for (const char *at = b->base; at < end; at++) {
        if (at == p)
            at += b->bytes;
        if (at < end && (unsigned char)*at != 0xff)
            emulate_fail("something was written beside memory from cudaMalloc", NULL, 0);
    }
}

cudaError_t cudaFree(void *p)
{
    if (!p || emulate_unless_capturing() != cudaSuccess)
        return emulate_unless_capturing();
    std::lock_guard<std::mutex> held(lock);
    auto found = blocks.find((char *)p);
    if (found == blocks.end())
        emulate_fail("cudaFree of what is not from cudaMalloc", NULL, 0);
    const block b = found->second;
    emulate_memory_open();
    check_margins((const char *)p, &b);
    emulate_memory_close();
    (void)munmap(b.base, b.pages + page_size());
    used -= b.bytes;
    blocks.erase(found);
    return cudaSuccess;
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t)
{
    return cudaFree(p);
}

cudaError_t cudaFreeHost(void *p)
{
    free(p);
    return cudaSuccess;
}

/* ---- copies ---- */

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    return emulate_later([=]() {
        if (bytes)
            memmove(to, from, bytes);
    });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t)
{
    return emulate_later([=]() {
        for (size_t i = 0; i < height; i++)
            memmove((char *)to + i * to_pitch, (const char *)from + i * from_pitch, width);
    });
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t)
{
    return emulate_later([=]() {
        if (bytes)
            memset(to, value, bytes);
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    cudaError_t error = emulate_unless_capturing();
    return error == cudaSuccess ? cudaMemcpyAsync(to, from, bytes, kind, NULL) : error;
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    cudaError_t error = emulate_unless_capturing();
    return error == cudaSuccess ? cudaMemsetAsync(to, value, bytes, NULL) : error;
}
