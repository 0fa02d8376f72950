/* A binary heap in an array: element i goes before elements 2i + 1 and 2i + 2. */
#include "text/bpe/heap.h"
#include "core/alloc.h"

#include <string.h>

void bl_heap_init(bl_heap *h, size_t size, bl_heap_before_fn *before)
{
    memset(h, 0, sizeof *h);
    h->size = size;
    h->before = before;
}

void bl_heap_release(bl_heap *h)
{
    bl_free(h->items);
    bl_heap_init(h, h->size, h->before);
}

bl_status bl_heap_push(bl_heap *h, const void *item, bl_error *err)
{
    BL_TRY(bl_grow(&h->items, &h->cap, h->count + 1, h->size, err));
    size_t at = h->count++;
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!h->before(item, h->items + parent * h->size))
            break;
        memcpy(h->items + at * h->size, h->items + parent * h->size, h->size);
        at = parent;
    }
    memcpy(h->items + at * h->size, item, h->size);
    return BL_OK;
}

int bl_heap_pop(bl_heap *h, void *item)
{
    if (h->count == 0)
        return 0;
    memcpy(item, h->items, h->size);
    size_t count = --h->count, at = 0;
    const unsigned char *last = h->items + count * h->size;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        const unsigned char *first = h->items + child * h->size;
        if (child + 1 < count && h->before(first + h->size, first)) {
            child++;
            first += h->size;
        }
        if (!h->before(first, last))
            break;
        memcpy(h->items + at * h->size, first, h->size);
        at = child;
    }
    if (at != count)
        memcpy(h->items + at * h->size, last, h->size);
    return 1;
}
