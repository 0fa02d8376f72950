/* checkops: does one device equal another, op by op, and itself at any number of threads?
 *
 * usage: checkops [device [reference [precision [every [ops]]]]], by default cpu, ref and f32; bf16 where
 * the device has it, and then the reference is given activations that are rounded the same way.
 * `every` 6 takes each sixth shape, for slow tools; `ops` conv the rows that begin with an op of that name
 *
 * Prints one row for the ops of a case: the worst normalised mean square error and the largest
 * difference over all shapes, with their bounds.  Ends with 1 when anything is out of bounds, or
 * when an op of the table has no row. */
#include "api/device.h"
#include "io.h"
#include "../unit/numbers.h"
#include "core/cpu_level.h"
#include "format/options.h"
#include "ops/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const shape shapes[] = {
    /* B  T    D    H  I    V     C   K  zeros forget carry */
    {2,  37,  64,  1, 88,  200,  16, 4, 0, 1, 0},
    {3,  16,  96,  2, 72,  97,   16, 3, 0, 0, 0},
    {1,  5,   256, 4, 688, 300,  16, 4, 0, 1, 0},
    {2,  21,  48,  3, 130, 1100, 8,  2, 0, 0, 0},
    {2,  70,  32,  1, 40,  33,   1,  8, 0, 1, 0},
    {1,  130, 72,  1, 64,  257,  64, 4, 0, 0, 0},
    {5,  40,  128, 1, 100, 90,   7,  5, 0, 1, 0},
    {1,  300, 64,  4, 68,  2100, 16, 4, 0, 0, 0},
    /* The least of everything (not I = 1: an RMSNorm of one element has the gradient 0). */
    {1,  1,   16,  1, 2,   2,    1,  2, 0, 1, 0},
    /* Widths next to multiples of a vector, T next to C. */
    {4,  1,   126, 1, 5,   3,    64, 8, 0, 0, 0},
    {1,  3,   18,  1, 3,   31,   2,  7, 0, 1, 0},
    {3,  63,  64,  2, 129, 511,  64, 4, 0, 0, 0},
    {2,  65,  34,  1, 65,  256,  64, 3, 0, 1, 0},
    {7,  33,  80,  5, 81,  1023, 32, 6, 0, 0, 0},
    {1,  257, 40,  2, 33,  255,  15, 4, 0, 1, 0},
    /* Rows that continue. */
    {3,  48,  64,  2, 33,  40,   16, 4, 0, 1, 1},
    {4,  21,  60,  3, 20,  33,   7,  3, 0, 0, 1},
    /* What tensor cores are made for: heads of 64, chunks of 16. */
    {1,  70,  128, 2, 264, 136,  16, 4, 0, 1, 0},
    {2,  32,  64,  1, 72,  72,   16, 4, 0, 1, 1},
    {1,  112, 64,  1, 33,  40,   16, 2, 0, 1, 1},
    /* No variance anywhere. */
    {2,  19,  64,  2, 48,  40,   16, 4, 1, 0, 0},
};
/* clang-format on */
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct worst {
    double nmse, abs;
    int bits; /* outputs whose bits differ between numbers of threads */
    size_t cases, outputs;
} worst;

static void compare(worst *w, const float *x, const float *r, size_t n)
{
    double error = 0, power = 0;
    for (size_t i = 0; i < n; i++) {
        double d = x[i] == r[i] ? 0 : (double)x[i] - (double)r[i]; /* also of infinities */
        double abs = fabs(d) / fmax(1.0, fabs((double)r[i]));
        error += d * d;
        power += (double)r[i] * (double)r[i];
        w->abs = numbers_worst(w->abs, abs);
    }
    w->nmse =
        numbers_worst(w->nmse, error > 0 || isnan(error) ? error / (power > 0 ? power : 1) : 0);
}

static int is_bf16(const bl_dev *d)
{
    return d->act_bytes == 2;
}

/* Does the device round what these ops multiply?  One with activations of 2 bytes always does, one
 * that was asked for bfloat16 with wider ones in the products of gradients. */
static int products_in_bf16;

static int rounds(const op_case *op, const bl_dev *d)
{
    static const char *const products[] = {"bitlinear_bwd_x", "bitlinear_bwd_w", "head_loss"};
    for (size_t i = 0; products_in_bf16 && i < sizeof products / sizeof *products; i++)
        if (strcmp(op->ops, products[i]) == 0)
            return 1;
    return is_bf16(d);
}

static void run_case(worst *w, const op_case *op, const shape *s, bl_dev *ref, bl_dev *one,
                     bl_dev *many)
{
    io a, b, c;
    double nmse = rounds(op, one) ? op->nmse_bf16 : op->nmse;
    double abs = rounds(op, one) ? op->abs_bf16 : op->abs;
    io_open(&a, ref);
    io_open(&b, one);
    io_open(&c, many);
    a.zeros = b.zeros = c.zeros = s->zeros;
    a.bf16 = b.bf16 = c.bf16 = is_bf16(one);
    op->run(&a, s);
    op->run(&b, s);
    op->run(&c, s);
    for (size_t i = 0; i < io_outputs(&a); i++) {
        float *r, *x, *y;
        size_t n;
        (void)io_output(&a, i, &r, &n);
        const char *name = io_output(&b, i, &x, &n);
        (void)io_output(&c, i, &y, &n);
        worst here = {0};
        compare(&here, x, r, n);
        here.bits = memcmp(x, y, n * sizeof *x) != 0;
        if (!(here.nmse <= nmse) || !(here.abs <= abs) || here.bits)
            printf("FAILED %s, output %s: B %zu T %zu D %zu: nmse %.2e, max %.2e, %s\n", op->ops,
                   name, s->B, s->T, s->D, here.nmse, here.abs,
                   here.bits ? "threads differ" : "threads agree");
        w->nmse = numbers_worst(w->nmse, here.nmse);
        w->abs = numbers_worst(w->abs, here.abs);
        w->bits += here.bits;
        w->outputs++;
        free(r);
        free(x);
        free(y);
    }
    io_close(&a);
    io_close(&b);
    io_close(&c);
    w->cases++;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The largest of every dimension of the shapes. */
static bl_limits limits(void)
{
    bl_limits m = {0};
    for (size_t i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        m.B = most(m.B, s->B), m.T = most(m.T, s->T), m.D = most(m.D, s->D);
        m.H = most(m.H, s->H), m.F = most(m.F, s->D / s->H), m.I = most(m.I, s->I);
        m.M = most(m.M, 4 * s->D / s->H), m.V = most(m.V, s->V), m.C = most(m.C, s->C),
        m.K = most(m.K, s->K);
    }
    return m;
}

static bl_dev *open_device(const char *name, int precision, int ternary, size_t threads)
{
    bl_error err;
    bl_dev *d;
    bl_limits all = limits();
    const bl_device_request request = {
        .name = name, .precision = precision, .ternary = ternary, .threads = threads};
    must(bl_device_open(&d, &request, &err), &err);
    if ((d->act_bytes != sizeof(float) && !is_bf16(d)) || d->param_bytes != sizeof(float) ||
        d->real_bytes != sizeof(float)) {
        fprintf(stderr, "checkops: %s does not compute in float32 or bfloat16\n", name);
        exit(2);
    }
    must(BL_OP(d, reserve, &all, &err), &err);
    return d;
}

static size_t every = 1;
static const char *only = "";

static int check_row(const op_case *op, bl_dev *ref, bl_dev *one, bl_dev *many, size_t *outputs)
{
    worst w = {0};
    bl_trace_reset(one);
    for (size_t j = 0; j < SHAPES; j += every)
        run_case(&w, op, &shapes[j], ref, one, many);
    double nmse = rounds(op, one) ? op->nmse_bf16 : op->nmse;
    double abs = rounds(op, one) ? op->abs_bf16 : op->abs;
    int bad = !(w.nmse <= nmse) || !(w.abs <= abs) || w.bits || check_called(op, one);
    printf("  %6zu %10.2e %10.0e %10.2e %10.0e  %-5s  %s%s\n", w.cases, w.nmse, nmse, w.abs, abs,
           w.bits ? "no" : "yes", op->ops, bad ? "  FAILED" : "");
    *outputs += w.outputs;
    return bad;
}

/* Any split of a text giving the same bits is promised of the two backends without a device. */
static int promises_splits(const char *name)
{
    return strcmp(name, "cpu") == 0 || strcmp(name, "ref") == 0;
}

static int check_mode(const char *name, const char *reference, int precision, int ternary,
                      size_t *outputs)
{
    char traced[64];
    (void)snprintf(traced, sizeof traced, "trace:%s", name);
    bl_dev *ref = open_device(reference, BL_PRECISION_AUTO, ternary, 0);
    bl_dev *one = open_device(traced, precision, ternary, 1);
    bl_dev *many = open_device(name, precision, ternary, 3);
    int failures = 0;
    products_in_bf16 = precision == BL_PRECISION_BF16 && !is_bf16(one);
    printf("%s against %s, %s, quantization %s, level %s\n", name, reference,
           is_bf16(one)       ? "bfloat16"
           : products_in_bf16 ? "products of bfloat16"
                              : "float32",
           ternary ? "ternary" : "none", getenv("BITLLAMA_CPU") ? getenv("BITLLAMA_CPU") : "best");
    printf("  %6s %10s %10s %10s %10s  %-5s  %s\n", "shapes", "nmse", "bound", "max", "bound",
           "1 = 3", "ops");
    for (size_t i = 0; op_case_at(i); i++)
        if ((op_case_at(i)->ternary < 0 || op_case_at(i)->ternary == ternary) &&
            strncmp(op_case_at(i)->ops, only, strlen(only)) == 0)
            failures += check_row(op_case_at(i), ref, one, many, outputs);
    if (promises_splits(name)) {
        int splits = check_splits(one) + check_splits(many);
        printf("  any split: %s\n", splits ? "FAILED" : "the same bits, T = 1..40");
        failures += splits;
    }
    bl_dev_close(ref);
    bl_dev_close(one);
    bl_dev_close(many);
    return failures;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "cpu", *reference = argc > 2 ? argv[2] : "ref";
    size_t outputs = 0;
    bl_cpu_level level;
    bl_error err;
    if (bl_cpu_choose(&level, &err) != BL_OK) { /* CTest counts 77 as skipped */
        printf("skipped: checkops (%s)\n", err.message);
        return 77;
    }
    if (argc > 4 && strtoul(argv[4], NULL, 10))
        every = strtoul(argv[4], NULL, 10);
    if (argc > 5)
        only = argv[5];
    int failures = check_rows();
    int precision = argc > 3 && strcmp(argv[3], "bf16") == 0 ? BL_PRECISION_BF16 : BL_PRECISION_F32;
    failures += check_mode(name, reference, precision, 1, &outputs);
    failures += check_mode(name, reference, precision, 0, &outputs);
    failures += outputs == 0; /* no op has that name */
    size_t rows = 0;
    while (op_case_at(rows))
        rows++;
    printf("checkops: %d ops in %zu rows, %zu shapes, %zu outputs compared: %s\n",
           (int)BL_OPS_COUNT, rows, (SHAPES + every - 1) / every, outputs,
           failures ? "FAILED" : "all within bounds");
    return failures ? 1 : 0;
}
