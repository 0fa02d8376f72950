/* Checks of the softmax. */
#include "check.h"

static void check_exp_row(check *k)
{
    static const float spreads[] = {1.0f, 30.0f, 1e4f, 0.0f};
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t n = check_lengths[i];
            const float *x = check_floats(k, n, spreads[j]);
            float *a, *b, sa, sb;
            check_twins(k, &a, &b, n, 1);
            check_close1(k, "max", k->c->exp_row(a, &sa, x, n), k->x->exp_row(b, &sb, x, n));
            check_close1(k, "sum", sa, sb);
            check_close(k, "p", a, b, n);
            check_release(k);
        }
    const float *x = check_floats(k, 256, 3);
    float *p = check_floats(k, 256, 1), sum;
    CHECK_BENCH(k, "256", 256, (void)k->x->exp_row(p, &sum, x, 256));
}

const check_case head_checks[] = {
    {"exp_row", check_exp_row, 32, 1e-6},
    {NULL, NULL, 0, 0},
};
