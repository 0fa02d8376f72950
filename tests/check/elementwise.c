/* Checks of the element-wise kernels. */
#include "check.h"

static void check_elementwise(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        float *a, *b;
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
        check_release(k);
    }
}

static void check_widen(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
        const float *x = check_floats(k, n, 20); /* any bits will do, those of NaN too */
        float *a, *b;
        check_twins(k, &a, &b, n, 1);
        k->c->widen_bf16(a, (const uint16_t *)(const void *)x, n);
        k->x->widen_bf16(b, (const uint16_t *)(const void *)x, n);
        check_same(k, "widen_bf16", a, b, n * sizeof *a);
        k->c->widen_int8(a, (const int8_t *)x + 1, 0.37f, n);
        k->x->widen_int8(b, (const int8_t *)x + 1, 0.37f, n);
        check_same(k, "widen_int8", a, b, n * sizeof *a);
        check_release(k);
    }
    const float *x = check_floats(k, 256, 2);
    float *y = check_floats(k, 256, 1);
    CHECK_BENCH(k, "256", 256, k->x->widen_bf16(y, (const uint16_t *)(const void *)x, 256));
}

static void check_gelu(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++) {
        size_t n = check_lengths[i];
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

const check_case elementwise_checks[] = {
    {"add", check_elementwise, 8, 2e-6},
    {"mul", check_elementwise, 8, 2e-6},
    {"axpy", check_elementwise, 8, 2e-6},
    {"scale", check_elementwise, 8, 2e-6},
    {"sigmoid", check_elementwise, 8, 2e-6},
    {"widen_bf16", check_widen, 0, 0},
    {"widen_int8", check_widen, 0, 0},
    {"gelu", check_gelu, 16, 2e-5},
    {NULL, NULL, 0, 0},
};
