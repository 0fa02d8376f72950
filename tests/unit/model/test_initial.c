/* Initial weights: each tensor is what docs/MODEL.md, section 4, says, and the deviation that the
 * config gives the convolutions moves nothing else. */
#include "scratch.h"

#include "api/device.h"
#include "core/alloc.h"
#include "core/rng.h"
#include "model/net.h"

#include <math.h>

enum { SEED = 11 };

/* Every switch that adds or removes a tensor; the widths stand on both sides of 256. */
static const struct model {
    size_t D, H;
    int plain, mlp, forget, pre_conv, untied;
    bl_opt_choice quantization;
} models[] = {
    {64, 2, .forget = 1, .pre_conv = 1},
    {64, 2, .plain = 1, .pre_conv = 1, .untied = 1},
    {64, 2, .mlp = 1, .quantization = BL_QUANT_NONE},
    {256, 4, .forget = 1, .pre_conv = 1},
    {512, 4, .pre_conv = 1},
};
enum { MODELS = sizeof models / sizeof *models };

static bl_config config_of(const struct model *m, double range)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = 300;
    c.hidden_size = m->D;
    c.intermediate_size = 40;
    c.num_hidden_layers = 2;
    c.num_attention_heads = m->H;
    c.share_qk = !m->plain;
    c.use_gate = !m->plain;
    c.ttt_layer_type = m->mlp ? BL_TTT_MLP : BL_TTT_LINEAR;
    c.ttt_forget = m->forget;
    c.pre_conv = m->pre_conv;
    c.tie_word_embeddings = !m->untied;
    c.quantization = m->quantization;
    c.conv_initializer_range = range;
    bl_config_half_lives(&c, 128);
    return c;
}

/* By its name, not by the table of tensors. */
static int is_conv(const char *name)
{
    return strstr(name, "conv.conv.weight") || strstr(name, "conv_q.weight") ||
           strstr(name, "conv_k.weight");
}

static const bl_device_request on_cpu = {.name = "cpu", .ternary = 1, .threads = 1};

static bl_dev *open_device(const struct model *m)
{
    bl_device_request request = on_cpu;
    bl_dev *dev;
    request.ternary = m->quantization == BL_QUANT_TERNARY;
    assert_ok(bl_device_open(&dev, &request, &failure));
    return dev;
}

static void begin(bl_net *net, bl_dev *dev, const struct model *m, double range)
{
    bl_config c = config_of(m, range);
    assert_ok(bl_net_open(net, &c, dev, &failure));
    assert_ok(bl_net_init(net, SEED, &failure));
}

static float *values(const bl_net *net, size_t i)
{
    const bl_tensor *t = &net->tensors.at[i];
    float *x = bl_calloc(t->count, sizeof *x);
    assert_non_null(x);
    assert_ok(bl_net_tensor_get(net, t, x, &failure));
    return x;
}

/* The convolutions are the page's numbers times that deviation: the same ones for any. */
static void check_convs(const bl_net *net, double deviation)
{
    uint64_t number = 0;
    size_t n = 0;
    double squares = 0;
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        if (is_conv(t->name)) {
            float *x = values(net, i);
            for (size_t j = 0; j < t->count; j++) {
                float want = (float)deviation * bl_rng_normal(SEED, BL_RNG_INIT + number, j);
                assert_memory_equal(&x[j], &want, sizeof want);
                squares += (double)x[j] * x[j];
            }
            n += t->count;
            bl_free(x);
        }
        number += strstr(t->name, "half_life") == NULL;
    }
    assert_true(n > 0);
    assert_true(fabs(sqrt(squares / (double)n) / deviation - 1) < 4 / sqrt(2 * (double)n));
}

/* All other tensors of the two are the same to the bit; returns how many convolutions differ. */
static size_t compare(const bl_net *a, const bl_net *b)
{
    size_t differ = 0;
    assert_int_equal(a->tensors.count, b->tensors.count);
    for (size_t i = 0; i < a->tensors.count; i++) {
        const bl_tensor *t = &a->tensors.at[i];
        float *x = values(a, i), *y = values(b, i);
        int same = memcmp(x, y, t->count * sizeof *x) == 0;
        if (!same && !is_conv(t->name))
            fail_msg("%s depends on conv_initializer_range", t->name);
        differ += !same;
        bl_free(x);
        bl_free(y);
    }
    return differ;
}

static size_t convs_of(const bl_net *net)
{
    size_t n = 0;
    for (size_t i = 0; i < net->tensors.count; i++)
        n += is_conv(net->tensors.at[i].name) != 0;
    return n;
}

static void as_asked_for(void **state)
{
    (void)state;
    static const double ranges[] = {0.1, 0.8, 1e-4, 10};
    for (size_t i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        double rule = m->D > 256 ? 0.8 * sqrt(256.0 / (double)m->D) : 0.8;
        bl_dev *dev = open_device(m);
        bl_net usual;
        begin(&usual, dev, m, 0);
        check_convs(&usual, rule);
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
            bl_net net;
            begin(&net, dev, m, ranges[r]);
            check_convs(&net, ranges[r]);
            assert_int_equal(compare(&usual, &net), ranges[r] == rule ? 0 : convs_of(&net));
            bl_net_release(&net);
        }
        bl_net_release(&usual);
        bl_dev_close(dev);
    }
}

/* Models of random weights, for measuring, have such convolutions too. */
static void of_random_models(void **state)
{
    (void)state;
    const struct model *m = &models[0];
    bl_dev *dev = open_device(m);
    bl_net net[2];
    for (int i = 0; i < 2; i++) {
        bl_config c = config_of(m, i ? 0.1 : 0);
        assert_ok(bl_net_open_packed(&net[i], &c, dev, BL_TABLE_PARAMS, &failure));
        assert_ok(bl_net_randomise(&net[i], SEED, &failure));
    }
    for (size_t i = 0; i < net[0].tensors.count; i++) {
        const bl_tensor *t = &net[0].tensors.at[i];
        if (t->role == BL_ROLE_LATENT)
            continue;
        float *x = values(&net[0], i), *y = values(&net[1], i);
        for (size_t j = 0; j < t->count; j++)
            if (fabsf(y[j] - (is_conv(t->name) ? x[j] / 8 : x[j])) > 1e-6f * fabsf(y[j]))
                fail_msg("%s: element %zu is %g, then %g", t->name, j, (double)x[j], (double)y[j]);
        bl_free(x);
        bl_free(y);
    }
    for (int i = 0; i < 2; i++)
        bl_net_release(&net[i]);
    bl_dev_close(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_asked_for),
                                       cmocka_unit_test(of_random_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
