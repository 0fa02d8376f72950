/* bench_decode: a token of one or many sequences through all layers, without the head: the ops one
 * after the other against the op that is one call, in turn.
 *
 * usage: bench_decode [preset] [threads] [sequences] [rounds] */
#include "api/device.h"
#include "core/clock.h"
#include "format/options.h"
#include "model/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WAYS = 2 };

static void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "bench_decode: %s\n", err->message);
    exit(1);
}

typedef struct bench {
    bl_net net;
    bl_reader r;
    bl_state *s;
    bl_piece *pieces;
    int32_t *ids;
    size_t n, in_one; /* the reader's decode_rows */
} bench;

static void open_bench(bench *b, const char *preset, size_t n, bl_dev *dev)
{
    bl_error err;
    bl_options *o;
    must(bl_options_open(&o, BL_OPTIONS_CONFIG, &err), &err);
    must(bl_options_preset(o, preset, &err), &err);
    bl_config_half_lives(bl_options_config(o), 128);
    must(bl_net_open(&b->net, bl_options_config(o), dev, &err), &err);
    must(bl_net_init(&b->net, 1, &err), &err);
    bl_net_ternarise(&b->net);
    must(bl_reader_open(&b->r, &b->net, n > BL_READER_ROWS ? n : BL_READER_ROWS, n, &err), &err);
    b->n = n;
    b->in_one = b->r.decode_rows;
    b->s = calloc(n, sizeof *b->s);
    b->pieces = calloc(n, sizeof *b->pieces);
    b->ids = calloc(n, sizeof *b->ids);
    for (size_t i = 0; i < n; i++) {
        must(bl_state_open(&b->s[i], &b->net, &err), &err);
        b->pieces[i] = (bl_piece){&b->s[i], &b->ids[i], 1, BL_LOGITS_NONE};
    }
    bl_options_close(o);
}

static void close_bench(bench *b)
{
    for (size_t i = 0; i < b->n; i++)
        bl_state_release(&b->s[i], &b->net);
    bl_reader_release(&b->r);
    bl_net_release(&b->net);
    free(b->s);
    free(b->pieces);
    free(b->ids);
}

static void tokens(bench *b, size_t count)
{
    bl_error err;
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < b->n; i++)
            b->ids[i] = (int32_t)((t * 37 + i * 11) % b->net.m.V);
        must(bl_reader_feed(&b->r, b->pieces, b->n, &err), &err);
    }
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    static const char *const names[WAYS] = {"ops in turn", "one call"};
    bl_error err;
    const char *preset = argc > 1 ? argv[1] : "micro";
    size_t number[3] = {1, 1, 40}; /* threads, sequences, rounds */
    for (int i = 2; i < argc && i < 5; i++)
        number[i - 2] = (size_t)strtoul(argv[i], NULL, 10);
    if (!number[1] || !number[2]) {
        fprintf(stderr, "usage: bench_decode [preset] [threads] [sequences] [rounds]\n");
        return 2;
    }
    const bl_device_request request = {.name = "cpu", .ternary = 1, .threads = number[0]};
    size_t rounds = number[2];
    bench b;
    bl_dev *dev;
    must(bl_device_open(&dev, &request, &err), &err);
    open_bench(&b, preset, number[1], dev);
    double *wall = calloc(WAYS * rounds, sizeof *wall), *cpu = calloc(WAYS * rounds, sizeof *cpu);
    double start = bl_clock_seconds();
    tokens(&b, 20);
    size_t count = (size_t)(0.01 / (bl_clock_seconds() - start) * 20) + 1;
    for (size_t i = 0; i < WAYS * rounds; i++) {
        size_t at = i % WAYS * rounds + i / WAYS;
        b.r.decode_rows = i % WAYS ? b.in_one : 0;
        clock_t used = clock();
        start = bl_clock_seconds();
        tokens(&b, count);
        wall[at] = (bl_clock_seconds() - start) / (double)count;
        cpu[at] = (double)(clock() - used) / CLOCKS_PER_SEC / (double)count;
    }
    for (size_t w = 0; w < WAYS; w++) {
        qsort(wall + w * rounds, rounds, sizeof *wall, ascending);
        qsort(cpu + w * rounds, rounds, sizeof *cpu, ascending);
        printf("%s, %zu threads, %zu sequences, %-11s: us a pass: fastest %.1f, median %.1f; of "
               "processor time %.1f, %.1f\n",
               preset, number[0], number[1], names[w], wall[w * rounds] * 1e6,
               wall[w * rounds + rounds / 2] * 1e6, cpu[w * rounds] * 1e6,
               cpu[w * rounds + rounds / 2] * 1e6);
    }
    free(wall);
    free(cpu);
    close_bench(&b);
    bl_dev_close(dev);
    return 0;
}
