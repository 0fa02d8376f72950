/* bitllama bench: what was measured, for people and for programs. */
#include "bench_print.h"
#include "figures.h"
#include "output.h"

#include <inttypes.h>
#include <string.h>

/* ---- shares of the limits ---- */

static double rate_of(const bl_bench_test *t, const bl_limit *l)
{
    if (!l)
        return 0;
    return 1e9 * (t->threads == 1 ? l->one : l->all);
}

/* The cache that holds so many bytes, or the memory. */
static const bl_limit *home_of(const bl_bench_test *t, double bytes)
{
    static const char *const caches[] = {"l2", "l3"};
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        const bl_limit *l = bl_limits_find(t->limits, caches[i]);
        if (l && rate_of(t, l) > 0 && bytes <= (double)l->bytes)
            return l;
    }
    return bl_limits_find(t->limits, "dram");
}

static double all_bytes(const bl_bench_test *t)
{
    double bytes = 0;
    for (size_t i = 0; i < t->op_count; i++)
        bytes += t->ops[i].bytes;
    return bytes / t->passes;
}

/* A token that is written meets every weight once, after all others: they come from what holds all
 * of them.  Elsewhere what a call reads was written, or read by another call, just before. */
static const bl_limit *home_of_op(const bl_bench_test *t, const bl_op_work *w)
{
    return home_of(t, t->kind == BL_BENCH_WRITE ? all_bytes(t) : w->bytes / (double)w->calls);
}

/* The least time that an op could take: that of its memory or of its products, whichever is
 * longer; 0: not known. */
static double floor_of(const bl_bench_test *t, const bl_op_work *w)
{
    if (!t->limits)
        return 0;
    double read = rate_of(t, home_of_op(t, w));
    double ints = rate_of(t, bl_limits_find(t->limits, "int8"));
    double floats = rate_of(t, bl_limits_find(t->limits, "f32"));
    double halves = rate_of(t, bl_limits_find(t->limits, "bf16"));
    if (!(read > 0 && ints > 0 && floats > 0))
        return 0;
    double memory = w->bytes / read, products = w->int_ops / ints + w->float_ops / floats;
    products += w->bf16_ops / (halves > 0 ? halves : floats); /* without them they are of float32 */
    return memory > products ? memory : products;
}

/* ---- for people ---- */

static void put(const char *text)
{
    char shown[4096];
    size_t n = bl_text_shown(text, strlen(text), BL_SHOWN_LINE, shown, sizeof shown, NULL);
    (void)fwrite(shown, 1, n, stdout);
}

void bl_bench_table_begin(const bl_bench_facts *f)
{
    printf("bitllama %s, %s; ", bl_version(), *f->compiler ? f->compiler : "compiler not known");
    put(*f->processor ? f->processor : "processor not known");
    printf(", %s, %zu %s\n", *f->simd ? f->simd : "no SIMD level", f->processors,
           f->processors == 1 ? "processor" : "processors");
    put(f->model);
    printf(", %s parameters; device ", bl_format_count(f->parameters).text);
    put(f->device);
    printf(", precision %s; %zu repetitions\n\n", f->precision, f->repetitions);
    printf("%-16s %7s %14s %10s %14s %12s\n", "test", "threads", "tokens/s", "deviation", "fastest",
           "ms fastest");
    (void)fflush(stdout);
}

void bl_bench_table_row(const bl_bench_test *t)
{
    bl_bench_rates r = bl_bench_rates_of(t);
    double tokens = (double)t->rows * (double)t->tokens;
    printf("%-16s %7zu %14.1f %10.1f %14.1f %12.3f\n", bl_bench_name_of(t).text, t->threads, r.mean,
           r.deviation, r.fastest, 1e3 * tokens / r.fastest);
    (void)fflush(stdout);
}

static const char *pass_of(const bl_bench_test *t)
{
    return t->kind == BL_BENCH_PROMPT ? "prompt" : t->kind == BL_BENCH_TRAIN ? "step" : "token";
}

/* "-" for what is not known or not there. */
static void put_figure(int width, int digits, double value)
{
    if (value > 0)
        printf(" %*.*f", width, digits, value);
    else
        printf(" %*s", width, "-");
}

static void print_op(const bl_bench_test *t, const bl_op_work *w, const char *home, double floor,
                     double all)
{
    printf("  %-20s %8.1f %10.3f %7.1f%%", w->op, (double)w->calls / t->passes,
           1e3 * w->seconds / t->passes, 100 * w->seconds / all);
    put_figure(9, 2, 1e-9 * w->bytes / w->seconds);
    put_figure(10, 1, 1e-9 * (w->int_ops + w->float_ops + w->bf16_ops) / w->seconds);
    put_figure(9, 1, 100 * floor / w->seconds);
    printf("%s  %s\n", floor > 0 ? "%" : " ", floor > 0 ? home : "");
}

void bl_bench_table_ops(const bl_bench_test *t)
{
    bl_op_work all = {.op = "all"};
    double floors = 0;
    if (!t->op_count || !(t->passes > 0))
        return;
    for (size_t i = 0; i < t->op_count; i++) {
        const bl_op_work *w = &t->ops[i];
        all.calls += w->calls;
        all.seconds += w->seconds;
        all.bytes += w->bytes;
        all.int_ops += w->int_ops;
        all.float_ops += w->float_ops;
        all.bf16_ops += w->bf16_ops;
        floors += floor_of(t, w);
    }
    printf("\n%s, %zu %s, a %s:\n", bl_bench_name_of(t).text, t->threads,
           t->threads == 1 ? "thread" : "threads", pass_of(t));
    printf("  %-20s %8s %10s %8s %9s %10s %10s  %s\n", "op", "calls", "ms", "share", "GB/s",
           "GOP/s", "of limit", "memory");
    for (size_t i = 0; i < t->op_count; i++) {
        const bl_op_work *w = &t->ops[i];
        const bl_limit *home = t->limits ? home_of_op(t, w) : NULL;
        print_op(t, w, w->bytes > 0 && home ? home->name : "", floor_of(t, w), all.seconds);
    }
    print_op(t, &all, "", floors, all.seconds);
}

/* ---- for programs ---- */

static void json_text(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (*text)
        bl_output_json_text(stdout, text, strlen(text));
    else
        fputs("null", stdout);
}

static void json_number(const char *name, double value)
{
    printf(", \"%s\": ", name);
    bl_output_json_number(stdout, value);
}

static void json_ops(const bl_bench_test *t)
{
    printf(",\n   \"passes\": %.0f, \"ops\": [", t->passes);
    for (size_t i = 0; i < t->op_count; i++) {
        const bl_op_work *w = &t->ops[i];
        double floor = floor_of(t, w);
        printf("%s\n    {\"op\": \"%s\", \"calls\": %" PRIu64, i ? "," : "", w->op, w->calls);
        json_number("seconds", w->seconds);
        json_number("bytes", w->bytes);
        json_number("int_ops", w->int_ops);
        json_number("float_ops", w->float_ops);
        json_number("bf16_ops", w->bf16_ops);
        fputs(", \"of_limit\": ", stdout);
        if (floor > 0)
            bl_output_json_number(stdout, floor / w->seconds);
        else
            fputs("null", stdout);
        putchar('}');
    }
    putchar(']');
    if (t->limits) {
        fputs(",\n   \"limits\": ", stdout);
        bl_limits_print_json(t->limits);
    }
}

static const char *const kinds[] = {"prompt", "write", "train"};

static void json_test(const bl_bench_test *t)
{
    bl_bench_rates r = bl_bench_rates_of(t);
    printf("\n  {\"test\": \"%s\", \"kind\": \"%s\", \"threads\": %zu, \"rows\": %zu, "
           "\"tokens\": %zu",
           bl_bench_name_of(t).text, kinds[t->kind], t->threads, t->rows, t->tokens);
    json_number("tokens_per_s", r.mean);
    json_number("deviation", r.deviation);
    json_number("fastest", r.fastest);
    fputs(",\n   \"seconds\": [", stdout);
    for (size_t i = 0; i < t->count; i++) {
        fputs(i ? ", " : "", stdout);
        bl_output_json_number(stdout, t->seconds[i]);
    }
    putchar(']');
    if (t->op_count && t->passes > 0)
        json_ops(t);
    putchar('}');
}

void bl_bench_json(const bl_bench_facts *f, const bl_bench_test *tests, size_t count)
{
    int first = 1;
    printf("{\"version\": \"%s\", ", bl_version());
    json_text("compiler", f->compiler);
    fputs(", ", stdout);
    json_text("processor", f->processor);
    fputs(", ", stdout);
    json_text("simd", f->simd);
    printf(", \"processors\": %zu,\n ", f->processors);
    json_text("model", f->model);
    printf(", \"parameters\": %" PRIu64 ", ", f->parameters);
    json_text("device", f->device);
    fputs(", ", stdout);
    json_text("precision", f->precision);
    printf(", \"repetitions\": %zu, \"interrupted\": %s,\n \"tests\": [", f->repetitions,
           f->interrupted ? "true" : "false");
    for (size_t i = 0; i < count; i++) {
        if (!tests[i].count)
            continue;
        fputs(first ? "" : ",", stdout);
        json_test(&tests[i]);
        first = 0;
    }
    puts("]}");
}

/* A field of RFC 4180. */
static void csv_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    fputs("\",", stdout);
}

void bl_bench_csv(const bl_bench_facts *f, const bl_bench_test *tests, size_t count)
{
    puts("version,compiler,processor,simd,model,parameters,device,precision,test,kind,threads,"
         "rows,tokens,repetitions,tokens_per_s,deviation,fastest");
    for (size_t i = 0; i < count; i++) {
        const bl_bench_test *t = &tests[i];
        bl_bench_rates r = bl_bench_rates_of(t);
        if (!t->count)
            continue;
        csv_text(bl_version());
        csv_text(f->compiler);
        csv_text(f->processor);
        csv_text(f->simd);
        csv_text(f->model);
        printf("%" PRIu64 ",", f->parameters);
        csv_text(f->device);
        printf("%s,%s,%s,%zu,%zu,%zu,%zu,%.3f,%.3f,%.3f\n", f->precision, bl_bench_name_of(t).text,
               kinds[t->kind], t->threads, t->rows, t->tokens, t->count, r.mean, r.deviation,
               r.fastest);
    }
}
