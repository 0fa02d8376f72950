/* Bump allocation by lifetime. */
#include "core/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define BL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BL_ASAN 1
#endif
#endif
#ifdef BL_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

void bl_arena_measure(bl_arena *a)
{
    *a = (bl_arena){.size = SIZE_MAX / 2};
}

void bl_arena_bind(bl_arena *a, void *base, size_t size)
{
    *a = (bl_arena){.base = base, .size = size};
}

void bl_arena_begin(bl_arena *a, void *base, size_t size)
{
    if (base)
        bl_arena_bind(a, base, size);
    else
        bl_arena_measure(a);
}

void *bl_arena_push(bl_arena *a, size_t count, size_t size)
{
    size_t room = a->size - a->used;
    if (a->failed || (size && count > room / size)) {
        a->failed = 1;
        return NULL;
    }
    size_t bytes = (count * size + BL_ARENA_ALIGN - 1) / BL_ARENA_ALIGN * BL_ARENA_ALIGN;
    if (bytes > room) {
        a->failed = 1;
        return NULL;
    }
    char *p = a->base ? a->base + a->used : NULL;
    a->used += bytes;
    if (a->used > a->highest)
        a->highest = a->used;
    if (p)
        ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return p;
}

size_t bl_arena_mark(const bl_arena *a)
{
    return a->used;
}

void bl_arena_rewind(bl_arena *a, size_t mark)
{
    if (a->base)
        ASAN_POISON_MEMORY_REGION(a->base + mark, a->used - mark);
    a->used = mark;
}

size_t bl_arena_bytes(const bl_arena *a)
{
    return a->highest;
}

bl_status bl_arena_status(const bl_arena *a, const char *what, bl_error *err)
{
    if (!a->failed)
        return BL_OK;
    return bl_fail(err, BL_ENOMEM, "the %s do not fit in memory", what);
}
