/* Micro-batches dealt out to processes, one after the other. */
#include "train/share.h"

bl_status bl_share_check(const bl_share *s, bl_error *err)
{
    if (s->comm->size <= s->accum)
        return BL_OK;
    return bl_fail(err, BL_EINVAL,
                   "`accum` %zu is too little for %zu processes: each computes at least one "
                   "micro-batch of a step",
                   s->accum, s->comm->size);
}

int bl_share_leads(const bl_share *s)
{
    return s->comm->rank == 0;
}

size_t bl_share_owner(const bl_share *s, uint64_t micro)
{
    return (size_t)(micro % s->comm->size);
}

int bl_share_has(const bl_share *s, uint64_t micro)
{
    return bl_share_owner(s, micro) == s->comm->rank;
}

size_t bl_share_slots(const bl_share *s)
{
    return (s->accum + s->comm->size - 1 - s->comm->rank) / s->comm->size;
}

size_t bl_share_slot(const bl_share *s, uint64_t micro)
{
    return (size_t)(micro / s->comm->size);
}

bl_turns bl_share_turns(const bl_share *s)
{
    return (bl_turns){s->comm->rank, s->comm->size, s->accum};
}
