/* Checks of the norms and the gates fused to them. */
#include "check.h"

#include <stdio.h>
#include <string.h>

/* What a quantising kernel leaves: a tie may fall either way when the floats differ by an ulp. */
static void close_rows(check *k, const int8_t *a, const int8_t *b, size_t n)
{
    for (size_t i = 0; i < bl_q8_stride(n); i++)
        if (a[i] - b[i] > 1 || b[i] - a[i] > 1 || (i >= n && b[i])) {
            printf("FAILED %s: q[%zu] of %zu is %d, C %d\n", k->kernel, i, n, b[i], a[i]);
            k->failures++;
            return;
        }
}

static void check_rmsnorm_fwd(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        const float *x = check_floats(k, n, 3), *w = check_floats(k, n, 1);
        int8_t *qa = check_buffer(k, bl_q8_stride(n)), *qb = check_buffer(k, bl_q8_stride(n));
        float *a, *b, sa, sb;
        int32_t ta, tb;
        check_twins(k, &a, &b, n, 1);
        check_close1(k, "rstd", k->c->rmsnorm_fwd(a, qa, &ta, &sa, x, w, 1e-6f, n),
                     k->x->rmsnorm_fwd(b, qb, &tb, &sb, x, w, 1e-6f, n));
        check_close(k, "y", a, b, n);
        close_rows(k, qa, qb, n);
        check_close1(k, "s", sa, sb);
        (void)k->x->rmsnorm_fwd(NULL, qa, &ta, &sa, x, w, 1e-6f, n);
        check_same(k, "q without y", qa, qb, bl_q8_stride(n));
        check_same(k, "sum without y", &ta, &tb, sizeof ta);
        check_release(k);
    }
    const float *x = check_floats(k, 256, 3), *w = check_floats(k, 256, 1);
    int8_t *q = check_buffer(k, 256);
    float *y = check_floats(k, 256, 1), s;
    int32_t t;
    CHECK_BENCH(k, "256", 256, (void)k->x->rmsnorm_fwd(y, q, &t, &s, x, w, 1e-6f, 256));
}

static void check_rmsnorm_bwd(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        const float *dy = check_floats(k, n, 1), *x = check_floats(k, n, 1);
        const float *w = check_floats(k, n, 1);
        float *dxa, *dxb, *dwa, *dwb;
        check_twins(k, &dxa, &dxb, n, 1);
        check_twins(k, &dwa, &dwb, n, 1);
        k->c->rmsnorm_bwd(dxa, dwa, dy, x, w, 0.8f, n);
        k->x->rmsnorm_bwd(dxb, dwb, dy, x, w, 0.8f, n);
        check_close(k, "dx", dxa, dxb, n);
        check_close(k, "dw", dwa, dwb, n);
        check_release(k);
    }
    float *v[5];
    for (int i = 0; i < 5; i++)
        v[i] = check_floats(k, 256, 1);
    CHECK_BENCH(k, "256", 256, k->x->rmsnorm_bwd(v[0], v[1], v[2], v[3], v[4], 1e-3f, 256));
}

static void one_gate_norm(check *k, size_t n, int gated)
{
    const float *o = check_floats(k, n, 1), *z = gated ? check_floats(k, n, 4) : NULL;
    const float *w = check_floats(k, n, 1), *b = check_floats(k, n, 1);
    const float *sub = check_floats(k, n, 1), *dy = check_floats(k, n, 1);
    int8_t *qa = check_buffer(k, bl_q8_stride(n)), *qb = check_buffer(k, bl_q8_stride(n));
    float *ya, *yb, *stats_a, *stats_b, sa, sb, *out[5][2];
    int32_t ta, tb;
    check_twins(k, &ya, &yb, n, 1);
    check_twins(k, &stats_a, &stats_b, 3, 1);
    k->c->gate_norm_fwd(ya, qa, &ta, &sa, stats_a, o, z, w, b, sub, 1e-6f, n);
    k->x->gate_norm_fwd(yb, qb, &tb, &sb, stats_b, o, z, w, b, sub, 1e-6f, n);
    check_close(k, "y", ya, yb, n);
    check_close(k, "stats", stats_a, stats_b, 3);
    close_rows(k, qa, qb, n);
    float *tmp = check_floats(k, n, 1);
    for (int i = 0; i < 5; i++)
        check_twins(k, &out[i][0], &out[i][1], n, 1);
    k->c->gate_norm_bwd(out[0][0], out[1][0], out[2][0], out[3][0], out[4][0], tmp, dy, o, z, w, b,
                        sub, stats_a, n);
    k->x->gate_norm_bwd(out[0][1], out[1][1], out[2][1], out[3][1], out[4][1], tmp, dy, o, z, w, b,
                        sub, stats_a, n);
    for (int i = 0; i < 5; i++)
        check_close(k, "a gradient", out[i][0], out[i][1], n);
    check_release(k);
}

static void check_gate_norm(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        if (check_lengths[i] > 2) { /* a LayerNorm of two is a sign: all gradients cancel */
            one_gate_norm(k, check_lengths[i], 1);
            one_gate_norm(k, check_lengths[i], 0);
        }
    float *v[8], s, stats[3];
    int32_t t;
    int8_t *q = check_buffer(k, 256);
    for (int i = 0; i < 8; i++)
        v[i] = check_floats(k, 256, 1);
    CHECK_BENCH(
        k, "256", 256,
        k->x->gate_norm_fwd(v[0], q, &t, &s, stats, v[1], v[2], v[3], v[4], v[5], 1e-6f, 256));
}

static void check_swiglu(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        const float *gate = check_floats(k, n, 5), *up = check_floats(k, n, 1);
        const float *w = check_floats(k, n, 1), *dh = check_floats(k, n, 1);
        int8_t *qa = check_buffer(k, bl_q8_stride(n)), *qb = check_buffer(k, bl_q8_stride(n));
        float *ya, *yb, sa, sb, *tmp = check_floats(k, n, 1), *out[3][2];
        int32_t ta, tb;
        check_twins(k, &ya, &yb, n, 1);
        check_close1(k, "rstd", k->c->swiglu_norm_fwd(ya, qa, &ta, &sa, gate, up, w, 1e-6f, n),
                     k->x->swiglu_norm_fwd(yb, qb, &tb, &sb, gate, up, w, 1e-6f, n));
        check_close(k, "y", ya, yb, n);
        close_rows(k, qa, qb, n);
        for (int j = 0; j < 3; j++)
            check_twins(k, &out[j][0], &out[j][1], n, 1);
        k->c->swiglu_norm_bwd(out[0][0], out[1][0], out[2][0], tmp, dh, gate, up, w, 0.9f, n);
        k->x->swiglu_norm_bwd(out[0][1], out[1][1], out[2][1], tmp, dh, gate, up, w, 0.9f, n);
        for (int j = 0; j < 3; j++)
            check_close(k, "a gradient", out[j][0], out[j][1], n);
        check_release(k);
    }
    float *v[4], s;
    int32_t t;
    int8_t *q = check_buffer(k, 704);
    for (int i = 0; i < 4; i++)
        v[i] = check_floats(k, 688, 1);
    CHECK_BENCH(k, "688", 688,
                (void)k->x->swiglu_norm_fwd(v[0], q, &t, &s, v[1], v[2], v[3], 1e-6f, 688));
}

const check_case norm_checks[] = {
    {"rmsnorm_fwd", check_rmsnorm_fwd, 16, 1e-6},
    {"rmsnorm_bwd", check_rmsnorm_bwd, 32, 1e-5},
    {"gate_norm_fwd", check_gate_norm, 64, 1e-4},
    {"gate_norm_bwd", check_gate_norm, 64, 1e-4},
    {"swiglu_norm_fwd", check_swiglu, 64, 2e-5},
    {"swiglu_norm_bwd", check_swiglu, 64, 2e-5},
    {NULL, NULL, 0, 0},
};
