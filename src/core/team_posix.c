/* The pool of threads that share loops, POSIX.
 *
 * The gate, one atomic word, says which loop is open: its number, how many members it wants, and
 * how many threads besides the caller are inside.  A thread enters by counting itself in while the
 * gate is open, works, and counts itself out.  The caller opens the gate, works, shuts it when no
 * task is left to begin, and waits for those inside: never for one that sleeps or cannot run.
 *
 * A waiting thread spins for a moment, because the next loop usually follows at once, and then
 * sleeps, because the processor may have better things to do.
 *
 * A chain has a gate of its own, its turn: the number of the step, in how many pieces it lies, and
 * the members.  A piece is taken by writing the step's number over an older one, so each has one
 * taker, and a thread that comes late with an old number finds nothing.  Who ends the last piece
 * opens the next step.  Nobody is counted: a thread that holds no piece looks at nothing but the
 * turn and those numbers, and may be forgotten. */
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
    bl_team_fn *fn;                /* NULL: the gate leads to the chain */
    void *user;
    member member[BL_TEAM_MOST];
} pool;

/* The turn: number of the step << 16 | pieces << 6 | members.  No pieces: the chain has ended. */
#define TURN_PIECES(turn)  ((size_t)((turn) >> 6 & 0x3ff))
#define TURN_MEMBERS(turn) ((size_t)((turn)&0x3f))

enum { CHAIN_PIECES = 4 }; /* of a member's share */

typedef struct claim {
    _Alignas(64) _Atomic uint64_t number; /* of the step that it was taken in last */
} claim;

static struct {
    _Alignas(64) _Atomic uint64_t turn;
    _Alignas(64) atomic_size_t left; /* pieces that are not done */
    /* what follows is read by who holds a piece, and written when none is left */
    _Alignas(64) size_t step, tasks, members;
    bl_team_steps todo;
    claim piece[BL_TEAM_CHAIN * CHAIN_PIECES];
    size_t pieces; /* of the steps so far */
    /* the caller's: its nanoseconds of waiting, and pieces */
    int64_t waited;
    size_t own;
    int insist;
} chain;

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

/* Between two looks at what is waited for; 0: it is time to sleep. */
typedef struct patience {
    unsigned looks;
    int64_t start;
} patience;

static int look_again(patience *p)
{
    enum { LOOKS = 32 }; /* between two at the clock */
    relax();
    if (++p->looks % LOOKS)
        return 1;
    int64_t now = clock_ns();
    p->start = p->start ? p->start : now;
    return now - p->start < SPIN_NS;
}

static uint64_t await(size_t who, uint32_t seen)
{
    member *m = &pool.member[who];
    uint64_t gate;
    patience p = {0};
    do {
        gate = atomic_load_explicit(&pool.gate, memory_order_acquire);
        if (is_ready(gate, who, seen))
            return gate;
    } while (look_again(&p));
    (void)pthread_mutex_lock(&m->lock);
    atomic_store(&m->asleep, 1); /* before the look at the gate; wake() looks the other way round */
    while (!is_ready(gate = atomic_load(&pool.gate), who, seen))
        (void)pthread_cond_wait(&m->woken, &m->lock);
    atomic_store(&m->asleep, 0);
    (void)pthread_mutex_unlock(&m->lock);
    return gate;
}

/* Until the turn is another one; the caller counts how long it waits. */
static uint64_t await_turn(size_t who, uint64_t seen)
{
    member *m = &pool.member[who];
    uint64_t turn;
    patience p = {0};
    do {
        turn = atomic_load(&chain.turn);
    } while (turn == seen && look_again(&p));
    if (turn == seen) {
        (void)pthread_mutex_lock(&m->lock);
        atomic_store(&m->asleep, 1);
        while ((turn = atomic_load(&chain.turn)) == seen)
            (void)pthread_cond_wait(&m->woken, &m->lock);
        atomic_store(&m->asleep, 0);
        (void)pthread_mutex_unlock(&m->lock);
    }
    if (!who && p.start)
        chain.waited += clock_ns() - p.start;
    return turn;
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

/* ---- a chain ---- */

/* Opens the next step that has more tasks than one, or ends the chain; on the way does what is
 * not worth sharing. */
static void open_step(size_t who)
{
    uint64_t number = (atomic_load_explicit(&chain.turn, memory_order_relaxed) >> 16) + 1;
    const bl_team_steps *t = &chain.todo;
    for (; chain.step < t->steps; chain.step++) {
        chain.tasks = t->count(t->user, chain.step);
        if (chain.tasks > 1)
            break;
        if (chain.tasks)
            t->fn(t->user, chain.step, 0, 1, who);
    }
    size_t members = chain.members, most = members * CHAIN_PIECES;
    size_t pieces = chain.step == t->steps ? 0 : chain.tasks < most ? chain.tasks : most;
    chain.pieces += pieces;
    atomic_store_explicit(&chain.left, pieces, memory_order_relaxed);
    atomic_store(&chain.turn, number << 16 | pieces << 6 | members);
    for (size_t i = 0; i < members; i++) /* from here on the chain may be another one */
        if (i != who)
            wake(i);
}

/* Does piece i if nobody has it; 1: it was the last, and the next step is open. */
static int take_piece(uint64_t turn, size_t i, size_t who)
{
    uint64_t number = turn >> 16, seen = atomic_load(&chain.piece[i].number);
    size_t pieces = TURN_PIECES(turn);
    if (seen >= number || !atomic_compare_exchange_strong(&chain.piece[i].number, &seen, number))
        return 0;
    if (!who)
        chain.own++;
    chain.todo.fn(chain.todo.user, chain.step, i * chain.tasks / pieces,
                  (i + 1) * chain.tasks / pieces, who);
    if (atomic_fetch_sub(&chain.left, 1) > 1)
        return 0;
    chain.step++;
    open_step(who);
    return 1;
}

/* To the end of the chain. */
static void follow(size_t who)
{
    for (uint64_t turn = atomic_load(&chain.turn);;) {
        size_t pieces = TURN_PIECES(turn), members = TURN_MEMBERS(turn);
        if (!pieces || who >= members)
            return;
        for (size_t i = 0, first = who * pieces / members; i < pieces; i++)
            if (take_piece(turn, (first + i) % pieces, who))
                break;
        turn = await_turn(who, turn);
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
        int chained = !pool.fn;
        if (!chained)
            take_part(who);
        gate = atomic_fetch_sub(&pool.gate, 1) - 1;
        if ((gate & (MEMBERS | INSIDE)) == 0)
            wake(0);
        if (chained)
            follow(who);
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
    atomic_store(&chain.turn, ((atomic_load(&chain.turn) >> 16) + 1) << 16);
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

/* The pool for this caller, with up to so many members; 0: there is none to be had, or no need. */
static int take_pool(size_t threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (threads < 2)
        return 0;
    (void)pthread_once(&once, begin);
    if (atomic_exchange(&pool.taken, 1))
        return 0;
    while (pool.hired + 1 < threads && hire(&pool.member[pool.hired + 1]))
        pool.hired++;
    pool.members = threads < pool.hired + 1 ? threads : pool.hired + 1;
    return 1;
}

static void open_gate(void)
{
    uint64_t number = number_of(atomic_load_explicit(&pool.gate, memory_order_relaxed)) + 1u;
    atomic_store(&pool.gate, number << 32 | (uint64_t)pool.members << 16);
    for (size_t i = 1; i < pool.members; i++)
        wake(i);
}

static void shut_gate(void)
{
    if (atomic_fetch_and(&pool.gate, ~MEMBERS) & INSIDE)
        (void)await(0, 0);
    atomic_store(&pool.taken, 0);
}

static void run(size_t threads, size_t count, int dealt, bl_team_fn *fn, void *user)
{
    threads = threads < count ? threads : count;
    threads = threads < BL_TEAM_MOST ? threads : BL_TEAM_MOST;
    if (!take_pool(threads)) {
        if (count)
            fn(user, 0, count, 0);
        return;
    }
    pool.fn = fn;
    pool.user = user;
    lay_out(count, dealt);
    open_gate();
    take_part(0);
    shut_gate();
}

void bl_team_run(size_t threads, size_t count, bl_team_fn *fn, void *user)
{
    run(threads, count, 0, fn, user);
}

void bl_team_deal(size_t threads, size_t count, bl_team_fn *fn, void *user)
{
    run(threads, count, 1, fn, user);
}

static void run_alone(const bl_team_steps *t)
{
    for (size_t s = 0, count; s < t->steps; s++)
        if ((count = t->count(t->user, s)) > 0)
            t->fn(t->user, s, 0, count, 0);
}

static void run_chain(const bl_team_steps *t)
{
    uint64_t number = atomic_load_explicit(&chain.turn, memory_order_relaxed) >> 16;
    for (size_t i = 0; i < pool.members * CHAIN_PIECES; i++)
        atomic_store_explicit(&chain.piece[i].number, number, memory_order_relaxed);
    chain.todo = *t;
    chain.members = pool.members;
    chain.step = 0;
    pool.fn = NULL;
    open_step(0);
    open_gate();
    follow(0);
}

/* Where the processors have other work, a team costs more than it brings: the caller waits for
 * threads that stand still with a piece in their hands.  Then most chains are done alone for a
 * while, twice as long each time that the next attempt fails. */
static void weigh(bl_team_record *r, int64_t time)
{
    enum { ALONE_MOST = 64 };
    size_t others = chain.pieces - chain.own;
    int64_t saved = (time - chain.waited) * (int64_t)others / (int64_t)(chain.own + 1);
    int worth = saved > chain.waited || chain.insist;
    size_t longer = 2 * r->later + 1;
    r->alone = worth ? 0 : r->later;
    r->later = worth ? 0 : longer < ALONE_MOST ? longer : ALONE_MOST;
}

void bl_team_chain(size_t threads, const bl_team_steps *t, bl_team_record *record)
{
    if (!take_pool(threads < BL_TEAM_CHAIN ? threads : BL_TEAM_CHAIN)) {
        run_alone(t);
        return;
    }
    if (record->alone) {
        record->alone--;
        run_alone(t);
        atomic_store(&pool.taken, 0);
        return;
    }
    chain.waited = 0;
    chain.own = chain.pieces = 0;
    int64_t start = clock_ns();
    run_chain(t);
    weigh(record, clock_ns() - start);
    shut_gate();
}

void bl_team_insist(void)
{
    chain.insist = 1;
}
