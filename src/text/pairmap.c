/* A map from pairs of ids to numbers, by open addressing. */
#include "text/pairmap.h"
#include "core/alloc.h"

#include <string.h>

void bl_pairmap_init(bl_pairmap *m)
{
    memset(m, 0, sizeof *m);
}

void bl_pairmap_release(bl_pairmap *m)
{
    bl_free(m->slot);
    bl_pairmap_init(m);
}

/* The slot of the pair, or the empty one where it belongs.  Fibonacci hashing: the high bits of a
 * product with 2^64 / golden ratio. */
static bl_pairmap_slot *probe(const bl_pairmap *m, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right;
    uint64_t mixed = (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(mixed >> 32) & (m->slots - 1);
    for (;; at = (at + 1) & (m->slots - 1)) {
        bl_pairmap_slot *s = &m->slot[at];
        if (s->value == BL_PAIRMAP_NONE || (s->left == left && s->right == right))
            return s;
    }
}

uint32_t bl_pairmap_get(const bl_pairmap *m, uint32_t left, uint32_t right)
{
    return m->slots ? probe(m, left, right)->value : BL_PAIRMAP_NONE;
}

/* Twice the slots, at most half of them used. */
static bl_status grow_slots(bl_pairmap *m, bl_error *err)
{
    bl_pairmap old = *m;
    size_t slots = old.slots ? 2 * old.slots : 64;
    bl_pairmap_slot *slot = slots < BL_PAIRMAP_NONE ? bl_calloc(slots, sizeof *slot) : NULL;
    if (!slot)
        return bl_fail(err, BL_ENOMEM, "out of memory: a map of %zu pairs", slots / 2);
    for (size_t i = 0; i < slots; i++)
        slot[i].value = BL_PAIRMAP_NONE;
    m->slot = slot;
    m->slots = slots;
    for (size_t i = 0; i < old.slots; i++)
        if (old.slot[i].value != BL_PAIRMAP_NONE)
            *probe(m, old.slot[i].left, old.slot[i].right) = old.slot[i];
    bl_free(old.slot);
    return BL_OK;
}

bl_status bl_pairmap_add(bl_pairmap *m, uint32_t left, uint32_t right, uint32_t *value,
                         bl_error *err)
{
    if (2 * (m->count + 1) > m->slots)
        BL_TRY(grow_slots(m, err));
    bl_pairmap_slot *s = probe(m, left, right);
    if (s->value == BL_PAIRMAP_NONE) {
        *s = (bl_pairmap_slot){left, right, *value};
        m->count++;
    }
    *value = s->value;
    return BL_OK;
}
