/* check: is every version of every kernel the one in plain C?  What the checks share. */
#ifndef BL_TESTS_CHECK_CHECK_H
#define BL_TESTS_CHECK_CHECK_H

#include "kern/kern.h"

#include <stddef.h>

enum { CHECK_BUFFERS = 64 };

typedef struct check {
    const bl_kern *c; /* the definition */
    const bl_kern *x; /* the level under test */
    const char *kernel;
    double ulp, abs; /* bounds of a float result: either may hold */
    int bench;
    int failures;
    double worst_ulp, worst_abs;
    uint64_t draws;
    struct {
        char *map;
        size_t map_bytes, bytes;
        char *p;
    } buffer[CHECK_BUFFERS];
    size_t buffers;
} check;

/* A buffer of `bytes` that ends at a page no one may touch, with a pattern before it; so an odd
 * length is a misaligned address, too. */
void *check_buffer(check *k, size_t bytes);
void check_release(check *k);

/* Floats in [-spread, spread]; the same in two buffers, for outputs that are added to. */
float *check_floats(check *k, size_t n, float spread);
void check_twins(check *k, float **a, float **b, size_t n, float spread);
int8_t *check_int8(check *k, size_t n); /* -127..127 */
uint32_t check_random(check *k);

/* Compares what the two versions wrote; failures are printed with the kernel and the words. */
void check_same(check *k, const char *what, const void *c, const void *x, size_t bytes);
void check_close(check *k, const char *what, const float *c, const float *x, size_t n);
void check_close1(check *k, const char *what, float c, float x);

/* The pattern before every buffer must be whole. */
void check_pattern(check *k);

double check_now(void); /* ns of this thread's processor time */
void check_report(check *k, const char *shape, double ns, double ops);

/* Times `call` when --bench was given and prints ns and GOP/s: the fastest of several batches. */
#define CHECK_BENCH(k, shape, ops, call)                                                           \
    do {                                                                                           \
        if (!(k)->bench)                                                                           \
            break;                                                                                 \
        double bench_best = 1e30;                                                                  \
        for (int bench_run = 0; bench_run < 40; bench_run++) {                                     \
            double bench_start = check_now();                                                      \
            size_t bench_calls = 0;                                                                \
            do {                                                                                   \
                for (int bench_i = 0; bench_i < 16; bench_i++, bench_calls++)                      \
                    call;                                                                          \
            } while (check_now() - bench_start < 2e5);                                             \
            double bench_ns = (check_now() - bench_start) / (double)bench_calls;                   \
            bench_best = bench_ns < bench_best ? bench_ns : bench_best;                            \
        }                                                                                          \
        check_report(k, shape, bench_best, ops);                                                   \
    } while (0)

/* One line a kernel: its check and its bounds (0, 0: exact). */
typedef struct check_case {
    const char *kernel;
    void (*run)(check *k);
    double ulp, abs;
} check_case;

/* A file a family, whose cases end with NULL. */
#define X(family) extern const check_case family##_checks[];
BL_KERN_FAMILY_LIST(X)
#undef X

/* Lengths of rows: short, odd, beside the multiples of a vector. */
enum { CHECK_LENGTHS = 11 };
extern const size_t check_lengths[CHECK_LENGTHS];

#endif
