/* bl_machine_limits(): what processor and memory reach at most, measured. */
#include "core/alloc.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/team.h"
#include "core/watch.h"
#include "kern/limit.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 256, ROUNDS_LEAST = 8 };
static const double round_seconds = 1e-3; /* short beside a turn of the scheduler */

/* Seconds of one measurement, more or less.  Several threads take longer to find a moment in which
 * each has its processor, where others work too. */
static double budget(size_t threads)
{
    return threads > 1 ? 0.3 : 0.12;
}

/* What is measured: each task of a round reads a piece, or multiplies. */
typedef struct load {
    bl_limit_read_fn *read;
    uint64_t *words; /* pieces one after the other */
    size_t piece;    /* words */
    size_t pieces;   /* round after round takes the next ones, and begins again */
    size_t passes;   /* over a piece in a task */
    bl_limit_products_fn *products;
    size_t turns;
    size_t round, tasks;
    uint64_t *sums; /* [tasks], what was read */
} load;

static void do_tasks(void *user, size_t first, size_t last, size_t member)
{
    const load *l = user;
    (void)member;
    for (size_t i = first; i < last; i++) {
        if (l->products) {
            (void)l->products(l->turns);
            continue;
        }
        const uint64_t *at = l->words + (l->round * l->tasks + i) % l->pieces * l->piece;
        for (size_t pass = 0; pass < l->passes; pass++)
            l->sums[i] ^= l->read(at, l->piece);
    }
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of many short rounds the fastest, which nothing disturbed; where each reads other memory, that at
 * the end of the first quarter, for the fastest may have found some of it in a cache. */
static bl_status measure(load *l, size_t threads, double amount, double *rate, bl_error *err)
{
    double seconds[ROUNDS], began = bl_clock_seconds(), now = began;
    size_t n = 0;
    l->tasks = threads;
    for (; n < ROUNDS && (n < ROUNDS_LEAST || now - began < budget(threads)); n++) {
        double start = now;
        l->round = n;
        bl_team_run(threads, threads, do_tasks, l);
        now = bl_clock_seconds();
        seconds[n] = now - start;
        BL_TRY(bl_watch_poll(0, 1, err));
    }
    qsort(seconds, n, sizeof *seconds, ascending);
    *rate = amount * (double)threads / seconds[l->pieces > threads ? n / 4 : 0] * 1e-9;
    return BL_OK;
}

typedef struct results {
    bl_limit_fn *fn;
    void *user;
    size_t threads;
} results;

static void tell(const results *r, const char *name, const char *unit, double one, double all,
                 uint64_t bytes)
{
    const bl_limit limit = {sizeof limit, name, unit, one, all, bytes};
    bl_call *call = bl_call_out();
    r->fn(r->user, &limit);
    bl_call_back(call);
}

/* ---- reading ---- */

/* How far to go to see a cache or the memory behind all of them: a piece for each thread, and how
 * many pieces; 0: not known. */
typedef struct read_range {
    const char *name;
    size_t bytes, pieces;
    uint64_t cache; /* what the caches of all threads hold; 0: this is memory */
} read_range;

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A quarter of the memory at most, and several times what the caches of all threads hold. */
static read_range memory_range(size_t threads, size_t l3, size_t sharers)
{
    const size_t piece = (size_t)8 << 20;
    size_t caches = most(l3, (size_t)16 << 20) / sharers * most(threads, sharers);
    uint64_t memory = bl_os_memory(), wanted = most(3 * caches, (size_t)512 << 20);
    if (memory < UINT64_MAX && wanted > memory / 4)
        wanted = memory / 4;
    if (wanted < 2 * caches || wanted < threads * piece)
        return (read_range){"dram", 0, 0, 0};
    return (read_range){"dram", piece, (size_t)(wanted / piece), 0};
}

static void find_ranges(read_range at[3], size_t threads)
{
    size_t l2_sharers, sharers;
    size_t l2 = (size_t)bl_os_cache_bytes(2, &l2_sharers);
    size_t l3 = (size_t)bl_os_cache_bytes(3, &sharers);
    size_t own = least(l3 / (2 * sharers), (size_t)16 << 20);
    at[0] = memory_range(threads, l3, sharers);
    at[1] = (read_range){"l3", own > 2 * l2 ? own : 0, threads, most(l3, l3 / sharers * threads)};
    at[2] = (read_range){"l2", l2 / (2 * l2_sharers), threads, most(l2, l2 / l2_sharers * threads)};
}

/* With and without asking ahead, whatever is faster there. */
static bl_status measure_reading(const bl_limit_loops *loops, load *l, size_t threads, double *rate,
                                 bl_error *err)
{
    bl_limit_read_fn *const ways[] = {loops->read, loops->read_ahead};
    double amount = (double)(l->piece * sizeof *l->words * l->passes);
    *rate = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        double one;
        l->read = ways[i];
        BL_TRY(measure(l, threads, amount, &one, err));
        *rate = one > *rate ? one : *rate;
    }
    return BL_OK;
}

/* Every thread writes what it will read. */
static void fill_tasks(void *user, size_t first, size_t last, size_t member)
{
    const load *l = user;
    (void)member;
    memset(l->words + first * l->piece, 1, (last - first) * l->piece * sizeof *l->words);
}

static bl_status measure_range(const read_range *at, const bl_limit_loops *loops, const results *r,
                               bl_error *err)
{
    const size_t line = BL_LIMIT_WORDS * sizeof(uint64_t), task = (size_t)8 << 20;
    size_t bytes = at->bytes / line * line;
    double one = 0, all = 0;
    load l = {.piece = bytes / sizeof(uint64_t),
              .pieces = at->pieces,
              .passes = bytes ? (task + bytes - 1) / bytes : 0};
    bl_status status = BL_OK;
    if (bytes) {
        l.words = bl_alloc_aligned(at->pieces, bytes);
        l.sums = bl_calloc(r->threads, sizeof *l.sums);
        if (!l.words || !l.sums)
            status = bl_fail(err, BL_ENOMEM, "out of memory to measure %s", at->name);
        if (status == BL_OK) {
            bl_team_run(r->threads, at->pieces, fill_tasks, &l);
            status = measure_reading(loops, &l, 1, &one, err);
        }
        all = one;
        if (status == BL_OK && r->threads > 1)
            status = measure_reading(loops, &l, r->threads, &all, err);
        bl_free(l.words);
        bl_free(l.sums);
    }
    if (status == BL_OK)
        tell(r, at->name, "GB/s", one, all, at->cache);
    return status;
}

/* ---- products ---- */

static bl_status measure_products(const char *name, const char *unit, bl_limit_products_fn *fn,
                                  const results *r, bl_error *err)
{
    double one = 0, all = 0, amount = 0;
    bl_status status = BL_OK;
    load l = {.products = fn, .turns = 256};
    for (double seconds = 0; fn && seconds < round_seconds; l.turns *= 2) {
        double start = bl_clock_seconds();
        amount = 2 * fn(l.turns);
        seconds = bl_clock_seconds() - start;
    }
    if (fn)
        status = measure(&l, 1, amount, &one, err);
    all = one;
    if (fn && status == BL_OK && r->threads > 1)
        status = measure(&l, r->threads, amount, &all, err);
    if (status == BL_OK)
        tell(r, name, unit, one, all, 0);
    return status;
}

static bl_status measure_all(const results *r, bl_error *err)
{
    read_range at[3];
    bl_cpu_level level;
    bl_limit_loops loops;
    BL_TRY(bl_cpu_choose(&level, err));
    bl_limit_loops_init(&loops, level);
    find_ranges(at, r->threads);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        BL_TRY(measure_range(&at[i], &loops, r, err));
#define X(name, unit) BL_TRY(measure_products(#name, unit, loops.name, r, err));
    BL_LIMIT_PRODUCTS(X)
#undef X
    return BL_OK;
}

bl_status bl_machine_limits(size_t threads, bl_limit_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, fn);
    if (threads > BL_TEAM_MOST)
        return bl_fail(err, BL_EINVAL, "%s: %zu threads: at most %d", __func__, threads,
                       BL_TEAM_MOST);
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "measuring", "%", 0);
    const results r = {fn, user, bl_threads(threads)};
    bl_status status = measure_all(&r, err);
    bl_watch_end(&watch);
    return bl_call_end(&call, status, err);
}
