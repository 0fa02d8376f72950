/* Loss by position. */
#include "infer/positions.h"
#include "core/alloc.h"

#include <assert.h>

static bl_status open_bins(bl_positions *c, size_t bins, int doubling, bl_error *err)
{
    *c = (bl_positions){.bins = bins, .doubling = doubling};
    c->nats = bl_calloc(bins, sizeof *c->nats);
    c->tokens = bl_calloc(bins, sizeof *c->tokens);
    if (c->nats && c->tokens)
        return BL_OK;
    bl_positions_release(c);
    return bl_fail(err, BL_ENOMEM, "out of memory for a curve of %zu positions", bins);
}

bl_status bl_positions_open(bl_positions *c, size_t T, bl_error *err)
{
    return open_bins(c, T, 0, err);
}

bl_status bl_positions_open_doubling(bl_positions *c, bl_error *err)
{
    return open_bins(c, 65, 1, err);
}

void bl_positions_release(bl_positions *c)
{
    bl_free(c->nats);
    bl_free(c->tokens);
    *c = (bl_positions){0};
}

/* Position 0 is bin 0, and 2^(i-1) .. 2^i - 1 are bin i. */
static size_t doubling_bin(uint64_t position)
{
    size_t bin = 0;
    for (; position; position >>= 1)
        bin++;
    return bin;
}

void bl_positions_add(bl_positions *c, uint64_t position, double nats)
{
    if (!c)
        return;
    size_t bin = c->doubling ? doubling_bin(position) : (size_t)position;
    assert(bin < c->bins);
    c->nats[bin] += nats;
    c->tokens[bin]++;
}

void bl_positions_tell(const bl_positions *c, bl_eval_point_fn *fn, void *user)
{
    for (size_t i = 0; i < c->bins; i++) {
        if (!c->tokens[i])
            continue;
        uint64_t first = c->doubling && i ? (uint64_t)1 << (i - 1) : i;
        bl_eval_point point = {.size = sizeof point,
                               .first = first,
                               .last = c->doubling && i ? first + (first - 1) : i,
                               .tokens = c->tokens[i],
                               .loss = c->nats[i] / (double)c->tokens[i]};
        fn(user, &point);
    }
}
