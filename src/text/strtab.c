/* A numbered set of byte strings: one growing text, offsets, and an open-addressing index. */
#include "text/strtab.h"
#include "core/alloc.h"

#include <string.h>
#include <xxhash.h>

void bl_strtab_init(bl_strtab *t)
{
    memset(t, 0, sizeof *t);
}

void bl_strtab_release(bl_strtab *t)
{
    bl_buf_release(&t->bytes);
    bl_free(t->start);
    bl_free(t->hash);
    bl_free(t->slot);
    bl_strtab_init(t);
}

const char *bl_strtab_get(const bl_strtab *t, size_t number, size_t *bytes)
{
    *bytes = t->start[number + 1] - t->start[number] - 1;
    return t->bytes.data + t->start[number];
}

static uint32_t hash_of(const char *s, size_t bytes)
{
    return (uint32_t)XXH3_64bits(s, bytes);
}

/* The slot that holds the string, or the empty one where it belongs. */
static size_t probe(const bl_strtab *t, const char *s, size_t bytes, uint32_t hash)
{
    size_t at = hash & (t->slots - 1);
    for (; t->slot[at]; at = (at + 1) & (t->slots - 1)) {
        size_t number = t->slot[at] - 1, length;
        if (t->hash[number] != hash)
            continue;
        const char *other = bl_strtab_get(t, number, &length);
        if (length == bytes && memcmp(other, s, bytes) == 0)
            break;
    }
    return at;
}

size_t bl_strtab_find(const bl_strtab *t, const char *s, size_t bytes)
{
    if (!t->slots)
        return BL_STRTAB_NONE;
    uint32_t found = t->slot[probe(t, s, bytes, hash_of(s, bytes))];
    return found ? found - 1 : BL_STRTAB_NONE;
}

/* Twice the slots, at most half of them used. */
static bl_status grow_slots(bl_strtab *t, bl_error *err)
{
    size_t slots = t->slots ? 2 * t->slots : 64;
    uint32_t *slot = slots / 2 < UINT32_MAX ? bl_calloc(slots, sizeof *slot) : NULL;
    if (!slot)
        return bl_fail(err, BL_ENOMEM, "out of memory: an index of %zu strings", slots / 2);
    for (size_t i = 0; i < t->count; i++) {
        size_t at = t->hash[i] & (slots - 1);
        while (slot[at])
            at = (at + 1) & (slots - 1);
        slot[at] = (uint32_t)(i + 1);
    }
    bl_free(t->slot);
    t->slot = slot;
    t->slots = slots;
    return BL_OK;
}

bl_status bl_strtab_add(bl_strtab *t, const char *s, size_t bytes, size_t *number, bl_error *err)
{
    if (2 * (t->count + 1) > t->slots)
        BL_TRY(grow_slots(t, err));
    uint32_t hash = hash_of(s, bytes);
    size_t at = probe(t, s, bytes, hash);
    if (t->slot[at]) {
        *number = t->slot[at] - 1;
        return BL_OK;
    }
    BL_TRY(bl_grow(&t->start, &t->start_cap, t->count + 2, sizeof *t->start, err));
    BL_TRY(bl_grow(&t->hash, &t->hash_cap, t->count + 1, sizeof *t->hash, err));
    t->start[t->count] = t->bytes.len;
    bl_buf_append(&t->bytes, s, bytes);
    bl_buf_append(&t->bytes, "", 1);
    BL_TRY(bl_buf_status(&t->bytes, err));
    t->start[t->count + 1] = t->bytes.len;
    t->hash[t->count] = hash;
    *number = t->count++;
    t->slot[at] = (uint32_t)t->count;
    return BL_OK;
}
