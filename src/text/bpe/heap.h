/* A binary heap: the element that goes before all others is taken first. */
#ifndef BL_TEXT_BPE_HEAP_H
#define BL_TEXT_BPE_HEAP_H

#include "core/status.h"

typedef int bl_heap_before_fn(const void *a, const void *b);

typedef struct bl_heap {
    unsigned char *items;
    size_t count, cap, size; /* size: bytes of one element */
    bl_heap_before_fn *before;
} bl_heap;

void bl_heap_init(bl_heap *h, size_t size, bl_heap_before_fn *before);
void bl_heap_release(bl_heap *h);

bl_status bl_heap_push(bl_heap *h, const void *item, bl_error *err) BL_NODISCARD;

/* Takes the first element out; 0 when there is none. */
int bl_heap_pop(bl_heap *h, void *item);

#endif
