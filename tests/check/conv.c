/* Checks of the convolution. */
#include "check.h"

static void check_conv(check *k)
{
    enum { K = 4 };
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        for (unsigned absent = 0; absent < 8; absent += 3) {
            size_t n = check_lengths[i];
            const float *rows[K], *wt = check_floats(k, K * n, 1), *bias = check_floats(k, n, 1);
            const float *u = check_floats(k, n, 1);
            for (unsigned j = 0; j < K; j++)
                rows[j] = j && (absent >> (j - 1) & 1) ? NULL : check_floats(k, n, 1);
            float *a, *b, *du[2], *dw[2], *db[2];
            check_twins(k, &a, &b, n, 1);
            k->c->conv_row(a, rows, wt, bias, K, n);
            k->x->conv_row(b, rows, wt, bias, K, n);
            check_close(k, "y", a, b, n);
            check_twins(k, &du[0], &du[1], n, 1);
            check_twins(k, &dw[0], &dw[1], K * n, 1);
            check_twins(k, &db[0], &db[1], n, 1);
            k->c->conv_bwd_row(du[0], dw[0], db[0], rows, u, wt, K, n);
            k->x->conv_bwd_row(du[1], dw[1], db[1], rows, u, wt, K, n);
            check_close(k, "du", du[0], du[1], n);
            check_close(k, "dw", dw[0], dw[1], K * n);
            check_close(k, "db", db[0], db[1], n);
            check_release(k);
        }
    const float *rows[K], *wt = check_floats(k, 256 * K, 1), *bias = check_floats(k, 256, 1);
    float *y = check_floats(k, 256, 1);
    for (unsigned j = 0; j < K; j++)
        rows[j] = check_floats(k, 256, 1);
    CHECK_BENCH(k, "256", 2 * 256 * K, k->x->conv_row(y, rows, wt, bias, K, 256));
}

const check_case conv_checks[] = {
    {"conv_row", check_conv, 8, 2e-6},
    {"conv_bwd_row", check_conv, 8, 2e-6},
    {NULL, NULL, 0, 0},
};
