/* Checks of the float products. */
#include "check.h"

#include <stdio.h>

static void check_matmul(check *k)
{
    static const size_t Ms[] = {1, 2, 3, 4, 5, 6, 7, 13, 16}, Ns[] = {1, 5, 8, 16, 17, 31, 64};
    for (size_t i = 0; i < sizeof Ms / sizeof *Ms; i++)
        for (size_t j = 0; j < sizeof Ns / sizeof *Ns; j++)
            for (size_t K = 1; K <= 65; K += 16) {
                size_t M = Ms[i], N = Ns[j], ldb = N + 1;
                float *a, *b;
                const float *x = check_floats(k, M * K, 1);
                const float *y = check_floats(k, (K - 1) * ldb + N, 1);
                check_twins(k, &a, &b, M * N, 1);
                k->c->matmul(a, N, x, K, 1, y, ldb, M, N, K);
                k->x->matmul(b, N, x, K, 1, y, ldb, M, N, K);
                check_close(k, "c", a, b, M * N);
                k->c->matmul(a, N, x, 1, M, y, ldb, M, N, K);
                k->x->matmul(b, N, x, 1, M, y, ldb, M, N, K);
                check_close(k, "c from a transposed", a, b, M * N);
                check_release(k);
            }
    static const size_t shapes[][3] = {{16, 64, 64}, {64, 64, 16}, {6, 16, 256}, {1, 64, 64}};
    for (size_t i = 0; i < 4; i++) {
        size_t M = shapes[i][0], N = shapes[i][1], K = shapes[i][2];
        const float *a = check_floats(k, M * K, 1), *b = check_floats(k, K * N, 1);
        float *c = check_floats(k, M * N, 1);
        char shape[32];
        (void)snprintf(shape, sizeof shape, "%zux%zux%zu", M, N, K);
        CHECK_BENCH(k, shape, 2.0 * (double)(M * N * K),
                    k->x->matmul(c, N, a, K, 1, b, N, M, N, K));
    }
}

static void check_transpose(check *k)
{
    for (size_t M = 1; M < 26; M++)
        for (size_t N = 1; N < 26; N += 3) {
            float *a = check_buffer(k, M * N * 4), *b = check_buffer(k, M * N * 4);
            const float *x = check_floats(k, M * N, 1);
            k->c->transpose(a, M, x, N, M, N);
            k->x->transpose(b, M, x, N, M, N);
            check_same(k, "t", a, b, M * N * sizeof *a);
            check_release(k);
        }
    const float *x = check_floats(k, 4096, 1);
    float *t = check_floats(k, 4096, 1);
    CHECK_BENCH(k, "64x64", 4096, k->x->transpose(t, 64, x, 64, 64, 64));
}

static void check_dots(check *k)
{
    for (size_t M = 1; M < 6; M++)
        for (size_t N = 1; N < 10; N++)
            for (size_t i = 0; i < CHECK_LENGTHS; i++) {
                size_t K = check_lengths[i];
                float *a, *b;
                const float *x = check_floats(k, M * K, 1), *y = check_floats(k, N * K, 1);
                check_twins(k, &a, &b, M * N, 1);
                k->c->dots(a, N, x, K, y, K, M, N, K);
                k->x->dots(b, N, x, K, y, K, M, N, K);
                check_close(k, "c", a, b, M * N);
                check_release(k);
            }
    static const size_t shapes[][3] = {{16, 16, 64}, {16, 64, 64}, {1, 64, 256}};
    for (size_t i = 0; i < 3; i++) {
        size_t M = shapes[i][0], N = shapes[i][1], K = shapes[i][2];
        const float *a = check_floats(k, M * K, 1), *b = check_floats(k, N * K, 1);
        float *c = check_floats(k, M * N, 1);
        char shape[32];
        (void)snprintf(shape, sizeof shape, "%zux%zux%zu", M, N, K);
        CHECK_BENCH(k, shape, 2.0 * (double)(M * N * K), k->x->dots(c, N, a, K, b, K, M, N, K));
    }
}

static void check_dots_at(check *k)
{
    enum { ROWS = 9, MOST = 11 };
    static const int32_t at[MOST] = {8, 0, 3, 3, 7, 1, 2, 8, 5, 6, 4};
    for (size_t N = 1; N <= MOST; N++)
        for (size_t i = 0; i < CHECK_LENGTHS; i++) {
            size_t K = check_lengths[i];
            float *a, *b, c;
            const float *x = check_floats(k, K, 1), *y = check_floats(k, ROWS * K, 1);
            check_twins(k, &a, &b, N, 1);
            k->c->dots_at(a, x, y, K, at, N, K);
            k->x->dots_at(b, x, y, K, at, N, K);
            check_close(k, "c", a, b, N);
            for (size_t j = 0; j < N; j++) {
                k->x->dots(&c, 1, x, K, y + (size_t)at[j] * K, K, 1, 1, K);
                check_same(k, "dots", &c, b + j, sizeof c);
            }
            check_release(k);
        }
}

const check_case matmul_checks[] = {
    {"matmul", check_matmul, 8, 2e-5},
    {"transpose", check_transpose, 0, 0},
    {"dots", check_dots, 8, 2e-5},
    {"dots_at", check_dots_at, 8, 2e-5},
    {NULL, NULL, 0, 0},
};
