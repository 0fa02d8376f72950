/* A device with activations of 2 bytes (bfloat16), as a plug-in: the reference in float, around
 * which every op widens the activations that it reads and rounds those that it writes.  Nothing
 * else about it is of use. */
#include "core/alloc.h"
#include "format/options.h"
#include "ops/plugin.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

const bl_plugin *bl_plugin_get(void);

enum { MOST = 12 };

/* One activation tensor of a call, in float while the op runs. */
typedef struct wide_act {
    bl_act *there; /* NULL: only read */
    float *x;
    size_t n;
} wide_act;

typedef struct half {
    bl_dev dev; /* first: closing frees it */
    bl_dev *inner;
    bl_ops ops;
    bl_limits most;
    float *room; /* floats for the tensors of a call, made by reserve */
    size_t floats, used;
    wide_act act[MOST];
    size_t count;
} half;

static half *half_of(const bl_dev *d)
{
    return d->impl;
}

static float widen(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

static uint16_t narrow(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static float *take(half *h, bl_act *there, size_t n)
{
    assert(h->count < MOST && n <= h->floats - h->used);
    float *x = h->room + h->used;
    h->used += n;
    h->act[h->count++] = (wide_act){there, x, n};
    return x;
}

static void *fill(half *h, bl_act *there, const bl_act *from, size_t n)
{
    const uint16_t *narrow_x = (const void *)from;
    float *x = take(h, there, n);
    for (size_t i = 0; i < n; i++)
        x[i] = widen(narrow_x[i]);
    return x;
}

/* An argument that is read, written, or both; NULL stays NULL. */
#define IN(x, n)   ((x) ? fill(h, NULL, (x), (n)) : NULL)
#define OUT(x, n)  ((x) ? (void *)take(h, (x), (n)) : NULL)
#define BOTH(x, n) ((x) ? fill(h, (x), (x), (n)) : NULL)

static half *begin(const bl_dev *d)
{
    half *h = half_of(d);
    h->count = h->used = 0;
    return h;
}

static void end(half *h)
{
    for (size_t a = 0; a < h->count; a++) {
        uint16_t *there = (void *)h->act[a].there;
        for (size_t i = 0; there && i < h->act[a].n; i++)
            there[i] = narrow(h->act[a].x[i]);
    }
}

/* ---- ops without activations are the inner device's ---- */

#define X(op, params, args)                                                                        \
    static size_t half_##op params                                                                 \
    {                                                                                              \
        d = half_of(d)->inner;                                                                     \
        return d->ops->op args;                                                                    \
    }
BL_OPS_SIZE_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static bl_status half_##op params                                                              \
    {                                                                                              \
        d = half_of(d)->inner;                                                                     \
        return d->ops->op args;                                                                    \
    }
BL_OPS_STATUS_LIST(X)
#undef X

#define X(op, params, args)                                                                        \
    static void half_##op params                                                                   \
    {                                                                                              \
        d = half_of(d)->inner;                                                                     \
        d->ops->op args;                                                                           \
    }
BL_OPS_VOID_LIST(X)
#undef X

/* ---- the others ---- */

/* clang-format off */
#define WIDE_OPS(X)                                                                                \
    X(embed_fwd, (bl_dev *d, bl_act *x, const bl_param *E, const bl_dev_id *ids, size_t N,         \
      size_t D), (d, OUT(x, N * D), E, ids, N, D))                                                 \
    X(embed_bwd, (bl_dev *d, bl_param *dE, const bl_act *dx, const bl_dev_id *ids, size_t N,       \
      size_t D, size_t V), (d, dE, IN(dx, N * D), ids, N, D, V))                                   \
    X(dropout, (bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_dev_step *step),           \
      (d, BOTH(x, n), n, site, step))                                                              \
    X(add, (bl_dev *d, bl_act *x, const bl_act *y, size_t n), (d, BOTH(x, n), IN(y, n), n))        \
    X(rmsnorm_fwd, (bl_dev *d, bl_act *y, bl_q8 *yq, bl_real *rstd, const bl_act *x,               \
      const bl_param *w, float eps, size_t N, size_t D),                                           \
      (d, OUT(y, N * D), yq, rstd, IN(x, N * D), w, eps, N, D))                                    \
    X(rmsnorm_bwd, (bl_dev *d, bl_act *dx, bl_param *dw, const bl_act *dy, const bl_act *x,        \
      const bl_real *rstd, const bl_param *w, size_t N, size_t D),                                 \
      (d, BOTH(dx, N * D), dw, IN(dy, N * D), IN(x, N * D), rstd, w, N, D))                        \
    X(bitlinear_fwd, (bl_dev *d, bl_act *y, const bl_q8 *x, const bl_tern *w, size_t N,            \
      size_t out, size_t in), (d, OUT(y, N * out), x, w, N, out, in))                              \
    X(bitlinear_bwd_x, (bl_dev *d, bl_act *dx, const bl_act *dy, const bl_tern *w, int accumulate, \
      size_t N, size_t out, size_t in),                                                            \
      (d, BOTH(dx, N * in), IN(dy, N * out), w, accumulate, N, out, in))                           \
    X(bitlinear_bwd_w, (bl_dev *d, bl_param *dw, const bl_act *dy, const bl_q8 *x, size_t N,       \
      size_t out, size_t in), (d, dw, IN(dy, N * out), x, N, out, in))                             \
    X(conv_fwd, (bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,     \
      const bl_param *bias, size_t B, size_t T, size_t D, size_t K),                               \
      (d, OUT(y, B * T * D), IN(u, B * T * D), IN(tail, B * (K - 1) * D), w, bias, B, T, D, K))    \
    X(conv_tail, (bl_dev *d, bl_act *tail, const bl_act *u, size_t B, size_t T, size_t D,          \
      size_t K), (d, BOTH(tail, B * (K - 1) * D), IN(u, B * T * D), B, T, D, K))                   \
    X(conv_reset, (bl_dev *d, bl_act *tail, const bl_dev_flag *fresh, size_t B, size_t D,          \
      size_t K), (d, BOTH(tail, B * (K - 1) * D), fresh, B, D, K))                                 \
    X(conv_bwd, (bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,           \
      const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate, size_t B, size_t T,  \
      size_t D, size_t K), (d, BOTH(du, B * T * D), dw, dbias, IN(dy, B * T * D),                  \
      IN(u, B * T * D), IN(tail, B * (K - 1) * D), w, accumulate, B, T, D, K))                     \
    X(lr_gate_fwd, (bl_dev *d, bl_real *lambda, const bl_act *x, const bl_param *w,                \
      const bl_param *b, float scale, size_t N, size_t D, size_t H),                               \
      (d, lambda, IN(x, N * D), w, b, scale, N, D, H))                                             \
    X(lr_gate_bwd, (bl_dev *d, bl_act *dx, bl_param *dw, bl_param *db, const bl_real *dlambda,     \
      const bl_real *lambda, const bl_act *x, const bl_param *w, float scale, size_t N, size_t D,  \
      size_t H), (d, BOTH(dx, N * D), dw, db, dlambda, lambda, IN(x, N * D), w, scale, N, D, H))   \
    X(gate_norm_fwd, (bl_dev *d, bl_q8 *yq, bl_real *stats, const bl_act *o, const bl_act *z,      \
      const bl_param *w, const bl_param *b, const bl_param *sub, float eps, size_t N, size_t D),   \
      (d, yq, stats, IN(o, N * D), IN(z, N * D), w, b, sub, eps, N, D))                            \
    X(gate_norm_bwd, (bl_dev *d, bl_act *dout, bl_act *dz, bl_param *dw, bl_param *db,             \
      bl_param *dsub, const bl_act *dy, const bl_act *o, const bl_act *z, const bl_param *w,       \
      const bl_param *b, const bl_param *sub, const bl_real *stats, size_t N, size_t D),           \
      (d, OUT(dout, N * D), OUT(dz, N * D), dw, db, dsub, IN(dy, N * D), IN(o, N * D),             \
      IN(z, N * D), w, b, sub, stats, N, D))                                                       \
    X(swiglu_norm_fwd, (bl_dev *d, bl_q8 *hq, bl_real *rstd, const bl_act *gate, const bl_act *up, \
      const bl_param *w, float eps, size_t N, size_t I),                                           \
      (d, hq, rstd, IN(gate, N * I), IN(up, N * I), w, eps, N, I))                                 \
    X(swiglu_norm_bwd, (bl_dev *d, bl_act *dgate, bl_act *dup, bl_param *dw, const bl_act *dh,     \
      const bl_act *gate, const bl_act *up, const bl_param *w, const bl_real *rstd, size_t N,      \
      size_t I), (d, OUT(dgate, N * I), OUT(dup, N * I), dw, IN(dh, N * I), IN(gate, N * I),       \
      IN(up, N * I), w, rstd, N, I))                                                               \
    X(head_logits, (bl_dev *d, bl_real *logits, const bl_act *x, const bl_param *E, size_t N,      \
      size_t D, size_t V), (d, logits, IN(x, N * D), E, N, D, V))                                  \
    X(head_best, (bl_dev *d, bl_dev_candidate *best, bl_real *room, const bl_act *x,               \
      const bl_param *E, const bl_coarse *coarse, size_t N, size_t D, size_t V, size_t k),         \
      (d, best, room, IN(x, N * D), E, coarse, N, D, V, k))                                        \
    X(head_loss, (bl_dev *d, bl_real *loss, bl_act *dx, bl_param *dE, const bl_act *x,             \
      const bl_param *E, const bl_dev_id *targets, const bl_dev_step *step, size_t N, size_t D,    \
      size_t V), (d, loss, OUT(dx, N * D), dE, IN(x, N * D), E, targets, step, N, D, V))
#define WIDE_TTT_OPS(X, inner)                                                                     \
    X(inner##_fwd, (bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q, const bl_act *k,   \
      const bl_act *v, const bl_real *lambda, const bl_ttt_params *p, const bl_ttt_shape *s),      \
      (d, OUT(o, ROWS(s)), saved, IN(q, ROWS(s)), IN(k, ROWS(s)), IN(v, ROWS(s)), lambda, p, s))   \
    X(inner##_bwd, (bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,               \
      const bl_ttt_params *dp, const bl_act *dout, const bl_act *q, const bl_act *k,               \
      const bl_act *v, const bl_real *lambda, const bl_dev_saved *saved, const bl_ttt_params *p,   \
      const bl_ttt_shape *s), (d, OUT(dq, ROWS(s)), OUT(dk, ROWS(s)), OUT(dv, ROWS(s)), dlambda,   \
      dp, IN(dout, ROWS(s)), IN(q, ROWS(s)), IN(k, ROWS(s)), IN(v, ROWS(s)), lambda, saved, p, s)) \
    X(inner##_step, (bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,             \
      const bl_act *k, const bl_act *v, const bl_real *lambda, const bl_ttt_params *p,             \
      const bl_ttt_shape *s, const bl_dev_step *step),                                             \
      (d, OUT(o, ROWS(s)), state, IN(q, ROWS(s)), IN(k, ROWS(s)), IN(v, ROWS(s)), lambda, p, s,    \
      step))
#define ROWS(s) ((s)->B * (s)->T * (s)->H * (s)->F)
/* clang-format on */

#define X(op, params, args)                                                                        \
    static void wide_##op params                                                                   \
    {                                                                                              \
        half *h = begin(d);                                                                        \
        d = h->inner;                                                                              \
        d->ops->op args;                                                                           \
        end(h);                                                                                    \
    }
WIDE_OPS(X)
WIDE_TTT_OPS(X, ttt_linear)
WIDE_TTT_OPS(X, ttt_mlp)
#undef X

static bl_status reserve(bl_dev *d, const bl_limits *most, bl_error *err)
{
    half *h = half_of(d);
    bl_limits_grow(&h->most, most);
    size_t width = h->most.D > h->most.I ? h->most.D : h->most.I;
    size_t rows = h->most.B * (h->most.T + h->most.K);
    bl_free(h->room);
    h->floats = 0;
    h->room = bl_calloc(MOST * rows, width * sizeof *h->room);
    if (!h->room)
        return bl_fail(err, BL_ENOMEM, "out of memory for wide activations");
    h->floats = MOST * rows * width;
    return half_reserve(d, most, err);
}

static void close_both(bl_dev *d)
{
    half *h = half_of(d);
    bl_dev_close(h->inner);
    bl_free(h->room);
    bl_free(h);
}

static bl_status open_half(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    bl_device_request exact = *request; /* what is inside computes in float32 */
    bl_dev *inner;
    *d = NULL;
    exact.precision = BL_PRECISION_AUTO;
    BL_TRY(bl_ref32_open(&inner, &exact, err));
    half *h = bl_calloc(1, sizeof *h);
    if (!h) {
        bl_dev_close(inner);
        return bl_fail(err, BL_ENOMEM, "out of memory for a device");
    }
    h->inner = inner;
#define X(op, params, args) h->ops.op = half_##op;
    BL_OPS_SIZE_LIST(X)
    BL_OPS_STATUS_LIST(X)
    BL_OPS_VOID_LIST(X)
#undef X
#define X(op, params, args) h->ops.op = wide_##op;
    WIDE_OPS(X)
    WIDE_TTT_OPS(X, ttt_linear)
    WIDE_TTT_OPS(X, ttt_mlp)
#undef X
    h->ops.reserve = reserve;
    h->ops.close = close_both;
    bl_ops_complete(&h->ops);
    h->dev = *inner;
    h->dev.ops = &h->ops;
    h->dev.name = "half";
    h->dev.impl = h;
    h->dev.act_bytes = sizeof(uint16_t);
    *d = &h->dev;
    return BL_OK;
}

static bl_plugin plugin = {.open = open_half, .about = bl_ref32_about};
static int made; /* by the first call, before any other thread can have the result */

__attribute__((visibility("default"))) const bl_plugin *bl_plugin_get(void)
{
    made = made || bl_plugin_signature(plugin.signature, NULL) == BL_OK;
    return made ? &plugin : NULL;
}
