/* What the files of the emulation share. */
#ifndef BL_EMULATE_IMPL_H
#define BL_EMULATE_IMPL_H

#include "cuda_runtime.h"

/* ---- stacks (emulate_switch.cc) ---- */

#if !defined(__x86_64__) || defined(BL_EMULATE_UCONTEXT)

#include <ucontext.h>
typedef ucontext_t emulate_context;

static inline void emulate_switch(emulate_context *from, emulate_context *to)
{
    (void)swapcontext(from, to);
}

#else

typedef struct emulate_context {
    void *sp, *ip;
} emulate_context;

#ifdef __AVX512F__
#define EMULATE_AVX512                                                                             \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",  \
        "k7"
#else
#define EMULATE_AVX512
#endif

/* In place, without call and ret: fibers mostly wait at the same instruction, so that the processor
 * guesses right where the jump goes, and where the functions that wait return to.  (swapcontext would
 * ask the kernel for the signal mask each time.)  Below the stack are 128 bytes of the caller. */
static inline __attribute__((always_inline)) void emulate_switch(emulate_context *from,
                                                                 emulate_context *to)
{
    asm volatile("leaq -128(%%rsp), %%rsp\n"
                 "pushq %%rbp\n"
                 "leaq 1f(%%rip), %%rax\n"
                 "movq %%rax, 8(%0)\n"
                 "movq %%rsp, (%0)\n"
                 "movq (%1), %%rsp\n"
                 "jmp *8(%1)\n"
                 "1:\n"
                 "popq %%rbp\n"
                 "leaq 128(%%rsp), %%rsp\n"
                 : "+D"(from), "+S"(to)
                 :
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
                   "memory" EMULATE_AVX512);
}

#endif

/* A context that will run entry() on this stack; entry never returns. */
void emulate_make(emulate_context *c, char *stack, size_t bytes, void (*entry)(void));

/* ---- collectives (emulate_warp.cc) ---- */

/* By the lanes in `all`; slots[i] of the others is NULL. */
void emulate_collective(emulate_kind kind, emulate_slot *const slots[32], unsigned all);
/* The same for a shuffle or vote of all 32 lanes with one width. */
void emulate_shuffle_all(emulate_kind kind, emulate_values *values, int width);

/* Copies under way of one thread: ends[] are the groups. */
typedef struct emulate_pending {
    void *to;
    const void *from;
    int bytes;
} emulate_pending;
enum { EMULATE_PENDING = 512, EMULATE_GROUPS = 64 };
typedef struct emulate_copies {
    unsigned count, groups, ends[EMULATE_GROUPS];
    emulate_pending at[EMULATE_PENDING];
} emulate_copies;

/* Of the thread that runs; made when it is asked for first, and kept from block to block. */
emulate_copies *emulate_my_copies(void);

/* ---- memory of blocks (emulate_shared.cc) ---- */

void emulate_shared_begin(size_t bytes); /* a launch */
void emulate_shared_fill(void);          /* a block */
void emulate_shared_check(void);         /* a block: nothing was written behind it */
void emulate_shared_end(void);

/* ---- the runtime (emulate_runtime.cc) ---- */

/* KERNEL<<<...>>> in FUNCTION (FILE:LINE) */
void emulate_say_launch(const emulate_launch *launch);
void emulate_trace(const emulate_launch *launch, double seconds);
double emulate_seconds(void);
unsigned emulate_stream_number(cudaStream_t stream); /* in the order of their making */

/* cudaErrorStreamCaptureUnsupported: of calls that wait or allocate, which a capture does not allow. */
cudaError_t emulate_unless_capturing(void);

/* ---- device memory (emulate_memory.cc) ---- */

#define EMULATE_MEMORY ((size_t)8 << 30)

/* Is it a fault to touch it where it is not open? */
int emulate_memory_closes(void);
/* Around what kernels and copies do. */
void emulate_memory_open(void);
void emulate_memory_close(void);
/* Is it there, or just past it? */
int emulate_memory_is(const void *p);

/* ---- emulate.cc ---- */

void emulate_catch_signals(void);
[[noreturn]] void emulate_fail(const char *what, const char *file, int line);

#endif
