/* XXH3-128 of files. */
#include "core/hash.h"
#include "core/file.h"

#include <string.h>
#include <xxhash.h>

void bl_hash_text(const unsigned char digest[16], char text[BL_HASH_TEXT])
{
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[32] = 0;
}

/* A bl_hash is an XXH3_state_t. */
bl_hash *bl_hash_begin(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state && XXH3_128bits_reset(state) == XXH_OK)
        return (bl_hash *)state;
    XXH3_freeState(state);
    return NULL;
}

void bl_hash_add(bl_hash *h, const void *bytes, size_t n)
{
    (void)XXH3_128bits_update((XXH3_state_t *)h, bytes, n);
}

void bl_hash_end(bl_hash *h, char text[BL_HASH_TEXT])
{
    XXH128_canonical_t bytes;
    if (!h)
        return;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest((XXH3_state_t *)h));
    bl_hash_text(bytes.digest, text);
    XXH3_freeState((XXH3_state_t *)h);
}

static bl_status add_piece(void *hash, const void *bytes, size_t n, bl_error *err)
{
    (void)err;
    bl_hash_add(hash, bytes, n);
    return BL_OK;
}

bl_status bl_file_hash(const char *path, char hash[BL_HASH_TEXT], bl_error *err)
{
    bl_hash *h = bl_hash_begin();
    if (!h)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_file_pieces(path, add_piece, h, err);
    char text[BL_HASH_TEXT];
    bl_hash_end(h, text);
    if (status == BL_OK)
        memcpy(hash, text, sizeof text);
    return status;
}
