/* Checks of the sum of squares and AdamW. */
#include "check.h"

static void check_optim(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        float *p[4][2];
        const float *x = check_floats(k, n, 20);
        double sa = k->c->sumsq(x, n), sb = k->x->sumsq(x, n);
        check_close1(k, "sumsq", (float)sa, (float)sb);
        bl_adamw_step step = {1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.19f, 0.0975f, 0.5f};
        for (int j = 0; j < 4; j++)
            check_twins(k, &p[j][0], &p[j][1], n, 1);
        for (size_t j = 0; j < n; j++)
            p[3][0][j] = p[3][1][j] = p[3][0][j] * p[3][0][j];
        k->c->adamw(p[0][0], p[1][0], p[2][0], p[3][0], &step, n);
        k->x->adamw(p[0][1], p[1][1], p[2][1], p[3][1], &step, n);
        for (int j = 0; j < 4; j++)
            check_close(k, "adamw", p[j][0], p[j][1], n);
        check_release(k);
    }
}

const check_case optim_checks[] = {
    {"sumsq", check_optim, 8, 2e-6},
    {"adamw", check_optim, 8, 2e-6},
    {NULL, NULL, 0, 0},
};
