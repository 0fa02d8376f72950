/* bench_tern: products of rows by ternary matrices.
 *
 * usage: bench_tern [rounds] [rows]
 *        bench_tern levels [rounds] [threads] [most rows]
 *
 * The first form is for one or a few rows by matrices in L2, in L3 and in memory, each with the
 * weights asked for in advance at several distances (into L1, or L1 + L2), in turn.  The second is the op bitlinear_fwd of
 * 1 to 4,096 rows at every SIMD level of this machine above plain C, in turn: GOP/s, and how many times the
 * level before; every level's bits must be the same.
 *
 * A set is as many matrices of a shape as fill it; each call takes the next.  With two threads each
 * has a half of every matrix's panels, as in the back end.  What a call computes must not depend on
 * the distance, and is compared. */
#define _POSIX_C_SOURCE 200809L /* setenv */

#include "core/alloc.h"
#include "core/clock.h"
#include "core/cpu_level.h"
#include "core/team.h"
#include "cpu/cpu_dev.h"
#include "cpu/cpu_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const size_t distances[][2] = {{0, 0},       {512, 0},     {1024, 0},
                                      {2048, 0},    {4096, 0},    {8192, 0},
                                      {1024, 8192}, {4096, 8192}, {4096, 16384}};
static const size_t shapes[][2] = {{256, 256},  {688, 256},  {256, 688},  {768, 768},
                                   {2048, 768}, {768, 2048}, {2560, 2560}};
static const struct {
    const char *name;
    size_t bytes; /* 0: one matrix */
} sets[] = {{"hot", 0}, {"32 MiB", 32u << 20}, {"640 MiB", 640u << 20}};
enum {
    DISTANCES = sizeof distances / sizeof *distances,
    SHAPES = sizeof shapes / sizeof *shapes,
    SETS = sizeof sets / sizeof *sets,
    ROWS_MOST = 64,
    IN_MOST = 2560
};

static bl_kern kern;

typedef struct product {
    const uint8_t *packed;
    float *y;
    bl_q8_rows x;
    size_t out, in;
} product;

static void panels(void *user, size_t first, size_t last, size_t member)
{
    const product *p = user;
    (void)member;
    for (size_t i = first, o = first * BL_TERN_ROWS; i < last; i++, o += BL_TERN_ROWS)
        kern.tern_matmul(p->y + o, p->out, p->packed + i * bl_tern_panel_bytes(p->in), 0.5f, &p->x,
                         p->out - o < BL_TERN_ROWS ? p->out - o : BL_TERN_ROWS, p->in, 0);
}

/* One thread is timed by the processor's time, which other programs take less from. */
static double now(size_t threads)
{
    return threads == 1 ? (double)clock() / CLOCKS_PER_SEC : bl_clock_seconds();
}

/* Seconds of a call, over one walk through the set and at least 64 million codes. */
static double walk(product *p, const uint8_t *set, size_t count, size_t threads)
{
    size_t bytes = bl_tern_packed_bytes(p->out, p->in), calls = 0;
    double start = now(threads);
    while (calls < count || calls * p->out * p->in < (64u << 20)) {
        p->packed = set + calls++ % count * bytes;
        bl_team_run(threads, (p->out + BL_TERN_ROWS - 1) / BL_TERN_ROWS, panels, p);
    }
    return (now(threads) - start) / (double)calls;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int bench(product *p, const uint8_t *room, size_t set, size_t threads, size_t rounds)
{
    size_t bytes = bl_tern_packed_bytes(p->out, p->in);
    size_t count = sets[set].bytes ? sets[set].bytes / bytes : 1, n = p->x.rows * p->out;
    double *t = calloc(DISTANCES * rounds, sizeof *t);
    float *want = calloc(n, sizeof *want);
    int same = 1;
    for (size_t r = 0; r < rounds; r++)
        for (size_t i = 0; i < DISTANCES; i++) {
            size_t d = (i + r) % DISTANCES;
            p->x.ahead = distances[d][0];
            p->x.far = distances[d][1];
            t[d * rounds + r] = walk(p, room, count, threads);
            if (r + i == 0)
                memcpy(want, p->y, n * sizeof *want);
            same = same && memcmp(want, p->y, n * sizeof *want) == 0;
        }
    printf("%-8s %zux%-5zu %zu threads:", sets[set].name, p->out, p->in, threads);
    double first = 0;
    for (size_t d = 0; d < DISTANCES; d++) {
        qsort(t + d * rounds, rounds, sizeof *t, ascending);
        double best = t[d * rounds], middle = t[d * rounds + rounds / 2];
        if (!d)
            printf(" %8.2f us %6.1f GB/s |", (first = middle) * 1e6, (double)bytes / middle * 1e-9);
        else
            printf(" %zu+%zu: %.2f (%.2f)", distances[d][0], distances[d][1], first / middle,
                   t[0] / best);
    }
    printf("%s\n", same ? "" : " DIFFERS");
    free(t);
    free(want);
    return same;
}

/* ---- levels ---- */

static const size_t level_shapes[][2] = {{256, 256},  {688, 256},  {256, 688},   {768, 768},
                                         {2048, 768}, {768, 2048}, {2560, 2560}, {6912, 2560}};
static const size_t level_rows[] = {1, 4, 8, 12, 16, 24, 32, 48, 64, 128, 512, 4096};

typedef struct op {
    bl_dev *dev[BL_CPU_LEVELS]; /* NULL: not on this machine */
    bl_tern *w;
    bl_q8 *x;
    float *y, *want;
    size_t out, in;
} op;

static int open_levels(op *o, size_t threads)
{
    bl_error err;
    for (int i = BL_CPU_C + 1; i <= (int)bl_cpu_best(); i++) {
        bl_device_request request = {.ternary = 1, .threads = threads};
        if (setenv("BITLLAMA_CPU", bl_cpu_level_names[i], 1) != 0 ||
            bl_cpu_open(&o->dev[i], &request, &err) != BL_OK)
            return 0;
    }
    return 1;
}

/* A matrix of all codes, and rows of all bytes, as the device lays them out. */
static int fill(op *o, size_t rows)
{
    bl_dev *dev = o->dev[bl_cpu_best()];
    bl_error err;
    int8_t *codes = bl_alloc_aligned(o->out * o->in, 1);
    o->w = bl_alloc_aligned(bl_cpu_tern_bytes(dev, o->out, o->in), 1);
    o->x = bl_alloc_aligned(bl_cpu_q8_bytes(dev, rows, o->in), 1);
    o->y = bl_alloc_aligned(rows * o->out, sizeof *o->y);
    o->want = bl_alloc_aligned(rows * o->out, sizeof *o->y);
    if (!codes || !o->w || !o->x || !o->y || !o->want)
        return 0;
    for (size_t i = 0; i < o->out * o->in; i++)
        codes[i] = (int8_t)((int)((uint32_t)i * 2654435761u >> 16) % 3 - 1);
    int failed = bl_cpu_tern_put(dev, o->w, codes, 0.5f, o->out, o->in, &err) != BL_OK;
    bl_free(codes);
    bl_q8_view v = bl_q8_open(bl_cpu_of(dev), o->x, rows, o->in);
    memset(v.q, 0, rows * v.ld);
    for (size_t n = 0; n < rows; n++) {
        v.scale[n] = 1.0f + (float)n;
        v.sum[n] = 0;
        for (size_t i = 0; i < o->in; i++) {
            v.q[n * v.ld + i] =
                (int8_t)((int)((uint32_t)(n * o->in + i) * 40503u >> 8) % 255 - 127);
            v.sum[n] += v.q[n * v.ld + i];
        }
    }
    return !failed;
}

/* Seconds of a call, of at least 200 million multiplications. */
static double calls(const op *o, int level, size_t rows, size_t threads)
{
    size_t done = 0;
    double start = now(threads);
    while (done * o->out * o->in * rows < 200000000 || !done) {
        bl_cpu_bitlinear_fwd(o->dev[level], (bl_act *)o->y, o->x, o->w, rows, o->out, o->in);
        done++;
    }
    return (now(threads) - start) / (double)done;
}

static int bench_rows(op *o, size_t rows, size_t threads, size_t rounds)
{
    double *t = calloc(BL_CPU_LEVELS * rounds, sizeof *t), before = 0, least = 0;
    size_t bytes = rows * o->out * sizeof(float);
    int same = t && fill(o, rows), best = (int)bl_cpu_best();
    for (size_t r = 0; same && r < rounds; r++)
        for (int i = BL_CPU_C + 1; i <= best; i++) {
            t[(size_t)i * rounds + r] = calls(o, i, rows, threads);
            if (i == BL_CPU_C + 1)
                memcpy(o->want, o->y, bytes);
            same = same && memcmp(o->want, o->y, bytes) == 0;
        }
    printf("%zux%-5zu %5zu rows:", o->out, o->in, rows);
    for (int i = BL_CPU_C + 1; same && i <= best; i++) {
        double *s = t + (size_t)i * rounds, ops = 2e-9 * (double)(rows * o->out) * (double)o->in;
        qsort(s, rounds, sizeof *s, ascending);
        double middle = s[rounds / 2];
        printf("  %s %7.0f", bl_cpu_level_names[i], ops / middle);
        if (before > 0)
            printf(" %5.2f (%.2f)", before / middle, least / s[0]);
        before = middle;
        least = s[0];
    }
    printf("%s\n", same ? "" : " DIFFERS, or no memory");
    free(t);
    bl_free(o->w);
    bl_free(o->x);
    bl_free(o->y);
    bl_free(o->want);
    return same;
}

static int bench_levels(size_t rounds, size_t threads, size_t most)
{
    op o = {.w = NULL};
    int good = open_levels(&o, threads);
    printf("%zu threads; GOP/s of the median of %zu, then how many times the level before "
           "(fastest)\n",
           threads, rounds);
    for (size_t r = 0; good && r < sizeof level_rows / sizeof *level_rows; r++)
        for (size_t i = 0; i < sizeof level_shapes / sizeof *level_shapes; i++) {
            o.out = level_shapes[i][0];
            o.in = level_shapes[i][1];
            if (level_rows[r] <= most)
                good = bench_rows(&o, level_rows[r], threads, rounds) && good;
        }
    for (int i = 0; i < BL_CPU_LEVELS; i++)
        bl_cpu_close(o.dev[i]);
    return !good;
}

int main(int argc, char **argv)
{
    size_t number[3] = {5, 1, SIZE_MAX};
    for (int i = 2; i < argc && i < 5; i++)
        number[i - 2] = strtoul(argv[i], NULL, 10);
    if (argc > 1 && strcmp(argv[1], "levels") == 0 && number[0] && number[1])
        return bench_levels(number[0], number[1], number[2]);
    bl_error err;
    bl_cpu_level level;
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 5;
    size_t rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    if (bl_cpu_choose(&level, &err) != BL_OK || !rounds || !rows || rows > ROWS_MOST) {
        fprintf(stderr,
                "usage: bench_tern [rounds] [rows, at most %d]\n"
                "       bench_tern levels [rounds] [threads] [most rows]\n",
                ROWS_MOST);
        return 2;
    }
    bl_kern_init(&kern, level);
    size_t room = sets[SETS - 1].bytes;
    uint8_t *weights = bl_alloc_aligned(room, 1);
    int8_t *q = bl_alloc_aligned(ROWS_MOST * IN_MOST, 1);
    float *y = bl_alloc_aligned(ROWS_MOST * IN_MOST, sizeof *y), scale[ROWS_MOST];
    int32_t sum[ROWS_MOST] = {0};
    int failed = !weights || !q || !y;
    for (size_t i = 0; !failed && i < room; i++)
        weights[i] = (uint8_t)(i * 2654435761u >> 24 & 0x55); /* codes 0 and 1 */
    for (size_t i = 0; !failed && i < ROWS_MOST * IN_MOST; i++)
        q[i] = (int8_t)(i * 37 % 255 - 127);
    for (size_t i = 0; i < ROWS_MOST; i++)
        scale[i] = 1.0f;
    printf("level %s, %zu rows; median of %zu without, then how many times as fast at each "
           "distance (fastest)\n",
           bl_cpu_level_name(level), rows, rounds);
    for (size_t s = 0; !failed && s < SETS; s++)
        for (size_t i = 0; i < SHAPES; i++)
            for (size_t threads = 1; threads <= 2; threads++) {
                product p = {
                    .y = y,
                    .x = {.q = q, .ld = shapes[i][1], .sum = sum, .scale = scale, .rows = rows},
                    .out = shapes[i][0],
                    .in = shapes[i][1]};
                failed |= !bench(&p, weights, s, threads, rounds);
            }
    bl_free(weights);
    bl_free(q);
    bl_free(y);
    return failed;
}
