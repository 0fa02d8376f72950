/* Variants of the model against the float64 program bitllama_f64.py: training's forward pass, and
 * decoding whole and in pieces. */
#include "golden.h"
#include "core/alloc.h"
#include "format/options.h"
#include "model/reader.h"

#include <jansson.h>
#include <stdio.h>

/* The fixture's model on the device. */
static void load_net(bl_net *net, bl_golden *g)
{
    bl_config c;
    bl_error err = {.message = "metadata: no JSON object `config`"};
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    json_t *json = json_loads(bl_st_metadata(g->st, "config"), 0, NULL);
    bl_golden_must(g, json ? BL_OK : BL_EFORMAT, &err);
    bl_golden_must(g, bl_options_from_json(BL_OPTIONS_CONFIG, &c, json, g->file, &err), &err);
    c.ttt_forget = json_is_true(json_object_get(json, "ttt_forget")); /* missing: false */
    c.pre_conv = json_is_true(json_object_get(json, "pre_conv"));
    json_decref(json);
    c.quantization = g->d->ternary ? BL_QUANT_TERNARY : BL_QUANT_NONE;
    bl_golden_must(g, bl_config_check(&c, g->file, &err), &err);
    bl_golden_must(g, bl_net_open(net, &c, g->d, &err), &err);
    bl_golden_must(g, bl_net_load(net, g->st, g->file, &err), &err);
    bl_net_ternarise(net);
}

static size_t load_ids(bl_golden *g, int32_t **ids)
{
    const bl_st_tensor *t = bl_st_find(g->st, "ids");
    const bl_error err = {.message = "no tensor `ids` of as many as a reader takes"};
    bl_golden_must(g, t && t->count <= BL_READER_ROWS ? BL_OK : BL_EFORMAT, &err);
    *ids = bl_golden_ids(g, "ids", t->count);
    return t->count;
}

/* The dual form (MODEL 3.2). */
static void check_training(bl_golden *g, const bl_net *net, const int32_t *ids, size_t T)
{
    bl_pass pass;
    bl_error err;
    bl_golden_must(g, bl_pass_open(&pass, net, 1, T, 0, &err), &err);
    bl_golden_must(g, bl_put_id(g->d, pass.in.ids, ids, T, &err), &err);
    bl_net_fwd(net, &pass);
    bl_real *logits = bl_golden_room(g, BL_KIND_real, T * net->m.V);
    BL_OP(g->d, head_logits, logits, pass.h, bl_net_head(net), T, net->m.D, net->m.V);
    bl_golden_expect(g, BL_KIND_real, "logits.", g->d->ternary ? "ternary" : "none", logits);
    bl_pass_release(&pass, net);
}

/* The buffered form (MODEL 3.4): `piece` tokens a call, logits [T,V]. */
static void *decode(bl_golden *g, const bl_net *net, const int32_t *ids, size_t T, size_t piece)
{
    size_t row = net->m.V * g->d->real_bytes;
    char *logits = bl_golden_room(g, BL_KIND_real, T * net->m.V);
    bl_reader r;
    bl_state s;
    bl_error err;
    bl_golden_must(g, bl_reader_open(&r, net, piece, 1, &err), &err);
    bl_golden_must(g, bl_state_open(&s, net, &err), &err);
    for (size_t t = 0; t < T; t += piece) {
        size_t n = T - t < piece ? T - t : piece;
        const bl_piece next = {&s, ids + t, n, BL_LOGITS_EVERY};
        bl_golden_must(g, bl_reader_feed(&r, &next, 1, &err), &err);
        BL_OP(g->d, copy, logits + t * row, r.logits, n * row);
    }
    bl_state_release(&s, net);
    bl_reader_release(&r);
    return logits;
}

static int check_variant(bl_dev *d, const char *file)
{
    static const size_t pieces[] = {1, 3, 7, 16};
    const char *kind = d->ternary ? "ternary" : "none";
    int32_t *ids;
    char what[64];
    bl_golden g;
    bl_net net;
    bl_golden_open(&g, d, file);
    load_net(&net, &g);
    size_t T = load_ids(&g, &ids);

    check_training(&g, &net, ids, T);
    snprintf(what, sizeof what, "%s %s forward", file, kind);
    int failures = bl_golden_report(&g, what, BL_GOLDEN_VARIANT);
    void *whole = decode(&g, &net, ids, T, T);
    bl_golden_expect(&g, BL_KIND_real, "logits.", kind, whole);
    snprintf(what, sizeof what, "%s %s decoding", file, kind);
    failures += bl_golden_report(&g, what, BL_GOLDEN_VARIANT);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        bl_golden_same(&g, BL_KIND_real, "pieces", whole, decode(&g, &net, ids, T, pieces[i]),
                       T * net.m.V);
    snprintf(what, sizeof what, "%s %s decoding in pieces", file, kind);
    failures += bl_golden_report(&g, what, bl_golden_split(d, BL_GOLDEN_VARIANT));
    bl_free(ids);
    bl_golden_close(&g);
    bl_net_release(&net);
    return failures;
}

int bl_golden_f64(bl_dev *d)
{
    static const char *const files[] = {"f64_plain",        "f64_pre_conv", "f64_mlp",
                                        "f64_mlp_pre_conv", "f64_forget",   "f64_mlp_forget"};
    int failures = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        failures += check_variant(d, files[i]);
    return failures;
}
