/* Checks of the float products, norms, softmax, convolution and element-wise kernels. */
#include "check.h"

#include <stdio.h>
#include <string.h>

static const size_t lengths[] = {1, 2, 7, 8, 9, 16, 23, 64, 130, 256, 688};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

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
            for (size_t i = 0; i < LENGTHS; i++) {
                size_t K = lengths[i];
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
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
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
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
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
    for (size_t i = 0; i < LENGTHS; i++)
        if (lengths[i] > 2) { /* a LayerNorm of two is a sign: all gradients cancel */
            one_gate_norm(k, lengths[i], 1);
            one_gate_norm(k, lengths[i], 0);
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
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
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

static void check_gelu(check *k)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
        const float *x = check_floats(k, n, i % 2 ? 2 : 30);
        float *y[3][2];
        for (size_t j = 0; j < 3; j++)
            check_twins(k, &y[j][0], &y[j][1], n, 0);
        k->c->gelu(y[0][0], y[1][0], y[2][0], x, n);
        k->x->gelu(y[0][1], y[1][1], y[2][1], x, n);
        check_close(k, "gelu", y[0][0], y[0][1], n);
        check_close(k, "slope", y[1][0], y[1][1], n);
        check_close(k, "curve", y[2][0], y[2][1], n);
        k->x->gelu(y[1][1], NULL, NULL, x, n);
        check_same(k, "gelu alone", y[0][1], y[1][1], n * sizeof(float));
        check_release(k);
    }
    const float *x = check_floats(k, 1024, 2);
    float *y = check_floats(k, 1024, 1);
    CHECK_BENCH(k, "1024", 1024, k->x->gelu(y, NULL, NULL, x, 1024));
}

static void check_elementwise(check *k)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
        float *a, *b, *p[4][2];
        const float *x = check_floats(k, n, 20);
        check_twins(k, &a, &b, n, 1);
        k->c->add(a, x, n);
        k->x->add(b, x, n);
        check_same(k, "add", a, b, n * sizeof *a);
        k->c->mul(a, a, x, n);
        k->x->mul(b, b, x, n);
        check_same(k, "mul", a, b, n * sizeof *a);
        k->c->axpy(a, 0.3f, x, n);
        k->x->axpy(b, 0.3f, x, n);
        check_close(k, "axpy", a, b, n);
        k->c->scale(a, 0.7f, n);
        k->x->scale(b, 0.7f, n);
        check_close(k, "scale", a, b, n);
        k->c->sigmoid(a, x, 2.0f, n);
        k->x->sigmoid(b, x, 2.0f, n);
        check_close(k, "sigmoid", a, b, n);
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

static void check_exp_row(check *k)
{
    static const float spreads[] = {1.0f, 30.0f, 1e4f, 0.0f};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t n = lengths[i];
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

static void check_conv(check *k)
{
    enum { K = 4 };
    for (size_t i = 0; i < LENGTHS; i++)
        for (unsigned absent = 0; absent < 8; absent += 3) {
            size_t n = lengths[i];
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
}

const check_case check_row_cases[] = {
    {"matmul", check_matmul, 8, 2e-5},
    {"transpose", check_transpose, 0, 0},
    {"dots", check_dots, 8, 2e-5},
    {"rmsnorm_fwd", check_rmsnorm_fwd, 16, 1e-6},
    {"rmsnorm_bwd", check_rmsnorm_bwd, 32, 1e-5},
    {"gate_norm_fwd", check_gate_norm, 64, 1e-4},
    {"gate_norm_bwd", check_gate_norm, 64, 1e-4},
    {"swiglu_norm_fwd", check_swiglu, 64, 2e-5},
    {"swiglu_norm_bwd", check_swiglu, 64, 2e-5},
    {"add", check_elementwise, 8, 2e-6},
    {"mul", check_elementwise, 8, 2e-6},
    {"gelu", check_gelu, 16, 2e-5},
    {"axpy", check_elementwise, 8, 2e-6},
    {"sigmoid", check_elementwise, 8, 2e-6},
    {"sumsq", check_elementwise, 8, 2e-6},
    {"adamw", check_elementwise, 8, 2e-6},
    {"exp_row", check_exp_row, 32, 1e-6},
    {"scale", check_elementwise, 8, 2e-6},
    {"conv_row", check_conv, 8, 2e-6},
    {"conv_bwd_row", check_conv, 8, 2e-6},
    {NULL, NULL, 0, 0},
};
