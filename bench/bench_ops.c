/* bench_ops: where the time of a training step goes, op by op.
 *
 * usage: bench_ops [preset] [B] [T] [threads] [steps] [device] [auto|f32|bf16] [FIELD=VALUE...]
 *
 * Runs whole training steps of a preset with random tokens and prints the median step and the
 * fastest one's milliseconds and share of every op; then decoding, one token at a time, of one
 * sequence and of up to 256.  On a device that only enqueues, steps are timed as they run, and then
 * once more with a wait after every op for the table. */
#include "api/device.h"
#include "core/clock.h"
#include "format/options.h"
#include "model/reader.h"
#include "ops/trace.h"
#include "train/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 3, BATCH_MOST = 256 };

typedef struct bench {
    bl_dev *dev; /* traced */
    bl_rehearsal r;
} bench;

static void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "bench_ops: %s\n", err->message);
    exit(1);
}

/* fields: "pre_conv=false" and the like, after each other, NULL at the end */
static void bench_open(bench *b, const char *preset, char **fields, size_t B, size_t T, bl_dev *dev)
{
    bl_error err;
    bl_options *o;
    must(bl_options_open(&o, BL_OPTIONS_CONFIG, &err), &err);
    must(bl_options_preset(o, preset, &err), &err);
    for (; *fields; fields++) {
        char *value = strchr(*fields, '=');
        if (!value)
            must(bl_fail(&err, BL_EINVAL, "%s: not FIELD=VALUE", *fields), &err);
        *value++ = 0;
        must(bl_options_set(o, *fields, value, &err), &err);
    }
    must(bl_trace_open(&b->dev, dev, &err), &err);
    bl_trace_wait(b->dev, 0);
    bl_config_half_lives(bl_options_config(o), T);
    must(bl_rehearsal_open(&b->r, b->dev, bl_options_config(o), B, T, BL_PASS_GRADIENTS, &err),
         &err);
    must(bl_rehearsal_fill(&b->r, &err), &err);
    bl_options_close(o);
}

static double train_step(bench *b)
{
    bl_error err;
    double seconds;
    bl_trace_reset(b->dev);
    must(bl_rehearsal_step(&b->r, 0, &seconds, &err), &err);
    return seconds;
}

/* The ops of one run. */
typedef struct table {
    bl_trace_row row[BL_OPS_COUNT];
    size_t rows;
} table;

static void print_table(const table *t, double total)
{
    printf("  %-20s %6s %10s %7s\n", "op", "calls", "ms", "share");
    for (size_t i = 0; i < t->rows; i++)
        printf("  %-20s %6zu %10.3f %6.1f%%\n", t->row[i].op, t->row[i].calls,
               t->row[i].seconds * 1e3, 100 * t->row[i].seconds / total);
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void bench_training(bench *b, size_t steps, int enqueues)
{
    double best = 1e30, *seconds = calloc(steps, sizeof *seconds);
    table fastest = {.rows = 0};
    for (size_t i = 0; i < WARM_UP; i++)
        (void)train_step(b);
    for (size_t i = 0; i < steps; i++)
        seconds[i] = train_step(b);
    qsort(seconds, steps, sizeof *seconds, ascending);
    printf("training, %zu tokens a step, median of %zu: %.3f ms, %.0f tokens/s; fastest %.3f ms\n",
           b->r.pass.N, steps, seconds[steps / 2] * 1e3, (double)b->r.pass.N / seconds[steps / 2],
           seconds[0] * 1e3);
    free(seconds);
    bl_trace_wait(b->dev, enqueues);
    for (size_t i = 0; i < WARM_UP; i++) {
        double one = train_step(b);
        if (one < best) {
            best = one;
            fastest.rows = bl_trace_rows(b->dev, fastest.row);
        }
    }
    bl_trace_wait(b->dev, 0);
    print_table(&fastest, best);
}

static void bench_decoding(bench *b, size_t tokens)
{
    bl_error err;
    bl_reader r;
    bl_state s;
    must(bl_reader_open(&r, &b->r.net, BL_READER_ROWS, 1, &err), &err);
    must(bl_state_open(&s, &b->r.net, &err), &err);
    double best = 1e30;
    table fastest = {.rows = 0};
    for (int run = 0; run < 3; run++) {
        bl_trace_reset(b->dev);
        double start = bl_clock_seconds();
        for (size_t i = 0; i < tokens; i++) {
            int32_t id = (int32_t)(i * 37 % b->r.net.m.V);
            const bl_piece piece = {&s, &id, 1, BL_LOGITS_LAST};
            must(bl_reader_feed(&r, &piece, 1, &err), &err);
        }
        double seconds = bl_clock_seconds() - start;
        if (seconds < best) {
            best = seconds;
            fastest.rows = bl_trace_rows(b->dev, fastest.row);
        }
    }
    printf("decoding, fastest of 3 runs of %zu tokens: %.3f ms a token, %.0f tokens/s\n", tokens,
           best * 1e3 / (double)tokens, (double)tokens / best);
    print_table(&fastest, best);
    bl_state_release(&s, &b->r.net);
    bl_reader_release(&r);
}

/* How n sequences read a token each. */
typedef enum reading_way {
    IN_TURN,  /* one after the other, the tokens given */
    TOGETHER, /* in one pass, the tokens given */
    GREEDY,   /* in one pass, each token the likeliest after the one before, found by the device */
    WAYS
} reading_way;

typedef struct crowd {
    bl_reader r;
    bl_state s[BATCH_MOST];
    bl_piece pieces[BATCH_MOST];
    int32_t ids[BATCH_MOST];
} crowd;

static void read_all(crowd *c, size_t n, reading_way way, size_t token)
{
    bl_error err;
    bl_reader *r = &c->r;
    size_t each = way == IN_TURN ? 1 : n;
    for (size_t i = 0; i < n; i++) {
        if (way != GREEDY || !token)
            c->ids[i] = (int32_t)((token * 37 + i * 11) % r->net->m.V);
        c->pieces[i] = (bl_piece){&c->s[i], &c->ids[i], 1, BL_LOGITS_LAST};
    }
    r->top = way == GREEDY;
    for (size_t i = 0; i < n; i += each)
        must(bl_reader_feed(r, c->pieces + i, each, &err), &err);
    for (size_t i = 0; way == GREEDY && i < n; i++)
        c->ids[i] = r->best[2 * i].id; /* beside it the first that is not finite */
    r->top = 0;
}

/* The fastest of some runs each way, in turn; the time of a pass. */
static double bench_crowd(bench *b, crowd *c, size_t n)
{
    enum { RUNS = 5 };
    double best[WAYS] = {1e30, 1e30, 1e30};
    size_t tokens = 256 / n + 8;
    table fastest = {.rows = 0};
    for (int run = 0; run < RUNS * WAYS; run++) {
        reading_way way = (reading_way)(run % WAYS);
        bl_trace_reset(b->dev);
        double start = bl_clock_seconds();
        for (size_t i = 0; i < tokens; i++)
            read_all(c, n, way, i);
        double seconds = bl_clock_seconds() - start;
        if (seconds >= best[way])
            continue;
        best[way] = seconds;
        if (way == GREEDY)
            fastest.rows = bl_trace_rows(b->dev, fastest.row);
    }
    double all = (double)(n * tokens);
    printf("decoding %zu sequences: given tokens, logits left on the device: %.0f tokens/s one "
           "after the other, %.0f in one pass, %.2f times as fast; each token the likeliest, found "
           "by the device and fetched: %.0f in one pass, %.3f ms a pass\n",
           n, all / best[IN_TURN], all / best[TOGETHER], best[IN_TURN] / best[TOGETHER],
           all / best[GREEDY], best[GREEDY] * 1e3 / (double)tokens);
    print_table(&fastest, best[GREEDY]);
    return best[TOGETHER] / (double)tokens;
}

static void bench_batch(bench *b)
{
    static const size_t sizes[] = {1, 7, 64, BATCH_MOST};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    const double patience = 0.05; /* of a pass: 1,000 of them follow */
    bl_error err;
    crowd *c = calloc(1, sizeof *c);
    double pass = 0;
    must(bl_reader_open(&c->r, &b->r.net, BATCH_MOST, BATCH_MOST, &err), &err);
    for (size_t i = 0; i < BATCH_MOST; i++)
        must(bl_state_open(&c->s[i], &b->r.net, &err), &err);
    for (size_t k = 0; k < SIZES; k++) {
        if (pass > patience)
            printf("decoding %zu sequences: left out, as a pass of %zu takes %.3f s\n", sizes[k],
                   sizes[k - 1], pass);
        else
            pass = bench_crowd(b, c, sizes[k]);
    }
    for (size_t i = 0; i < BATCH_MOST; i++)
        bl_state_release(&c->s[i], &b->r.net);
    bl_reader_release(&c->r);
    free(c);
}

static int precision_of(const char *name)
{
    return strcmp(name, "f32") == 0    ? BL_PRECISION_F32
           : strcmp(name, "bf16") == 0 ? BL_PRECISION_BF16
                                       : BL_PRECISION_AUTO;
}

int main(int argc, char **argv)
{
    bl_error err;
    const char *preset = argc > 1 ? argv[1] : "micro";
    size_t number[4] = {32, 128, 0, 5}; /* B, T, threads, steps */
    for (int i = 2; i < argc && i < 6; i++)
        number[i - 2] = (size_t)strtoul(argv[i], NULL, 10);
    const bl_device_request request = {.name = argc > 6 ? argv[6] : "cpu",
                                       .precision = precision_of(argc > 7 ? argv[7] : "auto"),
                                       .ternary = 1,
                                       .threads = number[2]};
    bl_dev *dev;
    bench *b = calloc(1, sizeof *b);
    must(bl_device_open(&dev, &request, &err), &err);
    bench_open(b, preset, argc > 8 ? argv + 8 : argv + argc, number[0], number[1], dev);
    bench_training(b, number[3], strcmp(request.name, "cpu") != 0);
    must(bl_net_coarsen(&b->r.net, &err), &err);
    bench_decoding(b, 256);
    bench_batch(b);
    bl_rehearsal_release(&b->r);
    bl_dev_close(b->dev);
    free(b);
    return 0;
}
