/* What the heads of the TTT layers remember: for how long, and how far each state is from where it
 * began. */
#include "infer/heads.h"
#include "core/alloc.h"
#include "model/base.h"
#include "ops/forget.h"

#include <math.h>

bl_status bl_head_sums_open(bl_head_sums *s, const bl_net *net, bl_error *err)
{
    size_t heads = net->m.L * net->m.H, most = bl_shape_elements(&net->m, "HFM");
    *s = (bl_head_sums){.net = net,
                        .start = bl_calloc(most, sizeof *s->start),
                        .moved = bl_calloc(heads, sizeof *s->moved),
                        .squares = bl_calloc(heads, sizeof *s->squares)};
    if (s->start && s->moved && s->squares)
        return BL_OK;
    bl_head_sums_release(s);
    return bl_fail(err, BL_ENOMEM, "out of memory for the matrices of %zu heads", net->m.H);
}

void bl_head_sums_release(bl_head_sums *s)
{
    bl_free(s->start);
    bl_free(s->moved);
    bl_free(s->squares);
    *s = (bl_head_sums){0};
}

void bl_head_sums_clear(bl_head_sums *s, size_t layer)
{
    size_t H = s->net->m.H;
    for (size_t i = layer * H; i < (layer + 1) * H; i++)
        s->moved[i] = s->squares[i] = 0;
}

bl_status bl_head_sums_add_from(bl_head_sums *s, size_t layer, const float *now, const float *then,
                                const bl_param *start, const char *shape, bl_error *err)
{
    size_t H = s->net->m.H, n = bl_shape_elements(&s->net->m, shape), each = n / H;
    BL_TRY(bl_get_param(s->net->dev, s->start, start, n, err));
    for (size_t i = 0; i < n; i++) {
        size_t head = layer * H + i / each;
        double from = (double)s->start[i];
        double moved = (double)now[i] - (then ? (double)then[i] : from);
        s->moved[head] += moved * moved;
        s->squares[head] += from * from;
    }
    return BL_OK;
}

bl_status bl_head_sums_add(bl_head_sums *s, size_t layer, const float *now, const bl_param *start,
                           const char *shape, bl_error *err)
{
    return bl_head_sums_add_from(s, layer, now, NULL, start, shape, err);
}

double bl_head_sums_distance(const bl_head_sums *s, size_t head)
{
    return sqrt(s->moved[head]) / sqrt(s->squares[head]);
}

/* What a layer is measured with. */
typedef struct head_measure {
    bl_head_sums sums;
    const bl_state *state; /* NULL: nothing is known but half-lives */
    const bl_state *other; /* what it is measured from; NULL: where the model begins */
    float *now, *then;     /* host, for one tensor of all heads */
} head_measure;

/* W of the state, and V of the other, if there is one. */
static bl_status add_tensor(head_measure *s, size_t l, const void *W, const void *V, bl_kind kind,
                            const bl_param *W0, const char *shape, bl_error *err)
{
    const bl_net *net = s->sums.net;
    size_t n = bl_shape_elements(&net->m, shape);
    BL_TRY(bl_dev_get(net->dev, kind, s->now, W, n, err));
    if (V)
        BL_TRY(bl_dev_get(net->dev, kind, s->then, V, n, err));
    return bl_head_sums_add_from(&s->sums, l, s->now, V ? s->then : NULL, W0, shape, err);
}

/* Of an own base, biases included as where its bound is kept. */
static bl_status measure_base(head_measure *s, size_t l, bl_head_info *heads, bl_error *err)
{
    const bl_net *net = s->sums.net;
    const bl_config *c = &net->config;
    const bl_layer_params *w = &net->w.layer[l];
    if (!s->state->base && !(s->other && s->other->base))
        return BL_OK;
    bl_ttt_params here = bl_base_params(s->state, net, l), there = {0};
    if (s->other)
        there = bl_base_params(s->other, net, l);
    bl_head_sums_clear(&s->sums, l);
#define X(type, member, key, shape, present)                                                       \
    if (present)                                                                                   \
        BL_TRY(add_tensor(s, l, here.member, there.member, BL_KIND_##type, w->member, shape, err));
    BL_LAYER_BASE(X)
#undef X
    for (size_t h = 0; h < net->m.H; h++)
        heads[h].base = bl_head_sums_distance(&s->sums, l * net->m.H + h);
    return BL_OK;
}

/* In tokens. */
static bl_status half_lives(head_measure *s, const bl_param *half_life, bl_head_info *heads,
                            bl_error *err)
{
    const bl_net *net = s->sums.net;
    size_t H = net->m.H;
    if (!half_life)
        return BL_OK;
    BL_TRY(bl_get_param(net->dev, s->now, half_life, H, err));
    for (size_t h = 0; h < H; h++)
        heads[h].half_life = bl_half_life((double)s->now[h]) * (double)net->m.C;
    return BL_OK;
}

/* A tensor of the inner models. */
#define INNER(s, l, member)                                                                        \
    (s)->state->layer[l].ttt.member, (s)->other ? (s)->other->layer[l].ttt.member : NULL

static bl_status measure_layer(head_measure *s, size_t l, bl_head_info *heads, bl_error *err)
{
    const bl_net *net = s->sums.net;
    const bl_layer_params *w = &net->w.layer[l];
    size_t H = net->m.H;
    for (size_t h = 0; h < H; h++)
        heads[h] = (bl_head_info){.size = sizeof *heads, .layer = l, .head = h};
    BL_TRY(half_lives(s, w->half_life, heads, err));
    if (!s->state)
        return BL_OK;
    BL_TRY(add_tensor(s, l, INNER(s, l, W), BL_KIND_real, w->W0, "HFM", err));
    if (w->W2)
        BL_TRY(add_tensor(s, l, INNER(s, l, W2), BL_KIND_real, w->W2, "HMF", err));
    for (size_t h = 0; h < H; h++) {
        heads[h].distance = bl_head_sums_distance(&s->sums, l * H + h);
        heads[h].base_most = w->half_life ? (double)BL_BASE_MOST : 0;
    }
    return measure_base(s, l, heads, err);
}

bl_status bl_heads_between(const bl_net *net, const bl_state *state, const bl_state *other,
                           bl_head_info *heads, bl_error *err)
{
    size_t most = bl_shape_elements(&net->m, "HFM"), H = net->m.H;
    head_measure s = {.state = state, .other = other};
    BL_TRY(bl_head_sums_open(&s.sums, net, err));
    s.now = bl_calloc(2 * most, sizeof *s.now);
    s.then = s.now + most;
    bl_status status =
        s.now ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the matrices of %zu heads", H);
    for (size_t l = 0; status == BL_OK && l < net->m.L; l++)
        status = measure_layer(&s, l, heads + l * H, err);
    bl_free(s.now);
    bl_head_sums_release(&s.sums);
    return status;
}

bl_status bl_heads_measure(const bl_net *net, const bl_state *state, bl_head_info *heads,
                           bl_error *err)
{
    return bl_heads_between(net, state, NULL, heads, err);
}
