/* Small matrix products, row standardisation and scalar functions, all in double. */
#include "ops/ref/ref.h"

#include <math.h>

void REF(add_nn)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += A[i * K + k] * B[k * N + j];
            y[i * N + j] += a * sum;
        }
}

void REF(add_nt)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++)
            y[i * N + j] += a * REF(dot)(A + i * K, B + j * K, K);
}

void REF(add_tn)(double *y, double a, const double *A, const double *B, size_t M, size_t K,
                 size_t N)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += A[k * M + i] * B[k * N + j];
            y[i * N + j] += a * sum;
        }
}

double REF(dot)(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

double REF(standardise)(double *xh, const double *z, size_t n)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++)
        mean += z[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (z[i] - mean) * (z[i] - mean) / (double)n;
    double sigma = sqrt(var + 1e-6);
    for (size_t i = 0; i < n; i++)
        xh[i] = (z[i] - mean) / sigma;
    return sigma;
}

void REF(project)(double *out, const double *a, const double *xh, size_t n)
{
    double mean = 0, slope = REF(dot)(a, xh, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        mean += a[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] - mean - xh[i] * slope;
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
