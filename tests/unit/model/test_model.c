/* The whole model on the double reference: gradients against central differences, decoding against
 * the training forward, and the same bits for any split of a text. */
#include "api/device.h"
#include "core/alloc.h"
#include "core/rng.h"
#include "model/carry.h"
#include "model/reader.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 2, T_MOST = 70, V = 29 };

/* A covering set of the variants: every value of every switch, and the ends of every range, in at
 * least one line, beside ordinary values of the others. */
typedef struct variant {
    const char *name;
    size_t T, C, K, H, F;
    int plain, no_gate, untied, pre_conv, mlp, forget; /* plain: no share_qk */
    int carry; /* in training the first row begins with a state that the loss holds fixed */
    float dropout;
    size_t checks; /* derivatives a tensor */
} variant;

static const variant variants[] = {
    {"default", .T = 11, .C = 4, .K = 3, .H = 2, .F = 16, .checks = 6},
    {"dropout", .T = 11, .C = 4, .K = 4, .H = 2, .F = 16, .dropout = 0.3f, .checks = 6},
    {"plain", .T = 11, .C = 4, .K = 3, .H = 2, .F = 16, .plain = 1, .no_gate = 1, .checks = 6},
    {"gate alone", .T = 8, .C = 4, .K = 3, .H = 2, .F = 16, .plain = 1, .checks = 6},
    {"no gate, untied", .T = 11, .C = 3, .K = 5, .H = 2, .F = 16, .no_gate = 1, .untied = 1,
     .checks = 6},
    {"chunk 1, 8 taps", .T = 9, .C = 1, .K = 8, .H = 2, .F = 16, .checks = 4},
    {"chunk 64, 2 taps", .T = 70, .C = 64, .K = 2, .H = 1, .F = 16, .checks = 1},
    {"head 128", .T = 7, .C = 5, .K = 4, .H = 1, .F = 128, .checks = 1},
    {"shorter than a chunk", .T = 5, .C = 16, .K = 7, .H = 1, .F = 32, .checks = 2},
    {"pre_conv", .T = 11, .C = 4, .K = 3, .H = 2, .F = 16, .pre_conv = 1, .checks = 6},
    {"pre_conv, plain", .T = 8, .C = 4, .K = 6, .H = 2, .F = 16, .pre_conv = 1, .plain = 1,
     .no_gate = 1, .checks = 4},
    {"mlp", .T = 11, .C = 4, .K = 3, .H = 2, .F = 16, .mlp = 1, .checks = 6},
    {"mlp, plain, untied", .T = 9, .C = 2, .K = 3, .H = 2, .F = 16, .mlp = 1, .plain = 1,
     .no_gate = 1, .untied = 1, .checks = 4},
    {"mlp, pre_conv, dropout", .T = 19, .C = 16, .K = 2, .H = 1, .F = 16, .mlp = 1, .pre_conv = 1,
     .dropout = 0.2f, .checks = 2},
    {"forgets", .T = 11, .C = 4, .K = 3, .H = 2, .F = 16, .forget = 1, .checks = 6},
    {"forgets, chunk 1, one head", .T = 9, .C = 1, .K = 3, .H = 1, .F = 16, .forget = 1,
     .checks = 4},
    {"forgets, mlp", .T = 11, .C = 3, .K = 3, .H = 2, .F = 16, .mlp = 1, .forget = 1, .checks = 4},
    {"carried", .T = 8, .C = 4, .K = 3, .H = 2, .F = 16, .carry = 1, .checks = 4},
    {"carried, forgets, pre_conv", .T = 6, .C = 2, .K = 8, .H = 2, .F = 16, .forget = 1,
     .pre_conv = 1, .dropout = 0.2f, .carry = 1, .checks = 4},
    {"carried, forgets, mlp, plain", .T = 8, .C = 4, .K = 3, .H = 1, .F = 16, .mlp = 1, .forget = 1,
     .plain = 1, .carry = 1, .checks = 4},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static bl_config tiny_config(const variant *v, int quantization)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = V;
    c.hidden_size = v->H * v->F;
    c.intermediate_size = 40;
    c.num_hidden_layers = 2;
    c.num_attention_heads = v->H;
    c.mini_batch_size = v->C;
    c.conv_kernel = v->K;
    c.share_qk = !v->plain;
    c.use_gate = !v->no_gate;
    c.tie_word_embeddings = !v->untied;
    c.pre_conv = v->pre_conv;
    c.ttt_forget = v->forget;
    bl_config_half_lives(&c, v->T);
    c.ttt_layer_type = v->mlp ? BL_TTT_MLP : BL_TTT_LINEAR;
    c.ttt_base_lr = v->mlp ? 0.1 : 1;
    c.initializer_range = 0.15; /* large enough that every gradient is well above rounding */
    c.quantization = quantization;
    return c;
}

typedef struct fixture {
    const variant *v;
    bl_dev *dev;
    bl_net net;
    bl_pass pass;
    bl_params grads;
    void *gradient; /* the block behind grads: device memory is host memory here */
    bl_carry carry;
    int32_t ids[B * T_MOST], targets[B * T_MOST];
} fixture;

/* A parameter or gradient as a double, whatever the device's width. */
static double element(const fixture *f, const void *block, size_t i)
{
    return f->dev->param_bytes == sizeof(double) ? ((const double *)block)[i]
                                                 : (double)((const float *)block)[i];
}

/* Norms, biases and the inner model start at 0 or 1: moves them off their special places. */
static void spread(fixture *f)
{
    for (size_t i = 0; i < f->net.tensors.count; i++) {
        const bl_tensor *t = &f->net.tensors.at[i];
        for (size_t j = 0; t->role == BL_ROLE_PLAIN && j < t->count; j++) {
            float by = 0.05f * bl_rng_normal(5, i, j);
            size_t at = t->offset + j;
            if (f->dev->param_bytes == sizeof(double))
                ((double *)f->net.block)[at] = (double)((float)((double *)f->net.block)[at] + by);
            else
                ((float *)f->net.block)[at] += by;
        }
    }
    bl_net_ternarise(&f->net);
}

static const char *reference = "ref64";

static void fixture_open(fixture *f, const variant *v, const bl_config *c, int cpu)
{
    memset(f, 0, sizeof *f);
    const bl_device_request request = {.name = cpu ? "cpu" : reference,
                                       .ternary = c->quantization == BL_QUANT_TERNARY,
                                       .threads = 2};
    f->v = v;
    assert_int_equal(bl_device_open(&f->dev, &request, NULL), BL_OK);
    assert_int_equal(bl_net_open(&f->net, c, f->dev, NULL), BL_OK);
    assert_int_equal(bl_net_init(&f->net, 3, NULL), BL_OK);
    assert_int_equal(bl_pass_open(&f->pass, &f->net, B, v->T, 1, NULL), BL_OK);
    f->gradient = bl_calloc(f->net.tensors.elements, f->dev->param_bytes);
    f->grads.layer = bl_calloc(f->net.m.L, sizeof *f->grads.layer);
    bl_params_bind(&f->grads, &f->net.tensors, f->net.m.L, f->gradient, f->dev->param_bytes);
    spread(f);
    for (size_t i = 0; i < B * v->T; i++) {
        f->ids[i] = (int32_t)bl_rng_below(1, 1, i, c->vocab_size);
        f->targets[i] = (int32_t)bl_rng_below(1, 2, i, c->vocab_size);
    }
    memcpy(f->pass.in.ids, f->ids, B * v->T * sizeof *f->ids);
    memcpy(f->pass.in.targets, f->targets, B * v->T * sizeof *f->targets);
    f->pass.dropout = v->dropout > 0;
    bl_step step = {.seed = 11, .step = 3, .micro = 1, .dropout = v->dropout};
    memcpy(f->pass.in.step, &step, sizeof step);
}

static void fixture_close(fixture *f)
{
    bl_free(f->gradient);
    bl_free(f->grads.layer);
    bl_pass_release(&f->pass, &f->net);
    bl_carry_release(&f->carry, &f->net);
    bl_net_release(&f->net);
    bl_dev_close(f->dev);
}

static double token_loss(const fixture *f, size_t n)
{
    return f->dev->real_bytes == sizeof(double) ? ((const double *)(const void *)f->pass.loss)[n]
                                                : (double)((const float *)(void *)f->pass.loss)[n];
}

/* A state away from the start and what the convolutions saw before, the same at every call however
 * the parameters have moved. */
static void hold_state(fixture *f)
{
    uint64_t draw = 0;
    for (size_t l = 0; l < f->net.m.L; l++) {
        const bl_config *c = &f->net.config;
        const bl_layer_params *w = &f->net.w.layer[l];
        bl_layer_carry *a = &f->carry.layer[l];
        const void *start;
#define X(type, member, key, shape, present)                                                       \
    start = strcmp(key, "W1") == 0   ? w->W0                                                       \
            : strcmp(key, "b1") == 0 ? w->b0                                                       \
            : strcmp(key, "W2") == 0 ? w->W2                                                       \
            : strcmp(key, "b2") == 0 ? w->b2                                                       \
                                     : NULL;                                                       \
    for (size_t i = 0; (present) && i < bl_shape_elements(&f->net.m, shape); i++)                  \
        ((double *)(void *)a->member)[i] =                                                         \
            0.2 * (double)bl_rng_normal(8, 1, draw++) - (start ? ((const double *)start)[i] : 0);
        BL_LAYER_CARRY(X)
#undef X
    }
    assert_int_equal(bl_put_flag(f->dev, f->pass.in.fresh, (int32_t[B]){0, 1}, B, NULL), BL_OK);
    bl_carry_begin(&f->carry, &f->net, 0, f->pass.in.fresh);
}

static double loss_of(fixture *f)
{
    double sum = 0;
    if (f->pass.carry)
        hold_state(f);
    bl_net_ternarise(&f->net); /* quantization none keeps a copy of the matrices too */
    bl_net_fwd(&f->net, &f->pass);
    bl_net_loss(&f->net, &f->pass);
    for (size_t i = 0; i < B * f->v->T; i++)
        sum += token_loss(f, i);
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

static void check_gradients(const variant *v)
{
    bl_config c = tiny_config(v, BL_QUANT_NONE);
    fixture f;
    fixture_open(&f, v, &c, 0);
    if (v->carry) {
        assert_int_equal(bl_carry_open(&f.carry, &f.net, 1, B, NULL), BL_OK);
        f.pass.carry = &f.carry;
    }
    double *weights = f.net.block, *gradient = f.gradient;
    (void)loss_of(&f);
    bl_net_loss_bwd(&f.net, &f.pass, &f.grads, 1.0f, NULL, NULL);
    double worst = 0;
    const char *worst_name = "";
    size_t checked = 0;
    for (size_t i = 0; i < f.net.tensors.count; i++) {
        const bl_tensor *t = &f.net.tensors.at[i];
        double norm = 0;
        for (size_t j = 0; j < t->count; j++)
            norm += gradient[t->offset + j] * gradient[t->offset + j];
        norm = sqrt(norm / (double)t->count);
        assert_true(norm > 0);
        for (size_t n = 0; n < v->checks; n++) {
            size_t j = t->offset + (size_t)bl_rng_below(9, i, n, t->count);
            double want = derivative(&f, &weights[j]);
            double error = fabs(gradient[j] - want) / (fabs(want) + norm);
            checked++;
            if (error > worst) {
                worst = error;
                worst_name = t->name;
            }
        }
    }
    printf("%-24s %4zu derivatives, worst relative error %.1e (%s)\n", v->name, checked, worst,
           worst_name);
    assert_true(worst < 1e-6);
    fixture_close(&f);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++)
        check_gradients(&variants[i]);
}

/* Logits as doubles, row 0 of the batch, in pieces of `piece` tokens. */
static void decode_all(fixture *f, bl_reader *r, bl_state *s, size_t piece, double *logits)
{
    size_t T = f->v->T;
    assert_int_equal(bl_state_start(s, &f->net, NULL), BL_OK);
    for (size_t done = 0; done < T;) {
        size_t n = T - done < piece ? T - done : piece;
        n = n < BL_READER_ROWS ? n : BL_READER_ROWS;
        const bl_piece next = {s, f->ids + done, n, BL_LOGITS_EVERY};
        assert_int_equal(bl_reader_feed(r, &next, 1, NULL), BL_OK);
        for (size_t i = 0; i < n * V; i++)
            logits[done * V + i] = f->dev->real_bytes == sizeof(double)
                                       ? ((double *)(void *)r->logits)[i]
                                       : (double)((float *)(void *)r->logits)[i];
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
static void check_decoding(const variant *v, int quantization, int cpu, double *whole)
{
    static double split[T_MOST * V];
    bl_config c = tiny_config(v, quantization);
    fixture f;
    fixture_open(&f, v, &c, cpu);
    f.pass.dropout = 0;
    (void)loss_of(&f);
    bl_reader r;
    bl_state s;
    assert_int_equal(bl_reader_open(&r, &f.net, BL_READER_ROWS, 1, NULL), BL_OK);
    assert_int_equal(bl_state_open(&s, &f.net, NULL), BL_OK);
    decode_all(&f, &r, &s, v->T, whole);
    double worst = 0;
    for (size_t t = 0; t < v->T; t++)
        worst = fmax(worst, fabs(loss_from(whole + t * V, f.targets[t]) - token_loss(&f, t)));
    assert_true(worst < (cpu ? 2e-5 : 1e-10));
    for (size_t piece = 1; piece < v->T; piece += piece < 5 ? 1 : v->T / 4) {
        decode_all(&f, &r, &s, piece, split);
        assert_memory_equal(whole, split, v->T * V * sizeof *whole);
    }
    printf("%-24s %-8s %-5s decoding against training, worst loss difference %.1e\n", v->name,
           quantization == BL_QUANT_NONE ? "none" : "ternary", cpu ? "cpu" : "ref64", worst);
    bl_state_release(&s, &f.net);
    bl_reader_release(&r);
    fixture_close(&f);
}

static double nmse(const double *x, const double *y, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += (x[i] - y[i]) * (x[i] - y[i]);
        size += y[i] * y[i];
    }
    return error / size;
}

/* Ternary: one activation at a rounding tie moves a token's logits by up to 1e-3 (MODEL 2). */
static void test_decoding(void **state)
{
    (void)state;
    static double ref[T_MOST * V], cpu[T_MOST * V];
    for (size_t i = 0; i < VARIANTS; i++)
        for (int quantization = BL_QUANT_TERNARY; quantization <= BL_QUANT_NONE; quantization++) {
            check_decoding(&variants[i], quantization, 0, ref);
            check_decoding(&variants[i], quantization, 1, cpu);
            double apart = nmse(cpu, ref, variants[i].T * V);
            printf("%-24s logits of cpu against ref64: nmse %.1e\n", variants[i].name, apart);
            assert_true(apart < (quantization == BL_QUANT_NONE ? 1e-10 : 1e-3));
        }
}

/* Gradients of the whole model, cpu against ref64, tensor by tensor, weights unrounded. */
static void test_cpu_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        bl_config c = tiny_config(&variants[i], BL_QUANT_NONE);
        fixture f[2];
        for (int cpu = 0; cpu < 2; cpu++) {
            fixture_open(&f[cpu], &variants[i], &c, cpu);
            (void)loss_of(&f[cpu]);
            bl_net_loss_bwd(&f[cpu].net, &f[cpu].pass, &f[cpu].grads, 1.0f, NULL, NULL);
        }
        double worst = 0;
        const char *where = "";
        for (size_t j = 0; j < f[0].net.tensors.count; j++) {
            const bl_tensor *t = &f[0].net.tensors.at[j];
            double error = 0, size = 0;
            for (size_t k = t->offset; k < t->offset + t->count; k++) {
                double want = element(&f[0], f[0].gradient, k);
                double d = element(&f[1], f[1].gradient, k) - want;
                error += d * d;
                size += want * want;
            }
            if (error / size > worst) {
                worst = error / size;
                where = t->name;
            }
        }
        printf("%-24s gradients of cpu against ref64: nmse %.1e (%s)\n", variants[i].name, worst,
               where);
        assert_true(worst < 1e-8);
        fixture_close(&f[0]);
        fixture_close(&f[1]);
    }
}

/* test_model [REFERENCE]: a device in float64 */
int main(int argc, char **argv)
{
    if (argc > 1)
        reference = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_cpu_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
