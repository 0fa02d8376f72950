/* Token files: checking and reading them. */
#include "data/tokens.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/watch.h"
#include "format/other_file.h"

#include <string.h>

struct bl_token_file {
    bl_file *file;
    size_t width, count;
    uint64_t vocab_size;
    int scattered;
    char hash[BL_HASH_TEXT]; /* of the file when it was opened */
    char *path;
    bl_mask *mask; /* NULL: all tokens count */
};

int bl_token_file_is_named(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".bin") == 0;
}

size_t bl_token_file_width(uint64_t vocab_size)
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

static uint32_t id_at(const unsigned char *p, size_t i, size_t width)
{
    return width == 2 ? get16(p + 2 * i) : get32(p + 4 * i);
}

/* The ids first .. first + n - 1 as they are in the file, each below the vocabulary. */
static bl_status read_ids(const bl_token_file *t, size_t first, size_t n, unsigned char *to,
                          bl_error *err)
{
    BL_TRY(bl_file_read(t->file, (uint64_t)first * t->width, to, n * t->width, err));
    if (largest(to, n, t->width) < t->vocab_size)
        return BL_OK;
    size_t i = 0;
    while (id_at(to, i, t->width) < t->vocab_size)
        i++;
    return bl_fail(err, BL_EFORMAT,
                   "%s: token %zu is id %lu, past the vocabulary of %llu; the file belongs to "
                   "another tokenizer or is damaged",
                   t->path, first + i, (unsigned long)id_at(to, i, t->width),
                   (unsigned long long)t->vocab_size);
}

/* All of it once: each id, and the hash. */
static bl_status check_ids(bl_token_file *t, bl_error *err)
{
    enum { PIECE = 1 << 16 };
    unsigned char *room = bl_calloc(PIECE, t->width);
    bl_hash *hash = bl_hash_begin();
    bl_status status =
        room && hash ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory while opening %s", t->path);
    for (size_t first = 0; status == BL_OK && first < t->count; first += PIECE) {
        size_t n = t->count - first < PIECE ? t->count - first : PIECE;
        status = bl_watch_poll(first, t->count, err);
        if (status == BL_OK)
            status = read_ids(t, first, n, room, err);
        if (status == BL_OK)
            bl_hash_add(hash, room, n * t->width);
    }
    bl_hash_end(hash, t->hash);
    bl_free(room);
    return status;
}

bl_status bl_token_file_open(bl_token_file **result, const char *path, size_t width,
                             uint64_t vocab_size, bl_error *err)
{
    *result = NULL;
    bl_token_file *t = bl_calloc(1, sizeof *t);
    if (!t)
        return bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    bl_status status;
    BL_TRY_GOTO(status, bl_file_open(&t->file, path, err), failed);
    t->path = bl_strdup(path);
    t->width = width;
    t->vocab_size = vocab_size;
    t->count = bl_token_file_size(t) / width;
    if (!t->path) {
        status = bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
        goto failed;
    }
    if (bl_token_file_size(t) % width) {
        status = bl_fail(err, BL_EFORMAT, "%s: %zu bytes are no whole number of %zu-byte ids", path,
                         bl_token_file_size(t), width);
        goto failed;
    }
    BL_TRY_GOTO(status, check_ids(t, err), failed);
    *result = t;
    return BL_OK;
failed:
    if (status == BL_EFORMAT)
        (void)bl_other_refuse(BL_PLACE_TOKENS, path, err);
    bl_token_file_close(t);
    return status;
}

void bl_token_file_close(bl_token_file *t)
{
    if (!t)
        return;
    bl_file_close(t->file);
    bl_mask_close(t->mask);
    bl_free(t->path);
    bl_free(t);
}

size_t bl_token_file_count(const bl_token_file *t)
{
    return t->count;
}

const char *bl_token_file_hash(const bl_token_file *t)
{
    return t->hash;
}

const char *bl_token_file_path(const bl_token_file *t)
{
    return t->path;
}

bl_status bl_token_file_still(const bl_token_file *t, bl_error *err)
{
    BL_TRY(bl_file_still(t->file, err));
    return t->mask ? bl_mask_still(t->mask, err) : BL_OK;
}

size_t bl_token_file_size(const bl_token_file *t)
{
    return (size_t)bl_file_size(t->file);
}

void bl_token_file_scattered(bl_token_file *t)
{
    t->scattered = 1;
    bl_file_scattered(t->file);
    if (t->mask)
        bl_mask_scattered(t->mask);
}

int bl_token_file_is_scattered(const bl_token_file *t)
{
    return t->scattered;
}

void bl_token_file_want(const bl_token_file *t, size_t first, size_t count)
{
    if (t->scattered)
        bl_file_want(t->file, (uint64_t)first * t->width, count * t->width);
    if (t->scattered && t->mask)
        bl_mask_want(t->mask, first, count);
}

void bl_token_file_set_mask(bl_token_file *t, bl_mask *mask)
{
    bl_mask_close(t->mask);
    t->mask = mask;
}

const bl_mask *bl_token_file_mask(const bl_token_file *t)
{
    return t->mask;
}

bl_status bl_token_file_get(const bl_token_file *t, size_t first, size_t count, int32_t *ids,
                            bl_error *err)
{
    enum { PIECE = 1024 };
    unsigned char room[4 * PIECE];
    for (size_t done = 0; done < count; done += PIECE) {
        size_t n = count - done < PIECE ? count - done : PIECE;
        BL_TRY(read_ids(t, first + done, n, room, err));
        for (size_t i = 0; i < n; i++)
            ids[done + i] = (int32_t)id_at(room, i, t->width);
    }
    return BL_OK;
}

bl_status bl_token_file_targets(const bl_token_file *t, size_t first, size_t count, int32_t *ids,
                                bl_error *err)
{
    enum { PIECE = 1024 };
    unsigned char counts[PIECE];
    BL_TRY(bl_token_file_get(t, first, count, ids, err));
    for (size_t done = 0; t->mask && done < count; done += PIECE) {
        size_t n = count - done < PIECE ? count - done : PIECE;
        BL_TRY(bl_mask_get(t->mask, first + done, n, counts, err));
        for (size_t i = 0; i < n; i++)
            if (!counts[i])
                ids[done + i] = -1;
    }
    return BL_OK;
}
