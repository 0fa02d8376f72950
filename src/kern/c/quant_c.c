/* Absmean and dequantisation in plain C. */
#include "kern/kern.h"

#include <math.h>

/* |w| 2^32 is exact in double; below 2^52 adding 2^52 rounds it to an integer, half to even. */
static int64_t absmean_sum(const float *w, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(w[i]);
        double x = (double)(a < 256.0f ? a : 256.0f) * 4294967296.0;
        sum += (int64_t)((x + 4503599627370496.0) - 4503599627370496.0);
    }
    return sum;
}

static void dequantise(float *x, const int8_t *q, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)q[i] / s;
}

void bl_kern_quant_c(bl_kern *k)
{
    k->absmean_sum = absmean_sum;
    k->dequantise = dequantise;
}
