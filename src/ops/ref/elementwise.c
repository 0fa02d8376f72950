/* The residual addition and dropout; sigmoid and gelu, in double. */
#include "ops/ref/ref.h"
#include "core/rng.h"

#include <math.h>

/* x += y */
void REF(add)(bl_dev *d, bl_act *x_, const bl_act *y_, size_t n)
{
    (void)d;
    BL_REAL *x = (void *)x_;
    const BL_REAL *y = (const void *)y_;
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* x = x mask / (1 - p), mask = [u >= p 2^32] with 32 random bits u an element, four a draw */
void REF(dropout)(bl_dev *d, bl_act *x_, size_t n, uint32_t site, const bl_dev_step *step_)
{
    (void)d;
    const bl_step *step = (const void *)step_;
    BL_REAL *x = (void *)x_;
    double p = (double)step->dropout;
    uint64_t first = ((step->step << 16) + step->micro) << 32;
    for (size_t i = 0; i < n; i++) {
        uint32_t u[4];
        bl_philox(step->seed, BL_RNG_DROPOUT + site, first + i / 4, u);
        x[i] = (double)u[i % 4] >= p * 0x1p32 ? (BL_REAL)((double)x[i] / (1 - p)) : 0;
    }
}

double REF(sigmoid)(double x)
{
    return 1 / (1 + exp(-x));
}

/* gelu(x) = x (1 + tanh u) / 2,  u = sqrt(2 / pi) (x + 0.044715 x^3) */
static const double GELU_SCALE = 0.79788456080286535588, GELU_CUBE = 0.044715;

double REF(gelu)(double x)
{
    return 0.5 * x * (1 + tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x)));
}

/* gelu'(x) = (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2 */
double REF(gelu_slope)(double x)
{
    double t = tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    double du = GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du;
}

/* gelu''(x) = (1 - t^2) (u' + x (u'' / 2 - t u'^2)),  t = tanh u,
 * u'' = 6 sqrt(2 / pi) 0.044715 x */
double REF(gelu_curve)(double x)
{
    double t = tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    double du = GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
    double ddu = 6 * GELU_SCALE * GELU_CUBE * x;
    return (1 - t * t) * (du + x * (ddu / 2 - t * du * du));
}
