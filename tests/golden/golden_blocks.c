/* The TTT layer and the SwiGLU block, assembled from ops, against PyTorch: outputs and the gradient
 * of every tensor, with and without rounding. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

enum { B = 2, D = 16, H = 2, F = 8, C = 4, K = 4, I = 24 };
static const float EPS = 1e-6f;

/* ---- tensors by name: value, gradient ---- */

typedef struct leaf {
    const char *name;
    void *x, *dx;
} leaf;

/* The input x is the one that is not a parameter. */
static bl_kind kind_of(const leaf *l)
{
    return strcmp(l->name, "x") == 0 ? BL_KIND_act : BL_KIND_param;
}

static void load_leaves(bl_golden *g, leaf *leaves, size_t count, const char *prefix)
{
    for (leaf *l = leaves; l < leaves + count; l++) {
        const char *of = kind_of(l) == BL_KIND_act ? prefix : "";
        l->x = bl_golden_in(g, kind_of(l), of, l->name);
        l->dx = bl_golden_room(g, kind_of(l), bl_golden_count(g, of, l->name));
    }
}

static int report_block(bl_golden *g, const char *block, size_t T, const void *out,
                        const leaf *leaves, size_t count)
{
    char prefix[32], name[64], what[64];
    snprintf(prefix, sizeof prefix, "%zu.%s.", T, g->d->ternary ? "ternary" : "none");
    bl_golden_expect(g, BL_KIND_act, prefix, "out", out);
    snprintf(what, sizeof what, "%s %sforward", block, prefix);
    int failures = bl_golden_report(g, what, BL_GOLDEN_BLOCK);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "grad.%s", leaves[i].name);
        bl_golden_expect(g, kind_of(&leaves[i]), prefix, name, leaves[i].dx);
    }
    snprintf(what, sizeof what, "%s %sbackward, %zu tensors", block, prefix, count);
    return failures + bl_golden_report(g, what, BL_GOLDEN_BLOCK);
}

static bl_tern *ternarised(bl_golden *g, const leaf *w, size_t out, size_t in)
{
    bl_tern *t = bl_golden_bytes(g, BL_OP(g->d, tern_bytes, out, in));
    BL_OP(g->d, ternarise, &(bl_latents){&(bl_latent){t, w->x, out, in}, 1});
    return t;
}

/* ---- out = BitLinear_down(RMSNorm(silu(BitLinear_gate h) BitLinear_up h)), h = RMSNorm(x) ---- */

static int check_swiglu(bl_dev *d, size_t T)
{
    enum { X, NORM, GATE, UP, DOWN, SUB, LEAVES };
    leaf l[LEAVES] = {[X] = {.name = "x"},
                      [NORM] = {.name = "norm.weight"},
                      [GATE] = {.name = "gate_proj.weight"},
                      [UP] = {.name = "up_proj.weight"},
                      [DOWN] = {.name = "down_proj.weight"},
                      [SUB] = {.name = "ffn_sub_norm.weight"}};
    bl_golden golden, *g = &golden;
    size_t N = B * T;
    char prefix[16];
    bl_golden_open(g, d, "swiglu");
    snprintf(prefix, sizeof prefix, "%zu.", T);
    load_leaves(g, l, LEAVES, prefix);
    bl_tern *wg = ternarised(g, &l[GATE], I, D), *wu = ternarised(g, &l[UP], I, D);
    bl_tern *wd = ternarised(g, &l[DOWN], D, I);
    bl_q8 *xq = bl_golden_bytes(g, BL_OP(d, q8_bytes, N, D));
    bl_q8 *hq = bl_golden_bytes(g, BL_OP(d, q8_bytes, N, I));
    void *rstd = bl_golden_room(g, BL_KIND_real, N), *rstd3 = bl_golden_room(g, BL_KIND_real, N);
    void *gate = bl_golden_room(g, BL_KIND_act, N * I), *up = bl_golden_room(g, BL_KIND_act, N * I);
    void *out = bl_golden_room(g, BL_KIND_act, N * D);

    BL_OP(d, rmsnorm_fwd, NULL, xq, rstd, l[X].x, l[NORM].x, EPS, N, D);
    BL_OP(d, bitlinear_fwd, gate, xq, wg, N, I, D);
    BL_OP(d, bitlinear_fwd, up, xq, wu, N, I, D);
    BL_OP(d, swiglu_norm_fwd, hq, rstd3, gate, up, l[SUB].x, EPS, N, I);
    BL_OP(d, bitlinear_fwd, out, hq, wd, N, D, I);

    void *dout = bl_golden_in(g, BL_KIND_act, prefix, "dout"),
         *dh = bl_golden_room(g, BL_KIND_act, N * I);
    void *dup = bl_golden_room(g, BL_KIND_act, N * I), *dxn = bl_golden_room(g, BL_KIND_act, N * D);
    BL_OP(d, bitlinear_bwd_w, l[DOWN].dx, dout, hq, N, D, I);
    BL_OP(d, bitlinear_bwd_x, dh, dout, wd, 0, N, D, I);
    BL_OP(d, swiglu_norm_bwd, dh, dup, l[SUB].dx, dh, gate, up, l[SUB].x, rstd3, N, I);
    BL_OP(d, bitlinear_bwd_w, l[GATE].dx, dh, xq, N, I, D);
    BL_OP(d, bitlinear_bwd_w, l[UP].dx, dup, xq, N, I, D);
    BL_OP(d, bitlinear_bwd_x, dxn, dh, wg, 0, N, I, D);
    BL_OP(d, bitlinear_bwd_x, dxn, dup, wu, 1, N, I, D);
    BL_OP(d, rmsnorm_bwd, l[X].dx, l[NORM].dx, dxn, l[X].x, rstd, l[NORM].x, N, D);

    int failures = report_block(g, "swiglu", T, out, l, LEAVES);
    bl_golden_close(g);
    return failures;
}

/* ---- the TTT layer after its RMSNorm (MODEL 3) ---- */

enum {
    X,
    NORM,
    WQ,
    WV,
    WZ,
    WO,
    CQ,
    CQ_B,
    CK,
    CK_B,
    LR,
    LR_B,
    DELTA,
    GAMMA,
    BETA,
    W0,
    B0,
    POST,
    POST_B,
    SUB,
    LEAVES
};

static const char *const NAMES[LEAVES] = {
    [X] = "x",
    [NORM] = "norm.weight",
    [WQ] = "q_proj.weight",
    [WV] = "v_proj.weight",
    [WZ] = "g_proj.weight",
    [WO] = "o_proj.weight",
    [CQ] = "conv_q.weight",
    [CQ_B] = "conv_q.bias",
    [CK] = "conv_k.weight",
    [CK_B] = "conv_k.bias",
    [LR] = "learnable_ttt_lr_weight",
    [LR_B] = "learnable_ttt_lr_bias",
    [DELTA] = "learnable_token_idx",
    [GAMMA] = "ttt_norm_weight",
    [BETA] = "ttt_norm_bias",
    [W0] = "W1",
    [B0] = "b1",
    [POST] = "post_norm.weight",
    [POST_B] = "post_norm.bias",
    [SUB] = "attn_sub_norm.weight",
};

/* What the forward pass keeps. */
typedef struct ttt_kept {
    bl_tern *wq, *wv, *wz, *wo;
    bl_q8 *xq, *yq;
    void *xn, *rstd, *u, *q, *k, *v, *z, *lambda, *o, *saved, *stats, *out;
    bl_ttt_shape shape;
    bl_ttt_params p, dp;
} ttt_kept;

static void layer_fwd(bl_golden *g, const leaf *l, ttt_kept *a, size_t T)
{
    bl_dev *d = g->d;
    size_t N = B * T;
    void **rows[] = {&a->xn, &a->u, &a->q, &a->k, &a->v, &a->z, &a->o, &a->out};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bl_golden_room(g, BL_KIND_act, N * D);
    a->rstd = bl_golden_room(g, BL_KIND_real, N);
    a->stats = bl_golden_room(g, BL_KIND_real, N * 3);
    a->lambda = bl_golden_room(g, BL_KIND_real, N * H);
    a->xq = bl_golden_bytes(g, BL_OP(d, q8_bytes, N, D));
    a->yq = bl_golden_bytes(g, BL_OP(d, q8_bytes, N, D));
    a->shape = (bl_ttt_shape){.B = B, .T = T, .H = H, .F = F, .C = C, .rope_theta = 10000.0f};
    a->saved = bl_golden_bytes(g, BL_OP(d, ttt_linear_saved_bytes, &a->shape));
    a->p = (bl_ttt_params){
        .W0 = l[W0].x, .b0 = l[B0].x, .gamma = l[GAMMA].x, .beta = l[BETA].x, .delta = l[DELTA].x};
    a->dp = (bl_ttt_params){.W0 = l[W0].dx,
                            .b0 = l[B0].dx,
                            .gamma = l[GAMMA].dx,
                            .beta = l[BETA].dx,
                            .delta = l[DELTA].dx};
    a->wq = ternarised(g, &l[WQ], D, D);
    a->wv = ternarised(g, &l[WV], D, D);
    a->wz = ternarised(g, &l[WZ], D, D);
    a->wo = ternarised(g, &l[WO], D, D);

    BL_OP(d, rmsnorm_fwd, a->xn, a->xq, a->rstd, l[X].x, l[NORM].x, EPS, N, D);
    BL_OP(d, bitlinear_fwd, a->u, a->xq, a->wq, N, D, D);
    BL_OP(d, conv_fwd, a->q, a->u, NULL, l[CQ].x, l[CQ_B].x, B, T, D, K);
    BL_OP(d, conv_fwd, a->k, a->u, NULL, l[CK].x, l[CK_B].x, B, T, D, K);
    BL_OP(d, bitlinear_fwd, a->v, a->xq, a->wv, N, D, D);
    BL_OP(d, bitlinear_fwd, a->z, a->xq, a->wz, N, D, D);
    BL_OP(d, lr_gate_fwd, a->lambda, a->xn, l[LR].x, l[LR_B].x, 1.0f / F, N, D, H);
    BL_OP(d, ttt_linear_fwd, a->o, a->saved, a->q, a->k, a->v, a->lambda, &a->p, &a->shape);
    BL_OP(d, gate_norm_fwd, a->yq, a->stats, a->o, a->z, l[POST].x, l[POST_B].x, l[SUB].x, EPS, N,
          D);
    BL_OP(d, bitlinear_fwd, a->out, a->yq, a->wo, N, D, D);
}

static void layer_bwd(bl_golden *g, const leaf *l, const ttt_kept *a, size_t T, const void *dout)
{
    bl_dev *d = g->d;
    size_t N = B * T;
    void *dxn = bl_golden_room(g, BL_KIND_act, N * D), *dy = bl_golden_room(g, BL_KIND_act, N * D);
    void *du = bl_golden_room(g, BL_KIND_act, N * D), *dq = bl_golden_room(g, BL_KIND_act, N * D);
    void *dk = bl_golden_room(g, BL_KIND_act, N * D), *dv = bl_golden_room(g, BL_KIND_act, N * D);
    void *dz = bl_golden_room(g, BL_KIND_act, N * D),
         *dout_ttt = bl_golden_room(g, BL_KIND_act, N * D);
    void *dlambda = bl_golden_room(g, BL_KIND_real, N * H);

    BL_OP(d, bitlinear_bwd_w, l[WO].dx, dout, a->yq, N, D, D);
    BL_OP(d, bitlinear_bwd_x, dy, dout, a->wo, 0, N, D, D);
    BL_OP(d, gate_norm_bwd, dout_ttt, dz, l[POST].dx, l[POST_B].dx, l[SUB].dx, dy, a->o, a->z,
          l[POST].x, l[POST_B].x, l[SUB].x, a->stats, N, D);
    BL_OP(d, ttt_linear_bwd, dq, dk, dv, dlambda, &a->dp, dout_ttt, a->q, a->k, a->v, a->lambda,
          a->saved, &a->p, &a->shape);
    BL_OP(d, conv_bwd, du, l[CQ].dx, l[CQ_B].dx, dq, a->u, NULL, l[CQ].x, 0, B, T, D, K);
    BL_OP(d, conv_bwd, du, l[CK].dx, l[CK_B].dx, dk, a->u, NULL, l[CK].x, 1, B, T, D, K);
    BL_OP(d, bitlinear_bwd_w, l[WQ].dx, du, a->xq, N, D, D);
    BL_OP(d, bitlinear_bwd_w, l[WV].dx, dv, a->xq, N, D, D);
    BL_OP(d, bitlinear_bwd_w, l[WZ].dx, dz, a->xq, N, D, D);
    BL_OP(d, bitlinear_bwd_x, dxn, du, a->wq, 0, N, D, D);
    BL_OP(d, bitlinear_bwd_x, dxn, dv, a->wv, 1, N, D, D);
    BL_OP(d, bitlinear_bwd_x, dxn, dz, a->wz, 1, N, D, D);
    BL_OP(d, lr_gate_bwd, dxn, l[LR].dx, l[LR_B].dx, dlambda, a->lambda, a->xn, l[LR].x, 1.0f / F,
          N, D, H);
    BL_OP(d, rmsnorm_bwd, l[X].dx, l[NORM].dx, dxn, l[X].x, a->rstd, l[NORM].x, N, D);
}

static int check_layer(bl_dev *d, size_t T)
{
    leaf l[LEAVES] = {{0}};
    ttt_kept a;
    bl_golden g;
    char prefix[16];
    for (size_t i = 0; i < LEAVES; i++)
        l[i].name = NAMES[i];
    bl_golden_open(&g, d, "layer");
    snprintf(prefix, sizeof prefix, "%zu.", T);
    load_leaves(&g, l, LEAVES, prefix);
    layer_fwd(&g, l, &a, T);
    layer_bwd(&g, l, &a, T, bl_golden_in(&g, BL_KIND_act, prefix, "dout"));
    int failures = report_block(&g, "ttt layer", T, a.out, l, LEAVES);
    bl_golden_close(&g);
    return failures;
}

int bl_golden_blocks(bl_dev *none, bl_dev *ternary)
{
    static const size_t LENGTHS[] = {8, 11}; /* a multiple of C, and not */
    int failures = 0;
    for (size_t i = 0; i < 2; i++) {
        failures += check_layer(none, LENGTHS[i]) + check_layer(ternary, LENGTHS[i]);
        failures += check_swiglu(none, LENGTHS[i]) + check_swiglu(ternary, LENGTHS[i]);
    }
    return failures;
}
