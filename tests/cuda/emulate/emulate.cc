/* The emulation's threads: fibers that take turns, and what they wait for (emulate.h). */
#include "cuda_bf16.h"
#include "cuda_runtime.h"
#include "emulate_impl.h"

#include <map>
#include <mutex>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <vector>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
unsigned char *emulate_shared;
emulate_slot *emulate_mine;

enum { LANES = 32, WARPS = 32, THREADS = LANES * WARPS, STACK = 256 * 1024 };

enum order { FORWARD, REVERSE, RANDOM };

/* One thread of the block. */
typedef struct alignas(64) fiber {
    emulate_slot slot;       /* first: emulate_mine points here */
    emulate_context context; /* while it waits */
    char *stack;             /* NULL: not started, or ended */
    emulate_copies *copies;  /* NULL: never asked for */
    uint3 index;
    bool waits, ended;
} fiber;

typedef struct alignas(64) warp {
    emulate_values values; /* first: slot.values points here */
    unsigned lanes;        /* that exist */
    unsigned ready;        /* that may run */
    unsigned waiting;      /* at a collective of the warp */
    bool mixed;            /* not all that wait are at the same one */
    const emulate_slot *first;
} warp;

/* The block that runs; a launch holds the lock. */
static struct {
    std::mutex lock;
    const emulate_launch *launch;
    void (*body)(const void *);
    const void *data;
    fiber before[2], fibers[THREADS], after[2]; /* only fibers run */
    warp warps[WARPS];
    unsigned ready; /* warps with a lane that may run */
    unsigned threads, ended, arrived;
    int yes, counted;          /* of the barrier at hand, and of the last */
    const emulate_slot *first; /* that arrived there */
    emulate_context outside;
    std::vector<char *> stacks; /* that nobody uses; the last is the warmest */
    enum order order;
    uint64_t random;
} now;

static const char *const kind_names[] = {
    "__syncthreads",   "__syncthreads_count", "__syncwarp",
    "__shfl_sync",     "__shfl_up_sync",      "__shfl_down_sync",
    "__shfl_xor_sync", "__ballot_sync",       "__match_any_sync",
    "ldmatrix",        "ldmatrix_trans",      "mma_bf16",
    "mma_s8"};
static_assert(sizeof kind_names / sizeof *kind_names == EMULATE_KINDS, "a name for each kind");

/* ---- reports ---- */

static void say_where(void)
{
    fprintf(stderr, "    in ");
    emulate_say_launch(now.launch);
    fprintf(stderr, ", block %u %u %u", blockIdx.x, blockIdx.y, blockIdx.z);
    if (emulate_mine)
        fprintf(stderr, ", thread %u %u %u", threadIdx.x, threadIdx.y, threadIdx.z);
    fprintf(stderr, "\n");
}

void emulate_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "emulate: %s", what);
    if (file)
        fprintf(stderr, " at %s:%d", file, line);
    fprintf(stderr, "\n");
    if (now.launch)
        say_where();
    abort();
}

/* Every place where threads of the block are, with those threads. */
static void say_places(void)
{
    std::map<std::string, std::vector<unsigned>> places;
    for (unsigned i = 0; i < now.threads; i++) {
        const fiber *f = &now.fibers[i];
        const char *file = f->slot.file ? f->slot.file : "?";
        char place[300];
        if (f->ended)
            snprintf(place, sizeof place, "have ended");
        else if (!f->waits)
            snprintf(place, sizeof place, "run or have not begun");
        else
            snprintf(place, sizeof place, "wait in %s at %s:%d (mask %08x)",
                     kind_names[f->slot.kind], file, f->slot.line, f->slot.mask);
        places[place].push_back(i);
    }
    for (const auto &place : places) {
        fprintf(stderr, "    %s: threads", place.first.c_str());
        const std::vector<unsigned> &t = place.second;
        for (size_t i = 0, j; i < t.size(); i = j) {
            for (j = i + 1; j < t.size() && t[j] == t[j - 1] + 1;)
                j++;
            fprintf(stderr, j - i > 1 ? " %u-%u" : " %u", t[i], t[j - 1]);
        }
        fprintf(stderr, "\n");
    }
}

static void divergent(const char *what)
{
    fprintf(stderr, "emulate: %s\n", what);
    say_where();
    say_places();
    abort();
}

/* ---- whose turn it is ---- */

static uint64_t next_random(void)
{
    now.random ^= now.random << 13;
    now.random ^= now.random >> 7;
    now.random ^= now.random << 17;
    return now.random;
}

/* One of the bits set. */
static inline unsigned choose(unsigned set)
{
    if (__builtin_expect(now.order == FORWARD, 1))
        return (unsigned)__builtin_ctz(set);
    if (now.order == REVERSE)
        return 31 - (unsigned)__builtin_clz(set);
    for (unsigned skip = (unsigned)(next_random() % (unsigned)__builtin_popcount(set)); skip;
         skip--)
        set &= set - 1;
    return (unsigned)__builtin_ctz(set);
}

static void run_fiber(void);

static char *take_stack(void)
{
    if (now.stacks.empty()) {
        char *stack = (char *)mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED)
            emulate_fail("no memory for stacks", NULL, 0);
        (void)mprotect(stack, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE);
        return stack;
    }
    char *stack = now.stacks.back();
    now.stacks.pop_back();
    return stack;
}

/* The next one to run, which is no longer ready; NULL: none can. */
static inline fiber *next_fiber(void)
{
    if (!now.ready)
        return NULL;
    unsigned w = choose(now.ready), lane = choose(now.warps[w].ready);
    now.warps[w].ready &= ~(1u << lane);
    if (!now.warps[w].ready)
        now.ready &= ~(1u << w);
    return &now.fibers[w * LANES + lane];
}

static inline fiber *self_fiber(void)
{
    return (fiber *)emulate_mine;
}

static inline void become(fiber *f)
{
    emulate_mine = &f->slot;
    threadIdx = f->index;
}

static void begin_fiber(fiber *f)
{
    f->stack = take_stack();
    /* not all at the same lines of the cache */
    emulate_make(&f->context, f->stack, STACK - (size_t)(f - now.fibers) % 256 * 272, run_fiber);
}

/* The stack of the one that will probably be next comes nearer. */
static inline void ahead(const fiber *f)
{
#if defined(__x86_64__) && !defined(BL_EMULATE_UCONTEXT)
    const char *sp = (const char *)f[now.order == REVERSE ? -2 : 2].context.sp;
    for (int at = 0; at <= 320; at += 64)
        __builtin_prefetch(sp + at);
#else
    (void)f;
#endif
}

/* Lets others run until this fiber is ready and chosen. */
static inline void wait_turn(void)
{
    fiber *self = self_fiber(), *f = next_fiber();
    if (!f)
        divergent("threads wait for others that never come");
    if (f != self) {
        become(f);
        if (!f->stack)
            begin_fiber(f);
        ahead(f);
        emulate_switch(&self->context, &f->context);
    }
    self->waits = false;
}

/* Where a stack begins: runs its fiber, then those that have not begun, as long as it is their turn. */
static void run_fiber(void)
{
    for (;;) {
        fiber *self = self_fiber();
        now.body(now.data);
        self->ended = true;
        now.ended++;
        fiber *f = next_fiber();
        if (!f && now.ended < now.threads)
            divergent("threads wait for others that have ended");
        if (f && !f->stack) {
            f->stack = self->stack;
            self->stack = NULL;
            become(f);
            continue;
        }
        now.stacks.push_back(self->stack);
        self->stack = NULL;
        if (f)
            become(f);
        emulate_switch(&self->context, f ? &f->context : &now.outside);
    }
}

/* ---- blocks ---- */

/* Notes where the thread that runs will wait. */
static inline emulate_slot *note(emulate_kind kind, unsigned mask, int width, const char *file,
                                 int line)
{
    emulate_slot *s = emulate_mine;
    s->kind = kind;
    s->mask = mask;
    s->width = width;
    s->file = file;
    s->line = line;
    self_fiber()->waits = true;
    return s;
}

static inline bool same_place(const emulate_slot *a, const emulate_slot *b)
{
    return a->kind == b->kind && a->mask == b->mask && a->width == b->width && a->line == b->line &&
           a->file == b->file;
}

int emulate_block_wait(emulate_kind kind, int yes, const char *file, int line)
{
    const emulate_slot *s = note(kind, 0xffffffffu, 0, file, line);
    if (!now.arrived++)
        now.first = s;
    else if (!same_place(s, now.first))
        divergent("threads of a block are at different barriers");
    now.yes += yes;
    if (now.arrived == now.threads) {
        now.arrived = 0;
        now.counted = now.yes;
        now.yes = 0;
        for (unsigned w = 0; w * LANES < now.threads; w++) {
            now.warps[w].ready = now.warps[w].lanes;
            now.ready |= 1u << w;
        }
    }
    wait_turn();
    return now.counted;
}

static void begin_block(void)
{
    unsigned x = blockDim.x, y = blockDim.y, z = blockDim.z;
    fiber *f = now.fibers;
    for (unsigned k = 0; k < z; k++)
        for (unsigned j = 0; j < y; j++)
            for (unsigned i = 0; i < x; i++, f++) {
                f->index = make_uint3(i, j, k);
                f->waits = f->ended = false;
                if (f->copies)
                    f->copies->count = f->copies->groups = 0;
            }
    now.threads = x * y * z;
    now.ended = now.arrived = 0;
    now.yes = 0;
    now.ready = 0;
    for (unsigned w = 0; w * LANES < now.threads; w++) {
        unsigned left = now.threads - w * LANES;
        now.warps[w].lanes = left >= LANES ? 0xffffffffu : (1u << left) - 1;
        now.warps[w].ready = now.warps[w].lanes;
        now.warps[w].waiting = 0;
        now.ready |= 1u << w;
    }
}

static void run_block(void)
{
    emulate_shared_fill();
    begin_block();
    fiber *f = next_fiber();
    become(f);
    begin_fiber(f);
    emulate_switch(&now.outside, &f->context);
    emulate_mine = NULL;
    emulate_shared_check();
}

static void link_slots(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        now.fibers[i].slot.values = &now.warps[i / LANES].values;
        now.fibers[i].slot.lane = i % LANES;
    }
}

/* BL_EMULATE_ORDER is a list, and the stream's number says which of it is meant. */
static void choose_order(unsigned stream)
{
    const char *text = getenv("BL_EMULATE_ORDER");
    unsigned count = 1;
    now.order = FORWARD;
    if (!text || !*text)
        return;
    for (const char *p = text; *p; p++)
        count += *p == ',';
    for (stream %= count; stream; stream--)
        text = strchr(text, ',') + 1;
    std::string word(text, strcspn(text, ","));
    if (word == "reverse") {
        now.order = REVERSE;
    } else if (word.compare(0, 7, "random:") == 0) {
        now.order = RANDOM;
        if (!now.random)
            now.random = strtoull(word.c_str() + 7, NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    } else if (word != "forward") {
        fprintf(stderr, "emulate: BL_EMULATE_ORDER is a list of forward, reverse or random:SEED\n");
        exit(2);
    }
}

/* The number of the block that is the i-th to run. */
static size_t block_at(size_t i, size_t count, size_t turn)
{
    if (now.order == FORWARD)
        return i;
    if (now.order == REVERSE)
        return count - 1 - i;
    return (i + turn) % count;
}

void emulate_run(const emulate_launch *launch, void (*body)(const void *), const void *data)
{
    std::lock_guard<std::mutex> held(now.lock);
    if (!now.fibers[0].slot.values)
        link_slots();
    emulate_catch_signals();
    choose_order(emulate_stream_number(launch->stream));
    double from = emulate_seconds();
    now.launch = launch;
    now.body = body;
    now.data = data;
    gridDim = launch->blocks;
    blockDim = launch->threads;
    emulate_shared_begin(launch->shared);
    size_t count = (size_t)gridDim.x * gridDim.y * gridDim.z;
    size_t turn = now.order == RANDOM ? (size_t)(next_random() % count) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = block_at(i, count, turn);
        blockIdx.x = (unsigned)(at % gridDim.x);
        blockIdx.y = (unsigned)(at / gridDim.x % gridDim.y);
        blockIdx.z = (unsigned)(at / gridDim.x / gridDim.y);
        run_block();
    }
    emulate_shared_end();
    now.launch = NULL;
    emulate_trace(launch, emulate_seconds() - from);
}

/* A fault in a kernel, or of the host in memory of the device: where it was, then what the signal does by
 * default. */
static void caught(int number, siginfo_t *info, void *)
{
    int there = emulate_memory_is(info->si_addr);
    signal(number, SIG_DFL);
    if (now.launch || there)
        fprintf(stderr, "emulate: %s%s\n", strsignal(number),
                !now.launch ? ": the host touches memory of the device"
                : there     ? ": past memory of the device"
                            : "");
    if (now.launch)
        say_where();
    raise(number);
}

void emulate_catch_signals(void)
{
    static bool once;
    static char stack[64 * 1024];
    if (once)
        return;
    once = true;
    stack_t other = {};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    (void)sigaltstack(&other, NULL);
    struct sigaction action = {};
    action.sa_sigaction = caught;
    action.sa_flags = SA_ONSTACK | SA_NODEFER | SA_SIGINFO;
    for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE})
        (void)sigaction(s, &action, NULL);
}

/* ---- warps ---- */

emulate_copies *emulate_my_copies(void)
{
    fiber *f = self_fiber();
    if (!f->copies)
        f->copies = (emulate_copies *)calloc(1, sizeof *f->copies);
    return f->copies;
}

/* All lanes are there: the collective itself. */
static void complete(warp *w, emulate_kind kind, unsigned all)
{
    fiber *lanes = &now.fibers[(size_t)(w - now.warps) * LANES];
    emulate_slot *slots[LANES];
    unsigned first = (unsigned)__builtin_ctz(all);
    for (unsigned i = 0; i < LANES; i++) {
        slots[i] = all >> i & 1 ? &lanes[i].slot : NULL;
        if (slots[i] && w->mixed && !same_place(slots[i], slots[first]))
            divergent("lanes of a warp are at different collectives");
    }
    emulate_collective(kind, slots, all);
}

void emulate_warp_wait(emulate_kind kind, unsigned mask, int width, const char *file, int line)
{
    const emulate_slot *s = note(kind, mask, width, file, line);
    warp *w = (warp *)s->values;
    unsigned bit = 1u << s->lane, all = mask & w->lanes;
    if (!(mask & bit))
        emulate_fail("the mask of a collective is without the lane that calls it", file, line);
    if (!w->waiting) {
        w->first = s;
        w->mixed = false;
    } else if (!same_place(s, w->first)) {
        w->mixed = true;
    }
    w->waiting |= bit;
    if ((all & w->waiting) == all) {
        if (all == 0xffffffffu && kind >= EMULATE_SHFL && kind <= EMULATE_BALLOT && !w->mixed)
            emulate_shuffle_all(kind, &w->values, width);
        else if (kind != EMULATE_SYNCWARP || w->mixed)
            complete(w, kind, all);
        w->waiting &= ~all;
        w->ready |= all;
        now.ready |= 1u << (w - now.warps);
    }
    wait_turn();
}
