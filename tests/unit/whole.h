/* Whole models on a device: a covering set of variants, with weights off their special places, a
 * batch, its losses and gradients.  What a test itself cannot do without ends it. */
#ifndef BL_TESTS_WHOLE_H
#define BL_TESTS_WHOLE_H

#include "api/device.h"
#include "core/rng.h"
#include "model/carry.h"
#include "model/pass.h"
#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct variant {
    const char *name;
    size_t T, C, K, H, F;
    int plain, no_gate, untied, pre_conv, mlp, forget; /* plain: no share_qk */
    int carry; /* in training the first row begins with a state that the loss holds fixed */
    float dropout;
    double
        range; /* of initial weights; 0: large enough that every gradient is well above rounding */
    size_t checks;     /* derivatives a tensor */
    size_t B, L, I, V; /* 0: 2, 2, 40, 29 */
} variant;

/* A covering set: every value of every switch, and the ends of every range, in at least one line,
 * beside ordinary values of the others. */
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

static inline size_t variant_rows(const variant *v)
{
    return v->B ? v->B : 2;
}

static inline bl_config variant_config(const variant *v, int quantization)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = v->V ? v->V : 29;
    c.hidden_size = v->H * v->F;
    c.intermediate_size = v->I ? v->I : 40;
    c.num_hidden_layers = v->L ? v->L : 2;
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
    c.initializer_range = v->range > 0 ? v->range : 0.15;
    c.quantization = quantization;
    return c;
}

typedef struct whole {
    const variant *v;
    bl_dev *dev;
    bl_net net;
    bl_pass pass;
    size_t N;
    bl_params grads;
    void *gradient;         /* device: the block behind grads */
    bl_carry carry;         /* of variants with carry */
    int32_t *ids, *targets; /* [N] */
    double *room;           /* [N] */
} whole;

static inline void whole_must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static inline void whole_get(const whole *f, bl_kind kind, double *here, const void *there,
                             size_t n)
{
    bl_error err;
    whole_must(numbers_get(f->dev, kind, here, there, n, &err), &err);
}

static inline void whole_put(const whole *f, bl_kind kind, void *there, const double *here,
                             size_t n)
{
    bl_error err;
    whole_must(numbers_put(f->dev, kind, there, here, n, &err), &err);
}

static inline double *whole_room(size_t n)
{
    double *room = bl_alloc_aligned(n ? n : 1, sizeof *room);
    const bl_error err = {.message = "out of memory"};
    whole_must(room ? BL_OK : BL_ENOMEM, &err);
    return room;
}

/* Norms, biases and the inner model start at 0 or 1: moves them off their special places. */
static inline void whole_spread(whole *f)
{
    for (size_t i = 0; i < f->net.tensors.count; i++) {
        const bl_tensor *t = &f->net.tensors.at[i];
        if (t->role != BL_ROLE_PLAIN)
            continue;
        double *x = whole_room(t->count);
        void *place = bl_net_place(&f->net, f->net.block, t);
        whole_get(f, BL_KIND_param, x, place, t->count);
        for (size_t j = 0; j < t->count; j++)
            x[j] = (double)((float)x[j] + 0.05f * bl_rng_normal(5, i, j));
        whole_put(f, BL_KIND_param, place, x, t->count);
        bl_free(x);
    }
    bl_net_ternarise(&f->net);
}

/* The k-th choice of targets; that of a test is 0. */
static inline void whole_targets(whole *f, size_t k)
{
    bl_error err;
    for (size_t i = 0; i < f->N; i++)
        f->targets[i] = (int32_t)bl_rng_below(1, 2 + k, i, f->net.m.V);
    whole_must(bl_put_id(f->dev, f->pass.in.targets, f->targets, f->N, &err), &err);
}

/* The inputs, the same on every device. */
static inline void whole_inputs(whole *f)
{
    bl_error err;
    const bl_step step = {
        .seed = 11, .step = 3, .micro = 1, .dropout = f->v->dropout, .loss_scale = 1};
    for (size_t i = 0; i < f->N; i++)
        f->ids[i] = (int32_t)bl_rng_below(1, 1, i, f->net.m.V);
    whole_targets(f, 0);
    whole_must(bl_put_id(f->dev, f->pass.in.ids, f->ids, f->N, &err), &err);
    whole_must(bl_put_step(f->dev, f->pass.in.step, &step, 1, &err), &err);
    f->pass.dropout = f->v->dropout > 0;
}

static inline void whole_open(whole *f, const variant *v, int quantization, const char *device,
                              int precision)
{
    const bl_config c = variant_config(v, quantization);
    const bl_device_request request = {.name = device,
                                       .precision = precision,
                                       .ternary = quantization == BL_QUANT_TERNARY,
                                       .threads = 2};
    size_t B = variant_rows(v);
    bl_error err;
    *f = (whole){.v = v, .N = B * v->T};
    f->ids = bl_calloc(f->N, sizeof *f->ids);
    f->targets = bl_calloc(f->N, sizeof *f->targets);
    f->room = whole_room(f->N);
    whole_must(bl_device_open(&f->dev, &request, &err), &err);
    whole_must(bl_net_open(&f->net, &c, f->dev, &err), &err);
    whole_must(bl_net_init(&f->net, 3, &err), &err);
    whole_must(bl_pass_open(&f->pass, &f->net, B, v->T, BL_PASS_GRADIENTS, &err), &err);
    if (v->carry)
        whole_must(bl_carry_open(&f->carry, &f->net, 1, B, &err), &err);
    size_t bytes = f->net.tensors.elements * f->dev->param_bytes;
    whole_must(BL_OP(f->dev, alloc, &f->gradient, bytes, &err), &err);
    f->grads.layer = bl_calloc(f->net.m.L, sizeof *f->grads.layer);
    bl_params_bind(&f->grads, &f->net.tensors, f->net.m.L, f->gradient, f->dev->param_bytes);
    whole_spread(f);
    whole_inputs(f);
}

static inline void whole_close(whole *f)
{
    BL_OP(f->dev, free, f->gradient);
    bl_free(f->grads.layer);
    bl_free(f->ids);
    bl_free(f->targets);
    bl_free(f->room);
    bl_pass_release(&f->pass, &f->net);
    bl_carry_release(&f->carry, &f->net);
    bl_net_release(&f->net);
    bl_dev_close(f->dev);
}

/* The start that a carried tensor is a distance from, or NULL. */
static inline const bl_param *whole_start(const bl_layer_params *w, const char *key)
{
    return strcmp(key, "W1") == 0   ? w->W0
           : strcmp(key, "b1") == 0 ? w->b0
           : strcmp(key, "W2") == 0 ? w->W2
           : strcmp(key, "b2") == 0 ? w->b2
                                    : NULL;
}

/* A state away from the start and what the convolutions saw before, the same at every call however
 * the parameters have moved: where the first row begins.  Its numbers have few digits, so that
 * bfloat16 holds them. */
static inline void whole_hold(whole *f)
{
    const bl_config *c = &f->net.config;
    uint64_t draw = 0;
    int32_t fresh[64] = {0};
    bl_error err;
    for (size_t l = 0; l < f->net.m.L; l++) {
        bl_layer_carry *a = &f->carry.layer[l];
#define X(type, member, key, shape, present)                                                       \
    if (present) {                                                                                 \
        size_t n = bl_shape_elements(&f->net.m, shape);                                            \
        const bl_param *start = whole_start(&f->net.w.layer[l], key);                              \
        double *x = whole_room(n), *from = whole_room(n);                                          \
        memset(from, 0, n * sizeof *from);                                                         \
        if (start)                                                                                 \
            whole_get(f, BL_KIND_param, from, start, n);                                           \
        for (size_t i = 0; i < n; i++)                                                             \
            x[i] = rint(13 * (double)bl_rng_normal(8, 1, draw++)) / 64 - from[i];                  \
        whole_put(f, BL_KIND_##type, a->member, x, n);                                             \
        bl_free(x);                                                                                \
        bl_free(from);                                                                             \
    }
        BL_LAYER_CARRY(X)
#undef X
    }
    for (size_t b = 1; b < f->pass.B; b++)
        fresh[b] = 1;
    whole_must(bl_put_flag(f->dev, f->pass.in.fresh, fresh, f->pass.B, &err), &err);
    bl_carry_begin(&f->carry, &f->net, 0, f->pass.in.fresh);
}

/* Forward and the loss of each token, into f->room, summed; what is carried, if `carried`. */
static inline double whole_loss(whole *f, int carried)
{
    double sum = 0;
    f->pass.carry = carried && f->v->carry ? &f->carry : NULL;
    if (f->pass.carry)
        whole_hold(f);
    bl_net_ternarise(&f->net); /* quantization none keeps a copy of the matrices too */
    bl_net_fwd(&f->net, &f->pass);
    bl_net_loss(&f->net, &f->pass);
    whole_get(f, BL_KIND_real, f->room, f->pass.loss, f->N);
    for (size_t i = 0; i < f->N; i++)
        sum += f->room[i];
    return sum;
}

/* Gradients of the sum of the losses, of the forward pass that was last. */
static inline void whole_backward(whole *f)
{
    BL_OP(f->dev, zero, f->gradient, f->net.tensors.elements * f->dev->param_bytes);
    bl_net_loss_bwd(&f->net, &f->pass, &f->grads, NULL, NULL);
}

/* Those of a tensor, [t->count] to bl_free(). */
static inline double *whole_gradient(const whole *f, const bl_tensor *t)
{
    double *x = whole_room(t->count);
    whole_get(f, BL_KIND_param, x, bl_net_place(&f->net, f->gradient, t), t->count);
    return x;
}

/* sum (x - r)^2 / sum r^2 */
static inline double whole_nmse(const double *x, const double *r, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += (x[i] - r[i]) * (x[i] - r[i]);
        size += r[i] * r[i];
    }
    return isnan(error) ? INFINITY : error > 0 ? error / size : 0;
}

#endif
