/* The pool of threads that share loops, POSIX.
 *
 * The gate, one atomic word, says which loop is open: its number, how many members it wants, and
 * how many threads besides the caller are inside.  A thread enters by counting itself in while the
 * gate is open, works, and counts itself out.  The caller opens the gate, works, shuts it when no
 * task is left to begin, and waits for those inside: never for one that sleeps or cannot run.
 *
 * A waiting thread spins for a moment, because the next loop usually follows at once, and then
 * sleeps, because the processor may have better things to do. */
#define _GNU_SOURCE /* names of threads */

#include "core/team.h"
#include "core/call.h"
#include "core/signal_mask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    PIECES = 8,         /* of a member's share: what is begun at a time */
    SPIN_NS = 50000,    /* before a waiting thread sleeps */
    STACK = 1024 * 1024 /* of a thread; most take a few KB, PCRE2 some tens */
};

/* The gate: number of the loop << 32 | members << 16 | inside.  No members: shut. */
#define INSIDE  UINT64_C(0xffff)
#define MEMBERS (UINT64_C(0xffff) << 16)
#define ENDED   MEMBERS /* more members than there can be: the threads end */

typedef struct member {
    _Alignas(64) atomic_size_t next; /* of its share, the first task not yet begun */
    size_t last;
    atomic_int asleep;
    pthread_mutex_t lock; /* with `woken` for sleeping; the caller is member 0 */
    pthread_cond_t woken;
    pthread_t thread;
} member;

static struct {
    _Alignas(64) _Atomic uint64_t gate;
    _Alignas(64) atomic_int taken; /* by a caller; what follows is that caller's */
    size_t hired;                  /* threads: members 1 .. hired */
    size_t members, piece;         /* of the open loop */
    bl_team_fn *fn;
    void *user;
    member member[BL_TEAM_MOST];
} pool;

static uint32_t number_of(uint64_t gate)
{
    return (uint32_t)(gate >> 32);
}

static size_t members_of(uint64_t gate)
{
    return (gate & MEMBERS) >> 16;
}

/* ---- waiting ---- */

/* A thread waits for a loop after `seen` that wants it, the caller for the threads
 * inside to leave. */
static int is_ready(uint64_t gate, size_t who, uint32_t seen)
{
    return who == 0 ? (gate & INSIDE) == 0 : members_of(gate) > who && number_of(gate) != seen;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t await(size_t who, uint32_t seen)
{
    enum { LOOKS = 32 }; /* at the gate between two at the clock */
    member *m = &pool.member[who];
    uint64_t gate;
    int64_t start = 0, now = 0;
    for (unsigned i = 1; now - start < SPIN_NS; i++) {
        gate = atomic_load_explicit(&pool.gate, memory_order_acquire);
        if (is_ready(gate, who, seen))
            return gate;
        relax();
        if (i % LOOKS == 0) {
            now = clock_ns();
            start = start ? start : now;
        }
    }
    (void)pthread_mutex_lock(&m->lock);
    atomic_store(&m->asleep, 1); /* before the look at the gate; wake() looks the other way round */
    while (!is_ready(gate = atomic_load(&pool.gate), who, seen))
        (void)pthread_cond_wait(&m->woken, &m->lock);
    atomic_store(&m->asleep, 0);
    (void)pthread_mutex_unlock(&m->lock);
    return gate;
}

/* After a change of the gate that `who` may be waiting for. */
static void wake(size_t who)
{
    member *m = &pool.member[who];
    if (!atomic_load(&m->asleep))
        return;
    (void)pthread_mutex_lock(&m->lock);
    (void)pthread_cond_signal(&m->woken);
    (void)pthread_mutex_unlock(&m->lock);
}

/* ---- working ---- */

static void take_part(size_t who)
{
    for (size_t i = 0; i < pool.members; i++) {
        member *m = &pool.member[(who + i) % pool.members];
        while (atomic_load_explicit(&m->next, memory_order_relaxed) < m->last) {
            size_t first = atomic_fetch_add_explicit(&m->next, pool.piece, memory_order_relaxed);
            if (first >= m->last)
                break;
            size_t left = m->last - first;
            pool.fn(pool.user, first, first + (left < pool.piece ? left : pool.piece), who);
        }
    }
}

static void *work(void *argument)
{
    size_t who = (size_t)((member *)argument - pool.member);
    uint32_t seen = number_of(atomic_load(&pool.gate)) - 1;
    bl_call_thread(); /* not the rounding mode of whoever happened to begin it */
    for (;;) {
        uint64_t gate = await(who, seen);
        if (members_of(gate) == members_of(ENDED))
            return NULL;
        if (!atomic_compare_exchange_strong(&pool.gate, &gate, gate + 1))
            continue; /* shut meanwhile, or others came and went: look again */
        seen = number_of(gate);
        take_part(who);
        gate = atomic_fetch_sub(&pool.gate, 1) - 1;
        if ((gate & (MEMBERS | INSIDE)) == 0)
            wake(0);
    }
}

/* ---- the pool ---- */

static void clear(member *m)
{
    atomic_store(&m->asleep, 0);
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_cond_init(&m->woken, NULL);
}

/* In the child of a fork(): the threads are the parent's, and so is a loop that was open. */
static void forget(void)
{
    atomic_store(&pool.gate, 0);
    pool.hired = 0;
    clear(&pool.member[0]);
    atomic_store(&pool.taken, 0);
}

/* At the end of the process, or when the library is unloaded.  A pool in use stays: its caller is a
 * thread that the process does not wait for either. */
static void end(void)
{
    if (atomic_exchange(&pool.taken, 1))
        return;
    atomic_fetch_add(&pool.gate, (UINT64_C(1) << 32) + ENDED);
    for (size_t i = 1; i <= pool.hired; i++) {
        wake(i);
        (void)pthread_join(pool.member[i].thread, NULL);
    }
}

static void begin(void)
{
    clear(&pool.member[0]);
    (void)pthread_atfork(NULL, NULL, forget);
    (void)atexit(end);
}

static int hire(member *m)
{
    bl_signal_mask before;
    pthread_attr_t attributes;
    char name[16];
    if (pthread_attr_init(&attributes) != 0)
        return 0;
    clear(m);
    (void)pthread_attr_setstacksize(&attributes, STACK);
    bl_signals_hold(&before); /* the thread inherits the mask: signals go to the others */
    int failed = pthread_create(&m->thread, &attributes, work, m);
    bl_signals_release(&before);
    (void)pthread_attr_destroy(&attributes);
    if (failed)
        return 0;
#if defined(__linux__)
    (void)snprintf(name, sizeof name, "bitllama/%d", (int)(m - pool.member));
    (void)pthread_setname_np(m->thread, name);
#else
    (void)name;
#endif
    return 1;
}

/* Shares as equal as can be; or all of it as the first one's, begun task by task. */
static void lay_out(size_t count, int dealt)
{
    size_t members = pool.members, first = 0;
    pool.piece = dealt ? 1 : count / members / PIECES + 1;
    for (size_t i = 0; i < members; i++) {
        size_t share = dealt ? (i ? 0 : count) : count / members + (i < count % members);
        atomic_store_explicit(&pool.member[i].next, first, memory_order_relaxed);
        first += share;
        pool.member[i].last = first;
    }
}

static void run(size_t threads, size_t count, int dealt, bl_team_fn *fn, void *user)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    threads = threads < count ? threads : count;
    threads = threads < BL_TEAM_MOST ? threads : BL_TEAM_MOST;
    if (threads > 1)
        (void)pthread_once(&once, begin);
    if (threads < 2 || atomic_exchange(&pool.taken, 1)) {
        if (count)
            fn(user, 0, count, 0);
        return;
    }
    while (pool.hired + 1 < threads && hire(&pool.member[pool.hired + 1]))
        pool.hired++;
    pool.members = threads < pool.hired + 1 ? threads : pool.hired + 1;
    pool.fn = fn;
    pool.user = user;
    lay_out(count, dealt);
    uint64_t number = number_of(atomic_load_explicit(&pool.gate, memory_order_relaxed)) + 1u;
    atomic_store(&pool.gate, number << 32 | (uint64_t)pool.members << 16);
    for (size_t i = 1; i < pool.members; i++)
        wake(i);
    take_part(0);
    if (atomic_fetch_and(&pool.gate, ~MEMBERS) & INSIDE)
        (void)await(0, 0);
    atomic_store(&pool.taken, 0);
}

void bl_team_run(size_t threads, size_t count, bl_team_fn *fn, void *user)
{
    run(threads, count, 0, fn, user);
}

void bl_team_deal(size_t threads, size_t count, bl_team_fn *fn, void *user)
{
    run(threads, count, 1, fn, user);
}
