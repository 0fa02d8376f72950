/* Writing token files: ids to bytes, hashed on the way, read back before the file gets its name. */
#include "core/alloc.h"
#include "core/file.h"
#include "data/tokens.h"

#include <string.h>

struct bl_token_file_out {
    bl_out *out;
    bl_hash *hash;
    size_t width;
};

bl_status bl_token_file_create(bl_token_file_out **t, const char *path, size_t width, bl_error *err)
{
    *t = bl_calloc(1, sizeof **t);
    if (!*t)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*t)->width = width;
    (*t)->hash = bl_hash_begin();
    bl_status status =
        (*t)->hash ? bl_out_open(&(*t)->out, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status != BL_OK) {
        bl_token_file_abandon(*t);
        *t = NULL;
    }
    return status;
}

void bl_token_file_write(bl_token_file_out *t, const int32_t *ids, size_t count)
{
    enum { PIECE = 1024 };
    unsigned char bytes[PIECE * 4];
    while (count) {
        size_t n = count < PIECE ? count : PIECE;
        if (t->width == 2) {
            for (size_t i = 0; i < n; i++) {
                bytes[2 * i] = (unsigned char)ids[i];
                bytes[2 * i + 1] = (unsigned char)((uint32_t)ids[i] >> 8);
            }
        } else {
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < 4; k++)
                    bytes[4 * i + k] = (unsigned char)((uint32_t)ids[i] >> (8 * k));
        }
        bl_out_write(t->out, bytes, n * t->width);
        bl_hash_add(t->hash, bytes, n * t->width);
        ids += n;
        count -= n;
    }
}

bl_status bl_token_file_check(const bl_token_file_out *t, bl_error *err)
{
    return bl_out_check(t->out, err);
}

bl_status bl_token_file_verify(bl_token_file_out *t, char hash[33], bl_error *err)
{
    char found[33];
    const char *path = bl_out_temporary(t->out);
    BL_TRY(bl_out_sync(t->out, err));
    bl_hash_end(t->hash, hash);
    t->hash = NULL;
    BL_TRY(bl_file_hash(path, found, err));
    if (strcmp(hash, found) != 0)
        return bl_fail(err, BL_EIO, "%s: the disk does not hold what was written to it", path);
    return BL_OK;
}

bl_status bl_token_file_commit(bl_token_file_out *t, bl_error *err)
{
    bl_out *out = t->out;
    t->out = NULL;
    bl_token_file_abandon(t);
    return bl_out_commit(out, err);
}

void bl_token_file_abandon(bl_token_file_out *t)
{
    if (!t)
        return;
    bl_out_abandon(t->out);
    char unused[BL_HASH_TEXT];
    bl_hash_end(t->hash, unused);
    bl_free(t);
}
