/* The memory of one training pass: measured, allocated once, bound. */
#include "model/pass.h"
#include "core/alloc.h"
#include "model/sites.h"

bl_act **bl_pass_entry(const bl_net *net, bl_pass *p, size_t l)
{
    if (l == net->m.L)
        return &p->x;
    return net->config.pre_conv ? &p->layer[l].x0 : &p->layer[l].x;
}

static void bind_layer(bl_layer_acts *a, bl_arena *arena, const bl_net *net, size_t B, size_t T)
{
    const bl_config *c = &net->config;
    bl_dev *d = net->dev;
    size_t N = B * T, D = net->m.D, H = net->m.H, I = net->m.I;
    bl_ttt_shape shape = bl_net_ttt_shape(net, B, T);
#define X(type, name, elements, present)                                                           \
    a->name = (present) ? bl_arena_push(arena, elements, d->type##_bytes) : NULL;
    BL_LAYER_ACTS(X)
#undef X
#define X(name, rows, width) a->name = bl_arena_push(arena, 1, BL_OP(d, q8_bytes, rows, width));
    BL_LAYER_Q8S(X)
#undef X
    a->ttt = bl_arena_push(arena, 1, BL_TTT_OP(net, saved_bytes, &shape));
    if (!c->share_qk)
        a->u = a->q; /* the projection is the query */
}

static void bind_pass(bl_pass *p, bl_arena *arena, const bl_net *net)
{
    bl_dev *d = net->dev;
    size_t N = p->N, D = net->m.D, H = net->m.H, I = net->m.I;
    for (size_t l = 0; l < net->m.L; l++) {
        if (l == 0 || p->kind == BL_PASS_GRADIENTS)
            bind_layer(&p->layer[l], arena, net, p->B, p->T);
        else
            p->layer[l] = p->layer[0];
        if (l > 0 && p->kind == BL_PASS_RECOMPUTE)
            *bl_pass_entry(net, p, l) = bl_arena_push(arena, N * D, d->act_bytes);
    }
    bl_act **rows[] = {&p->x, &p->h, &p->y};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bl_arena_push(arena, N * D, d->act_bytes);
    p->rstd = bl_arena_push(arena, N, d->real_bytes);
    p->loss = bl_arena_push(arena, N, d->real_bytes);
    p->in.ids = bl_arena_push(arena, N, bl_kind_bytes(d, BL_KIND_id));
    p->in.targets = bl_arena_push(arena, N, bl_kind_bytes(d, BL_KIND_id));
    p->in.step = bl_arena_push(arena, 1, bl_kind_bytes(d, BL_KIND_step));
    p->in.fresh = bl_arena_push(arena, p->B, bl_kind_bytes(d, BL_KIND_flag));
    if (p->kind == BL_PASS_LOSS)
        return;
    bl_act **gradients[] = {&p->dx, &p->dy, &p->dxn, &p->du,  &p->dq,
                            &p->dk, &p->dv, &p->dz,  &p->dout};
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        *gradients[i] = bl_arena_push(arena, N * D, d->act_bytes);
    p->dgate = bl_arena_push(arena, N * I, d->act_bytes);
    p->dup = bl_arena_push(arena, N * I, d->act_bytes);
    p->dlambda = bl_arena_push(arena, N * H, d->real_bytes);
}

/* Lays the pass out over a block, or measures it; SIZE_MAX when it cannot fit anywhere. */
static size_t plan(bl_pass *p, const bl_net *net, void *block, size_t bytes)
{
    bl_arena arena;
    bl_arena_begin(&arena, block, bytes);
    if (p->T && p->B > SIZE_MAX / 1024 / p->T / (net->m.D + net->m.I))
        return SIZE_MAX;
    bind_pass(p, &arena, net);
    return arena.failed ? SIZE_MAX : bl_arena_bytes(&arena);
}

static bl_status shape_pass(bl_pass *p, const bl_net *net, size_t B, size_t T, bl_pass_kind kind,
                            bl_error *err)
{
    *p = (bl_pass){.B = B, .T = T, .N = B * T, .kind = kind};
    p->layer = bl_calloc(net->m.L, sizeof *p->layer);
    p->bytes = p->layer ? plan(p, net, NULL, 0) : SIZE_MAX;
    if (p->bytes == SIZE_MAX) {
        bl_free(p->layer);
        p->layer = NULL;
        return bl_fail(err, BL_ENOMEM,
                       "%zu sequences of %zu tokens do not fit in memory; lower `batch` or "
                       "`context`, or turn `recompute` on",
                       B, T);
    }
    return BL_OK;
}

bl_status bl_pass_open(bl_pass *p, const bl_net *net, size_t B, size_t T, bl_pass_kind kind,
                       bl_error *err)
{
    BL_TRY(shape_pass(p, net, B, T, kind, err));
    bl_limits most = bl_net_limits(net, B, T);
    bl_status status = BL_OP(net->dev, reserve, &most, err);
    if (status == BL_OK)
        status = BL_OP(net->dev, alloc, &p->block, p->bytes, err);
    if (status != BL_OK) {
        bl_pass_release(p, net);
        return status;
    }
    (void)plan(p, net, p->block, p->bytes);
    return BL_OK;
}

void bl_pass_release(bl_pass *p, const bl_net *net)
{
    if (net->dev)
        BL_OP(net->dev, free, p->block);
    bl_free(p->layer);
    *p = (bl_pass){0};
}
