/* Bump allocation by lifetime: measured first, allocated once, bound.
 *
 * An arena never touches the memory it hands out, so the same code serves host, pinned and device
 * memory.  With a NULL base it only measures: run the plan once with a measuring arena, allocate
 * bl_arena_bytes(), run it again over the block. */
#ifndef BL_CORE_ARENA_H
#define BL_CORE_ARENA_H

#include "core/status.h"

enum { BL_ARENA_ALIGN = 64 };

typedef struct bl_arena {
    char *base;  /* NULL: measuring */
    size_t size; /* bytes from base on; SIZE_MAX while measuring */
    size_t used;
    size_t highest; /* the largest `used` ever reached */
    int failed;     /* sticky: a size overflowed or the block ran out */
} bl_arena;

void bl_arena_measure(bl_arena *a);
void bl_arena_bind(bl_arena *a, void *base, size_t size);

/* One of the two: bound to base, or measuring when that is NULL. */
void bl_arena_begin(bl_arena *a, void *base, size_t size);

/* count * size bytes at a 64-byte offset.  While measuring the result is NULL. */
void *bl_arena_push(bl_arena *a, size_t count, size_t size);

size_t bl_arena_mark(const bl_arena *a);
void bl_arena_rewind(bl_arena *a, size_t mark);

/* What a block must hold for this plan: the highest use, rounded up to the alignment. */
size_t bl_arena_bytes(const bl_arena *a);

/* BL_ENOMEM when any push overflowed or did not fit; `what` names the arena. */
bl_status bl_arena_status(const bl_arena *a, const char *what, bl_error *err) BL_NODISCARD;

#endif
