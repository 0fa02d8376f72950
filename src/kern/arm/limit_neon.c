/* Loops that measure limits, for every 64-bit ARM. */
#include "kern/arm/limit_neon.h"
#include "kern/limit.h"

/* Eight products of int8, added to sums of int16. */
static double int8_products(size_t turns)
{
    const unsigned factor = 0x01010101;
    double done = 2.0 * 8 * LIMIT_CHAINS * (double)turns;
#define STEP(to) "smlal v" to ".8h, v0.8b, v0.8b\n\t"
    LIMIT_LOOP(STEP);
#undef STEP
    return done;
}

static double f32_products(size_t turns)
{
    const unsigned factor = 0x3f000000; /* 0.5: sums of squares grow slowly */
    double done = 2.0 * 4 * LIMIT_CHAINS * (double)turns;
#define STEP(to) "fmla v" to ".4s, v0.4s, v0.4s\n\t"
    LIMIT_LOOP(STEP);
#undef STEP
    return done;
}

void bl_limit_loops_neon(bl_limit_loops *l)
{
    l->int8 = int8_products;
    l->f32 = f32_products;
}
