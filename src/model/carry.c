/* The memory of carried rows, and saving it to a checkpoint and loading it. */
#include "model/carry.h"
#include "core/alloc.h"

#include <stdio.h>

/* One tensor: a member of a layer in one slot. */
typedef struct carried {
    char name[64];
    bl_kind kind;
    void *place;    /* device */
    size_t size[2]; /* [B, elements of a row] */
} carried;

static void bind_set(bl_layer_carry *layer, bl_arena *arena, const bl_net *net, size_t B)
{
    const bl_config *c = &net->config;
    bl_dev *d = net->dev;
    for (size_t l = 0; l < net->m.L; l++) {
        bl_layer_carry *a = &layer[l];
#define X(type, member, key, shape, present)                                                       \
    a->member = (present)                                                                          \
                    ? bl_arena_push(arena, B * bl_shape_elements(&net->m, shape), d->type##_bytes) \
                    : NULL;
        BL_LAYER_CARRY(X)
#undef X
    }
}

static size_t bind(bl_carry *c, const bl_net *net, void *block, size_t bytes)
{
    bl_arena arena;
    bl_arena_begin(&arena, block, bytes);
    for (size_t i = 0; i <= c->slots; i++) {
        bind_set(c->layer + i * net->m.L, &arena, net, c->B);
        if (i == 0)
            c->set_bytes = bl_arena_bytes(&arena);
    }
    return arena.failed ? SIZE_MAX : bl_arena_bytes(&arena);
}

bl_status bl_carry_open(bl_carry *c, const bl_net *net, size_t slots, size_t B, bl_error *err)
{
    *c = (bl_carry){.slots = slots, .B = B};
    c->layer = bl_calloc((slots + 1) * net->m.L, sizeof *c->layer);
    c->bytes = c->layer ? bind(c, net, NULL, 0) : SIZE_MAX;
    bl_status status = BL_OK;
    if (c->bytes == SIZE_MAX)
        status = bl_fail(err, BL_ENOMEM,
                         "the states of %zu x %zu rows do not fit in memory; lower `batch` or "
                         "`accum`, or leave `carry` out",
                         slots, B);
    if (status == BL_OK)
        status = BL_OP(net->dev, alloc, &c->block, c->bytes, err);
    if (status != BL_OK) {
        bl_carry_release(c, net);
        return status;
    }
    (void)bind(c, net, c->block, c->bytes);
    bl_carry_clear(c, net);
    return BL_OK;
}

void bl_carry_release(bl_carry *c, const bl_net *net)
{
    BL_OP(net->dev, free, c->block);
    bl_free(c->layer);
    *c = (bl_carry){0};
}

void bl_carry_clear(bl_carry *c, const bl_net *net)
{
    BL_OP(net->dev, zero, c->block, c->bytes);
}

void bl_carry_begin(bl_carry *c, const bl_net *net, size_t slot, const bl_dev_flag *fresh)
{
    c->slot = slot;
    c->fresh = fresh;
    for (size_t l = 0; l < net->m.L; l++) {
        const bl_layer_carry *a = &c->layer[slot * net->m.L + l];
        bl_act *tails[] = {a->tail, a->pre_tail};
        for (size_t i = 0; i < 2; i++)
            if (tails[i])
                BL_OP(net->dev, conv_reset, tails[i], fresh, c->B, net->m.D, net->m.K);
    }
}

/* The start of a set: that of its first layer's first member. */
static void *set_at(const bl_carry *c, const bl_net *net, size_t slot)
{
    return c->layer[slot * net->m.L].ttt.W;
}

void bl_carry_end(bl_carry *c, const bl_net *net)
{
    BL_OP(net->dev, copy, set_at(c, net, c->slot), set_at(c, net, c->slots), c->set_bytes);
}

const bl_ttt_carry *bl_carry_layer(const bl_carry *c, const bl_net *net, size_t l,
                                   bl_ttt_carry *rows, bl_layer_carry *from, bl_layer_carry *to)
{
    *from = *to = (bl_layer_carry){0};
    if (!c)
        return NULL;
    *from = c->layer[c->slot * net->m.L + l];
    *to = c->layer[c->slots * net->m.L + l];
    *rows = (bl_ttt_carry){.from = from->ttt, .to = to->ttt, .fresh = c->fresh};
    return rows;
}

/* ---- checkpoints ---- */

/* Where the floats of a slot come from or go to, tensor by tensor. */
typedef struct transfer {
    bl_dev *dev;
    bl_st_writer *to;
    const bl_st *from;
    float *host; /* of the tensor, like `data`; moves on after it */
    const float *data;
    size_t floats, number;
} transfer;

typedef bl_status carried_fn(const carried *t, transfer *x, bl_error *err);

/* fn for every tensor of a slot, layer by layer. */
static bl_status each(const bl_carry *carry, const bl_net *net, size_t slot, carried_fn *fn,
                      transfer *x, bl_error *err)
{
    const bl_config *c = &net->config;
    for (size_t l = 0; l < net->m.L; l++) {
        const bl_layer_carry *a = &carry->layer[slot * net->m.L + l];
#define X(type, member, key, shape, present)                                                       \
    if (present) {                                                                                 \
        carried t = {.place = a->member,                                                           \
                     .size = {carry->B, bl_shape_elements(&net->m, shape)},                        \
                     .kind = BL_KIND_##type};                                                      \
        (void)snprintf(t.name, sizeof t.name, "carry.%zu.layers.%zu." key, x->number, l);          \
        BL_TRY(fn(&t, x, err));                                                                    \
    }
        BL_LAYER_CARRY(X)
#undef X
    }
    return BL_OK;
}

static bl_status count(const carried *t, transfer *x, bl_error *err)
{
    (void)err;
    x->floats += t->size[0] * t->size[1];
    return BL_OK;
}

size_t bl_carry_floats(const bl_carry *c, const bl_net *net)
{
    transfer x = {.floats = 0};
    return each(c, net, 0, count, &x, NULL) == BL_OK ? x.floats : SIZE_MAX;
}

static bl_status get(const carried *t, transfer *x, bl_error *err)
{
    size_t n = t->size[0] * t->size[1];
    BL_TRY(bl_dev_get(x->dev, t->kind, x->host, t->place, n, err));
    x->host += n;
    return BL_OK;
}

bl_status bl_carry_get(const bl_carry *c, const bl_net *net, size_t slot, float *host,
                       bl_error *err)
{
    transfer x = {.dev = net->dev, .host = host};
    return each(c, net, slot, get, &x, err);
}

static bl_status declare(const carried *t, transfer *x, bl_error *err)
{
    return bl_st_writer_declare(x->to, t->name, BL_F32, 2, t->size, err);
}

bl_status bl_carry_declare(const bl_carry *c, const bl_net *net, size_t number, bl_st_writer *w,
                           bl_error *err)
{
    transfer x = {.to = w, .number = number};
    return each(c, net, 0, declare, &x, err);
}

static bl_status put(const carried *t, transfer *x, bl_error *err)
{
    size_t n = t->size[0] * t->size[1];
    BL_TRY(bl_st_writer_data(x->to, x->data, n * sizeof *x->data, err));
    x->data += n;
    return BL_OK;
}

bl_status bl_carry_write(const bl_carry *c, const bl_net *net, const float *host, bl_st_writer *w,
                         bl_error *err)
{
    transfer x = {.to = w, .data = host};
    return each(c, net, 0, put, &x, err);
}

static bl_status load(const carried *t, transfer *x, bl_error *err)
{
    size_t n = t->size[0] * t->size[1];
    float *host = bl_calloc(n, sizeof *host);
    if (!host)
        return bl_fail(err, BL_ENOMEM, "out of memory for %s", t->name);
    bl_status status = bl_st_get_f32(x->from, t->name, 2, t->size, host, err);
    if (status == BL_OK)
        status = bl_dev_put(x->dev, t->kind, t->place, host, n, err);
    bl_free(host);
    return status;
}

bl_status bl_carry_load(bl_carry *c, const bl_net *net, size_t slot, size_t number, const bl_st *st,
                        bl_error *err)
{
    transfer x = {.dev = net->dev, .from = st, .number = number};
    return each(c, net, slot, load, &x, err);
}
