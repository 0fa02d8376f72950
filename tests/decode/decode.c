/* A token through all layers in one call against the ops one after the other, on one device.
 *
 * usage: decode DEVICE [f32|bf16] [THREADS] [NAME]
 *
 * In float32 both must agree to the bit: rows of x, logits, and every byte of the sequences' states.  In
 * bfloat16 lr_gate_fwd of the ops uses tensor cores, whose order of sums is their own.  A sequence must
 * have the same bits alone and in any company.  With a name the variants are tried that begin so; the presets,
 * of whose shapes a device may have kernels of their own, only then. */
#include "api/device.h"
#include "core/rng.h"
#include "core/team.h"
#include "model/base.h"
#include "model/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 21, MOST = 140, TOKENS = 9, V = 61 };

typedef struct variant {
    const char *name;
    size_t D, I, L, C, K;
    size_t F; /* width of a head, if not 64: only the CPU has those */
    int plain, no_gate, no_pre_conv, no_forget;
    int base; /* some sequences have been consolidated */
    size_t together, tokens;
    int large;  /* more than older cards have room for */
    int preset; /* tried when it is named */
} variant;

static const variant variants[] = {
    {"preset's parts", .D = 128, .I = 352, .L = 2, .C = 4, .K = 4},
    {"plain, no gate", .D = 192, .I = 136, .L = 2, .C = 3, .K = 2, .plain = 1, .no_gate = 1},
    {"chunk of 64", .D = 64, .I = 40, .L = 1, .C = 64, .K = 4, .tokens = 70, .together = 2},
    {"plain", .D = 64, .I = 72, .L = 1, .C = 1, .K = 4, .plain = 1, .no_pre_conv = 1,
     .no_forget = 1},
    {"no gate, 8 taps", .D = 256, .I = 688, .L = 1, .C = 16, .K = 8, .no_gate = 1},
    {"consolidated", .D = 128, .I = 64, .L = 2, .C = 2, .K = 3, .base = 1},
    {"broad", .D = 64, .I = 1024, .L = 1, .C = 4, .K = 4},
    {"narrow heads", .D = 96, .I = 100, .L = 3, .C = 5, .K = 4, .F = 16, .base = 1},
    {"odd panels", .D = 36, .I = 44, .L = 2, .C = 7, .K = 3, .F = 18, .no_forget = 1},
    {"one head, plain", .D = 100, .I = 36, .L = 2, .C = 2, .K = 5, .F = 100, .plain = 1},
    {"wide", .D = 768, .I = 2048, .L = 1, .C = 16, .K = 4, .together = 3, .tokens = 3, .large = 1},
#define MICRO .D = 256, .I = 688, .L = 8, .C = 16, .K = 4, .preset = 1
#define CODE  .D = 768, .I = 2048, .L = 12, .C = 16, .K = 4, .preset = 1, .large = 1
    {"micro", MICRO, .together = 3, .tokens = 35},
    {"micro, no pre_conv", MICRO, .no_pre_conv = 1, .together = 3, .tokens = 18},
    {"micro, crowd", MICRO, .together = MOST, .tokens = 18},
    {"code", CODE, .together = 3, .tokens = 35},
    {"code, some", CODE, .together = 40},
    {"code, crowd", CODE, .together = MOST},
};

static void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "decode: %s\n", err->message);
    exit(1);
}

static int failed;

static void open_net(bl_net *net, const variant *v, bl_dev *dev)
{
    bl_error err;
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = V;
    c.hidden_size = v->D;
    c.intermediate_size = v->I;
    c.num_hidden_layers = v->L;
    c.num_attention_heads = v->D / (v->F ? v->F : 64);
    c.mini_batch_size = v->C;
    c.conv_kernel = v->K;
    c.share_qk = !v->plain;
    c.use_gate = !v->no_gate;
    c.pre_conv = !v->no_pre_conv;
    c.ttt_forget = !v->no_forget;
    bl_config_half_lives(&c, 8 * v->C);
    c.initializer_range = 0.15;
    must(bl_net_open(net, &c, dev, &err), &err);
    must(bl_net_init(net, 3, &err), &err);
    bl_net_ternarise(net);
    must(BL_OP(dev, sync, &err), &err);
}

/* Everything that `n` sequences have after `tokens` more tokens each. */
typedef struct outcome {
    float *logits; /* [n,V] of the last token */
    char *state;   /* [n,bytes] */
    size_t bytes;
} outcome;

/* The sequences `first` to first + n - 1, in one pass; i has read 3 i tokens before, or as one of the first has. */
static outcome decode(const bl_net *net, const variant *v, size_t first, size_t n, size_t tokens,
                      int one_call)
{
    bl_error err;
    bl_reader r;
    static bl_state s[MOST];
    bl_piece pieces[MOST];
    int32_t ids[MOST];
    bl_dev *d = net->dev;
    must(bl_reader_open(&r, net, MOST, MOST, &err), &err);
    if (!one_call)
        r.decode_rows = 0;
    for (size_t i = 0; i < n; i++) {
        size_t me = first + i;
        must(bl_state_open(&s[i], net, &err), &err);
        for (size_t t = 0; t < me % TOGETHER * 3; t++) {
            int32_t id = (int32_t)bl_rng_below(1, me, t, V);
            const bl_piece p = {&s[i], &id, 1, BL_LOGITS_NONE};
            must(bl_reader_feed(&r, &p, 1, &err), &err);
        }
        if (v->base && me % 3 == 1) {
            must(bl_base_open(&s[i], net, &err), &err);
            must(bl_base_consolidate(&s[i], net, 0.5f, &err), &err);
        }
    }
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < n; i++) {
            ids[i] = (int32_t)bl_rng_below(2, first + i, t, V);
            pieces[i] = (bl_piece){&s[i], &ids[i], 1, BL_LOGITS_LAST};
        }
        must(bl_reader_feed(&r, pieces, n, &err), &err);
    }
    outcome o = {calloc(n * V, sizeof *o.logits), calloc(n, s[0].block_bytes), s[0].block_bytes};
    for (size_t i = 0; i < n; i++) {
        must(bl_reader_get(&r, i, o.logits + i * V, &err), &err);
        must(BL_OP(d, get, o.state + i * o.bytes, s[i].block, o.bytes, &err), &err);
        bl_state_release(&s[i], net);
    }
    bl_reader_release(&r);
    return o;
}

/* Says how far two are apart; exact: not at all. */
static void compare(const variant *v, const char *what, const float *a, const float *b, size_t n,
                    int exact, double most)
{
    double error = 0, size = 0;
    size_t other = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)a[i], y = (double)b[i];
        other += memcmp(&a[i], &b[i], sizeof *a) != 0;
        error += (x - y) * (x - y);
        size += y * y;
    }
    double nmse = size > 0 ? error / size : error;
    int good = size > 0 && (exact ? other == 0 : nmse <= most);
    failed |= !good;
    printf("%-6s %-18s %-24s %zu of %zu differ, NMSE %.2g%s\n", good ? "ok" : "FAILED", v->name,
           what, other, n, nmse, exact ? " (must be equal)" : "");
}

static void check(const variant *v, bl_dev *dev)
{
    bl_net net;
    size_t together = v->together ? v->together : TOGETHER, tokens = v->tokens ? v->tokens : TOKENS;
    open_net(&net, v, dev);
    bl_decode_model m = bl_decode_model_of(&net);
    if (!BL_OP(dev, decode_rows, &m)) {
        int may = v->large || v->F;
        printf("%-6s %-18s the device does not offer it\n", may ? "skip" : "FAILED", v->name);
        failed |= !may;
        bl_net_release(&net);
        return;
    }
    int f32 = dev->act_bytes == sizeof(float);
    outcome ops = decode(&net, v, 0, together, tokens, 0);
    outcome all = decode(&net, v, 0, together, tokens, 1);
    compare(v, "logits, ops", all.logits, ops.logits, together * V, f32, 1e-2);
    if (f32)
        compare(v, "states, ops", (float *)(void *)all.state, (float *)(void *)ops.state,
                together * ops.bytes / sizeof(float), 1, 0);
    static const size_t alone[][2] = {{0, 1}, {1, 1}, {0, 2}};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        size_t first = alone[i][0], n = alone[i][1];
        outcome one = decode(&net, v, first, n, tokens, 1);
        compare(v, n == 1 ? "logits, alone" : "logits, two", one.logits, all.logits + first * V,
                n * V, 1, 0);
        int equal = memcmp(one.state, all.state + first * all.bytes, n * all.bytes) == 0;
        failed |= !equal;
        printf("%-6s %-18s states of %zu alone\n", equal ? "ok" : "FAILED", v->name, n);
        free(one.logits);
        free(one.state);
    }
    free(ops.logits), free(ops.state), free(all.logits), free(all.state);
    bl_net_release(&net);
}

int main(int argc, char **argv)
{
    bl_error err;
    bl_device_request request = {.name = argc > 1 ? argv[1] : "cuda",
                                 .precision = argc > 2 && strcmp(argv[2], "bf16") == 0
                                                  ? BL_PRECISION_BF16
                                                  : BL_PRECISION_F32,
                                 .ternary = 1,
                                 .threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 0};
    bl_dev *dev;
    bl_team_insist();
    must(bl_device_open(&dev, &request, &err), &err);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const variant *v = &variants[i];
        if (argc > 4 ? strncmp(v->name, argv[4], strlen(argv[4])) == 0 : !v->preset)
            check(v, dev);
    }
    bl_dev_close(dev);
    return failed;
}
