/* What the heads of the TTT layers remember: for how long, and how far each state stands from where
 * it began. */
#include "infer/heads.h"
#include "core/alloc.h"
#include "ops/forget.h"

#include <math.h>

/* Of one layer: squares of the differences and of the starts, summed for each head. */
typedef struct sums {
    const bl_net *net;
    float *now, *start;      /* host, for one matrix of all heads */
    double *moved, *squares; /* [H] */
} sums;

static bl_status add_tensor(sums *s, const void *W, size_t element_bytes, const bl_param *W0,
                            const char *shape, bl_error *err)
{
    bl_dev *d = s->net->dev;
    size_t n = bl_shape_elements(&s->net->m, shape), each = n / s->net->m.H;
    BL_TRY(bl_dev_get_f32(d, s->now, W, n, element_bytes, err));
    BL_TRY(bl_dev_get_f32(d, s->start, W0, n, d->param_bytes, err));
    for (size_t i = 0; i < n; i++) {
        double start = (double)s->start[i], moved = (double)s->now[i] - start;
        s->moved[i / each] += moved * moved;
        s->squares[i / each] += start * start;
    }
    return BL_OK;
}

static void clear(sums *s)
{
    for (size_t h = 0; h < s->net->m.H; h++)
        s->moved[h] = s->squares[h] = 0;
}

/* Of an own base, biases included as where its bound is kept. */
static bl_status measure_base(sums *s, const bl_decode *decode, size_t l, bl_head_info *heads,
                              bl_error *err)
{
    const bl_config *c = &s->net->config;
    const bl_layer_params *w = &s->net->w.layer[l];
    if (!decode->base)
        return BL_OK;
    clear(s);
#define X(type, member, key, shape, present)                                                       \
    if (present)                                                                                   \
        BL_TRY(add_tensor(s, decode->base[l].member, s->net->dev->type##_bytes, w->member, shape,  \
                          err));
    BL_LAYER_BASE(X)
#undef X
    for (size_t h = 0; h < s->net->m.H; h++)
        heads[h].base = sqrt(s->moved[h]) / sqrt(s->squares[h]);
    return BL_OK;
}

/* In tokens. */
static bl_status half_lives(sums *s, const bl_param *half_life, bl_head_info *heads, bl_error *err)
{
    size_t H = s->net->m.H;
    if (!half_life)
        return BL_OK;
    BL_TRY(bl_dev_get_f32(s->net->dev, s->now, half_life, H, s->net->dev->param_bytes, err));
    for (size_t h = 0; h < H; h++)
        heads[h].half_life = bl_half_life((double)s->now[h]) * (double)s->net->m.C;
    return BL_OK;
}

static bl_status measure_layer(sums *s, const bl_decode *decode, size_t l, bl_head_info *heads,
                               bl_error *err)
{
    const bl_layer_params *w = &s->net->w.layer[l];
    size_t H = s->net->m.H;
    clear(s);
    for (size_t h = 0; h < H; h++)
        heads[h] = (bl_head_info){.layer = l, .head = h};
    BL_TRY(half_lives(s, w->half_life, heads, err));
    if (!decode)
        return BL_OK;
    const bl_ttt_state *state = &decode->layer[l].ttt;
    size_t real = s->net->dev->real_bytes;
    BL_TRY(add_tensor(s, state->W, real, w->W0, "HFM", err));
    if (w->W2)
        BL_TRY(add_tensor(s, state->W2, real, w->W2, "HMF", err));
    for (size_t h = 0; h < H; h++) {
        heads[h].distance = sqrt(s->moved[h]) / sqrt(s->squares[h]);
        heads[h].base_most = w->half_life ? (double)BL_BASE_MOST : 0;
    }
    return measure_base(s, decode, l, heads, err);
}

bl_status bl_heads_measure(const bl_net *net, const bl_decode *decode, bl_head_info *heads,
                           bl_error *err)
{
    size_t most = bl_shape_elements(&net->m, "HFM"), H = net->m.H;
    sums s = {.net = net,
              .now = bl_calloc(most, sizeof *s.now),
              .start = bl_calloc(most, sizeof *s.start),
              .moved = bl_calloc(H, sizeof *s.moved),
              .squares = bl_calloc(H, sizeof *s.squares)};
    bl_status status = BL_OK;
    if (!s.now || !s.start || !s.moved || !s.squares)
        status = bl_fail(err, BL_ENOMEM, "out of memory for the matrices of %zu heads", H);
    for (size_t l = 0; status == BL_OK && l < net->m.L; l++)
        status = measure_layer(&s, decode, l, heads + l * H, err);
    bl_free(s.now);
    bl_free(s.start);
    bl_free(s.moved);
    bl_free(s.squares);
    return status;
}
