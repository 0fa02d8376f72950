/* A map from pairs of ids to numbers: the ranks of merges, the counts of pairs. */
#ifndef BL_TEXT_PAIRMAP_H
#define BL_TEXT_PAIRMAP_H

#include "core/status.h"

#define BL_PAIRMAP_NONE UINT32_MAX

typedef struct bl_pairmap_slot {
    uint32_t left, right;
    uint32_t value; /* BL_PAIRMAP_NONE: an empty slot */
} bl_pairmap_slot;

typedef struct bl_pairmap {
    bl_pairmap_slot *slot;
    size_t count, slots;
} bl_pairmap;

void bl_pairmap_init(bl_pairmap *m);
void bl_pairmap_release(bl_pairmap *m);

/* The value of a pair, or BL_PAIRMAP_NONE. */
uint32_t bl_pairmap_get(const bl_pairmap *m, uint32_t left, uint32_t right);

/* Sets the value of a pair unless it has one; either way *value is what it now has. */
bl_status bl_pairmap_add(bl_pairmap *m, uint32_t left, uint32_t right, uint32_t *value,
                         bl_error *err) BL_NODISCARD;

#endif
