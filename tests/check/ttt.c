/* Checks of the TTT row kernels. */
#include "check.h"

#include <string.h>

static const size_t widths[] = {16, 18, 24, 30, 48, 64, 72, 128};
enum { WIDTHS = sizeof widths / sizeof *widths };

static void check_rope(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        size_t n = widths[i];
        const float *x = check_floats(k, n, 1), *cs = check_floats(k, n, 1);
        const float *sn = check_floats(k, n, 1);
        float *a, *b;
        check_twins(k, &a, &b, n, 1);
        k->c->rope(a, x, cs, sn, n);
        k->x->rope(b, x, cs, sn, n);
        check_close(k, "y", a, b, n);
        check_release(k);
    }
}

static void check_inner(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        size_t n = widths[i];
        const float *z = check_floats(k, n, 1), *key = check_floats(k, n, 1);
        const float *v = check_floats(k, n, 1), *gamma = check_floats(k, n, 1);
        const float *beta = check_floats(k, n, 1), *dG = check_floats(k, n, 1);
        float *h[2], *G[2], *xh[2], *dz[2], *de[2], *dg[2], *db[2];
        check_twins(k, &h[0], &h[1], n, 1);
        check_twins(k, &G[0], &G[1], n, 1);
        check_twins(k, &xh[0], &xh[1], n, 1);
        float r = k->c->ttt_inner(h[0], G[0], xh[0], z, key, v, gamma, beta, 0.01f, n);
        check_close1(k, "rstd", r,
                     k->x->ttt_inner(h[1], G[1], xh[1], z, key, v, gamma, beta, 0.01f, n));
        check_close(k, "h", h[0], h[1], n);
        check_close(k, "G", G[0], G[1], n);
        check_close(k, "xh", xh[0], xh[1], n);
        (void)k->x->ttt_inner(h[0], NULL, NULL, z, key, v, gamma, beta, 0.01f, n);
        check_same(k, "h alone", h[0], h[1], n * sizeof **h);
        check_twins(k, &dz[0], &dz[1], n, 1);
        check_twins(k, &de[0], &de[1], n, 1);
        check_twins(k, &dg[0], &dg[1], n, 1);
        check_twins(k, &db[0], &db[1], n, 1);
        k->c->ttt_inner_bwd(dz[0], de[0], dg[0], db[0], dG, G[0], xh[0], r, key, v, gamma, beta, n);
        k->x->ttt_inner_bwd(dz[1], de[1], dg[1], db[1], dG, G[0], xh[0], r, key, v, gamma, beta, n);
        check_close(k, "dz", dz[0], dz[1], n);
        check_close(k, "de", de[0], de[1], n);
        check_close(k, "dgamma", dg[0], dg[1], n);
        check_close(k, "dbeta", db[0], db[1], n);
        check_release(k);
    }
    float *v[10];
    for (int i = 0; i < 10; i++)
        v[i] = check_floats(k, 64, 1);
    CHECK_BENCH(k, "64", 64,
                (void)k->x->ttt_inner(v[0], NULL, NULL, v[1], v[2], v[3], v[4], v[5], 0.1f, 64));
    CHECK_BENCH(k, "64 bwd", 64,
                k->x->ttt_inner_bwd(v[0], v[1], v[2], v[3], v[4], v[5], v[6], 1.0f, v[7], v[8],
                                    v[9], v[9], 64));
}

static void check_out(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        size_t n = widths[i];
        const float *zb = check_floats(k, n, 1), *q = check_floats(k, n, 1);
        const float *gamma = check_floats(k, n, 1), *beta = check_floats(k, n, 1);
        float *a, *b, *dg[2], *db[2];
        check_twins(k, &a, &b, n, 1);
        k->c->ttt_out(a, q, zb, gamma, beta, n);
        k->x->ttt_out(b, q, zb, gamma, beta, n);
        check_close(k, "o", a, b, n);
        check_twins(k, &dg[0], &dg[1], n, 1);
        check_twins(k, &db[0], &db[1], n, 1);
        k->c->ttt_out_bwd(a, dg[0], db[0], q, zb, gamma, n);
        k->x->ttt_out_bwd(b, dg[1], db[1], q, zb, gamma, n);
        check_close(k, "dzb", a, b, n);
        check_close(k, "dgamma", dg[0], dg[1], n);
        check_close(k, "dbeta", db[0], db[1], n);
        check_release(k);
    }
    float *v[5];
    for (int i = 0; i < 5; i++)
        v[i] = check_floats(k, 64, 1);
    CHECK_BENCH(k, "64", 64, k->x->ttt_out(v[0], v[1], v[2], v[3], v[4], 64));
}

static void check_forget(check *k)
{
    static const size_t lengths[] = {1, 7, 8, 9, 16, 23, 64, 256, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        const float *w0 = check_floats(k, n, 1), *w = check_floats(k, n, 1);
        float *a, *b, *sum[2];
        check_twins(k, &a, &b, n, 1);
        check_twins(k, &sum[0], &sum[1], n, 1);
        k->c->forget(a, w0, 0.97f, n);
        k->x->forget(b, w0, 0.97f, n);
        check_close(k, "w", a, b, n);
        memcpy(b, a, n * sizeof *a);
        float x = k->c->forget_bwd(a, sum[0], w, w0, 0.97f, n);
        check_close1(k, "drho", x, k->x->forget_bwd(b, sum[1], w, w0, 0.97f, n));
        check_close(k, "dw", a, b, n);
        check_close(k, "sum", sum[0], sum[1], n);
        check_release(k);
    }
    float *v[4];
    for (int i = 0; i < 4; i++)
        v[i] = check_floats(k, 4096, 1);
    CHECK_BENCH(k, "4096", 4096, k->x->forget(v[0], v[1], 0.97f, 4096));
    CHECK_BENCH(k, "4096 bwd", 4096, (void)k->x->forget_bwd(v[0], v[1], v[2], v[3], 0.97f, 4096));
}

const check_case ttt_checks[] = {
    {"rope", check_rope, 8, 2e-6},
    {"ttt_inner", check_inner, 64, 2e-5},
    {"ttt_inner_bwd", check_inner, 64, 2e-5},
    {"ttt_out", check_out, 64, 1e-5},
    {"ttt_out_bwd", check_out, 64, 1e-5},
    {"forget", check_forget, 64, 2e-6},
    {"forget_bwd", check_forget, 64, 2e-5},
    {NULL, NULL, 0, 0},
};
