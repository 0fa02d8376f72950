/* The whole model: on a device in float64 its gradients against central differences; on that and on
 * another its decoding against the training forward and in pieces; the two against each other. */
#include "model/reader.h"
#include "whole.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { T_MOST = 70, V = 29 };

/* What is compared, in float64 and float and with activations of bfloat16. */
static const struct {
    double decoding;  /* losses of decoding and of training */
    double pieces;    /* NMSE of logits in pieces, where the bits are not promised (ops.h) */
    double logits[2]; /* NMSE against the reference, of ternary and of float models */
} bounds[] = {
    [2] = {.decoding = 1e-10},
    [1] = {2e-5, 1e-10, {1e-3, 1e-10}},
    [0] = {2e-2, 1e-4, {1e-2, 5e-3}},
};

static const char *reference = "ref64", *device = "cpu";
static int precision = BL_PRECISION_AUTO;

static int width_of(const bl_dev *d)
{
    return (int)(d->act_bytes / 4);
}

static void fixture_open(whole *f, const variant *v, int quantization, int is_device)
{
    whole_open(f, v, quantization, is_device ? device : reference,
               is_device ? precision : BL_PRECISION_AUTO);
}

/* (loss(w + h) - loss(w - h)) / 2h, improved once by Richardson's extrapolation. */
static double derivative(whole *f, void *w)
{
    double at, d[2];
    whole_get(f, BL_KIND_param, &at, w, 1);
    for (int i = 0; i < 2; i++) {
        double h = 1e-4 / (i + 1);
        whole_put(f, BL_KIND_param, w, &(double){at + h}, 1);
        double up = whole_loss(f, 1);
        whole_put(f, BL_KIND_param, w, &(double){at - h}, 1);
        d[i] = (up - whole_loss(f, 1)) / (2 * h);
    }
    whole_put(f, BL_KIND_param, w, &at, 1);
    return (4 * d[1] - d[0]) / 3;
}

static void check_gradients(const variant *v)
{
    whole f;
    fixture_open(&f, v, BL_QUANT_NONE, 0);
    (void)whole_loss(&f, 1);
    whole_backward(&f);
    double worst = 0;
    const char *worst_name = "";
    size_t checked = 0;
    for (size_t i = 0; i < f.net.tensors.count; i++) {
        const bl_tensor *t = &f.net.tensors.at[i];
        double *gradient = whole_gradient(&f, t), norm = 0;
        char *place = bl_net_place(&f.net, f.net.block, t);
        for (size_t j = 0; j < t->count; j++)
            norm += gradient[j] * gradient[j];
        norm = sqrt(norm / (double)t->count);
        assert_true(norm > 0);
        for (size_t n = 0; n < v->checks; n++) {
            size_t j = (size_t)bl_rng_below(9, i, n, t->count);
            double want = derivative(&f, place + j * f.dev->param_bytes);
            double error = numbers_worst(0, fabs(gradient[j] - want) / (fabs(want) + norm));
            checked++;
            if (error > worst) {
                worst = error;
                worst_name = t->name;
            }
        }
        bl_free(gradient);
    }
    printf("%-24s %4zu derivatives, worst relative error %.1e (%s)\n", v->name, checked, worst,
           worst_name);
    assert_true(worst < 1e-6);
    whole_close(&f);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++)
        check_gradients(&variants[i]);
}

/* Logits as doubles, row 0 of the batch, in pieces of `piece` tokens. */
static void decode_all(whole *f, bl_reader *r, bl_state *s, size_t piece, double *logits)
{
    size_t T = f->v->T;
    assert_int_equal(bl_state_start(s, &f->net, NULL), BL_OK);
    for (size_t done = 0; done < T;) {
        size_t n = T - done < piece ? T - done : piece;
        n = n < BL_READER_ROWS ? n : BL_READER_ROWS;
        const bl_piece next = {s, f->ids + done, n, BL_LOGITS_EVERY};
        assert_int_equal(bl_reader_feed(r, &next, 1, NULL), BL_OK);
        whole_get(f, BL_KIND_real, logits + done * V, r->logits, n * V);
        done += n;
    }
}

static double loss_from(const double *logits, int32_t target)
{
    double sum = 0, top = logits[0];
    for (size_t v = 0; v < V; v++)
        top = fmax(top, logits[v]);
    for (size_t v = 0; v < V; v++)
        sum += exp(logits[v] - top);
    return top + log(sum) - logits[target];
}

/* Decoding against the training forward, and the same bits in pieces of 1, 2, 3, 5, ... tokens. */
static int check_decoding(const variant *v, int quantization, int is_device, double *logits)
{
    static double split[T_MOST * V];
    whole f;
    fixture_open(&f, v, quantization, is_device);
    f.pass.dropout = 0;
    (void)whole_loss(&f, 0);
    bl_reader r;
    bl_state s;
    assert_int_equal(bl_reader_open(&r, &f.net, BL_READER_ROWS, 1, NULL), BL_OK);
    assert_int_equal(bl_state_open(&s, &f.net, NULL), BL_OK);
    decode_all(&f, &r, &s, v->T, logits);
    double worst = 0;
    for (size_t t = 0; t < v->T; t++)
        worst = numbers_worst(worst, fabs(loss_from(logits + t * V, f.targets[t]) - f.room[t]));
    printf("%-24s %-8s %-5s decoding against training, worst loss difference %.1e\n", v->name,
           quantization == BL_QUANT_NONE ? "none" : "ternary", f.dev->name, worst);
    assert_true(worst < bounds[width_of(f.dev)].decoding);
    for (size_t piece = 1; piece < v->T; piece += piece < 5 ? 1 : v->T / 4) {
        decode_all(&f, &r, &s, piece, split);
        if (strstr(f.dev->name, "cuda"))
            assert_true(whole_nmse(split, logits, v->T * V) < bounds[width_of(f.dev)].pieces);
        else
            assert_memory_equal(logits, split, v->T * V * sizeof *logits);
    }
    bl_state_release(&s, &f.net);
    bl_reader_release(&r);
    int width = width_of(f.dev);
    whole_close(&f);
    return width;
}

/* Ternary: one activation at a rounding tie moves a token's logits by up to 1e-3 (MODEL 2). */
static void test_decoding(void **state)
{
    (void)state;
    static double ref[T_MOST * V], other[T_MOST * V];
    for (size_t i = 0; i < VARIANTS; i++)
        for (int quantization = BL_QUANT_TERNARY; quantization <= BL_QUANT_NONE; quantization++) {
            (void)check_decoding(&variants[i], quantization, 0, ref);
            int width = check_decoding(&variants[i], quantization, 1, other);
            double apart = whole_nmse(other, ref, variants[i].T * V);
            printf("%-24s logits of %s against %s: nmse %.1e\n", variants[i].name, device,
                   reference, apart);
            assert_true(apart < bounds[width].logits[quantization == BL_QUANT_NONE]);
        }
}

/* Gradients of the whole model on the device against the reference, tensor by tensor, weights
 * unrounded and nothing carried.  tests/gradients does more, and in bfloat16. */
static void test_device_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        whole f[2];
        for (int is_device = 0; is_device < 2; is_device++) {
            fixture_open(&f[is_device], &variants[i], BL_QUANT_NONE, is_device);
            (void)whole_loss(&f[is_device], 0);
            whole_backward(&f[is_device]);
        }
        double worst = 0;
        const char *where = "";
        for (size_t j = 0; j < f[0].net.tensors.count; j++) {
            const bl_tensor *t = &f[0].net.tensors.at[j];
            double *want = whole_gradient(&f[0], t), *found = whole_gradient(&f[1], t);
            double error = whole_nmse(found, want, t->count);
            if (error > worst) {
                worst = error;
                where = t->name;
            }
            bl_free(want);
            bl_free(found);
        }
        printf("%-24s gradients of %s against %s: nmse %.1e (%s)\n", variants[i].name, device,
               reference, worst, where);
        assert_true(worst < 1e-8);
        whole_close(&f[0]);
        whole_close(&f[1]);
    }
}

/* test_model [REFERENCE [DEVICE [f32|bf16]]]: a device in float64, and one that is held against it */
int main(int argc, char **argv)
{
    if (argc > 1)
        reference = argv[1];
    if (argc > 2)
        device = argv[2];
    if (argc > 3)
        precision = strcmp(argv[3], "bf16") == 0 ? BL_PRECISION_BF16 : BL_PRECISION_F32;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients),
                                       cmocka_unit_test(test_decoding),
                                       cmocka_unit_test(test_device_gradients)};
    const struct CMUnitTest of_device[] = {cmocka_unit_test(test_decoding)};
    if (argc > 2) /* the others are of the reference alone, and those of tests/gradients */
        return cmocka_run_group_tests(of_device, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
