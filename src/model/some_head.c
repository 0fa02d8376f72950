/* Heads of some tokens alone: their rows of E, gathered once and kept while they are wanted again. */
#include "model/some_head.h"
#include "core/alloc.h"

#include <string.h>

static void drop(bl_some_head *h, const bl_net *net)
{
    if (h->block)
        BL_OP(net->dev, free, h->block);
    h->block = NULL;
}

void bl_some_heads_release(bl_some_heads *h, const bl_net *net)
{
    for (size_t i = 0; i < BL_SOME_HEADS; i++) {
        drop(&h->head[i], net);
        bl_free(h->head[i].ids);
    }
    *h = (bl_some_heads){0};
}

static void bind(bl_some_head *h, const bl_net *net, bl_arena *arena)
{
    bl_dev *d = net->dev;
    size_t coarse = BL_OP(d, head_coarse_bytes, h->count, net->m.D);
    h->at = bl_arena_push(arena, h->count, bl_kind_bytes(d, BL_KIND_id));
    h->rows = bl_arena_push(arena, h->count * net->m.D, d->act_bytes);
    h->coarse = coarse ? bl_arena_push(arena, 1, coarse) : NULL;
}

static bl_status gather(bl_some_head *h, const bl_net *net, bl_error *err)
{
    bl_dev *d = net->dev;
    bl_arena arena;
    bl_arena_measure(&arena);
    bind(h, net, &arena);
    BL_TRY(bl_arena_status(&arena, "the head of some tokens", err));
    size_t bytes = bl_arena_bytes(&arena);
    if (bytes > BL_SOME_BYTES)
        return BL_OK;
    BL_TRY(BL_OP(d, alloc, &h->block, bytes, err));
    bl_arena_bind(&arena, h->block, bytes);
    bind(h, net, &arena);
    BL_TRY(bl_put_id(d, h->at, h->ids, h->count, err));
    BL_OP(d, embed_fwd, h->rows, bl_net_head(net), h->at, h->count, net->m.D);
    if (h->coarse)
        BL_OP(d, head_coarse, h->coarse, (const bl_param *)(const void *)h->rows, h->count,
              net->m.D);
    return BL_OK;
}

/* The tokens, which are new, in the place of those that were not used the longest. */
static bl_status note(bl_some_heads *h, const bl_net *net, const int32_t *ids, size_t n,
                      bl_error *err)
{
    bl_some_head *oldest = &h->head[0];
    for (size_t i = 1; i < BL_SOME_HEADS; i++)
        if (h->head[i].used < oldest->used)
            oldest = &h->head[i];
    drop(oldest, net);
    oldest->count = 0;
    BL_TRY(bl_grow(&oldest->ids, &oldest->cap, n, sizeof *ids, err));
    memcpy(oldest->ids, ids, n * sizeof *ids);
    oldest->count = n;
    oldest->used = h->calls;
    return BL_OK;
}

bl_status bl_some_head_of(bl_some_heads *h, const bl_net *net, const int32_t *ids, size_t n,
                          const bl_some_head **found, bl_error *err)
{
    *found = NULL;
    h->calls++;
    for (size_t i = 0; i < BL_SOME_HEADS; i++) {
        bl_some_head *of = &h->head[i];
        if (of->count != n || memcmp(of->ids, ids, n * sizeof *ids) != 0)
            continue;
        of->used = h->calls;
        if (!of->block) {
            bl_status status = gather(of, net, err);
            if (status != BL_OK)
                drop(of, net);
            BL_TRY(status);
        }
        *found = of->block ? of : NULL;
        return BL_OK;
    }
    return note(h, net, ids, n, err);
}
