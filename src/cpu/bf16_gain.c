/* Whether products of bfloat16 pay on this processor: measured, because "has instructions for them"
 * says nothing.  AVX-512's make half of what float32 makes on Sapphire Rapids, twice as much on Zen
 * 4; AMX makes many times as much. */
#include "core/alloc.h"
#include "core/clock.h"
#include "cpu/bf16.h"
#include "cpu/cpu_dev.h"

#include <math.h>
#include <stdatomic.h>

enum { SIDE = 128, DEPTH = 256, ROUNDS = 6, CALLS = 4 };

/* What packing and rounding take is paid from the gain. */
static const double least_gain = 1.3;

/* c = a b of both kinds, of numbers that are all 0: that does not change their time. */
typedef struct bench_room {
    float *a, *b, *c;
    uint16_t *rows, *panels;
} bench_room;

static int open_room(bench_room *r, bl_arena *a, void **block)
{
    for (int bind = 0; bind < 2; bind++) {
        if (bind) {
            *block = bl_alloc_aligned(bl_arena_bytes(a), 1);
            if (!*block)
                return 0;
            memset(*block, 0, bl_arena_bytes(a));
            bl_arena_bind(a, *block, bl_arena_bytes(a));
        } else {
            bl_arena_measure(a);
        }
        r->a = bl_arena_push(a, SIDE * DEPTH, sizeof(float));
        r->b = bl_arena_push(a, SIDE * DEPTH, sizeof(float));
        r->c = bl_arena_push(a, SIDE * SIDE, sizeof(float));
        r->rows = bl_arena_push(a, bl_bf16_numbers(DEPTH, SIDE), sizeof(uint16_t));
        r->panels = bl_arena_push(a, bl_bf16_numbers(DEPTH, SIDE), sizeof(uint16_t));
    }
    return 1;
}

static double seconds_f32(const bl_kern *k, const bench_room *r)
{
    double start = bl_clock_seconds();
    size_t panel = k->tile_cols;
    for (int call = 0; call < CALLS; call++)
        for (size_t j = 0; j < SIDE; j += panel)
            k->matmul(r->c + j, SIDE, r->a, DEPTH, 1, r->b + j * DEPTH, panel, SIDE, panel, DEPTH);
    return bl_clock_seconds() - start;
}

static double seconds_bf16(const bl_kern *k, const bench_room *r)
{
    double start = bl_clock_seconds();
    size_t strip = bl_bf16_numbers(DEPTH, 1);
    for (int call = 0; call < CALLS; call++)
        k->bf16_matmul(r->c, SIDE, 1, r->rows, strip, r->panels, strip, SIDE, SIDE,
                       DEPTH / BL_BF16_DEEP);
    return bl_clock_seconds() - start;
}

/* 0 where there is no memory for it. */
static double measure(bl_cpu_level level, bl_bf16_way way)
{
    bl_kern k;
    bl_arena a;
    bench_room r;
    void *block = NULL;
    double f32 = 1e9, bf16 = 1e9;
    if (!open_room(&r, &a, &block))
        return 0;
    bl_kern_init(&k, level);
    bl_kern_bf16(&k, way);
    for (int i = 0; i < ROUNDS; i++) {
        f32 = fmin(f32, seconds_f32(&k, &r));
        bf16 = fmin(bf16, seconds_bf16(&k, &r));
    }
    bl_free(block);
    return f32 / bf16;
}

double bl_cpu_bf16_gain(const char **by)
{
    /* The first measurement holds for the process: runs that it begins compute alike, also beside
     * work that would turn a second one round.  No lock, so a fork in between does no harm. */
    static _Atomic double kept[BL_CPU_LEVELS][BL_BF16_WAYS];
    bl_cpu_level level;
    *by = bl_bf16_name(BL_BF16_FLOATS);
    if (bl_cpu_choose(&level, NULL) != BL_OK)
        return 0;
    bl_bf16_way way = bl_bf16_best(level);
    *by = bl_bf16_name(way);
    if (way == BL_BF16_FLOATS)
        return 0;
    double first = atomic_load(&kept[level][way]);
    if (first > 0)
        return first;
    double gain = measure(level, way);
    return gain > 0 && !atomic_compare_exchange_strong(&kept[level][way], &first, gain) ? first
                                                                                        : gain;
}

int bl_cpu_bf16_pays(double gain)
{
    return gain >= least_gain;
}
