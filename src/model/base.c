/* Consolidation: what a sequence forgets towards, moved to what it has learned (MODEL 3.8). */
#include "model/base.h"
#include "core/alloc.h"
#include "model/sites.h"

#include <assert.h>
#include <float.h>

/* Base and rest, [2 L]. */
static void bind(bl_ttt_params *base, bl_arena *arena, const bl_net *net)
{
    const bl_config *c = &net->config;
    for (size_t l = 0; l < 2 * net->m.L; l++) {
        base[l] = bl_net_ttt_params(&net->w.layer[l % net->m.L]);
#define X(type, member, key, shape, present)                                                       \
    base[l].member = (present) ? bl_arena_push(arena, bl_shape_elements(&net->m, shape),           \
                                               net->dev->type##_bytes)                             \
                               : NULL;
        BL_LAYER_BASE(X)
#undef X
    }
}

/* What the model says, into both. */
static void copy_model(const bl_ttt_params *base, const bl_net *net)
{
    const bl_config *c = &net->config;
    for (size_t l = 0; l < 2 * net->m.L; l++) {
        bl_ttt_params from = bl_net_ttt_params(&net->w.layer[l % net->m.L]);
#define X(type, member, key, shape, present)                                                       \
    if (present)                                                                                   \
        BL_OP(net->dev, copy, base[l].member, from.member,                                         \
              bl_shape_elements(&net->m, shape) * net->dev->type##_bytes);
        BL_LAYER_BASE(X)
#undef X
    }
}

bl_status bl_base_open(bl_state *s, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    void *block = NULL;
    if (s->base)
        return BL_OK;
    bl_ttt_params *base = bl_calloc(2 * net->m.L, sizeof *base);
    if (!base)
        return bl_fail(err, BL_ENOMEM, "out of memory for a base");
    bl_arena_measure(&arena);
    bind(base, &arena, net);
    size_t bytes = bl_arena_bytes(&arena);
    bl_status status = bl_arena_status(&arena, "the base of a session", err);
    if (status == BL_OK)
        status = BL_OP(net->dev, alloc, &block, bytes, err);
    if (status != BL_OK) {
        bl_free(base);
        return status;
    }
    BL_OP(net->dev, zero, block, bytes); /* what lies between the tensors is copied with them */
    bl_arena_bind(&arena, block, bytes);
    bind(base, &arena, net);
    copy_model(base, net);
    s->base = base;
    s->rest = base + net->m.L;
    s->base_block = block;
    s->base_bytes = bytes;
    return BL_OK;
}

bl_status bl_base_places(bl_decode_layer *layers, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    bl_ttt_params *base = bl_calloc(2 * net->m.L, sizeof *base);
    bl_status status = bl_fail(err, BL_ENOMEM, "out of memory for the layout of a base");
    if (!base)
        return status;
    bl_arena_measure(&arena);
    bind(base, &arena, net);
    size_t bytes = bl_arena_bytes(&arena);
    char *block = arena.failed ? NULL : bl_calloc(bytes, 1); /* only for its addresses */
    if (block) {
        bl_arena_bind(&arena, block, bytes);
        bind(base, &arena, net);
        for (size_t l = 0; l < net->m.L; l++) {
            layers[l].W0 = (size_t)((char *)(void *)base[l].W0 - block);
            layers[l].b0 = (size_t)((char *)(void *)base[l].b0 - block);
        }
        status = BL_OK;
    }
    bl_free(block);
    bl_free(base);
    return status;
}

void bl_base_drop(bl_state *s, const bl_net *net)
{
    BL_OP(net->dev, free, s->base_block);
    bl_free(s->base);
    s->base = s->rest = NULL;
    s->base_block = NULL;
    s->base_bytes = 0;
    s->share = 0;
}

bl_status bl_base_copy(bl_state *to, const bl_net *net, const bl_state *from, bl_error *err)
{
    if (!from->base) {
        bl_base_drop(to, net);
        return BL_OK;
    }
    BL_TRY(bl_base_open(to, net, err));
    BL_OP(net->dev, copy, to->base_block, from->base_block, from->base_bytes);
    to->share = from->share;
    return BL_OK;
}

bl_ttt_params bl_base_params(const bl_state *s, const bl_net *net, size_t l)
{
    return s->base ? s->base[l] : bl_net_ttt_params(&net->w.layer[l]);
}

/* Tokens that the partial chunk still takes. */
static size_t to_border(const bl_state *s, const bl_net *net)
{
    return net->m.C - (size_t)(s->position % net->m.C);
}

size_t bl_base_room(const bl_state *s, const bl_net *net)
{
    return s->share > 0 ? to_border(s, net) : SIZE_MAX;
}

void bl_base_settle(bl_state *s, const bl_net *net)
{
    bl_ttt_shape shape = bl_net_ttt_shape(net, 1, 1);
    if (!(s->share > 0) || s->position % net->m.C != 0)
        return;
    for (size_t l = 0; l < net->m.L; l++) {
        bl_ttt_params start = bl_net_ttt_params(&net->w.layer[l]);
        BL_OP(net->dev, ttt_consolidate, &s->base[l], &s->rest[l], &s->layer[l].ttt, &start, &shape,
              s->share, BL_BASE_MOST);
    }
    s->share = 0;
}

bl_status bl_base_consolidate(bl_state *s, const bl_net *net, float share, bl_error *err)
{
    assert(s->base);
    s->share = s->share > 0 ? 1 - (1 - s->share) * (1 - share) : share;
    bl_base_settle(s, net);
    return BL_OP(net->dev, sync, err);
}

/* A consolidation of the rest by 1 / n, from the start itself and without a bound, is a mean. */
void bl_base_note_rest(const bl_state *s, const bl_net *net, const bl_state *writer, size_t n)
{
    bl_ttt_shape shape = bl_net_ttt_shape(net, 1, 1);
    for (size_t l = 0; l < net->m.L; l++) {
        bl_ttt_params start = bl_net_ttt_params(&net->w.layer[l]);
        BL_OP(net->dev, ttt_consolidate, &s->rest[l], &start, &writer->layer[l].ttt, &start, &shape,
              1.0f / (float)n, FLT_MAX);
    }
}
