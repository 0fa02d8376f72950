/* The state of one sequence: its memory, its start and its copies (MODEL 3.4). */
#include "model/state.h"
#include "core/alloc.h"
#include "model/base.h"
#include "model/sites.h"

#include <assert.h>

size_t bl_state_elements(const bl_config *c)
{
    bl_dims m = bl_config_dims(c);
    size_t count = 0;
#define X(type, member, key, shape, present) count += (present) ? bl_shape_elements(&m, shape) : 0;
    BL_LAYER_STATE(X)
#undef X
    return count * m.L;
}

static void bind(bl_state *s, bl_arena *arena, const bl_net *net)
{
    const bl_config *c = &net->config;
    bl_dev *d = net->dev;
    for (size_t l = 0; l < net->m.L; l++) {
        bl_layer_state *a = &s->layer[l];
#define X(type, member, key, shape, present)                                                       \
    a->member = (present)                                                                          \
                    ? bl_arena_push(arena, bl_shape_elements(&net->m, shape), d->type##_bytes)     \
                    : NULL;
        BL_LAYER_STATE(X)
#undef X
    }
    s->bytes = bl_arena_bytes(arena);
    s->last = bl_arena_push(arena, net->m.D, d->act_bytes);
}

static bl_status open_block(bl_state *s, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    bl_arena_measure(&arena);
    bind(s, &arena, net);
    BL_TRY(bl_arena_status(&arena, "the state of a sequence", err));
    s->block_bytes = bl_arena_bytes(&arena);
    BL_TRY(BL_OP(net->dev, alloc, &s->block, s->block_bytes, err));
    bl_arena_bind(&arena, s->block, s->block_bytes);
    bind(s, &arena, net);
    return bl_state_start(s, net, err);
}

static size_t place(const void *at, const void *block)
{
    return at ? (size_t)((const char *)at - (const char *)block) : 0;
}

bl_status bl_state_places(bl_decode_layer *layers, size_t *last, const bl_net *net, bl_error *err)
{
    bl_arena arena;
    bl_state s = {.layer = bl_calloc(net->m.L, sizeof *s.layer)};
    bl_status status = bl_fail(err, BL_ENOMEM, "out of memory for the layout of a session");
    if (!s.layer)
        return status;
    bl_arena_measure(&arena);
    bind(&s, &arena, net);
    size_t bytes = bl_arena_bytes(&arena);
    s.block = arena.failed ? NULL : bl_calloc(bytes, 1); /* only for its addresses */
    if (s.block) {
        bl_arena_bind(&arena, s.block, bytes);
        bind(&s, &arena, net);
        for (size_t l = 0; l < net->m.L; l++) {
            const bl_layer_state *a = &s.layer[l];
            layers[l].W = place(a->ttt.W, s.block);
            layers[l].b = place(a->ttt.b, s.block);
            layers[l].k = place(a->ttt.k, s.block);
            layers[l].h = place(a->ttt.h, s.block);
            layers[l].tail = place(a->tail, s.block);
            layers[l].pre_tail = place(a->pre_tail, s.block);
        }
        *last = place(s.last, s.block);
        status = BL_OK;
    }
    bl_free(s.block);
    bl_free(s.layer);
    return status;
}

bl_status bl_state_open(bl_state *s, const bl_net *net, bl_error *err)
{
    *s = (bl_state){.layer = bl_calloc(net->m.L, sizeof *s->layer)};
    if (!s->layer)
        return bl_fail(err, BL_ENOMEM, "out of memory for a session");
    bl_status status = open_block(s, net, err);
    if (status != BL_OK)
        bl_state_release(s, net);
    return status;
}

void bl_state_release(bl_state *s, const bl_net *net)
{
    bl_base_drop(s, net);
    BL_OP(net->dev, free, s->block);
    bl_free(s->layer);
    *s = (bl_state){0};
}

bl_status bl_state_start(bl_state *s, const bl_net *net, bl_error *err)
{
    bl_base_drop(s, net);
    return bl_state_restart(s, net, err);
}

bl_status bl_state_restart(bl_state *s, const bl_net *net, bl_error *err)
{
    bl_dev *d = net->dev;
    bl_ttt_shape shape = bl_net_ttt_shape(net, 1, 1);
    BL_OP(d, zero, s->block, s->block_bytes);
    for (size_t l = 0; l < net->m.L; l++) {
        bl_ttt_params inner = bl_base_params(s, net, l);
        BL_TTT_OP(net, start, &s->layer[l].ttt, &inner, &shape);
    }
    s->position = 0;
    s->has_last = 0;
    s->share = 0;
    return BL_OP(d, sync, err);
}

bl_status bl_state_copy(bl_state *to, const bl_net *net, const bl_state *from, bl_error *err)
{
    assert(to->block_bytes == from->block_bytes);
    BL_TRY(bl_base_copy(to, net, from, err));
    BL_OP(net->dev, copy, to->block, from->block, from->block_bytes);
    to->position = from->position;
    to->has_last = from->has_last;
    return BL_OP(net->dev, sync, err);
}
