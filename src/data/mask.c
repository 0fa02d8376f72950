/* Mask files: a bit a token, written, checked and read. */
#include "data/mask.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/watch.h"

#include <string.h>

enum { PIECE = 1 << 16 };

struct bl_mask {
    bl_file *file;
    uint64_t tokens, counted;
    char hash[BL_HASH_TEXT];
};

static uint64_t bytes_for(uint64_t tokens)
{
    return tokens / 8 + (tokens % 8 != 0);
}

static unsigned bits_in(unsigned byte)
{
    unsigned n = 0;
    for (; byte; byte &= byte - 1)
        n++;
    return n;
}

/* All of it once: hash, count, and the last byte. */
static bl_status read_all(bl_mask *m, const char *path, bl_error *err)
{
    unsigned char *room = bl_calloc(PIECE, 1);
    bl_hash *hash = bl_hash_begin();
    uint64_t size = bytes_for(m->tokens);
    unsigned last = 0;
    bl_status status =
        room && hash ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    for (uint64_t at = 0; status == BL_OK && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        status = bl_watch_poll(at, size, err);
        if (status == BL_OK)
            status = bl_file_read(m->file, at, room, n, err);
        if (status != BL_OK)
            break;
        bl_hash_add(hash, room, n);
        for (size_t i = 0; i < n; i++)
            m->counted += bits_in(room[i]);
        last = room[n - 1];
    }
    bl_hash_end(hash, m->hash);
    bl_free(room);
    if (status == BL_OK && m->tokens % 8 && last >> m->tokens % 8)
        status =
            bl_fail(err, BL_EFORMAT, "%s: bits after that of the last token; it is damaged", path);
    return status;
}

bl_status bl_mask_open(bl_mask **result, const char *path, uint64_t tokens, bl_error *err)
{
    *result = NULL;
    bl_mask *m = bl_calloc(1, sizeof *m);
    if (!m)
        return bl_fail(err, BL_ENOMEM, "out of memory while opening %s", path);
    m->tokens = tokens;
    bl_status status = bl_file_open(&m->file, path, err);
    if (status == BL_OK && bl_file_size(m->file) != bytes_for(tokens))
        status = bl_fail(err, BL_EFORMAT,
                         "%s: %llu bytes, for %llu tokens it has %llu; run prepare again", path,
                         (unsigned long long)bl_file_size(m->file), (unsigned long long)tokens,
                         (unsigned long long)bytes_for(tokens));
    if (status == BL_OK)
        status = read_all(m, path, err);
    if (status != BL_OK) {
        bl_mask_close(m);
        return status;
    }
    *result = m;
    return BL_OK;
}

void bl_mask_close(bl_mask *m)
{
    if (!m)
        return;
    bl_file_close(m->file);
    bl_free(m);
}

uint64_t bl_mask_counted(const bl_mask *m)
{
    return m->counted;
}

const char *bl_mask_hash(const bl_mask *m)
{
    return m->hash;
}

uint64_t bl_mask_bytes(const bl_mask *m)
{
    return bl_file_size(m->file);
}

bl_status bl_mask_still(const bl_mask *m, bl_error *err)
{
    return bl_file_still(m->file, err);
}

void bl_mask_scattered(bl_mask *m)
{
    bl_file_scattered(m->file);
}

void bl_mask_want(const bl_mask *m, size_t first, size_t count)
{
    if (count)
        bl_file_want(m->file, first / 8, (first + count - 1) / 8 - first / 8 + 1);
}

bl_status bl_mask_get(const bl_mask *m, size_t first, size_t count, unsigned char *counts,
                      bl_error *err)
{
    enum { SOME = 512 };
    unsigned char room[SOME];
    while (count) {
        size_t at = first / 8, skip = first % 8;
        size_t n = 8 * SOME - skip < count ? 8 * SOME - skip : count;
        BL_TRY(bl_file_read(m->file, at, room, (skip + n + 7) / 8, err));
        for (size_t i = 0; i < n; i++)
            counts[i] = room[(skip + i) / 8] >> (skip + i) % 8 & 1;
        counts += n;
        first += n;
        count -= n;
    }
    return BL_OK;
}

/* ---- writing ---- */

struct bl_mask_out {
    bl_out *out;
    bl_hash *hash;
    uint64_t tokens, counted;
    unsigned char byte; /* not complete */
};

bl_status bl_mask_create(bl_mask_out **m, const char *path, bl_error *err)
{
    *m = bl_calloc(1, sizeof **m);
    if (!*m)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*m)->hash = bl_hash_begin();
    bl_status status =
        (*m)->hash ? bl_out_open(&(*m)->out, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status != BL_OK) {
        bl_mask_abandon(*m);
        *m = NULL;
    }
    return status;
}

static void put_byte(bl_mask_out *m)
{
    bl_out_write(m->out, &m->byte, 1);
    bl_hash_add(m->hash, &m->byte, 1);
    m->byte = 0;
}

void bl_mask_write(bl_mask_out *m, const unsigned char *counts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        m->byte = (unsigned char)(m->byte | (counts[i] != 0) << m->tokens % 8);
        m->counted += counts[i] != 0;
        if (++m->tokens % 8 == 0)
            put_byte(m);
    }
}

bl_status bl_mask_check(const bl_mask_out *m, bl_error *err)
{
    return bl_out_check(m->out, err);
}

bl_status bl_mask_verify(bl_mask_out *m, char hash[BL_HASH_TEXT], uint64_t *counted, bl_error *err)
{
    char found[BL_HASH_TEXT];
    const char *path = bl_out_temporary(m->out);
    if (m->tokens % 8)
        put_byte(m);
    m->tokens = 0;
    *counted = m->counted;
    BL_TRY(bl_out_sync(m->out, err));
    bl_hash_end(m->hash, hash);
    m->hash = NULL;
    BL_TRY(bl_file_hash(path, found, err));
    if (strcmp(hash, found) != 0)
        return bl_fail(err, BL_EIO, "%s: the disk does not hold what was written to it", path);
    return BL_OK;
}

bl_status bl_mask_commit(bl_mask_out *m, bl_error *err)
{
    bl_out *out = m->out;
    m->out = NULL;
    bl_mask_abandon(m);
    return bl_out_commit(out, err);
}

void bl_mask_abandon(bl_mask_out *m)
{
    if (!m)
        return;
    char unused[BL_HASH_TEXT];
    bl_out_abandon(m->out);
    bl_hash_end(m->hash, unused);
    bl_free(m);
}
