/* checkops: does the CPU backend equal the reference, op by op, and itself at any number of
 * threads?
 *
 * Prints one row an op: the worst normalised mean square error and the largest difference over all
 * shapes, with their bounds.  Ends with 1 when anything is out of bounds. */
#include "cpu/cpu_dev.h"
#include "io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const shape shapes[] = {
    /* B   T   D    H  I    V     C   K */
    {2, 37, 64, 1, 88, 200, 16, 4},  {3, 16, 96, 2, 72, 97, 16, 3},
    {1, 5, 256, 4, 688, 300, 16, 4}, {2, 21, 48, 3, 130, 1100, 8, 2},
    {2, 70, 32, 1, 40, 33, 1, 8},    {1, 130, 72, 1, 64, 257, 64, 4},
    {5, 40, 128, 1, 100, 90, 7, 5},  {1, 300, 64, 4, 68, 2100, 16, 4},
};

typedef struct worst {
    double nmse, abs;
    int bits; /* outputs whose bits differ between numbers of threads */
} worst;

static void compare(worst *w, const float *x, const float *r, size_t n)
{
    double error = 0, power = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)r[i];
        error += d * d;
        power += (double)r[i] * (double)r[i];
        /* a NaN is worse than everything */
        w->abs = fabs(d) <= w->abs ? w->abs : fabs(d);
    }
    double nmse = error > 0 || isnan(error) ? error / (power > 0 ? power : 1) : 0;
    w->nmse = nmse <= w->nmse ? w->nmse : nmse;
}

static void run_case(worst *w, const op_case *op, const shape *s, bl_dev *ref, bl_dev *one,
                     bl_dev *many)
{
    io a, b, c;
    io_open(&a, ref);
    io_open(&b, one);
    io_open(&c, many);
    op->run(&a, s);
    op->run(&b, s);
    op->run(&c, s);
    for (size_t i = 0; i < io_outputs(&a); i++) {
        float *r, *x, *y;
        size_t n;
        (void)io_output(&a, i, &r, &n);
        const char *name = io_output(&b, i, &x, &n);
        (void)io_output(&c, i, &y, &n);
        worst here = {0, 0, 0};
        compare(&here, x, r, n);
        here.bits = memcmp(x, y, n * sizeof *x) != 0;
        if (!(here.nmse <= op->nmse) || !(here.abs <= op->abs) || here.bits)
            printf("FAILED %s, output %s: B %zu T %zu D %zu: nmse %.2e, max %.2e, %s\n", op->name,
                   name, s->B, s->T, s->D, here.nmse, here.abs,
                   here.bits ? "threads differ" : "threads agree");
        w->nmse = here.nmse <= w->nmse ? w->nmse : here.nmse;
        w->abs = here.abs <= w->abs ? w->abs : here.abs;
        w->bits += here.bits;
        free(r);
        free(x);
        free(y);
    }
    io_close(&a);
    io_close(&b);
    io_close(&c);
}

/* The largest of every dimension of the shapes. */
static bl_limits limits(void)
{
    bl_limits m = {.B = 5,
                   .T = 300,
                   .D = 256,
                   .H = 4,
                   .F = 128,
                   .I = 688,
                   .V = 2100,
                   .C = 64,
                   .K = 8,
                   .M = 512};
    return m;
}

static int check_mode(int ternary)
{
    bl_error err;
    bl_dev *ref, *one, *many;
    must(bl_ref32_open(&ref, ternary, &err), &err);
    must(bl_cpu_open(&one, ternary, 1, &err), &err);
    must(bl_cpu_open(&many, ternary, 3, &err), &err);
    bl_limits most = limits();
    must(BL_OP(ref, reserve, &most, &err), &err);
    must(BL_OP(one, reserve, &most, &err), &err);
    must(BL_OP(many, reserve, &most, &err), &err);

    int failures = 0;
    printf("quantization %s, level %s\n", ternary ? "ternary" : "none",
           getenv("BITLLAMA_CPU") ? getenv("BITLLAMA_CPU") : "best");
    printf("  %-18s %10s %10s %10s %10s  %s\n", "op", "nmse", "bound", "max", "bound", "1 = 3");
    for (size_t i = 0; i < op_cases_count; i++) {
        const op_case *op = &op_cases[i];
        if (op->ternary >= 0 && op->ternary != ternary)
            continue;
        worst w = {0, 0, 0};
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
            run_case(&w, op, &shapes[j], ref, one, many);
        int bad = !(w.nmse <= op->nmse) || !(w.abs <= op->abs) || w.bits;
        printf("  %-18s %10.2e %10.0e %10.2e %10.0e  %s%s\n", op->name, w.nmse, op->nmse, w.abs,
               op->abs, w.bits ? "no" : "yes", bad ? "  FAILED" : "");
        failures += bad;
    }
    int splits = check_splits(one) + check_splits(many);
    printf("  %-18s %s\n", "any split", splits ? "FAILED" : "the same bits, T = 1..40");
    ref->ops->close(ref);
    one->ops->close(one);
    many->ops->close(many);
    return failures + splits;
}

int main(void)
{
    int failures = check_mode(1) + check_mode(0);
    printf("%s\n", failures ? "checkops: FAILED" : "checkops: all ops within bounds");
    return failures ? 1 : 0;
}
