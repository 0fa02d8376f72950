/* The heap, with checked sizes. */
#include "core/alloc.h"

#include <stdlib.h>
#include <string.h>

static int product_overflows(size_t count, size_t size)
{
    return size != 0 && count > SIZE_MAX / 2 / size;
}

void *bl_calloc(size_t count, size_t size)
{
    if (product_overflows(count, size))
        return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

void *bl_realloc(void *block, size_t count, size_t size)
{
    if (product_overflows(count, size))
        return NULL;
    return realloc(block, count && size ? count * size : 1);
}

void *bl_alloc_aligned(size_t count, size_t size)
{
    if (product_overflows(count, size))
        return NULL;
    size_t bytes = (count * size + 63) / 64 * 64;
    return aligned_alloc(64, bytes ? bytes : 64);
}

char *bl_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = bl_calloc(bytes, 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void bl_free(void *block)
{
    free(block);
}

bl_status bl_grow(void *block, size_t *cap, size_t want, size_t size, bl_error *err)
{
    if (want <= *cap)
        return BL_OK;
    size_t bigger = *cap ? *cap : 16;
    while (bigger < want) {
        if (bigger > SIZE_MAX / 4)
            return bl_fail(err, BL_ENOMEM, "a buffer of %zu elements is too large", want);
        bigger *= 2;
    }
    void *old = NULL;
    memcpy(&old, block, sizeof old);
    void *moved = bl_realloc(old, bigger, size);
    if (!moved)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu elements of %zu bytes", bigger, size);
    memcpy(block, &moved, sizeof moved);
    *cap = bigger;
    return BL_OK;
}
