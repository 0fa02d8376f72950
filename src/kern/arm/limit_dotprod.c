/* The loop that measures the limit of sdot: 16 products of int8, added to four sums. */
#include "kern/arm/limit_neon.h"
#include "kern/limit.h"

static double int8_products(size_t turns)
{
    const unsigned factor = 0x01010101;
    double done = 2.0 * 16 * LIMIT_CHAINS * (double)turns;
#define STEP(to) "sdot v" to ".4s, v0.16b, v0.16b\n\t"
    LIMIT_LOOP(STEP);
#undef STEP
    return done;
}

void bl_limit_loops_dotprod(bl_limit_loops *l)
{
    l->int8 = int8_products;
}
