/* Token files: mapping and checking them. */
#include "data/tokens.h"
#include "core/alloc.h"
#include "core/watch.h"

#include <string.h>

struct bl_tokens {
    bl_map map;
    size_t width, count;
    int scattered;
    char *path;
};

size_t bl_tokens_width(uint64_t vocab_size)
{
    return vocab_size > 65536 ? 4 : 2;
}

static uint32_t get16(const unsigned char *p)
{
    return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
    return get16(p) | get16(p + 2) << 16;
}

/* The largest id of a piece; a pass without branches, so that compilers vectorise it. */
static uint32_t largest(const unsigned char *p, size_t count, size_t width)
{
    uint32_t most = 0;
    if (width == 2) {
        for (size_t i = 0; i < count; i++) {
            uint32_t id = get16(p + 2 * i);
            most = id > most ? id : most;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint32_t id = get32(p + 4 * i);
            most = id > most ? id : most;
        }
    }
    return most;
}

static uint32_t id_at(const bl_tokens *t, size_t i)
{
    const unsigned char *p = t->map.data + i * t->width;
    return t->width == 2 ? get16(p) : get32(p);
}

static bl_status check_ids(const bl_tokens *t, uint64_t vocab_size, bl_error *err)
{
    enum { PIECE = 1 << 16 };
    for (size_t first = 0; first < t->count; first += PIECE) {
        size_t n = t->count - first < PIECE ? t->count - first : PIECE;
        BL_TRY(bl_watch_poll(first, t->count, err));
        if (largest(t->map.data + first * t->width, n, t->width) < vocab_size)
            continue;
        size_t i = first;
        while (id_at(t, i) < vocab_size)
            i++;
        return bl_fail(err, BL_EFORMAT,
                       "%s: token %zu is id %lu, past the vocabulary of %llu; the file belongs to "
                       "another tokenizer or is damaged",
                       t->path, i, (unsigned long)id_at(t, i), (unsigned long long)vocab_size);
    }
    return BL_OK;
}

bl_status bl_tokens_open(bl_tokens **result, const char *path, size_t width, uint64_t vocab_size,
                         bl_error *err)
{
    *result = NULL;
    bl_tokens *t = bl_calloc(1, sizeof *t);
    if (!t)
        return bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    bl_status status;
    BL_TRY_GOTO(status, bl_map_open_watched(&t->map, path, err), failed);
    t->path = bl_strdup(path);
    t->width = width;
    t->count = t->map.size / width;
    if (!t->path) {
        status = bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
        goto failed;
    }
    if (t->map.size % width) {
        status = bl_fail(err, BL_EFORMAT, "%s: %zu bytes are no whole number of %zu-byte ids", path,
                         t->map.size, width);
        goto failed;
    }
    BL_TRY_GOTO(status, check_ids(t, vocab_size, err), failed);
    *result = t;
    return BL_OK;
failed:
    bl_tokens_close(t);
    return status;
}

void bl_tokens_close(bl_tokens *t)
{
    if (!t)
        return;
    bl_map_close(&t->map);
    bl_free(t->path);
    bl_free(t);
}

size_t bl_tokens_count(const bl_tokens *t)
{
    return t->count;
}

const char *bl_tokens_path(const bl_tokens *t)
{
    return t->path;
}

bl_status bl_tokens_still(const bl_tokens *t, bl_error *err)
{
    return bl_map_check(&t->map, t->path, err);
}

size_t bl_tokens_size(const bl_tokens *t)
{
    return t->map.size;
}

void bl_tokens_scattered(bl_tokens *t)
{
    t->scattered = 1;
    bl_map_scattered(&t->map);
}

int bl_tokens_is_scattered(const bl_tokens *t)
{
    return t->scattered;
}

void bl_tokens_want(const bl_tokens *t, size_t first, size_t count)
{
    if (t->scattered)
        bl_map_want(&t->map, first * t->width, count * t->width);
}

void bl_tokens_get(const bl_tokens *t, size_t first, size_t count, int32_t *ids)
{
    const unsigned char *p = t->map.data + first * t->width;
    if (t->width == 2) {
        for (size_t i = 0; i < count; i++)
            ids[i] = (int32_t)get16(p + 2 * i);
    } else {
        for (size_t i = 0; i < count; i++)
            ids[i] = (int32_t)get32(p + 4 * i);
    }
}
