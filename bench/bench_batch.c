/* bench_batch: how fast many sessions write at once through the public header.
 *
 * usage: bench_batch MODEL [sessions] [calls] [device] [OPTION=VALUE...]      by default 256, 200, cpu
 *
 * Every call of bl_batch_next() draws a token of each session, with a seed of its own and the
 * options of generation given.  Prints the fastest call, their mean, and the tokens a second. */
#include "bitllama.h"
#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 5 }; /* a device records what is called, then captures it */

static bl_error err;

static void must(bl_status status)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "bench_batch: %s\n", err.message);
    exit(1);
}

/* OPTION=VALUE arguments over the defaults. */
static bl_options *options_of(char **arguments)
{
    bl_options *o;
    must(bl_options_open(&o, BL_OPTIONS_GENERATE, &err));
    for (; *arguments; arguments++) {
        char *value = strchr(*arguments, '=');
        if (!value) {
            fprintf(stderr, "bench_batch: %s: not OPTION=VALUE\n", *arguments);
            exit(2);
        }
        *value++ = 0;
        must(bl_options_set(o, *arguments, value, &err));
    }
    return o;
}

typedef struct crowd {
    bl_batch *b;
    bl_batch_turn *turns;
    const bl_options **options;
    int32_t *ids;
    size_t count;
} crowd;

static void crowd_open(crowd *c, bl_model *m, size_t count, const bl_options *o)
{
    *c = (crowd){.turns = calloc(count, sizeof *c->turns),
                 .options = calloc(count, sizeof *c->options),
                 .ids = calloc(count, sizeof *c->ids),
                 .count = count};
    must(bl_batch_open(&c->b, m, count, NULL, &err));
    for (size_t i = 0; i < count; i++) {
        c->options[i] = o;
        must(bl_session_open(&c->turns[i].session, m, NULL, &err));
        must(bl_batch_join(c->b, c->turns[i].session, &err));
        bl_session_seed(c->turns[i].session, i);
    }
}

static void crowd_close(crowd *c)
{
    for (size_t i = 0; i < c->count; i++)
        bl_session_close(c->turns[i].session);
    bl_batch_close(c->b);
    free(c->turns);
    free(c->options);
    free(c->ids);
}

static void write_tokens(crowd *c, size_t calls)
{
    double best = 1e30, all = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < WARM_UP + calls; i++) {
        double start = bl_clock_seconds();
        must(bl_batch_next(c->b, c->turns, c->count, c->options, c->ids, &err));
        double one = bl_clock_seconds() - start;
        for (size_t k = 0; k < c->count; k++)
            sum = sum * 31 + (uint64_t)c->ids[k];
        if (i < WARM_UP)
            continue;
        best = one < best ? one : best;
        all += one;
    }
    printf("%zu sessions, %zu calls: fastest %.1f us, mean %.1f us, %.0f tokens/s (sum of ids "
           "%016llx)\n",
           c->count, calls, best * 1e6, all / (double)calls * 1e6, (double)(c->count * calls) / all,
           (unsigned long long)sum);
}

int main(int argc, char **argv)
{
    bl_model *m;
    bl_options *device;
    crowd c;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_batch MODEL [sessions] [calls] [device] [OPTION=VALUE...]\n");
        return 2;
    }
    size_t sessions = argc > 2 ? strtoul(argv[2], NULL, 10) : 256;
    size_t calls = argc > 3 ? strtoul(argv[3], NULL, 10) : 200;
    bl_options *o = options_of(argc > 5 ? argv + 5 : argv + argc);
    must(bl_options_open(&device, BL_OPTIONS_DEVICE, &err));
    must(bl_options_set(device, "device", argc > 4 ? argv[4] : "cpu", &err));
    must(bl_model_open(&m, argv[1], device, &err));
    crowd_open(&c, m, sessions, o);
    write_tokens(&c, calls);
    crowd_close(&c);
    bl_model_close(m);
    bl_options_close(device);
    bl_options_close(o);
    return 0;
}
