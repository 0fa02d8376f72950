/* Philox4x32-10 and what is drawn from it. */
#include "core/rng.h"

#include <math.h>

static void mul32(uint32_t a, uint32_t b, uint32_t *hi, uint32_t *lo)
{
    uint64_t p = (uint64_t)a * b;
    *hi = (uint32_t)(p >> 32);
    *lo = (uint32_t)p;
}

void bl_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint32_t hi0, lo0, hi1, lo1;
        mul32(0xD2511F53u, c0, &hi0, &lo0);
        mul32(0xCD9E8D57u, c2, &hi1, &lo1);
        c0 = hi1 ^ c1 ^ k0;
        c1 = lo1;
        c2 = hi0 ^ c3 ^ k1;
        c3 = lo0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

float bl_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t r[4];
    bl_philox(seed, stream, index, r);
    return (float)(r[0] >> 8) * 0x1p-24f;
}

uint64_t bl_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n)
{
    uint32_t r[4];
    bl_philox(seed, stream, index, r);
    if (n <= UINT32_MAX)
        return ((uint64_t)r[0] * n) >> 32;
    return (((uint64_t)r[0] << 32) | r[1]) % n;
}

float bl_rng_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t r[4];
    bl_philox(seed, stream, index, r);
    double u = ((double)r[0] + 1.0) * 0x1p-32; /* (0, 1] */
    double v = (double)r[1] * 0x1p-32;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}
