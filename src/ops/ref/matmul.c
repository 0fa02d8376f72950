/* Small matrix products and dot products, in double. */
#include "ops/ref/ref.h"

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
