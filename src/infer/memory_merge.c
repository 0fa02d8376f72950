/* What two sequences have learned, in one (MODEL 3.10). */
#include "infer/memory_merge.h"
#include "core/alloc.h"
#include "model/base.h"
#include "model/sites.h"

#include <math.h>

enum { PARTS = 4 };

/* W, b, W2, b2 of the inner models of a layer, on the host; NULL where a model has none. */
typedef struct inner {
    float *part[PARTS];
} inner;

static const char *const shapes[PARTS] = {"HFM", "HM", "HMF", "HF"};

typedef struct merge {
    bl_sequence *to;
    const bl_sequence *from;
    const bl_net *net;
    double weight;
    size_t parts, size[PARTS]; /* how many there are, and elements of each, of all heads */
    inner start, own, other;   /* where the model begins, and of both sequences */
    float *k, *h, *delta;      /* rows of a partial chunk, and what its step is made of */
} merge;

/* Lays everything out in `block`, or only counts its floats. */
static size_t layout(merge *g, float *block)
{
    const bl_dims *m = &g->net->m;
    inner *all[] = {&g->start, &g->own, &g->other};
    float **rows[] = {&g->k, &g->h};
    size_t used = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t p = 0; p < g->parts; p++) {
            all[i]->part[p] = block ? block + used : NULL;
            used += g->size[p];
        }
    for (size_t i = 0; i < 2; i++) {
        *rows[i] = block ? block + used : NULL;
        used += bl_shape_elements(m, "HCM");
    }
    g->delta = block ? block + used : NULL;
    return used + m->C;
}

static bl_status get_params(const merge *g, const inner *to, bl_ttt_params from, bl_error *err)
{
    const bl_param *const part[PARTS] = {from.W0, from.b0, from.W2, from.b2};
    for (size_t p = 0; p < g->parts; p++)
        BL_TRY(bl_get_param(g->net->dev, to->part[p], part[p], g->size[p], err));
    return BL_OK;
}

static bl_status get_state(const merge *g, const inner *to, const bl_ttt_state *from, bl_error *err)
{
    const bl_real *const part[PARTS] = {from->W, from->b, from->W2, from->b2};
    for (size_t p = 0; p < g->parts; p++)
        BL_TRY(bl_get_real(g->net->dev, to->part[p], part[p], g->size[p], err));
    return BL_OK;
}

/* ---- the partial chunk ---- */

/* W -= tau sum_j k_j^T h_j, b -= tau sum_j h_j, of one head; rows not yet read are 0. */
static void fold_head(float *W, float *b, const float *k, const float *h, const size_t sizes[3],
                      double tau)
{
    size_t C = sizes[0], in = sizes[1], out = sizes[2];
    for (size_t o = 0; o < out; o++) {
        double sum = 0;
        for (size_t j = 0; j < C; j++)
            sum += (double)h[j * out + o];
        b[o] = (float)((double)b[o] - tau * sum);
    }
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++) {
            double sum = 0;
            for (size_t j = 0; j < C; j++)
                sum += (double)k[j * in + i] * (double)h[j * out + o];
            W[i * out + o] = (float)((double)W[i * out + o] - tau * sum);
        }
}

static bl_status fold(const merge *g, size_t part, const bl_real *k, const bl_real *h, size_t in,
                      size_t out, double tau, bl_error *err)
{
    size_t H = g->net->m.H, C = g->net->m.C;
    const size_t sizes[] = {C, in, out};
    BL_TRY(bl_get_real(g->net->dev, g->k, k, H * C * in, err));
    BL_TRY(bl_get_real(g->net->dev, g->h, h, H * C * out, err));
    for (size_t i = 0; i < H; i++)
        fold_head(g->other.part[part] + i * in * out, g->other.part[part + 1] + i * out,
                  g->k + i * C * in, g->h + i * C * out, sizes, tau);
    return BL_OK;
}

/* What the other sequence has begun, as if its chunk ended here. */
static bl_status fold_partial(const merge *g, size_t l, bl_error *err)
{
    const bl_dims *m = &g->net->m;
    const bl_ttt_state *s = &g->from->state.layer[l].ttt;
    BL_TRY(bl_get_param(g->net->dev, g->delta, g->net->w.layer[l].delta, m->C, err));
    double tau = fmax(1.0 / (double)m->C + (double)g->delta[m->C - 1], 0);
    BL_TRY(fold(g, 0, s->k, s->h, m->F, m->M, tau, err));
    return g->parts > 2 ? fold(g, 2, s->x2, s->h2, m->M, m->F, tau, err) : BL_OK;
}

/* ---- the sum ---- */

/* own += weight (other - start) */
static void add(const merge *g)
{
    for (size_t p = 0; p < g->parts; p++) {
        float *own = g->own.part[p];
        const float *other = g->other.part[p], *start = g->start.part[p];
        for (size_t i = 0; i < g->size[p]; i++)
            own[i] = (float)((double)own[i] + g->weight * ((double)other[i] - (double)start[i]));
    }
}

/* Keeps every head of `own` within the bound of a base. */
static void keep_near(const merge *g)
{
    for (size_t h = 0; h < g->net->m.H; h++) {
        double moved = 0, start = 0;
        for (size_t p = 0; p < g->parts; p++) {
            size_t n = g->size[p] / g->net->m.H;
            const float *x = g->own.part[p] + h * n, *from = g->start.part[p] + h * n;
            for (size_t i = 0; i < n; i++) {
                moved += ((double)x[i] - (double)from[i]) * ((double)x[i] - (double)from[i]);
                start += (double)from[i] * (double)from[i];
            }
        }
        double most = (double)BL_BASE_MOST * sqrt(start), less = most / sqrt(moved);
        for (size_t p = 0; p < g->parts && sqrt(moved) > most; p++) {
            size_t n = g->size[p] / g->net->m.H;
            float *x = g->own.part[p] + h * n;
            const float *from = g->start.part[p] + h * n;
            for (size_t i = 0; i < n; i++)
                x[i] = (float)((double)from[i] + less * ((double)x[i] - (double)from[i]));
        }
    }
}

static bl_status put_params(const merge *g, bl_ttt_params *to, bl_error *err)
{
    bl_param *const part[PARTS] = {to->W0, to->b0, to->W2, to->b2};
    for (size_t p = 0; p < g->parts; p++)
        BL_TRY(bl_put_param(g->net->dev, part[p], g->own.part[p], g->size[p], err));
    return BL_OK;
}

static bl_status merge_state(const merge *g, size_t l, bl_error *err)
{
    bl_ttt_state *to = &g->to->state.layer[l].ttt;
    bl_real *const part[PARTS] = {to->W, to->b, to->W2, to->b2};
    BL_TRY(get_params(g, &g->start, bl_net_ttt_params(&g->net->w.layer[l]), err));
    BL_TRY(get_state(g, &g->own, to, err));
    BL_TRY(get_state(g, &g->other, &g->from->state.layer[l].ttt, err));
    BL_TRY(fold_partial(g, l, err));
    add(g);
    for (size_t p = 0; p < g->parts; p++)
        BL_TRY(bl_put_real(g->net->dev, part[p], g->own.part[p], g->size[p], err));
    return BL_OK;
}

/* The rest is the model's, so that of either will do. */
static bl_status merge_base(const merge *g, size_t l, int had_base, bl_error *err)
{
    bl_state *to = &g->to->state;
    BL_TRY(get_params(g, &g->own, to->base[l], err));
    BL_TRY(get_params(g, &g->other, g->from->state.base[l], err));
    add(g);
    keep_near(g);
    BL_TRY(put_params(g, &to->base[l], err));
    if (had_base)
        return BL_OK;
    BL_TRY(get_params(g, &g->own, g->from->state.rest[l], err));
    return put_params(g, &to->rest[l], err);
}

static bl_status merge_layers(const merge *g, bl_error *err)
{
    int had_base = g->to->state.base != NULL, based = g->from->state.base != NULL;
    if (based)
        BL_TRY(bl_base_open(&g->to->state, g->net, err));
    for (size_t l = 0; l < g->net->m.L; l++) {
        BL_TRY(merge_state(g, l, err));
        if (based)
            BL_TRY(merge_base(g, l, had_base, err));
    }
    return BL_OP(g->net->dev, sync, err);
}

bl_status bl_sequence_merge(bl_sequence *s, const bl_net *net, const bl_sequence *other,
                            double weight, bl_error *err)
{
    uint64_t chunks = other->state.position / net->m.C;
    if (s->state.position > UINT64_MAX / 2 - chunks * net->m.C)
        return bl_fail(err, BL_EINVAL, "the two have read more tokens than can be counted");
    merge g = {.to = s,
               .from = other,
               .net = net,
               .weight = weight,
               .parts = BL_IS_MLP(&net->config) ? PARTS : 2};
    for (size_t p = 0; p < g.parts; p++)
        g.size[p] = bl_shape_elements(&net->m, shapes[p]);
    float *block = bl_calloc(layout(&g, NULL), sizeof *block);
    if (!block)
        return bl_fail(err, BL_ENOMEM, "out of memory for the inner models of a layer");
    (void)layout(&g, block);
    bl_status status = merge_layers(&g, err);
    bl_free(block);
    if (status == BL_OK)
        s->state.position += chunks * net->m.C;
    return status;
}
