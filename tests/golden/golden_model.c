/* A whole model against PyTorch: losses, logits, decoding and the gradient of every tensor. */
#include "golden.h"
#include "core/alloc.h"
#include "model/reader.h"

#include <stdio.h>

enum { B = 2, T = 10, N = B * T, V = 64, D = 32 };

static bl_config fixture_config(int ternary)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = V;
    c.hidden_size = D;
    c.intermediate_size = 48;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 2;
    c.mini_batch_size = 4;
    c.conv_kernel = 4;
    c.pre_conv = 0;
    c.ttt_forget = 0;
    c.quantization = ternary ? BL_QUANT_TERNARY : BL_QUANT_NONE;
    return c;
}

static void load_net(bl_net *net, bl_dev *d)
{
    bl_config c = fixture_config(d->ternary);
    bl_golden weights;
    bl_error err;
    bl_golden_open(&weights, d, "model");
    bl_golden_must(&weights, bl_net_open(net, &c, d, &err), &err);
    bl_golden_must(&weights, bl_net_load(net, weights.st, "model.safetensors", &err), &err);
    bl_net_ternarise(net);
    bl_golden_close(&weights);
}

static void put_ids(bl_golden *g, bl_dev_id *to, const char *name)
{
    bl_error err;
    int32_t *ids = bl_golden_ids(g, name, N);
    bl_golden_must(g, bl_put_id(g->d, to, ids, N, &err), &err);
    bl_free(ids);
}

/* Forward and backward over the two rows of the batch. */
static int check_training(bl_golden *g, const bl_net *net, const char *prefix)
{
    bl_dev *d = g->d;
    bl_pass pass;
    bl_error err;
    char what[64], name[128];
    bl_golden_must(g, bl_pass_open(&pass, net, B, T, 1, &err), &err);
    put_ids(g, pass.in.ids, "ids");
    put_ids(g, pass.in.targets, "targets");
    const bl_step step = {.loss_scale = 1.0f / N};
    bl_golden_must(g, bl_put_step(d, pass.in.step, &step, 1, &err), &err);
    bl_params grads = {.layer = bl_calloc(net->m.L, sizeof *grads.layer)};
    char *block = bl_golden_room(g, BL_KIND_param, net->tensors.elements);
    bl_params_bind(&grads, &net->tensors, net->m.L, block, d->param_bytes);

    bl_net_fwd(net, &pass);
    bl_net_loss_bwd(net, &pass, &grads, NULL, NULL);
    bl_real *logits = bl_golden_room(g, BL_KIND_real, N * V);
    BL_OP(d, head_logits, logits, pass.h, bl_net_head(net), N, D, V);
    bl_golden_expect(g, BL_KIND_real, "", "losses", pass.loss);
    bl_golden_expect(g, BL_KIND_real, "", "logits", logits);
    snprintf(what, sizeof what, "model %s losses and logits", prefix);
    int failures = bl_golden_report(g, what, BL_GOLDEN_MODEL);

    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        snprintf(name, sizeof name, "grad.%s", t->name);
        bl_golden_expect(g, BL_KIND_param, "", name, bl_net_place(net, block, t));
    }
    snprintf(what, sizeof what, "model %s gradients, %zu tensors", prefix, net->tensors.count);
    failures += bl_golden_report(g, what, BL_GOLDEN_GRADIENTS);
    bl_free(grads.layer);
    bl_pass_release(&pass, net);
    return failures;
}

/* Each row of the batch read as one conversation, in pieces of 3 tokens. */
static int check_decoding(bl_golden *g, const bl_net *net, const char *prefix)
{
    size_t bytes = g->d->real_bytes, piece = 3;
    char *logits = bl_golden_room(g, BL_KIND_real, N * V), what[64];
    int32_t *ids = bl_golden_ids(g, "ids", N);
    bl_reader r;
    bl_state s;
    bl_error err;
    bl_golden_must(g, bl_reader_open(&r, net, piece, 1, &err), &err);
    bl_golden_must(g, bl_state_open(&s, net, &err), &err);
    for (size_t b = 0; b < B; b++) {
        bl_golden_must(g, bl_state_start(&s, net, &err), &err);
        for (size_t t = 0; t < T; t += piece) {
            size_t n = T - t < piece ? T - t : piece, row = b * T + t;
            const bl_piece next = {&s, ids + row, n, BL_LOGITS_EVERY};
            bl_golden_must(g, bl_reader_feed(&r, &next, 1, &err), &err);
            BL_OP(g->d, copy, logits + row * V * bytes, r.logits, n * V * bytes);
        }
    }
    bl_golden_expect(g, BL_KIND_real, "", "logits", logits);
    bl_state_release(&s, net);
    bl_reader_release(&r);
    bl_free(ids);
    snprintf(what, sizeof what, "model %s decoding", prefix);
    return bl_golden_report(g, what, BL_GOLDEN_MODEL);
}

int bl_golden_model(bl_dev *d)
{
    const char *prefix = d->ternary ? "ternary" : "none";
    bl_golden g;
    bl_net net;
    load_net(&net, d);
    bl_golden_open(&g, d, d->ternary ? "model_ternary" : "model_none");
    int failures = check_training(&g, &net, prefix) + check_decoding(&g, &net, prefix);
    bl_golden_close(&g);
    bl_net_release(&net);
    return failures;
}
