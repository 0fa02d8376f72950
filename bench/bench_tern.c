/* bench_tern: products of one or a few rows by ternary matrices in L2, in L3 and in memory, each
 * with the weights asked for in advance at several distances, in turn.
 *
 * usage: bench_tern [rounds] [rows]
 *
 * A set is as many matrices of a shape as fill it; each call takes the next.  With two threads each
 * has a half of every matrix's panels, as in the back end.  What a call computes must not depend on
 * the distance, and is compared. */
#include "core/alloc.h"
#include "core/clock.h"
#include "core/cpu_level.h"
#include "core/team.h"
#include "kern/kern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const size_t distances[] = {0, 512, 1024, 2048, 4096, 8192};
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
            p->x.ahead = distances[d];
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
            printf(" %zu: %.2f (%.2f)", distances[d], first / middle, t[0] / best);
    }
    printf("%s\n", same ? "" : " DIFFERS");
    free(t);
    free(want);
    return same;
}

int main(int argc, char **argv)
{
    bl_error err;
    bl_cpu_level level;
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 5;
    size_t rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    if (bl_cpu_choose(&level, &err) != BL_OK || !rounds || !rows || rows > ROWS_MOST) {
        fprintf(stderr, "usage: bench_tern [rounds] [rows, at most %d]\n", ROWS_MOST);
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
