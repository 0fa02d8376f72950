/* The whole model on the double reference: gradients against central differences, decoding against
 * the training forward, and the same bits for any split of a text. */
#include "core/alloc.h"
#include "core/rng.h"
#include "model/net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 2, T = 11 };

static bl_config tiny_config(int quantization)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = 29;
    c.hidden_size = 32;
    c.intermediate_size = 40;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 2;
    c.mini_batch_size = 4;
    c.conv_kernel = 3;
    c.initializer_range = 0.15; /* large enough that every gradient is well above rounding */
    c.quantization = quantization;
    return c;
}

typedef struct fixture {
    bl_dev *dev;
    bl_net net;
    bl_pass pass;
    bl_params grads;
    double *gradient; /* the block behind grads: ref64 memory is host memory */
    double *weights;
    int32_t ids[B * T], targets[B * T];
} fixture;

static void fixture_open(fixture *f, const bl_config *c)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(bl_ref64_open(&f->dev, c->quantization == BL_QUANT_TERNARY, NULL), BL_OK);
    assert_int_equal(bl_net_open(&f->net, c, f->dev, NULL), BL_OK);
    assert_int_equal(bl_net_init(&f->net, 3, NULL), BL_OK);
    assert_int_equal(bl_pass_open(&f->pass, &f->net, B, T, 1, NULL), BL_OK);
    f->weights = f->net.block;
    f->gradient = bl_calloc(f->net.tensors.elements, sizeof *f->gradient);
    f->grads.layer = bl_calloc(f->net.m.L, sizeof *f->grads.layer);
    bl_params_bind(&f->grads, &f->net.tensors, f->net.m.L, f->gradient, sizeof *f->gradient);
    /* Norms, biases and the inner model start at 0 or 1: move them off their special places. */
    for (size_t i = 0; i < f->net.tensors.count; i++) {
        const bl_tensor *t = &f->net.tensors.at[i];
        if (t->role == BL_ROLE_PLAIN)
            for (size_t j = 0; j < t->count; j++)
                f->weights[t->offset + j] += 0.05 * (double)bl_rng_normal(5, i, j);
    }
    bl_net_ternarise(&f->net);
    for (size_t i = 0; i < B * T; i++) {
        f->ids[i] = (int32_t)bl_rng_below(1, 1, i, c->vocab_size);
        f->targets[i] = (int32_t)bl_rng_below(1, 2, i, c->vocab_size);
    }
    memcpy(f->pass.ids, f->ids, sizeof f->ids);
    memcpy(f->pass.targets, f->targets, sizeof f->targets);
}

static void fixture_close(fixture *f)
{
    bl_free(f->gradient);
    bl_free(f->grads.layer);
    bl_pass_release(&f->pass, &f->net);
    bl_net_release(&f->net);
    bl_dev_close(f->dev);
}

static double loss_of(fixture *f)
{
    double sum = 0;
    bl_net_ternarise(&f->net); /* quantization none keeps a copy of the matrices too */
    bl_net_fwd(&f->net, &f->pass);
    bl_net_loss(&f->net, &f->pass);
    for (size_t i = 0; i < B * T; i++)
        sum += ((const double *)(const void *)f->pass.loss)[i];
    return sum;
}

/* (loss(w + h) - loss(w - h)) / 2h, improved once by Richardson's extrapolation. */
static double derivative(fixture *f, double *w)
{
    double at = *w, d[2];
    for (int i = 0; i < 2; i++) {
        double h = 1e-4 / (i + 1);
        *w = at + h;
        double up = loss_of(f);
        *w = at - h;
        d[i] = (up - loss_of(f)) / (2 * h);
    }
    *w = at;
    return (4 * d[1] - d[0]) / 3;
}

static void check_gradients(int share_qk, int use_gate, int tied, float dropout)
{
    bl_config c = tiny_config(BL_QUANT_NONE);
    c.share_qk = share_qk;
    c.use_gate = use_gate;
    c.tie_word_embeddings = tied;
    fixture f;
    fixture_open(&f, &c);
    f.pass.dropout = dropout > 0;
    bl_step step = {.seed = 11, .step = 3, .micro = 1, .dropout = dropout};
    memcpy(f.pass.step, &step, sizeof step);
    (void)loss_of(&f);
    bl_net_loss_bwd(&f.net, &f.pass, &f.grads, 1.0f, NULL, NULL);
    double worst = 0;
    const char *worst_name = "";
    size_t checked = 0;
    for (size_t i = 0; i < f.net.tensors.count; i++) {
        const bl_tensor *t = &f.net.tensors.at[i];
        double norm = 0;
        for (size_t j = 0; j < t->count; j++)
            norm += f.gradient[t->offset + j] * f.gradient[t->offset + j];
        norm = sqrt(norm / (double)t->count);
        assert_true(norm > 0);
        for (size_t n = 0; n < 6; n++) {
            size_t j = t->offset + (size_t)bl_rng_below(9, i, n, t->count);
            double want = derivative(&f, &f.weights[j]);
            double error = fabs(f.gradient[j] - want) / (fabs(want) + norm);
            checked++;
            if (error > worst) {
                worst = error;
                worst_name = t->name;
            }
        }
    }
    printf("share_qk %d use_gate %d tied %d dropout %g: %zu derivatives, worst relative error %.1e "
           "(%s)\n",
           share_qk, use_gate, tied, (double)dropout, checked, worst, worst_name);
    assert_true(worst < 1e-6);
    fixture_close(&f);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients(1, 1, 1, 0);
    check_gradients(1, 1, 1, 0.3f);
    check_gradients(0, 0, 1, 0);
    check_gradients(1, 0, 0, 0);
    check_gradients(0, 1, 1, 0);
}

/* Row 0 of the batch through decoding in pieces of `piece` tokens. */
static void decode_all(fixture *f, bl_decode *s, size_t piece, double *logits)
{
    size_t V = f->net.m.V;
    assert_int_equal(bl_decode_start(s, &f->net, NULL), BL_OK);
    for (size_t done = 0; done < T;) {
        size_t n = T - done < piece ? T - done : piece;
        assert_int_equal(bl_decode_feed(s, &f->net, f->ids + done, n, 1, 1, NULL), BL_OK);
        memcpy(logits + done * V, s->logits, n * V * sizeof *logits);
        done += n;
    }
}

static void test_decoding(void **state)
{
    (void)state;
    for (int quantization = BL_QUANT_TERNARY; quantization <= BL_QUANT_NONE; quantization++) {
        bl_config c = tiny_config(quantization);
        fixture f;
        fixture_open(&f, &c);
        (void)loss_of(&f);
        size_t V = f.net.m.V;
        static double whole[T * 29], split[T * 29];
        bl_decode s;
        assert_int_equal(bl_decode_open(&s, &f.net, NULL), BL_OK);
        decode_all(&f, &s, T, whole);
        double worst = 0;
        for (size_t t = 0; t < T; t++) {
            double sum = 0, top = whole[t * V];
            for (size_t v = 0; v < V; v++)
                top = fmax(top, whole[t * V + v]);
            for (size_t v = 0; v < V; v++)
                sum += exp(whole[t * V + v] - top);
            double loss = top + log(sum) - whole[t * V + (size_t)f.targets[t]];
            worst = fmax(worst, fabs(loss - ((const double *)(const void *)f.pass.loss)[t]));
        }
        printf("quantization %d: decoding against the training forward, worst loss difference "
               "%.1e\n",
               quantization, worst);
        assert_true(worst < 1e-10);
        for (size_t piece = 1; piece < T; piece++) {
            decode_all(&f, &s, piece, split);
            assert_memory_equal(whole, split, sizeof whole);
        }
        bl_decode_release(&s, &f.net);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_decoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
