/* Loops that measure limits, in plain C: as fast as the compiler makes them. */
#include "kern/limit.h"

enum { LANES = 32, BYTES = 1024 };

static uint64_t read_words(const uint64_t *p, size_t n)
{
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < n; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] ^= p[i + k];
    for (size_t k = 1; k < 8; k++)
        sum[0] ^= sum[k];
    return sum[0];
}

/* The pointers are read anew in each turn, or the compiler would compute one turn and multiply. */
static double int8_products(size_t turns)
{
    static int8_t a[BYTES], b[BYTES];
    const int8_t *volatile at = a, *volatile bt = b;
    volatile int32_t total = 0;
    for (size_t t = 0; t < turns; t++) {
        const int8_t *x = at, *y = bt;
        int32_t sum = 0;
        for (size_t i = 0; i < BYTES; i++)
            sum += x[i] * y[i];
        total = sum;
    }
    (void)total;
    return 2.0 * BYTES * (double)turns;
}

static double f32_products(size_t turns)
{
    volatile float first = 1.0f, factor = 0.5f;
    float x[LANES], f = factor;
    for (size_t k = 0; k < LANES; k++)
        x[k] = first;
    for (size_t t = 0; t < turns; t++)
        for (size_t k = 0; k < LANES; k++)
            x[k] = x[k] * f + f;
    for (size_t k = 0; k < LANES; k++)
        first = x[k];
    return 2.0 * LANES * (double)turns;
}

void bl_limit_loops_c(bl_limit_loops *l)
{
    l->read = l->read_ahead = read_words;
    l->int8 = int8_products;
    l->f32 = f32_products;
}
